//! Every promise of the driver boundary, kept by libvirt with real QEMU guests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::vm::spec::Accelerator;
use hostler_lab::guest::BANNER;
use hostler_libvirt::Libvirt;
use hostler_provider::conformance::{BootImage, Harness, Limit, Outcome, Setting, run};
use hostler_provider::*;

use super::support::*;

/// What only a driver can keep that follows its place.
const OLDER: &str = "an_older_picture_is_told_as_old_and_only_as_long_as_it_is";

/// What only a place can keep that knows who manages a field.
const MANAGED: [&str; 3] = [
    "fields_of_others_are_shown_and_left_alone",
    "fields_of_others_are_taken_over_as_they_were_shown",
    "fields_of_others_that_were_not_shown_stay_theirs",
];

/// The lab as the suite sees it.
struct InLab {
    world: World,
    setting: Setting,
}

#[async_trait]
impl Harness for InLab {
    async fn connect(&self) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Libvirt::new(patient(self.world.lab.uri()))))
    }

    fn setting(&self) -> Setting {
        self.setting.clone()
    }

    fn spec(&self, name: &str) -> VmSpec {
        let mut spec = VmSpec::new(name, self.setting.memory_bytes);
        spec.machine.accelerator = Accelerator::Tcg;
        spec
    }

    async fn make_foreign_vm(&self, name: &str) -> Option<VmRef> {
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>\
             <os><type arch='x86_64'>hvm</type></os></domain>"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), xml).unwrap();
        self.world.lab.virsh(["define", file.path().to_str().unwrap()]).unwrap();
        let uuid = self.world.lab.virsh(["domuuid", name]).unwrap();
        let external_ref = String::from_utf8_lossy(&uuid.stdout).trim().to_owned();
        Some(VmRef { external_ref, name: name.to_owned() })
    }

    async fn remove_foreign_vm(&self, vm: &VmRef) {
        self.world.lab.virsh(["undefine", &vm.name]).unwrap();
    }

    async fn deafen(&self, _vm: &VmRef) -> bool {
        true // without a disk the firmware waits for ever and hears no power button
    }

    async fn hang(&self, hung: bool) -> bool {
        if hung {
            self.world.lab.pause_libvirtd().unwrap();
        } else {
            self.world.lab.resume_libvirtd().unwrap();
        }
        true
    }
}

fn limits() -> Vec<Limit> {
    let older =
        Limit { promise: OLDER, reason: "a host is asked each time; there is no older picture" };
    let reason = "libvirt does not know who manages a field of a VM";
    let managed = MANAGED.map(|promise| Limit { promise, reason });
    let taken_off = Limit {
        promise: "a_revert_to_before_a_disk_was_taken_off_tells_it_by_its_name",
        reason: "a VM whose disks are others by now is not put back",
    };
    [older, taken_off].into_iter().chain(managed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn libvirt_keeps_every_promise_of_the_boundary() {
    let world = World::new("conformance").await;
    let setting = Setting {
        prefix: "conformance-".into(),
        ids: ids(),
        host_ref: world.host.clone(),
        pool: None,
        network: Some("default".into()),
        memory_bytes: 160 << 20,
        boot: Some(BootImage {
            bytes: Arc::new(FileReader::open(&images().disk_qcow2)),
            format: VolumeFormat::Qcow2,
            capacity_bytes: guest_disk_bytes(),
            says: BANNER.into(),
        }),
        call_within: Duration::from_secs(60),
        boot_within: Duration::from_secs(150),
        stop_within: Duration::from_secs(90),
        promise_within: Duration::from_secs(480),
        limits: limits(),
    };
    let report = run(&InLab { world, setting }).await;
    eprintln!("{report}");
    report.assert_passed();
    // A host is no cluster, and these are not there yet; all else it has.
    let lacks = [Group::Cluster, Group::Migrate, Group::InstanceTypes];
    let skipped = report.verdicts().iter().filter(|v| matches!(v.outcome, Outcome::Skipped(_)));
    let of: Vec<_> =
        skipped.filter(|verdict| !verdict.group.is_some_and(|g| lacks.contains(&g))).collect();
    let mut of: Vec<_> = of.iter().map(|verdict| verdict.promise).collect();
    of.sort_unstable();
    let mut expected: Vec<_> = limits().iter().map(|limit| limit.promise).collect();
    // A VM that is off takes whatever disk it could be made with.
    expected.push("what_limits_exclude_is_refused_of_a_stopped_vm");
    expected.sort_unstable();
    assert_eq!(of, expected);
}
