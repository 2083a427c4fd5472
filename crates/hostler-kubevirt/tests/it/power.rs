//! KubeVirt's verbs over real connections: what is asked for, what that does to the
//! run strategy, and when a verb is done.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_kube_double::{Fault, Options, What};
use hostler_provider::{Cx, Kind, Progress, ProgressSink, Result, StopMode, VmRef};
use serde_json::{Value, json};

use crate::place::{PATIENCE, Place, busy, cx, machine};

const START: &str = "virtualmachines/start";
const STOP: &str = "virtualmachines/stop";
const RESTART: &str = "virtualmachines/restart";
const SOFTREBOOT: &str = "virtualmachineinstances/softreboot";

#[tokio::test]
async fn e8_start_and_stop_are_seen_when_they_return_and_asked_once() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let within = Duration::from_secs(20);
    let modes =
        [StopMode::Force, StopMode::Graceful { within }, StopMode::GracefulThenForce { within }];
    for (round, mode) in (1..).zip(modes) {
        for _ in 0..2 {
            place.power().start(&cx(), &vm).await.unwrap();
            assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
        }
        assert_eq!((place.asked(START), place.strategy("web")), (round, "Always".into()));
        for _ in 0..2 {
            place.power().stop(&cx(), &vm, mode).await.unwrap();
            assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
        }
        assert_eq!((place.asked(STOP), place.strategy("web")), (round, "Halted".into()));
    }
}

/// Remembers what was told as progress.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl ProgressSink for Notes {
    fn progress(&self, progress: Progress) {
        self.0.lock().unwrap().push(progress.note);
    }

    fn checkpoint(&self, _: Value) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn x25_whoever_stops_what_a_tool_keeps_running_is_told() {
    let place = Place::start(busy()).await;
    let mut web = machine("default", "web", "Always");
    web["metadata"]["annotations"] = json!({ "argocd.argoproj.io/tracking-id": "shop:web" });
    place.double.put(web).unwrap();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Running).await;
    let notes = Arc::new(Notes::default());
    place.power().stop(&cx().with_sink(notes.clone()), &vm, StopMode::Force).await.unwrap();
    let told = notes.0.lock().unwrap().join("\n");
    assert!(told.contains("it is kept by argocd (shop:web)"), "{told}");
    assert!(told.contains("it is Always and starts again"), "{told}");
    // And turning it on again, which makes another strategy of Halted.
    assert_eq!(place.strategy("web"), "Halted");
    let notes = Arc::new(Notes::default());
    place.until(&vm, PowerState::Stopped).await;
    place.power().start(&cx().with_sink(notes.clone()), &vm).await.unwrap();
    let told = notes.0.lock().unwrap().join("\n");
    assert!(told.contains("it is Halted and stops again"), "{told}");
}

#[tokio::test]
async fn x25_a_verb_leaves_manual_and_rerun_on_failure_as_they_are_and_writes_nothing_itself() {
    let place = Place::start(busy()).await;
    for (name, strategy, first) in [
        ("manual", "Manual", PowerState::Stopped),
        ("rerun", "RerunOnFailure", PowerState::Running),
    ] {
        let vm = place.made(name, strategy, first).await;
        place.power().start(&cx(), &vm).await.unwrap();
        place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
        assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
        place.power().start(&cx(), &vm).await.unwrap();
        assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
        assert_eq!(place.strategy(name), strategy);
    }
    let counts = place.double.counts();
    let writes = ["create", "update", "patch", "apply", "delete"];
    for (verb, class, count) in counts.each() {
        let is_verb = class.contains('/');
        assert!(is_verb || !writes.contains(&verb), "{verb} {class}: {count}");
    }
}

#[tokio::test]
async fn x25_once_is_not_made_always_by_a_stop_and_a_start() {
    let place = Place::start(busy()).await;
    let vm = place.made("once", "Once", PowerState::Running).await;
    for mode in [StopMode::Force, StopMode::Graceful { within: PATIENCE }] {
        let refused = place.power().stop(&cx(), &vm, mode).await.unwrap_err();
        assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
        assert!(refused.message().contains("Manual"), "{refused}");
    }
    assert_eq!((place.asked(STOP), place.strategy("once")), (0, "Once".into()));
    assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
    // Its guest shuts itself down: then it may not run again.
    let ends = |instance: &mut serde_json::Value| instance["status"]["phase"] = json!("Succeeded");
    place.double.edit("virtualmachineinstances", "default", "once", ends).unwrap();
    place.until(&vm, PowerState::Stopped).await;
    place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    let refused = place.power().start(&cx(), &vm).await.unwrap_err();
    assert_eq!((refused.kind(), place.asked(START)), (Kind::Conflict, 0));
}

