//! A host that is reached by SSH: a real server, real keys, and the helper that
//! libvirt brings. Everything of the server is the lab's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_core::vm::devices::GraphicsSpec;
use hostler_core::vm::observed::ConsoleKind;
use hostler_lab::guest::BANNER;
use hostler_lab::{Lab, LabOptions, SshServer};
use hostler_libvirt::{ConnectionState, Libvirt, LibvirtConfig};
use hostler_provider::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::faults::{idle, told};
use super::support::*;

const PATIENCE: Duration = Duration::from_secs(90);
/// What ssh is given as two arguments to reach a socket of the host, and nothing
/// else is given.
const FORWARDING: &str = "-N\0-L\0";

async fn world(name: &str) -> (World, SshServer) {
    let lab = Lab::start(&LabOptions::throwaway(name)).unwrap();
    let server = lab.ssh_server().unwrap();
    let uri = server.uri();
    (World::over(lab, uri).await, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_host_is_reached_by_ssh_and_found_again_after_the_network_failed() {
    let (world, server) = world("ssh").await;
    let vm = idle(&world, "far").await;
    let mut changes = world.libvirt.watch().unwrap().subscribe().await.unwrap();
    world.lab.virsh(["suspend", "far"]).unwrap();
    told(&mut changes, |change| *change == Change::Vm(vm.clone())).await;
    assert_eq!(world.state(&vm).await.0, PowerState::Paused);

    let console = world.libvirt.console().unwrap();
    let mut line = console.open(&cx(), &vm, ConsoleKind::Serial, true).await.unwrap();
    while changes.try_recv().is_ok() {}
    server.cut();
    // A line that was lost does not look like one that the guest has closed.
    let lost = tokio::time::timeout(PATIENCE, line.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(lost.unwrap_err().to_string().contains("closed"));
    told(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    eventually("the host is connected to again", PATIENCE, || async {
        world.libvirt.inventory(&cx()).await.ok()
    })
    .await;
    while changes.try_recv().is_ok() {}
    // Registered anew: events come as before.
    world.lab.virsh(["resume", "far"]).unwrap();
    told(&mut changes, |change| *change == Change::Vm(vm.clone())).await;
    assert_eq!(world.state(&vm).await.0, PowerState::Running);

    // Every connection is a process, and none is left behind.
    drop(world.libvirt);
    eventually("all ssh processes have ended", PATIENCE, || async {
        (ssh_processes("") == 0).then_some(())
    })
    .await;
}

/// How many ssh processes with these words among their arguments this one has
/// started and not buried.
fn ssh_processes(words: &str) -> usize {
    let own = format!("PPid:\t{}\n", std::process::id());
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let read = |path: &Path, file| std::fs::read_to_string(path.join(file)).unwrap_or_default();
    let is_ours = |path: &PathBuf| {
        let status = read(path, "status");
        status.starts_with("Name:\tssh\n") && status.contains(&own)
    };
    processes.filter(is_ours).filter(|path| read(path, "cmdline").contains(words)).count()
}

/// Why a host cannot be used, and whether waiting may help.
async fn refused(uri: String) -> (Error, bool) {
    let libvirt = Libvirt::new(LibvirtConfig { uri, ..patient(String::new()) });
    let error = libvirt.inventory(&cx()).await.unwrap_err();
    let ConnectionState::Lost { denied, .. } = libvirt.connection() else {
        panic!("connected although {error}")
    };
    (error, denied)
}

#[tokio::test(flavor = "multi_thread")]
async fn c31_when_ssh_gives_no_connection_it_says_who_has_to_mend_it() {
    let lab = Lab::start(&LabOptions::throwaway("ssh-refused")).unwrap();
    let server = lab.ssh_server().unwrap();
    let table = [
        (server.uri_with("stranger", "known_hosts"), "authorized_keys", "Permission denied ("),
        (server.uri_with("user", "other_known_hosts"), "known_hosts", "HAS CHANGED"),
        (server.uri_with("user", "empty_known_hosts"), "known_hosts", "verification failed"),
        (server.uri_with("no-such-key", "known_hosts"), "keyfile", "no-such-key"),
    ];
    for (uri, remedy, words) in table {
        let (error, denied) = refused(uri).await;
        assert!(error.kind() == Kind::Denied && denied, "{error}: {:?}", error.raw());
        assert!(error.message().contains(remedy), "{error}");
        let raw = error.raw().unwrap();
        assert!(raw.contains(words), "{raw}");
        assert!(!error.message().contains(words), "ssh's own words are for administrators");
    }
    let without_helper = format!("{}&helper=no-such-helper", server.uri());
    let (error, denied) = refused(without_helper).await;
    assert!(error.message().contains("virt-ssh-helper") && !denied, "{error}");
    assert!(error.raw().unwrap().contains("no-such-helper"), "{:?}", error.raw());

    lab.stop_libvirtd().unwrap();
    let (error, denied) = refused(server.uri()).await;
    assert!(error.kind() == Kind::Unavailable && !denied, "{error}");
    let raw = error.raw().unwrap();
    assert!(raw.contains("libvirt does not answer there"), "{raw}");

    let uri = server.uri();
    drop(server);
    let (error, denied) = refused(uri).await;
    assert!(error.kind() == Kind::Unavailable && !denied, "{error}");
}

/// What an RFB server says, up to the kinds of authentication that it offers.
async fn kinds(screen: &mut Box<dyn ConsoleStream>) -> Vec<u8> {
    let mut version = [0; 12];
    screen.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    screen.write_all(&version).await.unwrap();
    let count = usize::from(screen.read_u8().await.unwrap());
    let mut kinds = vec![0; count];
    screen.read_exact(&mut kinds).await.unwrap();
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_consoles_reach_the_very_vm_through_ssh() {
    let (world, server) = world("ssh-console").await;
    let mut spec = guest_spec("shown");
    spec.graphics = Some(GraphicsSpec::Vnc);
    let vm = world.make(&spec).await;
    world.power().start(&cx(), &vm).await.unwrap();
    drop(world.hears(&vm, BANNER).await);

    // A VM made here listens on a socket of its host.
    let console = world.libvirt.console().unwrap();
    let mut screen = console.open(&cx(), &vm, ConsoleKind::Vnc, false).await.unwrap();
    assert_eq!(kinds(&mut screen).await, [1], "no password");
    assert_eq!(ssh_processes(FORWARDING), 1);
    drop(screen);
    eventually("the process ends with the screen", PATIENCE, || async {
        (ssh_processes(FORWARDING) == 0).then_some(())
    })
    .await;

    // One made by others may listen on a port, with a password of theirs.
    let theirs = foreign(&world, "theirs", "passwd='secret'").await;
    let mut screen = console.open(&cx(), &theirs, ConsoleKind::Vnc, false).await.unwrap();
    assert_eq!(kinds(&mut screen).await, [2], "theirs to ask for");
    drop(screen);

    // A user who may log in but forward nothing.
    let restricted = Libvirt::new(patient(server.uri_with("restricted", "known_hosts")));
    for (vm, words) in [(&vm, "not forwarded"), (&theirs, "prohibited")] {
        let opened = restricted.console().unwrap().open(&cx(), vm, ConsoleKind::Vnc, false).await;
        let Err(error) = opened else { panic!("forwarded") };
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.message().contains("AllowTcpForwarding"), "{error}");
        assert!(error.raw().unwrap().contains(words), "{:?}", error.raw());
    }
    drop(world.hears(&theirs, "").await);
}

/// A running VM with a screen on a port of the host's loopback.
async fn foreign(world: &World, name: &str, options: &str) -> VmRef {
    let file = tempfile::NamedTempFile::new().unwrap();
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>48</memory>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os><devices><serial type='pty'/>\
         <graphics type='vnc' autoport='yes' {options}>\
         <listen type='address' address='127.0.0.1'/></graphics></devices></domain>"
    );
    std::fs::write(file.path(), xml).unwrap();
    world.lab.virsh(["define", file.path().to_str().unwrap()]).unwrap();
    world.lab.virsh(["start", name]).unwrap();
    let all = world.libvirt.inventory(&cx()).await.unwrap();
    let vm = all.vms.iter().find(|vm| vm.name == name).unwrap();
    VmRef { external_ref: vm.external_ref.clone(), name: name.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_another_vms_screen_at_the_same_address_is_not_shown() {
    let (world, _server) = world("ssh-swapped").await;
    let (mine, others) = (foreign(&world, "mine", "").await, foreign(&world, "others", "").await);
    let port = |vm: &VmRef| {
        let said = world.lab.virsh(["domdisplay", &vm.name]).unwrap().stdout;
        let display =
            String::from_utf8(said).unwrap().trim().rsplit_once(':').unwrap().1.to_owned();
        (5900 + display.parse::<u16>().unwrap()).to_string()
    };
    // Whoever comes to mine ends up at the other's, which greets like any.
    let mut redirect = world.lab.command_within("iptables");
    redirect.args(["-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", &port(&mine)]);
    redirect.args(["-j", "REDIRECT", "--to-ports", &port(&others)]);
    hostler_lab::run_quietly(&mut redirect).unwrap();
    let console = world.libvirt.console().unwrap();
    let Err(error) = console.open(&cx(), &mine, ConsoleKind::Vnc, false).await else {
        panic!("shown")
    };
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(error.message().contains("another VM's screen"), "{error}");
    drop(console.open(&cx(), &others, ConsoleKind::Vnc, false).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_says_nothing_is_not_waited_for_without_limit() {
    let (world, _server) = world("ssh-hung").await;
    let vm = foreign(&world, "hung", "").await;
    let process = world.lab.qemu_pid("hung").unwrap();
    world.lab.signal(process, 19).unwrap();
    // Its port still accepts connections, as would anybody's.
    let console = world.libvirt.console().unwrap();
    let opened = console.open(&cx(), &vm, ConsoleKind::Vnc, false).await;
    let Err(error) = opened else { panic!("shown") };
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
    world.lab.signal(process, 18).unwrap();
}
