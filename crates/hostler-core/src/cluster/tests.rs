//! Which clusters fit a template (E16).

use super::{
    AUTH_FAILED, Capabilities, Feature, Hardware, Health, Reason, Report, Stage, lacks_all,
};
use crate::clock::Timestamp;
use crate::fact::Fact;

fn feature(name: &str, is_on: Option<bool>) -> Feature {
    let why = format!("because of {name}");
    let remedy = Some("update it".to_owned());
    Feature { name: name.into(), is_on, stage: Stage::Beta, why, is_inferred: false, remedy }
}

fn hardware(name: &str, is_there: Option<bool>) -> Hardware {
    Hardware { name: name.into(), is_there, hosts: Some(2), source: "allocatable".into() }
}

fn cluster() -> Capabilities {
    Capabilities {
        version: Some("1.7.0".into()),
        features: vec![
            feature("Snapshot", Some(true)),
            feature("Sidecar", Some(false)),
            feature("Odd", None),
        ],
        hardware: vec![
            hardware("kvm", Some(true)),
            hardware("sriov", Some(false)),
            hardware("gpu", None),
        ],
        upgrades: Fact::unavailable("test", "nobody looked"),
        detected_at: Timestamp::from_millis(0),
    }
}

fn lacks(features: &[&str], hardware: &[&str]) -> Vec<(String, bool)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let lacks = cluster().lacks(&owned(features), &owned(hardware));
    assert!(lacks.iter().all(|lack| !lack.why.is_empty()), "{lacks:?}");
    lacks.into_iter().map(|lack| (lack.name, lack.is_hardware)).collect()
}

#[test]
fn e16_a_cluster_fits_if_it_has_all_features_and_all_hardware() {
    assert_eq!(lacks(&[], &[]), []);
    assert_eq!(lacks(&["Snapshot"], &["kvm"]), []);
    assert_eq!(lacks(&["Snapshot", "Sidecar"], &["kvm"]), [("Sidecar".to_owned(), false)]);
    assert_eq!(lacks(&["Snapshot"], &["kvm", "sriov"]), [("sriov".to_owned(), true)]);
}

#[test]
fn e16_what_cannot_be_told_counts_as_missing() {
    let expected = [("Odd", false), ("Never", false), ("gpu", true), ("fpga", true)];
    let expected = expected.map(|(name, is_hardware)| (name.to_owned(), is_hardware));
    assert_eq!(lacks(&["Odd", "Never"], &["gpu", "fpga"]), expected);
}

#[test]
fn e15_what_an_administrator_declares_counts_whatever_the_hosts_tell() {
    let declared = [("gpu", true), ("kvm", false), ("fpga", true)];
    let declared = declared.map(|(name, is_there)| (name.to_owned(), is_there)).into();
    let cluster = cluster().with_declared(&declared);
    let lacks = cluster.lacks(&[], &["gpu".into(), "fpga".into(), "kvm".into()]);
    let names: Vec<&str> = lacks.iter().map(|lack| lack.name.as_str()).collect();
    assert_eq!(names, ["kvm"]);
    assert!(lacks[0].why.contains("declared by an administrator"), "{}", lacks[0].why);
    let names: Vec<&str> = cluster.hardware.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["fpga", "gpu", "kvm", "sriov"], "by name");
    assert_eq!(cluster.hardware[0].hosts, None, "nobody looked");
    assert!(cluster.hardware[1].source.contains("allocatable"), "what was seen is still told");
}

#[test]
fn e16_of_a_cluster_that_told_nothing_all_is_missing() {
    let lacks = lacks_all(&["GPU".into()], &["kvm".into()], "it was not asked");
    let told: Vec<_> = lacks.iter().map(|it| (it.name.as_str(), it.is_hardware)).collect();
    assert_eq!(told, [("GPU", false), ("kvm", true)]);
    assert!(lacks.iter().all(|lack| lack.why == "it was not asked"));
}

#[test]
fn x28_other_credentials_mend_what_is_not_known_and_nothing_else() {
    let report = |health, code: &str| Report {
        health,
        reasons: vec![Reason { code: code.into(), message: "m".into(), is_warning: false }],
        ..Report::default()
    };
    assert!(Report { health: Health::Healthy, ..Report::default() }.lets_us_in().is_ok());
    assert!(report(Health::Unhealthy, "NoKubeVirt").lets_us_in().is_ok());
    assert!(report(Health::Unhealthy, AUTH_FAILED).lets_us_in().is_err());
    assert!(report(Health::Unreachable, "Unreachable").lets_us_in().is_err());
    assert!(Report::default().lets_us_in().is_err(), "nobody asked");
}
