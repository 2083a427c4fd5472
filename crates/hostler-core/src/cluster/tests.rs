//! Which clusters fit a template (E16).

use super::{Capabilities, Feature, Hardware, Stage};
use crate::clock::Timestamp;

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
