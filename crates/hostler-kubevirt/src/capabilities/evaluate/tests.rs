//! The table against lists typed by release, and each rule of each version.

use std::collections::BTreeSet;

use super::*;

fn gates(listed: &[&str], disabled: &[&str]) -> Gates {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Gates { listed: owned(listed), disabled: owned(disabled) }
}

fn of(version: &str, name: &str, gates: &Gates) -> Feature {
    let all = features(Some(version), Some(gates));
    all.into_iter().find(|feature| feature.name == name).unwrap()
}

#[track_caller]
fn is(version: &str, name: &str, gates: &Gates, wanted: Option<bool>, words: &str) {
    let told = of(version, name, gates);
    assert_eq!(told.is_on, wanted, "{told:?}");
    assert!(told.why.contains(words), "{told:?}");
    assert!(told.is_on == Some(true) || told.remedy.is_some() || words.contains("taken out"));
}

/// Which gates came into a stage with a minor release.
fn into(minor: u32, stage: Stage) -> BTreeSet<&'static str> {
    let was = |gate: &Gate| minor.checked_sub(1).map(|before| gate.stage(before));
    let is_new = |gate: &&Gate| gate.stage(minor) == stage && was(gate) != Some(stage);
    gates::all().iter().filter(is_new).map(|gate| gate.name).collect()
}

#[test]
fn x29_what_is_done_is_what_upstream_registers_release_by_release() {
    let done: [&[&str]; 10] = [
        // NonRootExperimental is the old name of NonRoot, gone in 1.2.
        &["LiveMigration", "SRIOVLiveMigration", "NonRoot", "PSA", "NonRootExperimental"],
        &["CPUNodeDiscovery"],
        &[],
        &[],
        &[
            "NUMA",
            "GPU",
            "HotplugNICs",
            "CommonInstancetypesDeploymentGate",
            "BochsDisplayForEFIGuests",
        ],
        &[
            "VMLiveUpdateFeatures",
            "NetworkBindingPlugins",
            "DynamicPodInterfaceNaming",
            "VolumesUpdateStrategy",
            "VolumeMigration",
            "DisableCustomSELinuxPolicy",
            "AutoResourceLimitsGate",
        ],
        &["VMPersistentState", "InstancetypeReferencePolicy", "ClusterProfiler"],
        &[],
        &["EnableVirtioFsConfigVolumes"],
        &[
            "ExpandDisks",
            "VMExport",
            "PersistentReservation",
            "PanicDevices",
            "VideoConfig",
            "SecureExecution",
            "MigrationPriorityQueue",
            "LiveUpdateNADRef",
        ],
    ];
    for (minor, names) in (0..).zip(done) {
        assert_eq!(into(minor, Stage::Ga), names.iter().copied().collect(), "1.{minor}");
    }
    assert_eq!(NEWEST, 9, "a new release needs a line here");
}

#[test]
fn x29_beta_deprecated_and_discontinued_are_what_upstream_registers() {
    let none: &[&str] = &[];
    let beta: [&[&str]; 5] = [
        &["InstancetypeReferencePolicy"],
        &["Snapshot", "VMExport", "NodeRestriction"],
        &[
            "ImageVolume",
            "KubevirtSeccompProfile",
            "PanicDevices",
            "VideoConfig",
            "SecureExecution",
        ],
        &[
            "MigrationPriorityQueue",
            "LiveUpdateNADRef",
            "PasstBinding",
            "ExternalNetResourceInjection",
            "PodSecondaryInterfaceNamingUpgrade",
        ],
        &[
            "DeclarativeHotplugVolumes",
            "GPUsWithDRA",
            "HostDevicesWithDRA",
            "RebootPolicy",
            "Template",
            "OptOutRoleAggregation",
            "WorkloadEncryptionSEV",
            "VmiMemoryOverheadReport",
            "LibvirtHooksServerAndClient",
        ],
    ];
    for (minor, names) in (5..).zip(beta) {
        assert_eq!(into(minor, Stage::Beta), names.iter().copied().collect(), "1.{minor}");
    }
    let deprecated = [
        (2, &["Macvtap", "Passt"][..]),
        (3, none),
        (4, &["DockerSELinuxMCSWorkaround"]),
        (5, &["ExperimentalVirtiofsSupport"]),
        (6, none),
        (7, none),
        (8, &["MultiArchitecture", "DisableMDEVConfiguration"]),
        (9, &["HotplugVolumes"]),
    ];
    for (minor, names) in deprecated {
        let told = into(minor, Stage::Deprecated);
        assert_eq!(told, names.iter().copied().collect(), "1.{minor}");
    }
    let discontinued = [
        (2, &["NonRootExperimental"][..]),
        (3, &["Macvtap", "Passt"]),
        (7, none),
        (8, &["ExperimentalVirtiofsSupport", "PasstIPStackMigration"]),
        (9, none),
    ];
    for (minor, names) in discontinued {
        let told = into(minor, Stage::Discontinued);
        assert_eq!(told, names.iter().copied().collect(), "1.{minor}");
    }
}

