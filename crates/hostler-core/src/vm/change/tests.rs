//! What a change plan tells and refuses, and that it tells all that differs.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::vm::cloud_init::CloudInit;
use crate::vm::devices::{
    BootDevice, DiskDevice, DiskSource, DiskSpec, GraphicsSpec, NicModel, NicSource, NicSpec,
    TpmModel, TpmSpec,
};
use crate::vm::spec::{CpuMode, CpuTopology, FirmwareKind};

fn spec() -> VmSpec {
    let mut spec = VmSpec::new("web", 1 << 30);
    spec.cpu.count = 2;
    spec.disks.push(disk("root"));
    spec
}

fn disk(name: &str) -> DiskSpec {
    DiskSpec {
        name: name.into(),
        device: DiskDevice::Disk,
        bus: None,
        source: DiskSource::Volume { pool: "default".into(), volume: format!("{name}.raw") },
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

fn plan(after: impl FnOnce(&mut VmSpec)) -> ChangePlan {
    let before = spec();
    let mut wanted = before.clone();
    after(&mut wanted);
    ChangePlan::of(&before, &wanted, |_| Takes::NextStart)
}

fn paths(plan: &ChangePlan) -> Vec<&str> {
    plan.changes.iter().map(|change| change.field.path.as_str()).collect()
}

#[test]
fn c20_each_change_tells_what_was_and_what_is_to_be() {
    let plan = plan(|spec| {
        spec.cpu.count = 4;
        spec.cpu.max_count = Some(8);
        spec.memory.bytes = 2 << 30;
        spec.labels.insert("a/b".into(), "x".into());
    });
    let told = plan.changes.iter().map(|c| (&*c.field.path, &c.field.from, &c.field.to));
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            ("/cpu/count", &Some(json!(2)), &Some(json!(4))),
            ("/cpu/max_count", &None, &Some(json!(8))),
            ("/labels/a~1b", &None, &Some(json!("x"))),
            ("/memory/bytes", &Some(json!(1_u64 << 30)), &Some(json!(2_u64 << 30))),
        ]
    );
    assert_eq!(plan.changes[2].takes, Takes::Live, "labels are Hostler's own");
    assert!(plan.waits_for_start() && plan.check().is_ok());
}

#[test]
fn c20_what_never_changes_is_refused_with_what_to_do_instead() {
    let plan = plan(|spec| {
        spec.name = "other".into();
        spec.project = "p".into();
        spec.disks.push(disk("data"));
        spec.machine.arch = Some("aarch64".into());
        spec.cloud_init =
            Some(CloudInit { user_data: Some("secret".into()), ..CloudInit::default() });
    });
    assert_eq!(paths(&plan), ["/cloud_init", "/disks", "/machine/arch", "/name", "/project"]);
    assert!(!format!("{plan:?}").contains("secret"));
    let refused = plan.check().unwrap_err();
    assert_eq!(refused.code(), Code::SpecInvalid);
    assert_eq!(refused.fault_list().len(), 5);
    assert!(refused.fault_list().iter().all(|fault| fault.detail.contains(';')));
}

#[test]
fn c20_data_at_risk_is_named() {
    let mut before = spec();
    before.tpm = Some(TpmSpec { model: TpmModel::Crb });
    let mut after = before.clone();
    after.tpm = None;
    after.firmware.kind = FirmwareKind::Uefi;
    after.cpu.count = 3;
    let plan = ChangePlan::of(&before, &after, |_| Takes::NextStart);
    let risks: Vec<_> =
        plan.changes.iter().map(|c| (&*c.field.path, c.at_risk.is_some())).collect();
    assert_eq!(risks, [("/cpu/count", false), ("/firmware/kind", true), ("/tpm", true)]);
}

#[test]
fn x25_fields_of_others_are_taken_only_as_they_were_shown() {
    let field = |field: &str| Managed { field: field.into(), manager: "kubectl-edit".into() };
    let (one, two) = (field(".spec.a"), field(".spec.b"));
    let mut plan = plan(|spec| spec.cpu.count = 4);
    assert!(plan.check_taken(&[], false).is_ok(), "nobody else manages anything");
    plan.managed_by_others = vec![one.clone(), two.clone()];
    let refused = plan.check_taken(std::slice::from_ref(&one), true).unwrap_err();
    assert_eq!(refused.code(), Code::VmFieldsManaged);
    let faults: Vec<_> = refused.fault_list().iter().map(|f| (&*f.pointer, &*f.detail)).collect();
    assert_eq!(faults, [(".spec.a", "kubectl-edit"), (".spec.b", "kubectl-edit")], "all of them");
    assert!(plan.check_taken(&[two.clone(), one.clone()], false).is_ok());
    let keeper =
        Keeper { tool: "flux".into(), name: Some("apps".into()), evidence: "label x".into() };
    plan.kept_by = Some(keeper);
    let refused = plan.check_taken(&[two.clone(), one.clone()], false).unwrap_err();
    assert_eq!(refused.details().get("kept_by").map(String::as_str), Some("flux (apps)"));
    assert!(plan.check_taken(&[two, one], true).is_ok());
}

