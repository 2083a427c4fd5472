//! Snapshots with real guests and real files: what is written is what is read back.

use std::collections::BTreeSet;
use std::time::Duration;

use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, Quiesce, SnapshotContent, SnapshotSpec,
};
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::*;
use hostler_core::vm::spec::FirmwareKind;
use hostler_lab::guest::BANNER;
use hostler_libvirt_rpc::procedure::{DOMAIN_DEFINE_XML_FLAGS, DOMAIN_SNAPSHOT_CREATE_XML};
use hostler_provider::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::relay::Held;
use super::support::*;

const PATIENCE: Duration = Duration::from_secs(150);
const ROOT_BYTES: u64 = 64 << 20;

pub(super) fn long() -> Cx {
    Cx::within(PATIENCE)
}

fn empty(name: &str, size_bytes: u64, format: VolumeFormat) -> DiskSpec {
    let source = DiskSource::Empty { size_bytes, pool: None, format: Some(format) };
    DiskSpec { name: name.into(), source, ..root_disk() }
}

pub(super) async fn volume(
    world: &World,
    name: &str,
    bytes: u64,
    format: VolumeFormat,
) -> VolumeRef {
    let volume = world.volume(name);
    let content = VolumeContent::Empty;
    let request = EnsureVolume { volume: &volume, capacity_bytes: bytes, format, content };
    world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
    volume
}

/// A VM that is off, with a qcow2 disk and one of plain bytes, whose guest does nothing.
pub(super) async fn two_disks(world: &World, name: &str) -> VmRef {
    let mut spec = guest_spec(name);
    spec.memory.bytes = 48 << 20;
    spec.disks = vec![
        empty("root", ROOT_BYTES, VolumeFormat::Qcow2),
        empty("data", 1 << 20, VolumeFormat::Raw),
    ];
    let root = volume(world, &format!("{name}-root"), ROOT_BYTES, VolumeFormat::Qcow2).await;
    let data = volume(world, &format!("{name}-data"), 1 << 20, VolumeFormat::Raw).await;
    world.make_on(&spec, &[bound("root", &root), bound("data", &data)]).await
}

fn snapshots(world: &World) -> &dyn Snapshots {
    world.libvirt.snapshots().unwrap()
}

async fn take_as(world: &World, vm: &VmRef, spec: &SnapshotSpec) -> Result<SnapshotRef> {
    let id = ids().next(SnapshotId::new);
    let request = EnsureSnapshot { id, vm, spec };
    snapshots(world).ensure_snapshot(&long(), &request).await.map(|handle| handle.snapshot)
}

pub(super) async fn take(world: &World, vm: &VmRef, name: &str) -> SnapshotRef {
    take_as(world, vm, &SnapshotSpec::new(name)).await.unwrap()
}

async fn revert(world: &World, vm: &VmRef, snapshot: &SnapshotRef) -> Reverted {
    let operation = ids().next(OperationId::new);
    let request = Revert { operation, vm, snapshot };
    snapshots(world).revert(&long(), &request).await.unwrap()
}

async fn remove(world: &World, vm: &VmRef, snapshot: &SnapshotRef) {
    snapshots(world).remove_snapshot(&long(), vm, snapshot).await.unwrap();
}

pub(super) async fn list(world: &World, vm: &VmRef) -> Vec<ObservedSnapshot> {
    snapshots(world).list_snapshots(&cx(), vm).await.unwrap()
}

async fn names(world: &World, vm: &VmRef) -> Vec<String> {
    list(world, vm).await.into_iter().map(|one| one.name).collect()
}

/// The file and format of a disk of the VM, as it is now.
pub(super) async fn top(world: &World, vm: &VmRef, target: &str) -> (String, String) {
    let seen = world.observe(vm).await.unwrap();
    let disk = seen.disks.value().unwrap().iter().find(|d| d.target == target).unwrap().clone();
    (disk.source.unwrap(), disk.format.unwrap())
}

