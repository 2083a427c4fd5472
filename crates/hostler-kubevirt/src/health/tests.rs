//! What each fact makes of a cluster.

use super::*;

fn well() -> Facts {
    Facts {
        api: Api::Answers("v1.36.2".into()),
        kubevirt: Found::Yes(Installation {
            phase: "Deployed".into(),
            available: Some(true),
            degraded: Some(false),
            version: Some("v1.6.0".into()),
            place: "kubevirt/kubevirt".into(),
            ..Installation::default()
        }),
        virt_api: Found::Yes(()),
        virt_api_version: None,
        gaps: Found::Yes(Vec::new()),
        lags: vec![("virtualmachines", Some(Duration::from_secs(30)))],
    }
}

fn installed(change: impl FnOnce(&mut Installation)) -> Facts {
    let mut facts = well();
    if let Found::Yes(installation) = &mut facts.kubevirt {
        change(installation);
    }
    facts
}

#[track_caller]
fn is(facts: &Facts, health: Health, codes: &[&str]) {
    let judgement = judge(Some(facts));
    let told: Vec<_> = judgement.reasons.iter().map(Reason::code).collect();
    assert_eq!((judgement.health, told.as_slice()), (health, codes));
}

#[test]
fn e13_before_the_first_answer_nothing_is_known() {
    let judgement = judge(None);
    assert_eq!((judgement.health, judgement.health.as_str()), (Health::Unknown, "unknown"));
}

#[test]
fn e13_with_everything_there_it_is_healthy() {
    is(&well(), Health::Healthy, &[]);
}

#[test]
fn e12_an_api_server_that_does_not_answer_is_unreachable() {
    let facts = Facts::nothing_but(Api::Unreachable("no route".into()));
    is(&facts, Health::Unreachable, &["Unreachable"]);
    assert_eq!(judge(Some(&facts)).reasons[0].to_string(), "no route");
}

#[test]
fn x28_an_expired_token_is_not_an_unreachable_cluster() {
    let facts = Facts::nothing_but(Api::AuthFailed("renew the token".into()));
    is(&facts, Health::Unhealthy, &["AuthFailed"]);
}

#[test]
fn x28_a_kubevirt_that_is_there_is_not_a_kubevirt_that_works() {
    is(&Facts { kubevirt: Found::Absent, ..well() }, Health::Unhealthy, &["NoKubeVirt"]);
    let unknown = Facts { kubevirt: Found::NotKnown("forbidden".into()), ..well() };
    is(&unknown, Health::Unhealthy, &["KubeVirtNotKnown"]);
    for phase in ["", "Deploying", "Deleting", "Deleted"] {
        let facts = installed(|it| it.phase = phase.into());
        is(&facts, Health::Unhealthy, &["NotDeployed"]);
    }
    for available in [None, Some(false)] {
        is(&installed(|it| it.available = available), Health::Unhealthy, &["NotAvailable"]);
    }
    is(&installed(|it| it.degraded = Some(true)), Health::Unhealthy, &["Degraded"]);
    is(&installed(|it| it.degraded = None), Health::Healthy, &[]);
}

#[test]
fn x28_a_version_below_the_floor_is_unhealthy_and_an_unknown_one_is_told() {
    let of = |version: &str| installed(|it| it.version = Some(version.to_owned()));
    is(&of("v0.59.2"), Health::Unhealthy, &["TooOld"]);
    is(&of("v1.0.0"), Health::Healthy, &[]);
    is(&of("2.0.0-rc.1"), Health::Healthy, &[]);
    is(&of("devel"), Health::Healthy, &["VersionNotKnown"]);
    is(&installed(|it| it.version = None), Health::Healthy, &["VersionNotKnown"]);
}