#[test]
fn x29_the_table_is_sorted_whole_and_has_none_of_the_names_that_are_none() {
    let names: Vec<_> = gates::all().iter().map(|gate| gate.name).collect();
    assert!(names.is_sorted() && names.len() == 85, "{names:?}");
    let alpha = |name: &str| gates::find(name).unwrap().stage(NEWEST) == Stage::Alpha;
    for name in [
        "CPUManager",
        "HostDevices",
        "HostDisk",
        "Sidecar",
        "DownwardMetrics",
        "VSOCK",
        "Root",
        "AlignCPUs",
        "IncrementalBackup",
        "UtilityVolumes",
        "ObjectGraph",
        "ConfigurableHypervisor",
        "EnableVirtioFsStorageVolumes",
        "CrossArchitectureVirtualization",
        "OCIExport",
        "Plugins",
        "VMStatsCollector",
        "IOMMUFD",
        "MigrationStallDetection",
        "WorkloadEncryptionTDX",
        "DecentralizedLiveMigration",
    ] {
        assert!(alpha(name), "{name} is alpha in 1.9");
    }
    for wrong in ["NetworkHotplug", "GPUAssignment", "CommonInstancetypesDeployment"] {
        assert!(gates::find(wrong).is_none(), "{wrong} is no gate");
    }
    assert_eq!(gates::find("NodeRestriction").unwrap().stage(7), Stage::Beta, "not done in 1.7");
    for gate in gates::all() {
        let is_known = |name: &str| gates::find(name).is_some();
        assert!(gate.instead.is_none_or(|it| it.split(" or ").all(is_known)), "{}", gate.name);
    }
}

#[test]
fn x29_what_is_done_is_on_whatever_the_object_says() {
    let none = Gates::default();
    is("v1.4.0", "NUMA", &none, Some(true), "from KubeVirt 1.4");
    is("1.7.3", "LiveMigration", &none, Some(true), "always on");
    is("v1.9.1", "VMExport", &gates(&[], &["VMExport"]), Some(true), "from KubeVirt 1.9");
}

#[test]
fn x29_up_to_1_7_listed_is_on_and_nothing_can_be_disabled() {
    let none = Gates::default();
    is("v1.7.0", "Snapshot", &none, Some(false), "not listed");
    let told = of("v1.7.0", "Snapshot", &none);
    assert_eq!(told.stage, Stage::Beta);
    let remedy = told.remedy.unwrap();
    assert!(remedy.contains("featureGates") && remedy.contains("KubeVirt 1.9"), "{remedy}");
    let both = gates(&["Snapshot"], &["Snapshot"]);
    is("v1.7.0", "Snapshot", &both, Some(true), "listed");
    assert!(!of("v1.7.0", "Snapshot", &both).why.contains("disabled"), "not known there");
    is("v1.7.0", "Snapshot", &gates(&[], &["Snapshot"]), Some(false), "not listed");
}

#[test]
fn x29_1_8_knows_the_list_of_disabled_gates_and_listed_counts_more() {
    is("v1.8.0", "Snapshot", &Gates::default(), Some(false), "not listed");
    is("v1.8.0", "Snapshot", &gates(&[], &["Snapshot"]), Some(false), "turned off by");
    let both = gates(&["Snapshot"], &["Snapshot"]);
    is("v1.8.0", "Snapshot", &both, Some(true), "counts more");
}

