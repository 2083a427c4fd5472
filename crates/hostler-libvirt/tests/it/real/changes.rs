//! Changes of real VMs, read back from libvirt by another client, from QEMU and from the guest.

use hostler_core::id::VmId;
use hostler_core::vm::change::{ChangePlan, Takes};
use hostler_core::vm::devices::*;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_lab::guest::BANNER;
use hostler_lab::{Lab, LabOptions};
use hostler_libvirt_rpc::procedure::CONNECT_GET_DOMAIN_CAPABILITIES;
use hostler_provider::*;

use super::relay::Relay;
use super::support::*;

/// A VM that Hostler made.
struct Made {
    vm: VmRef,
    id: VmId,
    spec: VmSpec,
    disks: Vec<DiskBinding>,
}

async fn made(world: &World, spec: VmSpec) -> Made {
    let vm = match spec.disks.is_empty() {
        true => world.make_on(&spec, &[]).await,
        false => world.make(&spec).await,
    };
    let id = VmId::from_uuid(vm.external_ref.parse().unwrap());
    let root = world.volume(&format!("{}-root", spec.name));
    let disks = spec.disks.iter().map(|disk| bound(&disk.name, &root)).collect();
    Made { vm, id, spec, disks }
}

fn bare(name: &str) -> VmSpec {
    let mut spec = guest_spec(name);
    spec.disks.clear();
    spec.memory.bytes = 64 << 20;
    spec
}

impl Made {
    fn request<'a>(&'a self, spec: &'a VmSpec) -> ChangeVm<'a> {
        ChangeVm {
            vm: self.id,
            at: &self.vm,
            before: &self.spec,
            spec,
            disks: &self.disks,
            seed: None,
            take_over: &[],
            from_gitops: false,
        }
    }

    /// Changes it; it is as wanted from then on.
    async fn change(&mut self, world: &World, change: impl FnOnce(&mut VmSpec)) -> ChangePlan {
        let mut wanted = self.spec.clone();
        change(&mut wanted);
        let plan = self.try_change(world, &wanted).await.unwrap();
        self.spec = wanted;
        plan
    }

    async fn try_change(&self, world: &World, wanted: &VmSpec) -> Result<ChangePlan> {
        let long = Cx::within(PATIENCE);
        world.libvirt.configure().unwrap().change_vm(&long, &self.request(wanted)).await
    }

    async fn needs_restart(&self, world: &World) -> Option<bool> {
        world.observe(&self.vm).await.unwrap().needs_restart.value().copied()
    }
}

fn takes(plan: &ChangePlan) -> Vec<(&str, &str)> {
    plan.changes.iter().map(|c| (c.field.path.as_str(), c.takes.as_str())).collect()
}

