//! Where nothing answers.

use std::time::Duration;

use hostler_libvirt::{ConnectionState, Libvirt, LibvirtConfig};
use hostler_provider::*;

fn cx() -> Cx {
    Cx::within(Duration::from_secs(30))
}

#[tokio::test]
async fn d1_a_daemon_that_is_not_there_is_no_obstacle_to_begin_with() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none");
    let uri = format!("qemu+unix:///system?socket={}", socket.display());
    let libvirt = Libvirt::new(LibvirtConfig::new(uri));
    let error = libvirt.probe(&cx()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(!error.message().contains("none"), "no paths in public: {error}");
    assert!(error.raw().is_some_and(|raw| raw.contains("none")));
    let ConnectionState::Lost { attempts, .. } = libvirt.connection() else { panic!() };
    assert!(attempts >= 1);

    let libvirt = Libvirt::new(LibvirtConfig::new("not a uri"));
    let error = libvirt.probe(&cx()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "waiting does not help: {error}");
    assert!(LibvirtConfig::new("not a uri").check().is_err());
}