#[test]
fn x29_from_1_9_beta_is_on_unless_it_is_disabled() {
    is("v1.9.0", "Snapshot", &Gates::default(), Some(true), "by themselves");
    let disabled = gates(&[], &["Snapshot"]);
    is("v1.9.0", "Snapshot", &disabled, Some(false), "turned off by");
    assert!(of("v1.9.0", "Snapshot", &disabled).remedy.unwrap().starts_with("take it out"));
    let both = gates(&["Snapshot"], &["Snapshot"]);
    is("v1.9.0", "Snapshot", &both, Some(true), "counts more");
    is("v1.9.0", "HostDisk", &Gates::default(), Some(false), "alpha");
    is("v1.9.0", "HostDisk", &gates(&["HostDisk"], &[]), Some(true), "listed");
    is("v1.9.0", "HotplugVolumes", &Gates::default(), Some(false), "deprecated");
    let listed = gates(&["HotplugVolumes"], &[]);
    is("v1.9.0", "HotplugVolumes", &listed, Some(true), "use DeclarativeHotplugVolumes instead");
}

#[test]
fn x29_what_was_taken_out_or_is_not_there_yet_is_off_even_if_it_is_listed() {
    let all = gates(&["Macvtap", "ImageVolume", "ExperimentalVirtiofsSupport"], &[]);
    is("v1.2.0", "Macvtap", &all, Some(true), "listed");
    for version in ["v1.3.0", "v1.7.0", "v1.9.0", "v1.12.0"] {
        is(version, "Macvtap", &all, Some(false), "taken out of KubeVirt 1.3");
    }
    let told = of("v1.8.0", "ExperimentalVirtiofsSupport", &all);
    assert!(told.remedy.unwrap().contains("EnableVirtioFsConfigVolumes"));
    is("v1.5.0", "ImageVolume", &all, Some(false), "has no effect yet");
    let told = of("v1.5.0", "ImageVolume", &all);
    assert_eq!(told.stage, Stage::NotYet);
    assert_eq!(told.remedy.unwrap().split(", and").count(), 2, "1.6 has it, if it is listed");
}

#[test]
fn x29_newer_versions_and_those_before_a_release_are_inferred() {
    for version in ["v1.10.0", "1.42.1", "v2.0.0"] {
        let told = of(version, "Snapshot", &Gates::default());
        assert_eq!((told.is_on, told.is_inferred), (Some(true), true));
        assert!(told.why.contains("newer than what is known"), "{told:?}");
    }
    let told = of("v1.9.0-rc.1", "Snapshot", &Gates::default());
    assert!(told.is_inferred && told.why.contains("before the release"), "{told:?}");
    for version in ["v1.9.0", "v1.8.4-12-g1234567", "1.6.0+build"] {
        let all = features(Some(version), Some(&Gates::default()));
        assert!(all.iter().all(|feature| !feature.is_inferred), "{version}");
    }
}

#[test]
fn x29_without_a_version_nothing_is_decided_and_it_is_told_why() {
    let cases = [
        (None, "does not tell its version"),
        (Some("devel"), "`devel`"),
        (Some("v0.59.2"), "older than 1.0"),
    ];
    for (version, words) in cases {
        let all = features(version, Some(&gates(&["Snapshot"], &[])));
        assert_eq!(all.len(), gates::all().len());
        for told in all {
            assert_eq!((told.is_on, told.stage), (None, Stage::Unknown));
            assert!(told.why.contains(words) && told.remedy.is_some(), "{told:?}");
        }
    }
}

#[test]
fn x29_without_the_object_what_it_decides_is_not_known_and_the_rest_is() {
    let all = features(Some("v1.7.0"), None);
    let of = |name: &str| all.iter().find(|feature| feature.name == name).unwrap();
    assert_eq!(of("NUMA").is_on, Some(true));
    assert_eq!(of("Macvtap").is_on, Some(false));
    assert_eq!(of("RebootPolicy").is_on, Some(false), "not there yet");
    assert_eq!(of("Snapshot").is_on, None);
    assert!(of("Snapshot").why.contains("could not be read"));
}