#[tokio::test]
async fn e8_a_forced_stop_leaves_the_guest_no_time_and_a_graceful_one_its_own() {
    let place = Place::start(Options::default()).await;
    place.double.seed_vms(3).unwrap();
    let within = Duration::from_millis(6_500);
    let rows = [
        ("vm-00000", StopMode::Force, json!(0)),
        ("vm-00001", StopMode::GracefulThenForce { within }, json!(7)),
        ("vm-00002", StopMode::Graceful { within: PATIENCE }, json!(180)),
    ];
    for (name, mode, grace) in rows {
        place
            .double
            .edit("virtualmachineinstances", "default", name, |instance| {
                instance["spec"]["terminationGracePeriodSeconds"] = json!(180);
            })
            .unwrap();
        let vm = place.vm(name);
        place.until(&vm, PowerState::Running).await;
        let (cx, before) = (cx(), place.asked(STOP));
        let told = async {
            while place.asked(STOP) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let found = place.double.get("virtualmachineinstances", "default", name).unwrap();
            assert_eq!(found["spec"]["terminationGracePeriodSeconds"], grace, "{mode:?}");
            place.double.settle();
        };
        let (stopped, ()) = tokio::join!(place.power().stop(&cx, &vm, mode), told);
        stopped.unwrap();
        assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
    }
}

#[tokio::test]
async fn e8_a_guest_that_takes_longer_than_one_waits_is_a_timeout_of_unknown_effect() {
    let place = Place::start(Options::default()).await;
    place.double.seed_vms(1).unwrap();
    let vm = place.vm("vm-00000");
    let mode = StopMode::Graceful { within: Duration::from_millis(200) };
    let late = place.power().stop(&cx(), &vm, mode).await.unwrap_err();
    assert_eq!((late.kind(), late.is_unknown()), (Kind::Timeout, true));
    // Asked again it waits for the same stop.
    let told = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        place.double.settle();
    };
    let (cx, mode) = (cx(), StopMode::Graceful { within: PATIENCE });
    let (stopped, ()) = tokio::join!(place.power().stop(&cx, &vm, mode), told);
    stopped.unwrap();
    assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
}

#[tokio::test]
async fn e8_a_guest_with_an_agent_is_asked_to_reboot_and_one_without_is_restarted() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Always", PowerState::Running).await;
    let instance = || {
        let found = place.double.get("virtualmachineinstances", "default", "web");
        found.map(|one| one["metadata"]["uid"].clone())
    };
    place
        .double
        .edit("virtualmachineinstances", "default", "web", |instance| {
            let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
            conditions.retain(|one| one["type"] != "AgentConnected");
        })
        .unwrap();
    let first = instance();
    tokio::time::sleep(Duration::from_millis(100)).await;
    place.power().reboot(&cx(), &vm).await.unwrap();
    assert_eq!((place.asked(RESTART), place.asked(SOFTREBOOT)), (1, 0));
    let renewed = async {
        while instance().is_none() || instance() == first {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();
    place.until(&vm, PowerState::Running).await;
    place
        .double
        .edit("virtualmachineinstances", "default", "web", |instance| {
            let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
            conditions.retain(|one| one["type"] != "AgentConnected");
            conditions.push(json!({ "type": "AgentConnected", "status": "True" }));
        })
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    place.power().reboot(&cx(), &vm).await.unwrap();
    assert_eq!((place.asked(RESTART), place.asked(SOFTREBOOT)), (1, 1));
}

#[tokio::test]
async fn e8_once_is_asked_to_reboot_since_it_may_not_be_restarted() {
    let place = Place::start(busy()).await;
    let vm = place.made("once", "Once", PowerState::Running).await;
    place.power().reboot(&cx(), &vm).await.unwrap();
    assert_eq!((place.asked(RESTART), place.asked(SOFTREBOOT)), (0, 1));
}

#[tokio::test]
async fn e8_pause_resume_and_reset_do_so_and_refuse_what_is_off() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    let kinds = |error: hostler_provider::Error| error.kind();
    assert_eq!(place.power().pause(&cx(), &vm).await.map_err(kinds), Err(Kind::Conflict));
    assert_eq!(place.power().resume(&cx(), &vm).await.map_err(kinds), Err(Kind::Conflict));
    assert_eq!(place.power().reset(&cx(), &vm).await.map_err(kinds), Err(Kind::Conflict));
    assert_eq!(place.power().reboot(&cx(), &vm).await.map_err(kinds), Err(Kind::Conflict));
    assert_eq!(place.power().save(&cx(), &vm).await.map_err(kinds), Err(Kind::Unsupported));
    place.power().start(&cx(), &vm).await.unwrap();
    for _ in 0..2 {
        place.power().pause(&cx(), &vm).await.unwrap();
        assert_eq!(place.listed(&vm).await, Some(PowerState::Paused));
    }
    assert_eq!(place.power().start(&cx(), &vm).await.map_err(kinds), Err(Kind::Conflict));
    for _ in 0..2 {
        place.power().resume(&cx(), &vm).await.unwrap();
        assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
    }
    place.power().reset(&cx(), &vm).await.unwrap();
    assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
    place.power().pause(&cx(), &vm).await.unwrap();
    place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
}