pub(super) fn qemu_io(world: &World, format: &str, path: &str, command: &str) -> String {
    let mut io = world.lab.command_within("qemu-io");
    let output = io.args(["-f", format, "-c", command, path]).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{command} on {path}: {said}");
    said
}

/// Writes to both disks of a VM that is off, as its guest would.
pub(super) async fn write(world: &World, vm: &VmRef, pattern: u8) {
    for target in ["vda", "vdb"] {
        let (path, format) = top(world, vm, target).await;
        qemu_io(world, &format, &path, &format!("write -P {pattern} 4k 256k"));
    }
}

/// Whether both disks hold what was written.
pub(super) async fn holds(world: &World, vm: &VmRef, pattern: u8) {
    for target in ["vda", "vdb"] {
        let (path, format) = top(world, vm, target).await;
        let said = qemu_io(world, &format, &path, &format!("read -P {pattern} 4k 256k"));
        assert!(!said.contains("failed"), "{target} holds no {pattern}: {said}");
    }
}

/// Every file of the pool that is qcow2 is whole.
fn checked(world: &World) {
    for entry in std::fs::read_dir(world.lab.images_dir()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("/var/lib/libvirt/images/{name}");
        let mut bytes = [0; 4];
        let file = std::fs::File::open(world.lab.images_dir().join(&name)).unwrap();
        if std::os::unix::fs::FileExt::read_at(&file, &mut bytes, 0).unwrap() < 4
            || &bytes != b"QFI\xfb"
        {
            continue;
        }
        let mut check = world.lab.command_within("qemu-img");
        let output = check.args(["check", "-f", "qcow2", &path]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

pub(super) fn files(world: &World) -> BTreeSet<String> {
    let entries = std::fs::read_dir(world.lab.images_dir()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_a_stopped_vm_goes_back_and_forth_and_loses_no_file_that_is_needed() {
    let world = World::new("snapshots-off").await;
    let vm = two_disks(&world, "web").await;
    write(&world, &vm, 1).await;
    let one = take(&world, &vm, "one").await;
    write(&world, &vm, 2).await;
    let two = take(&world, &vm, "two").await;
    write(&world, &vm, 3).await;
    let all = list(&world, &vm).await;
    assert_eq!(all[1].parent.value(), Some(&Some("one".to_owned())));
    assert_eq!(all[1].is_current.value(), Some(&true));
    assert_eq!(all[0].disks.value().unwrap(), &["root", "data"], "{all:?}");
    assert_eq!(all[0].consistency.value(), Some(&Consistency::Offline));

    let told = revert(&world, &vm, &one).await;
    assert_eq!(told.moved, [], "what is laid on a volume is of that volume");
    holds(&world, &vm, 1).await;
    write(&world, &vm, 4).await;
    revert(&world, &vm, &two).await;
    holds(&world, &vm, 2).await;
    revert(&world, &vm, &one).await;
    holds(&world, &vm, 1).await;
    write(&world, &vm, 5).await;
    checked(&world);

    // "two" grew from what the VM does not have any more: nothing can be merged.
    remove(&world, &vm, &one).await;
    assert_eq!(names(&world, &vm).await, ["two"]);
    holds(&world, &vm, 5).await;
    revert(&world, &vm, &two).await;
    holds(&world, &vm, 2).await;
    write(&world, &vm, 6).await;
    remove(&world, &vm, &two).await;
    holds(&world, &vm, 6).await;
    checked(&world);
    assert_eq!(names(&world, &vm).await, [""; 0]);

    // What the snapshots have left goes with the disks, when these go.
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    let storage = world.libvirt.storage().unwrap();
    for name in ["web-root", "web-data"] {
        storage.remove_volume(&cx(), &world.volume(name)).await.unwrap();
    }
    assert_eq!(files(&world), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_deleted_snapshots_are_merged_and_their_files_gone() {
    let world = World::new("snapshots-merge").await;
    let vm = two_disks(&world, "web").await;
    for (name, pattern) in [("one", 1), ("two", 2), ("three", 3)] {
        write(&world, &vm, pattern).await;
        take(&world, &vm, name).await;
    }
    write(&world, &vm, 4).await;
    assert_eq!(files(&world).len(), 8);
    let of = |name: &str| SnapshotRef { external_ref: name.into(), name: name.into() };
    // What a snapshot is made of is not for deleting, whoever asks.
    let storage = world.libvirt.storage().unwrap();
    let error = storage.remove_volume(&cx(), &world.volume("web-root")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    remove(&world, &vm, &of("two")).await;
    let all = list(&world, &vm).await;
    assert_eq!(all[1].parent.value(), Some(&Some("one".to_owned())), "{all:?}");
    assert_eq!(files(&world).len(), 6);
    holds(&world, &vm, 4).await;
    revert(&world, &vm, &of("three")).await;
    holds(&world, &vm, 3).await;
    remove(&world, &vm, &of("three")).await;
    remove(&world, &vm, &of("one")).await;
    holds(&world, &vm, 3).await;
    assert_eq!(files(&world), BTreeSet::from(["web-root".to_owned(), "web-data".to_owned()]));
    checked(&world);
    assert_eq!(world.state(&vm).await.0, PowerState::Stopped);
}

/// A shell in the guest.
struct Shell {
    line: Box<dyn ConsoleStream>,
    asked: u32,
}

impl Shell {
    async fn of(world: &World, vm: &VmRef) -> Self {
        use hostler_core::vm::observed::ConsoleKind;
        let console = world.libvirt.console().unwrap();
        let line = console.open(&cx(), vm, ConsoleKind::Serial, true).await.unwrap();
        Self { line, asked: 1000 }
    }

    /// Runs a command, again if nothing is heard, and tells what it says.
    async fn run(&mut self, command: &str) -> String {
        self.asked += 1;
        let (begin, end) = (format!("<{}>", self.asked), format!("</{}>", self.asked));
        let n = self.asked - 1;
        let typed = format!("echo \"<$(({n} + 1))>\"; {command}; echo \"</$(({n} + 1))>\"\n");
        let (mut heard, mut buffer) = (String::new(), [0; 4096]);
        let mut again = tokio::time::interval(Duration::from_secs(10));
        let asking = async {
            loop {
                if let Some(answer) = heard.split(&begin).nth(1).and_then(|a| a.split_once(&end)) {
                    return answer.0.trim().to_owned();
                }
                tokio::select! {
                    _ = again.tick() => self.line.write_all(typed.as_bytes()).await.unwrap(),
                    count = self.line.read(&mut buffer) => {
                        let count = count.unwrap();
                        assert_ne!(count, 0, "the console ended");
                        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the guest answers")
    }

    async fn write(&mut self, word: &str) {
        let command = format!("printf {word} | dd of=/dev/vdb conv=fsync 2>/dev/null; sync");
        self.run(&command).await;
    }

    async fn read(&mut self) -> String {
        self.run("dd if=/dev/vdb bs=4 count=1 iflag=direct 2>/dev/null || head -c 4 /dev/vdb").await
    }
}

async fn boots(world: &World, vm: &VmRef) -> Shell {
    world.power().start(&cx(), vm).await.unwrap();
    drop(world.hears(vm, BANNER).await);
    Shell::of(world, vm).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_a_running_guest_goes_back_to_what_it_had_written_and_to_what_it_did() {
    let world = World::new("snapshots-live").await;
    let mut spec = guest_spec("web");
    spec.disks.push(empty("data", 1 << 20, VolumeFormat::Raw));
    let root = world.upload("web-root").await;
    let data = volume(&world, "web-data", 1 << 20, VolumeFormat::Raw).await;
    let vm = world.make_on(&spec, &[bound("root", &root), bound("data", &data)]).await;
    let mut shell = boots(&world, &vm).await;
    shell.write("AAAA").await;
    // Quiesced by the agent, once that is there.
    let required = SnapshotSpec { quiesce: Quiesce::Required, ..SnapshotSpec::new("disks") };
    let disks = eventually("the agent is there", PATIENCE, || async {
        take_as(&world, &vm, &required).await.ok()
    })
    .await;
    assert_eq!(list(&world, &vm).await[0].consistency.value(), Some(&Consistency::Quiesced));
    shell.write("BBBB").await;
    let content = SnapshotContent::DisksAndMemory;
    let with_memory = SnapshotSpec { content, ..SnapshotSpec::new("memory") };
    shell.run("memory=was-here").await;
    let memory = take_as(&world, &vm, &with_memory).await.unwrap();
    assert_eq!(world.state(&vm).await.0, PowerState::Running);
    shell.write("CCCC").await;
    assert_eq!(shell.run("memory=gone; echo $memory").await, "gone");
    assert_eq!(shell.read().await, "CCCC");

    revert(&world, &vm, &memory).await;
    assert_eq!(world.state(&vm).await.0, PowerState::Running);
    let mut shell = Shell::of(&world, &vm).await;
    assert_eq!(shell.run("echo $memory").await, "was-here", "it goes on where it was");
    assert_eq!(shell.read().await, "BBBB");

    revert(&world, &vm, &disks).await;
    assert_eq!(world.state(&vm).await.0, PowerState::Stopped);
    let mut shell = boots(&world, &vm).await;
    assert_eq!(shell.read().await, "AAAA");
    shell.write("DDDD").await;
    // Both are deleted while it runs: "memory" lies on what the VM has left, "disks" below it.
    remove(&world, &vm, &memory).await;
    remove(&world, &vm, &disks).await;
    assert_eq!(names(&world, &vm).await, [""; 0]);
    assert_eq!(shell.read().await, "DDDD");
    assert_eq!(files(&world), BTreeSet::from(["web-root".to_owned(), "web-data".to_owned()]));
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    checked(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_uefi_guests_have_snapshots_too_and_what_virsh_took_is_listed_and_gone_back_to() {
    let world = World::new("snapshots-virsh").await;
    let mut spec = guest_spec("uefi");
    spec.disks = vec![empty("root", ROOT_BYTES, VolumeFormat::Qcow2)];
    spec.firmware.kind = FirmwareKind::Uefi;
    let root = volume(&world, "uefi-root", ROOT_BYTES, VolumeFormat::Qcow2).await;
    let uefi = world.make_on(&spec, &[bound("root", &root)]).await;
    let one = take(&world, &uefi, "one").await;
    revert(&world, &uefi, &one).await;
    remove(&world, &uefi, &one).await;

    // Inside of the disk, as virsh takes them by default.
    spec.name = "theirs".into();
    spec.firmware.kind = FirmwareKind::Bios;
    let root = volume(&world, "theirs-root", ROOT_BYTES, VolumeFormat::Qcow2).await;
    let vm = world.make_on(&spec, &[bound("root", &root)]).await;
    let path = "/var/lib/libvirt/images/theirs-root";
    qemu_io(&world, "qcow2", path, "write -P 1 0 64k");
    world.lab.virsh(["snapshot-create-as", "theirs", "inner", "their words"]).unwrap();
    qemu_io(&world, "qcow2", path, "write -P 2 0 64k");
    let seen = list(&world, &vm).await.remove(0);
    assert_eq!((seen.name.as_str(), seen.tag), ("inner", None));
    assert_eq!(seen.description.as_deref(), Some("their words"));
    assert_eq!(seen.disks.value().unwrap(), &["root"]);
    let inner = SnapshotRef { external_ref: seen.external_ref, name: seen.name };
    let operation = ids().next(OperationId::new);
    let request = Revert { operation, vm: &vm, snapshot: &inner };
    snapshots(&world).revert(&long(), &request).await.unwrap();
    assert!(!qemu_io(&world, "qcow2", path, "read -P 1 0 64k").contains("failed"));
    // Done once for one operation, whatever was written since.
    qemu_io(&world, "qcow2", path, "write -P 3 0 64k");
    snapshots(&world).revert(&long(), &request).await.unwrap();
    assert!(!qemu_io(&world, "qcow2", path, "read -P 3 0 64k").contains("failed"));
    // With another file laid on it, going back to it would destroy what that snapshot is made of.
    let outer = take(&world, &vm, "outer").await;
    let operation = ids().next(OperationId::new);
    let request = Revert { operation, vm: &vm, snapshot: &inner };
    let error = snapshots(&world).revert(&long(), &request).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
    let error = snapshots(&world).remove_snapshot(&cx(), &vm, &inner).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    qemu_io(&world, "qcow2", &top(&world, &vm, "vda").await.0, "write -P 4 0 64k");
    remove(&world, &vm, &outer).await;
    assert!(!qemu_io(&world, "qcow2", path, "read -P 4 0 64k").contains("failed"));
    assert_eq!(list(&world, &vm).await[0].is_current.value(), Some(&true));
    revert(&world, &vm, &inner).await;
    assert!(!qemu_io(&world, "qcow2", path, "read -P 1 0 64k").contains("failed"));
    remove(&world, &vm, &inner).await;
    assert_eq!(names(&world, &vm).await, [""; 0]);
    checked(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_daemon_killed_while_it_snapshots_or_merges_costs_no_byte() {
    let world = World::new("snapshots-killed").await;
    let vm = two_disks(&world, "web").await;
    write(&world, &vm, 1).await;
    let base = world.lab.images_dir().join("web-root");
    let before = std::fs::read(&base).unwrap();
    for (round, pause) in [5_u64, 40, 120, 400].into_iter().enumerate() {
        let (id, spec) = (ids().next(SnapshotId::new), SnapshotSpec::new(format!("s{round}")));
        let request = EnsureSnapshot { id, vm: &vm, spec: &spec };
        killed(&world, pause, snapshots(&world).ensure_snapshot(&cx(), &request)).await;
        assert!(std::fs::read(&base).unwrap() == before, "what was there is as it was");
        checked(&world);
        snapshots(&world).ensure_snapshot(&long(), &request).await.unwrap();
        let all = list(&world, &vm).await;
        assert_eq!(all.iter().filter(|one| one.tag == Some(id)).count(), 1, "{all:?}");
        holds(&world, &vm, 1).await;
    }
    assert!(std::fs::read(&base).unwrap() == before);
    let (path, format) = top(&world, &vm, "vda").await;
    qemu_io(&world, &format, &path, "write -P 9 1M 60M");
    write(&world, &vm, 2).await;
    for (round, pause) in [30_u64, 250, 600, 900].into_iter().enumerate() {
        let name = format!("s{}", 3 - round);
        let one = SnapshotRef { external_ref: name.clone(), name };
        killed(&world, pause, snapshots(&world).remove_snapshot(&cx(), &vm, &one)).await;
        end_the_forgotten(&world, &vm);
        // The hypervisor that merges for a VM that is off outlives the daemon; then it goes.
        remove(&world, &vm, &one).await;
        let (power, _) = world.state(&vm).await;
        assert!(matches!(power, PowerState::Stopped | PowerState::Failed), "{power:?}");
        checked(&world);
        holds(&world, &vm, 2).await;
        let (path, format) = top(&world, &vm, "vda").await;
        assert!(!qemu_io(&world, &format, &path, "read -P 9 1M 60M").contains("failed"));
    }
    // A disk that was not merged when the daemon died goes on lying on what it lay on; nothing is
    // left over.
    let lies =
        String::from_utf8(world.lab.virsh(["dumpxml", "--inactive", &vm.name]).unwrap().stdout)
            .unwrap();
    for file in files(&world) {
        assert!(lies.contains(&format!("/{file}'")), "{file} is nobody's: {lies}");
    }
    assert_eq!(names(&world, &vm).await, [""; 0]);
    checked(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_snapshots_and_reverts_that_come_after_they_were_given_up_happen_once() {
    let (world, relay) = super::late::relayed("late-snapshot").await;
    let world = &world;
    let vm = two_disks(world, "web").await;
    write(world, &vm, 1).await;
    let (id, spec) = (ids().next(SnapshotId::new), SnapshotSpec::new("one"));
    let request = &EnsureSnapshot { id, vm: &vm, spec: &spec };
    let mut held = relay.hold(DOMAIN_SNAPSHOT_CREATE_XML, "<name>one</name>");
    given_up(&mut held, |cx| async move {
        snapshots(world).ensure_snapshot(&cx, request).await.map(drop)
    })
    .await;
    let made = snapshots(world).ensure_snapshot(&long(), request).await.unwrap();
    assert!(made.created);
    write(world, &vm, 2).await;
    held.release();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(list(world, &vm).await.len(), 1);
    holds(world, &vm, 2).await;

    let operation = ids().next(OperationId::new);
    let request = &Revert { operation, vm: &vm, snapshot: &made.snapshot };
    let mut held = relay.hold(DOMAIN_DEFINE_XML_FLAGS, &operation.to_string());
    given_up(&mut held, |cx| async move { snapshots(world).revert(&cx, request).await.map(drop) })
        .await;
    let told = snapshots(world).revert(&long(), request).await.unwrap();
    holds(world, &vm, 1).await;
    write(world, &vm, 3).await;
    held.release();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(snapshots(world).revert(&long(), request).await.unwrap(), told);
    holds(world, &vm, 3).await;
    remove(world, &vm, &made.snapshot).await;
    holds(world, &vm, 3).await;
    checked(world);
}

/// Gives a call up once what it asks is on its way.
async fn given_up<F>(held: &mut Held, call: impl FnOnce(Cx) -> F)
where
    F: Future<Output = Result<()>>,
{
    let token = CancellationToken::new();
    let (ended, ()) = tokio::join!(call(long().with_cancel(token.clone())), async {
        held.came().await;
        token.cancel();
    });
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, true), "{error}");
}

/// libvirt writes down that a hypervisor runs once it has answered, so one that was being started
/// when the daemon was killed is forgotten, holding the files, and its guest has never run. Whoever
/// administers the host ends it; nobody can by libvirt.
fn end_the_forgotten(world: &World, vm: &VmRef) {
    let told = world.lab.virsh(["domstate", &vm.name]).unwrap();
    if String::from_utf8_lossy(&told.stdout).trim() == "shut off" {
        let ended = format!(
            "for it in /proc/[0-9]*; do tr '\\0' ' ' < $it/cmdline 2>/dev/null | \
             grep -q '^[^ ]*qemu-system.* -uuid {}' && kill -9 ${{it#/proc/}}; done; true",
            vm.external_ref
        );
        let status = std::process::Command::new("sh").args(["-c", &ended]).status();
        assert!(status.unwrap().success());
    }
}

/// Begins a call, kills the daemon under it after a while, drops the call, and starts the daemon.
async fn killed<T>(world: &World, after_ms: u64, call: impl Future<Output = Result<T>>) {
    let kill = async {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        world.lab.kill_libvirtd().unwrap();
    };
    {
        let mut call = std::pin::pin!(call);
        tokio::select! {
            biased;
            () = kill => {}
            // It was quicker; killing it now is as good a moment as any.
            _ = &mut call => world.lab.kill_libvirtd().unwrap(),
        }
    }
    world.lab.start_libvirtd().unwrap();
    eventually("the daemon is connected to again", PATIENCE, || async {
        world.libvirt.inventory(&cx()).await.ok()
    })
    .await;
}