#[test]
fn x29_names_that_nobody_knows_are_told_with_where_they_stand() {
    let long = "x".repeat(5_000);
    let named = gates(&["GPUAssignment", "GPUAssignment", "", &long], &["Off", "GPUAssignment"]);
    let all = features(Some("v1.8.0"), Some(&named));
    assert_eq!(all.len(), gates::all().len() + 3);
    let of = |name: &str| all.iter().find(|feature| feature.name == name).unwrap();
    let told = of("GPUAssignment");
    assert_eq!((told.is_on, told.stage), (None, Stage::Unknown));
    assert!(told.why.contains("in featureGates") && told.why.contains("KubeVirt 1.8"));
    assert!(of("Off").why.contains("in disabledFeatureGates"));
    assert!(all.iter().all(|feature| feature.name.len() < 1_000));
    let many: Vec<String> = (0..10_000).map(|n| format!("G{n}")).collect();
    let many = Gates { listed: many, ..Gates::default() };
    assert!(features(Some("v1.8.0"), Some(&many)).len() < 1_000);
}

#[test]
fn x29_an_upgrade_tells_what_it_turns_on_and_off_and_why() {
    let named = gates(&["Macvtap", "HotplugVolumes"], &["ImageVolume", "Template"]);
    let told = upgrade("v1.8.0", "v1.9.0", &named).unwrap();
    let on: Vec<_> = told.iter().filter(|it| it.turns_on).map(|it| it.name.as_str()).collect();
    assert!(on.contains(&"Snapshot") && on.contains(&"ExpandDisks"), "{on:?}");
    assert!(!on.contains(&"ImageVolume") && !on.contains(&"Template"), "they are disabled");
    assert!(told.iter().all(|it| it.turns_on && !it.is_inferred), "nothing is lost: {told:?}");
    let snapshot = told.iter().find(|it| it.name == "Snapshot").unwrap();
    assert!(snapshot.why.contains("by themselves"));

    let lost = upgrade("v1.2.3", "1.3.0", &named).unwrap();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!((lost[0].name.as_str(), lost[0].turns_on) == ("Macvtap", false));
    assert!(lost[0].why.contains("taken out"));
    let back = upgrade("v1.9.0", "v1.8.0", &named).unwrap();
    assert!(back.iter().all(|it| !it.turns_on) && back.len() == told.len());
    assert_eq!(upgrade("v1.6.0", "v1.7.0", &Gates::default()), Some(Vec::new()));
    assert!(upgrade("v1.8.0", "v1.11.0", &named).unwrap().iter().all(|it| it.is_inferred));
    assert_eq!(upgrade("v1.8.0", "devel", &named), None);
    assert_eq!(upgrade("v0.59.0", "v1.0.0", &named), None);
}

#[test]
fn e14_each_newer_version_tells_what_it_would_change() {
    let told = upgrades(Some("v1.6.2"), &Gates::default()).unwrap();
    let versions: Vec<_> = told.iter().map(|upgrade| upgrade.version.as_str()).collect();
    assert_eq!(versions, ["1.7", "1.8", "1.9"]);
    for one in &told {
        let direct = upgrade("1.6.2", &one.version, &Gates::default()).unwrap();
        assert_eq!(one.changes, direct);
    }
    assert!(told[2].changes.iter().any(|change| change.turns_on), "beta is on from 1.9");
    for newest in ["v1.9.0", "v2.3.0"] {
        assert_eq!(upgrades(Some(newest), &Gates::default()), Ok(Vec::new()), "{newest}");
    }
}

#[test]
fn x17_that_no_newer_version_can_be_told_of_is_not_that_there_is_none() {
    for (version, why) in [
        (None, "is not told"),
        (Some("devel"), "none that can be compared"),
        (Some("0.59.0"), "older than all that is known here"),
    ] {
        let told = upgrades(version, &Gates::default()).unwrap_err();
        assert!(told.contains(why), "{version:?}: {told}");
    }
}