/// Changes any field or several, among them lists, maps and things of another kind.
fn changed(base: VmSpec) -> impl Strategy<Value = VmSpec> {
    let numbers = (1_u32..4, proptest::option::of(1_u32..4), 1_u64..4);
    let words = ("[ab~/]{0,2}", proptest::collection::btree_map("[a~/]{1,2}", "[ab]{0,1}", 0..3));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_u8);
    let lists = (0..3_usize, 0..3_usize, any::<bool>());
    (numbers, words, flags, lists).prop_map(move |(numbers, words, flags, lists)| {
        let mut spec = base.clone();
        (spec.cpu.count, spec.cpu.max_count, spec.memory.bytes) = numbers;
        (spec.description, spec.labels) = words;
        (spec.rng, spec.autostart, spec.memory.hugepages) = (flags.0, flags.1, flags.2);
        spec.cpu.mode = match flags.3 {
            0 => CpuMode::Default,
            1 => CpuMode::Named("a".into()),
            _ => CpuMode::Named("b".into()),
        };
        let topology = CpuTopology { sockets: numbers.0, dies: 1, cores: 1, threads: 1 };
        spec.cpu.topology = flags.0.then_some(topology);
        spec.graphics = flags.1.then_some(GraphicsSpec::Vnc);
        spec.boot = vec![BootDevice::Nic(0), BootDevice::Disk("root".into())];
        spec.boot.truncate(lists.0);
        if lists.2 {
            spec.boot.reverse();
        }
        let nic = |name: &str| NicSpec {
            source: NicSource::Network(name.into()),
            model: NicModel::Virtio,
            mac: None,
            link_up: flags.2,
        };
        spec.nics = vec![nic("a"), nic("b")];
        spec.nics.truncate(lists.1);
        spec
    })
}

proptest! {
    #[test]
    fn c20_no_change_is_an_empty_plan(one in changed(spec())) {
        prop_assert!(ChangePlan::of(&one, &one, |_| Takes::Live).is_empty());
    }

    /// What the plan names is all that differs: it leads from the one to the other and back.
    #[test]
    fn c20_every_differing_field_is_in_the_plan(one in changed(spec()), other in changed(spec())) {
        let plan = ChangePlan::of(&one, &other, |_| Takes::Live);
        prop_assert_eq!(plan.before(&other).unwrap(), one.clone());
        let mut document = encoded(&one);
        for change in &plan.changes {
            prop_assert_ne!(&change.field.from, &change.field.to);
            put(&mut document, &change.field.path, change.field.to.clone());
        }
        prop_assert_eq!(serde_json::from_value::<VmSpec>(document).unwrap(), other);
    }
}

#[test]
fn c20_what_others_wrote_meanwhile_stays_where_a_change_is_not_about_it() {
    let before = spec();
    let mut after = before.clone();
    after.cpu.count = 8;
    after.labels.insert("mine".into(), "1".into());
    let mut now = before.clone();
    now.description = "theirs".into();
    now.labels.insert("theirs".into(), "2".into());
    now.disks.push(disk("more"));
    now.boot.push(BootDevice::Disk("root".into()));
    let both = merged(&before, &after, &now).unwrap();
    let mut wanted = now.clone();
    wanted.cpu.count = 8;
    wanted.labels.insert("mine".into(), "1".into());
    assert_eq!(both, wanted);
    assert_eq!(merged(&before, &after, &before).unwrap(), after, "nobody wrote");
    // What the change is about it has as it was wanted.
    after.description = "mine".into();
    assert_eq!(merged(&before, &after, &now).unwrap().description, "mine");
    let mut without = now.clone();
    without.labels.remove("theirs");
    without.disks.clear();
    let left = merged(&now, &without, &both).unwrap();
    assert_eq!(left.labels.keys().collect::<Vec<_>>(), ["mine"]);
    assert!(left.disks.is_empty());
}
