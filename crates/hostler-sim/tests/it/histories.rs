//! Random histories: whatever is called in whatever order, with faults at any
//! point, the world keeps its promises.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_provider::{Create, Kind, Power, Result, StopMode, Storage, VmRef};
use hostler_sim::{Sim, When};
use proptest::prelude::*;

use crate::support::{cx, ensure_vm, id, small, volume};

/// A call on VM number `vm`, perhaps struck by a fault.
#[derive(Debug, Clone, Copy)]
struct Step {
    verb: u8,
    vm: u64,
    fault: Option<When>,
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        4 => Just(None),
        1 => prop_oneof![Just(When::Before), Just(When::Midway), Just(When::After)].prop_map(Some),
    ];
    (0_u8..9, 0_u64..3, fault).prop_map(|(verb, vm, fault)| Step { verb, vm, fault })
}

fn name(vm: u64) -> String {
    format!("vm-{vm}")
}

async fn take(sim: &Sim, step: Step, vm: Option<&VmRef>) -> Result<()> {
    let Some(vm) = vm else { return ensure_vm(sim, id(step.vm), &name(step.vm)).await.map(drop) };
    match step.verb {
        0 => ensure_vm(sim, id(step.vm), &name(step.vm)).await.map(drop),
        1 => sim.start(&cx(), vm).await,
        2 => sim.stop(&cx(), vm, StopMode::Force).await,
        3 => sim.stop(&cx(), vm, StopMode::Graceful { within: Duration::from_secs(1) }).await,
        4 => sim.pause(&cx(), vm).await,
        5 => sim.resume(&cx(), vm).await,
        6 => sim.save(&cx(), vm).await,
        7 => sim.remove_vm(&cx(), vm).await,
        _ => sim.remove_volume(&cx(), &volume(&format!("{}-root", vm.name))).await,
    }
}

async fn history(steps: &[Step]) -> std::result::Result<(), TestCaseError> {
    let (world, sim) = small();
    for step in steps {
        let before = world.vm_of(id(step.vm));
        if let Some(when) = step.fault {
            world.faults().fail_next(1, when, Kind::Unavailable);
        }
        let result = take(&sim, *step, before.as_ref().map(|record| &record.vm)).await;
        world.faults().reset();
        let after = world.vm_of(id(step.vm));
        match result {
            Ok(()) => {
                // Idempotent: the same again is success and changes nothing.
                let again = take(&sim, *step, before.as_ref().map(|record| &record.vm)).await;
                prop_assert!(again.is_ok(), "{step:?} again: {again:?}");
                prop_assert_eq!(&world.vm_of(id(step.vm)), &after, "{:?} again", step);
            }
            // I3: what says that it had no effect had none.
            Err(error) if !error.is_unknown() && before.is_some() => {
                prop_assert_eq!(&before, &after, "{:?}: {}", step, error);
            }
            _ => {}
        }
        if before.as_ref().is_some_and(|vm| vm.power.is_live()) {
            prop_assert!(after.is_some(), "a live VM was removed by {step:?}");
        }
        for vm in (0..3).map(id) {
            prop_assert!(world.census().vms.iter().filter(|r| r.tag == Some(vm)).count() <= 1);
        }
        // I5: no VM ever loses its disk.
        let lost: Vec<_> =
            world.leaks(&[], &[]).into_iter().filter(|leak| leak.contains("lost")).collect();
        prop_assert_eq!(lost, Vec::<String>::new());
    }
    for record in world.census().vms {
        prop_assert!(!matches!(record.power, PowerState::Starting | PowerState::Saving));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn i3_verbs_are_idempotent_and_never_lie_about_their_effect(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(history(&steps))?;
    }
}