#[tokio::test]
async fn e8_verbs_on_an_absent_vm_are_not_found() {
    let place = Place::start(busy()).await;
    let vm = VmRef { external_ref: "6b6ff8b4-aaaa".into(), name: "ghost".into() };
    let power = place.power();
    let cx = cx();
    for error in [
        power.start(&cx, &vm).await.unwrap_err(),
        power.stop(&cx, &vm, StopMode::Force).await.unwrap_err(),
        power.reboot(&cx, &vm).await.unwrap_err(),
        power.pause(&cx, &vm).await.unwrap_err(),
        power.save(&cx, &vm).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.is_unknown()), (Kind::NotFound, false), "{error}");
    }
}

#[tokio::test]
async fn e8_a_vm_made_anew_under_the_same_name_is_not_the_one_that_was_meant() {
    let place = Place::start(busy()).await;
    let old = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.remove("virtualmachines", "default", "web").unwrap();
    let gone = async {
        while place.double.get("virtualmachines", "default", "web").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    let new = place.made("web", "Halted", PowerState::Stopped).await;
    assert_ne!(old.external_ref, new.external_ref);
    // The new one is asked for by whoever does not know it; that the old one went is told.
    let told = async {
        while place.seen(&old).await.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    let refused = place.power().start(&cx(), &old).await.unwrap_err();
    assert_eq!((refused.kind(), place.asked(START)), (Kind::NotFound, 0));
}

#[tokio::test]
async fn e8_a_lost_answer_is_of_unknown_effect_and_asking_again_is_harmless() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.fault(Fault::new(What::LoseAnswer).class(START).times(1));
    let lost = place.power().start(&cx(), &vm).await.unwrap_err();
    assert_eq!((lost.kind(), lost.is_unknown()), (Kind::Unavailable, true));
    place.power().start(&cx(), &vm).await.unwrap();
    assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
}

#[tokio::test]
async fn e8_a_start_that_never_comes_to_run_says_where_it_stands() {
    let place = Place::start(Options::default()).await;
    place.double.seed_stopped_vms(1).unwrap();
    let vm = place.vm("vm-00000");
    let late = place.power().start(&Cx::within(Duration::from_secs(1)), &vm).await.unwrap_err();
    assert_eq!((late.kind(), late.is_unknown()), (Kind::Timeout, true));
    assert!(late.message().contains("it is stopped"), "{late}");
}

#[tokio::test]
async fn e8_an_instance_without_a_vm_is_paused_but_never_stopped_since_it_would_be_gone() {
    let place = Place::start(busy()).await;
    let mut alone = machine("default", "alone", "Always");
    alone["kind"] = json!("VirtualMachineInstance");
    alone["spec"] = alone["spec"]["template"]["spec"].clone();
    let made = place.double.put(alone).unwrap();
    let external_ref = made["metadata"]["uid"].as_str().unwrap().to_owned();
    let vm = VmRef { external_ref, name: "alone".into() };
    place.until(&vm, PowerState::Running).await;
    place.power().start(&cx(), &vm).await.unwrap();
    place.power().pause(&cx(), &vm).await.unwrap();
    assert_eq!(place.listed(&vm).await, Some(PowerState::Paused));
    place.power().resume(&cx(), &vm).await.unwrap();
    place.power().reboot(&cx(), &vm).await.unwrap();
    assert_eq!((place.asked(RESTART), place.asked(SOFTREBOOT)), (0, 1));
    let refused = place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap_err();
    assert_eq!((refused.kind(), place.asked(STOP)), (Kind::Unsupported, 0), "{refused}");
    assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
}

#[tokio::test]
async fn e8_a_verb_that_is_cancelled_before_it_began_asks_nothing() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let token = tokio_util::sync::CancellationToken::new();
    token.cancel();
    let cancelled = place.power().start(&cx().with_cancel(token), &vm).await.unwrap_err();
    assert_eq!((cancelled.kind(), cancelled.is_unknown()), (Kind::Cancelled, false));
    assert_eq!(place.asked(START), 0);
}
