//! A host that is reached by TLS, with certificates of the lab's own authority.

use std::fs;
use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_core::vm::devices::GraphicsSpec;
use hostler_core::vm::observed::ConsoleKind;
use hostler_lab::guest::BANNER;
use hostler_lab::{Lab, LabOptions};
use hostler_libvirt::{ConnectionState, Libvirt};
use hostler_provider::*;

use super::faults::told;
use super::support::*;

const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_host_is_reached_by_tls_with_its_serial_lines() {
    let lab = Lab::start(&LabOptions::throwaway("tls")).unwrap();
    let listener = lab.listen_tls().unwrap();
    let world = World::over(lab, listener.uri()).await;
    let mut spec = guest_spec("encrypted");
    spec.graphics = Some(GraphicsSpec::Vnc);
    let vm = world.make(&spec).await;
    world.power().start(&cx(), &vm).await.unwrap();
    drop(world.hears(&vm, BANNER).await);

    // Its screen is told why not, and what to do.
    let console = world.libvirt.console().unwrap();
    let opened = console.open(&cx(), &vm, ConsoleKind::Vnc, false).await;
    let Err(error) = opened else { panic!("no way is known") };
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
    assert!(error.message().contains("only be reached on its own host"), "{error}");
    assert!(error.message().contains("qemu+ssh"), "{error}");

    // Looking for the gap would miss it now and then: it lasts less than a second.
    let mut changes = world.libvirt.watch().unwrap().subscribe().await.unwrap();
    listener.cut();
    told(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    eventually("the host is connected to again", PATIENCE, || async {
        world.libvirt.inventory(&cx()).await.ok()
    })
    .await;
    assert_eq!(world.state(&vm).await.0, PowerState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn c31_when_tls_gives_no_connection_it_says_who_has_to_mend_it() {
    let lab = Lab::start(&LabOptions::throwaway("tls-refused")).unwrap();
    let listener = lab.listen_tls().unwrap();
    let rogue = listener.rogue_directory();
    // Ours are signed by somebody whom the host does not know, though we know the host.
    let unsigned = tempfile::tempdir().unwrap();
    for name in ["clientcert.pem", "clientkey.pem"] {
        fs::copy(rogue.join(name), unsigned.path().join(name)).unwrap();
    }
    fs::copy(listener.directory().join("cacert.pem"), unsigned.path().join("cacert.pem")).unwrap();
    let missing = tempfile::tempdir().unwrap();
    fs::copy(listener.directory().join("cacert.pem"), missing.path().join("cacert.pem")).unwrap();
    let table = [
        // The rogue bears the same name, so only its signature tells.
        (listener.uri_with("localhost", &rogue), "not to be believed", "BadSignature"),
        (
            listener.uri_with("127.0.0.1", listener.directory()),
            "not to be believed",
            "not valid for name",
        ),
        (listener.uri_with("localhost", unsigned.path()), "does not accept our", "client cert"),
        (listener.uri_with("localhost", missing.path()), "cannot be used", "clientkey.pem"),
    ];
    for (uri, told, words) in table {
        let libvirt = Libvirt::new(patient(uri));
        let error = libvirt.inventory(&cx()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{error}: {:?}", error.raw());
        assert!(error.message().contains(told), "{error}");
        assert!(error.raw().unwrap().contains(words), "{:?}", error.raw());
        let state = libvirt.connection();
        assert!(matches!(state, ConnectionState::Lost { denied: true, .. }), "{state:?}");
    }
}
