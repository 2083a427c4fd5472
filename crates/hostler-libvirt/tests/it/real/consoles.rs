//! Serial lines that get in nobody's way.

use std::time::Duration;

use futures_util::FutureExt;
use hostler_core::vm::observed::ConsoleKind;
use hostler_lab::guest::BANNER;
use hostler_lab::{Lab, LabOptions};
use hostler_libvirt::LibvirtConfig;
use hostler_provider::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::faults::idle;
use super::support::*;

const PATIENCE: Duration = Duration::from_secs(90);

async fn serial(world: &World, vm: &VmRef) -> Box<dyn ConsoleStream> {
    let console = world.libvirt.console().unwrap();
    console.open(&cx(), vm, ConsoleKind::Serial, true).await.unwrap()
}

/// Types to a shell until it answers: one that is just beginning may miss it.
async fn answers(line: &mut dyn ConsoleStream) {
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    let mut again = tokio::time::interval(Duration::from_secs(5));
    while !heard.contains("42-heard") {
        tokio::select! {
            _ = again.tick() => line.write_all(b"echo $((6 * 7))-heard\n").await.unwrap(),
            count = line.read(&mut buffer) => {
                let count = count.unwrap();
                assert_ne!(count, 0, "the console ended after {heard:?}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_what_is_typed_to_paused_guests_holds_up_nobody_else() {
    let world = World::new("flood").await;
    let mut flooded = Vec::new();
    for name in ["deaf-1", "deaf-2", "deaf-3"] {
        let vm = idle(&world, name).await;
        world.power().pause(&cx(), &vm).await.unwrap();
        let mut line = serial(&world, &vm).await;
        // Far more than the line takes while nobody reads it.
        line.write_all(&[b'x'; 30 << 10]).await.unwrap();
        flooded.push(line);
    }
    // An upload, a boot, and a console both ways.
    let vm = world.make(&guest_spec("well")).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let mut line = world.hears(&vm, BANNER).await;
    let answered = tokio::time::timeout(PATIENCE, answers(&mut *line)).await;
    answered.expect("the guest answers what is typed");
    // Nor did they lose their own: what was typed waits for the guest to go on.
    for mut line in flooded {
        let mut rest = Vec::new();
        assert!(line.read_to_end(&mut rest).now_or_never().is_none(), "it has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_console_of_a_daemon_that_hangs_is_told_lost() {
    let lab = Lab::start(&LabOptions::throwaway("hung-console")).unwrap();
    let config = LibvirtConfig { keepalive: Duration::from_secs(6), ..patient(lab.uri()) };
    let world = World::with(lab, config).await;
    let vm = idle(&world, "silent").await;
    let mut line = serial(&world, &vm).await;
    world.lab.pause_libvirtd().unwrap();
    let lost = tokio::time::timeout(PATIENCE, line.read_to_end(&mut Vec::new())).await;
    let error = lost.expect("nobody waits for a dead host").unwrap_err();
    assert!(error.to_string().contains("keepalive"), "{error}");
    world.lab.resume_libvirtd().unwrap();
}
