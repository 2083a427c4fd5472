//! Which consoles may be opened, and what a stream that broke off means.

use futures_util::SinkExt;
use hostler_core::vm::PowerState;
use hostler_core::{Fact, Timestamp};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::after::{After, after, has_ended};
use super::*;
use crate::mapper::{Source, Surroundings, map_vm};
use crate::objects::{self, VirtualMachine, VirtualMachineInstance};

/// A VM whose instance says this of its status.
fn seen(status: &Value, devices: &Value) -> MappedVm {
    let metadata = json!({ "name": "web", "namespace": "default", "uid": "u1" });
    let mut of_instance = metadata.clone();
    of_instance["uid"] = json!("run-1");
    let vm: VirtualMachine = objects::read(json!({
        "kind": "VirtualMachine", "metadata": metadata, "spec": { "runStrategy": "Always" },
    }))
    .expect("a VM");
    let vmi: VirtualMachineInstance = objects::read(json!({
        "kind": "VirtualMachineInstance", "metadata": of_instance, "status": status,
        "spec": { "domain": { "devices": devices } },
    }))
    .expect("an instance");
    let at = Timestamp::from_millis(0);
    map_vm(Source::Both(&vm, &vmi), &Surroundings::default(), at).expect("named")
}

fn running() -> MappedVm {
    seen(&json!({ "phase": "Running", "nodeName": "n1" }), &json!({}))
}

fn kind_of(seen: &MappedVm, kind: ConsoleKind) -> Option<Kind> {
    may_be_opened(seen, kind, "cannot open").err().map(|error| error.kind())
}

#[test]
fn f1_a_console_is_opened_of_what_runs_and_has_it() {
    let opened = may_be_opened(&running(), ConsoleKind::Serial, "cannot open");
    assert_eq!(opened.ok().as_deref(), Some("run-1"));
    for (phase, wanted) in [
        ("Scheduling", Some(Kind::Conflict)),
        ("Scheduled", Some(Kind::Conflict)),
        ("Running", None),
        ("Succeeded", Some(Kind::Conflict)),
        ("Failed", Some(Kind::Conflict)),
        ("Unknown", Some(Kind::Conflict)),
    ] {
        let seen = seen(&json!({ "phase": phase }), &json!({}));
        assert_eq!(kind_of(&seen, ConsoleKind::Vnc), wanted, "{phase}");
    }
}

#[test]
fn f1_a_device_that_is_not_there_is_unsupported_and_one_that_is_not_known_is_asked_for() {
    let status = json!({ "phase": "Running" });
    let bare = seen(&status, &json!({ "autoattachSerialConsole": false }));
    assert_eq!(kind_of(&bare, ConsoleKind::Serial), Some(Kind::Unsupported));
    assert_eq!(kind_of(&bare, ConsoleKind::Vnc), None);
    let mut untold = running();
    untold.vm.consoles = Fact::unavailable("test", "not told");
    assert_eq!(kind_of(&untold, ConsoleKind::Serial), None);
}

#[test]
fn f4_a_stream_that_broke_off_goes_on_only_where_its_vm_moved() {
    let moving = json!({ "phase": "Running", "nodeName": "n1", "migrationState": {
        "startTimestamp": "2026-11-21T02:40:00Z", "targetNode": "n2",
    } });
    let moved = json!({ "phase": "Running", "nodeName": "n2" });
    let after = |now: Option<&MappedVm>| after("run-1", Some("n1"), now);
    assert_eq!(after(Some(&running())), After::CutOff);
    assert_eq!(after(Some(&seen(&moving, &json!({})))), After::Moving);
    assert_eq!(after(Some(&seen(&moved, &json!({})))), After::Moved(Some("n2".into())));
    assert_eq!(after(Some(&seen(&json!({ "phase": "Succeeded" }), &json!({})))), After::Over);
    assert_eq!(after(None), After::Over);
    let mut restarted = seen(&moved, &json!({}));
    restarted.instance_uid = Some("run-2".into());
    assert_eq!(after(Some(&restarted)), After::Over, "another run of it");
    let mut stopping = running();
    stopping.vm.power = PowerState::Stopping;
    assert_eq!(after(Some(&stopping)), After::Over);
}

#[test]
fn f4_a_vm_that_shuts_down_may_still_speak() {
    let mut now = running();
    assert!(!has_ended("run-1", Some(&now)));
    now.vm.power = PowerState::Stopping;
    assert!(!has_ended("run-1", Some(&now)));
    now.vm.power = PowerState::Unknown;
    assert!(!has_ended("run-1", Some(&now)));
    now.vm.power = PowerState::Stopped;
    assert!(has_ended("run-1", Some(&now)));
    assert!(has_ended("run-0", Some(&running())));
    assert!(has_ended("run-1", None));
}

#[tokio::test]
async fn f1_a_console_has_one_holder_and_is_forgotten_with_the_last() {
    let consoles = Arc::new(Consoles::default());
    let vm = VmRef { external_ref: "u1".into(), name: "web".into() };
    let place = Consoles::place(&consoles, &vm, ConsoleKind::Serial);
    assert!(!place.is_held());
    let first = place.hold();
    let screen = Consoles::place(&consoles, &vm, ConsoleKind::Vnc);
    assert_eq!((place.is_held(), screen.is_held(), consoles.count()), (true, false, 2));
    drop(screen);
    let second = place.hold();
    first.taken_over().await;
    drop(first);
    assert!(place.is_held(), "the one who was there does not take it along");
    drop(place);
    assert_eq!(consoles.count(), 1);
    drop(second);
    assert_eq!(consoles.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn f1_a_screen_is_one_only_when_it_says_so() {
    let story = async |frames: Vec<Message>, stays: bool| {
        let (ours, theirs) = tokio::io::duplex(4096);
        let mut ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let mut theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        for frame in frames {
            theirs.send(frame).await.unwrap();
        }
        let kept = stays.then_some(theirs);
        let heard = greeting(&mut ours, "cannot open").await;
        drop(kept);
        heard.map_err(|error| error.kind())
    };
    let cut =
        vec![Message::binary("RFB 00"), Message::Ping("".into()), Message::binary("3.008\n!")];
    assert_eq!(story(cut, true).await, Ok(b"RFB 003.008\n!".to_vec()));
    let other = vec![Message::binary("SSH-2.0-OpenSSH\r\n")];
    assert_eq!(story(other, true).await, Err(Kind::Unsupported));
    assert_eq!(story(vec![Message::Close(None)], true).await, Err(Kind::Unavailable));
    assert_eq!(story(Vec::new(), false).await, Err(Kind::Unavailable));
    assert_eq!(story(Vec::new(), true).await, Err(Kind::Timeout));
}