#[test]
fn x28_virt_api_rights_and_lag_are_part_of_it() {
    let down = Facts { virt_api: Found::NotKnown("503".into()), ..well() };
    is(&down, Health::Unhealthy, &["VirtApiDown"]);
    is(&Facts { virt_api: Found::Absent, ..well() }, Health::Unhealthy, &["VirtApiDown"]);

    let need = Need {
        verb: "update",
        group: "subresources.kubevirt.io",
        resource: "virtualmachines/start",
        namespace: Some("vms".into()),
        purpose: None,
    };
    let limit = Need { purpose: Some(Purpose::Consoles), ..need.clone() };
    let limited = Facts { gaps: Found::Yes(vec![limit.clone()]), ..well() };
    is(&limited, Health::Healthy, &["RightsLimited"]);
    let both = Facts { gaps: Found::Yes(vec![limit, need.clone()]), ..well() };
    is(&both, Health::Unhealthy, &["RightsMissing", "RightsLimited"]);
    let gaps = Facts { gaps: Found::Yes(vec![need]), ..well() };
    is(&gaps, Health::Unhealthy, &["RightsMissing"]);
    assert_eq!(
        judge(Some(&gaps)).reasons[0].to_string(),
        "our account may not: update virtualmachines/start.subresources.kubevirt.io in vms"
    );
    let unknown = Facts { gaps: Found::NotKnown("late".into()), ..well() };
    is(&unknown, Health::Unhealthy, &["RightsNotKnown"]);

    for lag in [None, Some(MAX_LAG + Duration::from_secs(1))] {
        let late = Facts { lags: vec![("nodes", lag)], ..well() };
        is(&late, Health::Unhealthy, &["WatchLagging"]);
    }
}

#[test]
fn x28_every_reason_is_told_and_the_same_thing_once() {
    let facts = Facts {
        kubevirt: Found::Absent,
        virt_api: Found::Absent,
        gaps: Found::NotKnown("late".into()),
        ..well()
    };
    is(&facts, Health::Unhealthy, &["NoKubeVirt", "RightsNotKnown"]);
}

#[test]
fn x29_of_several_installations_the_only_deployed_one_counts() {
    let one = |place: &str, phase: &str| Installation {
        place: place.into(),
        phase: phase.into(),
        available: Some(true),
        version: Some("v1.6.0".into()),
        ..Installation::default()
    };
    let judged = |all: Vec<Installation>| Facts {
        kubevirt: crate::installation::the_one(all).map_or(Found::Absent, Found::Yes),
        ..well()
    };
    is(&judged(vec![one("a/a", "Deployed")]), Health::Healthy, &[]);
    let clear = judged(vec![one("a/a", ""), one("b/b", "Deployed"), one("c/c", "Deleting")]);
    is(&clear, Health::Healthy, &["SeveralKubeVirts"]);
    let told = judge(Some(&clear)).reasons[0].to_string();
    assert!(told.contains("b/b, a/a, c/c") && told.contains("only the first"), "{told}");
    for phases in [["Deployed", "Deployed"], ["Deploying", ""]] {
        let unclear = judged(vec![one("a/a", phases[0]), one("b/b", phases[1])]);
        is(&unclear, Health::Unhealthy, &["SeveralKubeVirts"]);
    }
    is(&judged(Vec::new()), Health::Unhealthy, &["NoKubeVirt"]);
}

#[test]
fn e14_the_version_by_kubevirts_own_server_counts_where_its_object_tells_none() {
    let asked = |version: &str| Facts {
        virt_api_version: Some(version.to_owned()),
        ..installed(|it| it.version = None)
    };
    is(&asked("v1.6.0"), Health::Healthy, &[]);
    is(&asked("v0.58.0"), Health::Unhealthy, &["TooOld"]);
    assert_eq!(asked("v1.6.0").version(), Some("v1.6.0"));
    let both = Facts { virt_api_version: Some("v1.7.0".into()), ..well() };
    assert_eq!(both.version(), Some("v1.6.0"), "its object counts more");
}

#[test]
fn x28_rights_are_asked_for_in_each_namespace() {
    use crate::config::Namespaces;
    let all = needs(&Namespaces::All);
    let two = needs(&Namespaces::Only(vec!["a".into(), "b".into()]));
    let cluster_wide = ["nodes", "kubevirts", "storageclasses", "storageprofiles"];
    let is_of_the_cluster =
        |need: &&Need| cluster_wide.contains(&need.resource) || need.resource.contains("cluster");
    let of_cluster = |needs: &[Need]| needs.iter().filter(is_of_the_cluster).count();
    assert_eq!((of_cluster(&all), of_cluster(&two)), (9, 9));
    // Nobody is to grant the secrets of a whole cluster.
    let seeds = |needs: &[Need]| needs.iter().filter(|one| one.resource == "secrets").count();
    assert_eq!((seeds(&all), seeds(&two)), (0, 8));
    let others = |needs: &[Need]| needs.len() - of_cluster(needs) - seeds(needs);
    assert_eq!(others(&two), 2 * others(&all));
}