fn virsh(world: &World, arguments: &[&str]) -> String {
    let output = world.lab.virsh(arguments).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What another client is told, with what is secret.
fn definition(world: &World, vm: &VmRef) -> String {
    virsh(world, &["dumpxml", "--inactive", "--security-info", &vm.name])
}

/// Defines the VM anew, as an administrator does.
fn edit(world: &World, vm: &VmRef, change: impl FnOnce(String) -> String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), change(definition(world, vm))).unwrap();
    virsh(world, &["define", file.path().to_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_c8_a_running_guest_gets_processors_and_gives_memory() {
    let world = World::new("grow").await;
    let mut spec = guest_spec("grow");
    spec.cpu.max_count = Some(2);
    let mut vm = made(&world, spec).await;
    world.power().start(&cx(), &vm.vm).await.unwrap();
    let mut line = world.hears(&vm.vm, BANNER).await;
    assert_eq!(vm.needs_restart(&world).await, Some(false), "just started");

    let plan = vm.change(&world, |s| s.cpu.count = 2).await;
    assert_eq!(takes(&plan), [("/cpu/count", "live")]);
    for side in ["--live", "--config"] {
        assert_eq!(virsh(&world, &["vcpucount", &vm.vm.name, side]).trim(), "2", "{side}");
    }
    guest_says(&mut line, "echo has-$(nproc)-cpus", "has-2-cpus").await;
    assert_eq!(vm.needs_restart(&world).await, Some(false));

    let plan = vm.change(&world, |s| s.memory.bytes = 140 << 20).await;
    assert_eq!(takes(&plan), [("/memory/bytes", "live")]);
    let told = virsh(&world, &["qemu-monitor-command", &vm.vm.name, "--hmp", "info balloon"]);
    assert_eq!(told.trim(), "balloon: actual=140");
    assert_eq!(vm.needs_restart(&world).await, Some(false));

    // Neither can be taken from a guest that runs, nor given beyond what it started with.
    let plan = vm.change(&world, |s| (s.cpu.count, s.memory.bytes) = (1, 200 << 20)).await;
    assert_eq!(takes(&plan), [("/cpu/count", "next_start"), ("/memory/bytes", "next_start")]);
    assert_eq!(vm.needs_restart(&world).await, Some(true));
    assert_eq!(virsh(&world, &["vcpucount", &vm.vm.name, "--live"]).trim(), "2");
    assert_eq!(world.state(&vm.vm).await.0, PowerState::Running);
    world.power().stop(&cx(), &vm.vm, StopMode::Force).await.unwrap();
    world.power().start(&cx(), &vm.vm).await.unwrap();
    assert_eq!(vm.needs_restart(&world).await, Some(false));
    let seen = world.observe(&vm.vm).await.unwrap();
    assert_eq!(seen.cpu_count.value(), Some(&1));
    assert_eq!(seen.memory_max_bytes.value(), Some(&(200 << 20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_what_does_not_follow_is_told_as_waiting() {
    let world = World::new("deafballoon").await;
    let mut vm = made(&world, bare("deafballoon")).await;
    world.power().start(&cx(), &vm.vm).await.unwrap();
    // The firmware has no driver for the balloon.
    let plan = vm.change(&world, |s| s.memory.bytes = 48 << 20).await;
    assert_eq!(takes(&plan), [("/memory/bytes", "next_start")]);
    assert_eq!(vm.needs_restart(&world).await, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_links_and_words_are_live_and_devices_wait() {
    let world = World::new("links").await;
    let mut spec = bare("links");
    let source = NicSource::Network("default".into());
    spec.nics = vec![NicSpec { source, model: NicModel::Virtio, mac: None, link_up: true }];
    let mut vm = made(&world, spec).await;
    world.power().start(&cx(), &vm.vm).await.unwrap();
    let plan = vm
        .change(&world, |s| {
            s.nics[0].link_up = false;
            s.description = "what <it> is & for".into();
        })
        .await;
    assert_eq!(takes(&plan), [("/description", "live"), ("/nics/0/link_up", "live")]);
    let mac = virsh(&world, &["domiflist", &vm.vm.name]);
    let mac = mac.split_whitespace().find(|word| word.starts_with("52:54:")).unwrap();
    assert!(virsh(&world, &["domif-getlink", &vm.vm.name, mac]).contains("down"));
    assert!(virsh(&world, &["domif-getlink", &vm.vm.name, mac, "--config"]).contains("down"));
    assert_eq!(virsh(&world, &["desc", &vm.vm.name, "--live"]).trim(), "what <it> is & for");
    assert_eq!(virsh(&world, &["desc", &vm.vm.name, "--config"]).trim(), "what <it> is & for");
    assert_eq!(vm.needs_restart(&world).await, Some(false));

    let plan = vm
        .change(&world, |s| {
            s.watchdog = Some(WatchdogSpec {
                model: WatchdogModel::I6300esb,
                action: WatchdogAction::Pause,
            });
            s.graphics = Some(GraphicsSpec::Vnc);
            s.panic = Some(PanicModel::Isa);
            s.cpu.mode = hostler_core::vm::spec::CpuMode::Maximum;
            s.nics.push(NicSpec { mac: None, ..s.nics[0].clone() });
        })
        .await;
    assert!(plan.changes.iter().all(|change| change.takes == Takes::NextStart), "{plan:?}");
    assert_eq!(vm.needs_restart(&world).await, Some(true));
    world.power().stop(&cx(), &vm.vm, StopMode::Force).await.unwrap();
    world.power().start(&cx(), &vm.vm).await.unwrap();
    assert_eq!(vm.needs_restart(&world).await, Some(false));
    let again = world.libvirt.configure().unwrap();
    let again = again.plan_change(&cx(), &vm.request(&vm.spec)).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_nothing_of_others_is_lost_and_refusals_change_nothing() {
    let world = World::new("edited").await;
    let mut spec = bare("edited");
    spec.graphics = Some(GraphicsSpec::Vnc);
    let mut vm = made(&world, spec).await;
    edit(&world, &vm.vm, |xml| {
        let xml = xml.replacen(
            "<metadata>",
            "<title>theirs</title><metadata>\
            <app:x xmlns:app='urn:app' y='1'>text</app:x>",
            1,
        );
        let xml = xml.replacen("<vcpu ", "<cputune><shares>2048</shares></cputune><vcpu ", 1);
        let xml = xml.replacen("<graphics type='vnc'", "<graphics type='vnc' passwd='hunter2'", 1);
        let xml = xml.replacen(
            "<domain ",
            "<domain \
            xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ",
            1,
        );
        xml.replacen(
            "</domain>",
            "<qemu:commandline><qemu:env name='A' value='b'/>\
            </qemu:commandline></domain>",
            1,
        )
    });
    let before = definition(&world, &vm.vm);
    let theirs = [
        "<title>theirs</title>",
        "urn:app",
        "<shares>2048</shares>",
        "passwd='hunter2'",
        "qemu:env name='A'",
    ];
    theirs.iter().for_each(|part| assert!(before.contains(part), "{part} in {before}"));

    type Change = fn(&mut VmSpec);
    let refusals: [(&str, Kind, Change); 3] = [
        ("make another VM", Kind::Invalid, |s| s.machine.kind = Some("pc".into())),
        ("attach", Kind::Invalid, |s| s.disks.push(root_disk())),
        ("processors", Kind::Unsupported, |s| s.cpu.max_count = Some(4096)),
    ];
    for (remedy, kind, change) in refusals {
        let mut wanted = vm.spec.clone();
        change(&mut wanted);
        let error = vm.try_change(&world, &wanted).await.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (kind, false), "{error}");
        assert!(error.message().contains(remedy), "{error}");
        assert_eq!(definition(&world, &vm.vm), before);
    }
    vm.change(&world, |s| (s.rng, s.memory.bytes) = (false, 80 << 20)).await;
    let after = definition(&world, &vm.vm);
    theirs.iter().for_each(|part| assert!(after.contains(part), "{part} is lost: {after}"));
    assert!(!after.contains("<rng ") && after.contains(">81920</memory>"), "{after}");
    vm.change(&world, |s| (s.rng, s.memory.bytes) = (true, 64 << 20)).await;
    // Put back, and the same but for what libvirt chose of the device that came again.
    let back = definition(&world, &vm.vm);
    let lines = |xml: &str| xml.lines().filter(|l| !l.contains("backend")).count();
    assert_eq!(lines(&back), lines(&before), "{back}\n{before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_an_edit_at_the_same_time_is_noticed_and_kept() {
    let lab = Lab::start(&LabOptions::throwaway("sametime")).unwrap();
    let relay = Relay::before(&lab);
    let uri = relay.uri();
    let world = World::over(lab, uri).await;
    let vm = made(&world, bare("sametime")).await;
    // Asked between the look at the definition and the call that changes it.
    let mut held = relay.hold(CONNECT_GET_DOMAIN_CAPABILITIES, "x86_64");
    let mut wanted = vm.spec.clone();
    wanted.memory.bytes = 128 << 20;
    let (changed, ()) = tokio::join!(vm.try_change(&world, &wanted), async {
        held.came().await;
        virsh(&world, &["setmaxmem", &vm.vm.name, "96M", "--config"]);
        held.release();
    });
    let error = changed.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unavailable, false), "{error}");
    assert!(definition(&world, &vm.vm).contains(">98304</memory>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_the_order_at_boot_and_the_machine_are_what_the_next_start_has() {
    let world = World::new("order").await;
    let mut spec = guest_spec("order");
    let source = NicSource::User {};
    spec.nics = vec![NicSpec { source, model: NicModel::Virtio, mac: None, link_up: true }];
    let mut vm = made(&world, spec).await;
    let order = |xml: &str| {
        let document = roxmltree::Document::parse(xml).unwrap();
        let boots = document.descendants().filter(|n| n.has_tag_name("boot"));
        let told = boots.filter_map(|boot| {
            let device = boot.parent()?.tag_name().name().to_owned();
            Some((boot.attribute("order")?.to_owned(), device))
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    };
    let is = |number: &str, device: &str| (number.to_owned(), device.to_owned());
    assert_eq!(order(&definition(&world, &vm.vm)), [is("1", "disk")]);
    let plan = vm
        .change(&world, |s| {
            s.boot = vec![BootDevice::Nic(0), BootDevice::Disk("root".into())];
            s.machine.kind = Some("pc-q35-6.0".into());
        })
        .await;
    assert_eq!(takes(&plan), [("/boot", "next_start"), ("/machine/kind", "next_start")]);
    let xml = definition(&world, &vm.vm);
    assert_eq!(order(&xml), [is("1", "interface"), is("2", "disk")]);
    world.power().start(&cx(), &vm.vm).await.unwrap();
    assert_eq!(order(&virsh(&world, &["dumpxml", &vm.vm.name])), order(&xml));
    let seen = world.observe(&vm.vm).await.unwrap();
    assert_eq!(seen.machine.value().map(String::as_str), Some("pc-q35-6.0"));
    let plan = vm.change(&world, |s| s.boot = vec![BootDevice::Disk("root".into())]).await;
    assert_eq!(takes(&plan), [("/boot", "next_start")]);
    assert_eq!(order(&definition(&world, &vm.vm)), [is("1", "disk")]);
    assert_eq!(vm.needs_restart(&world).await, Some(true));
}
