//! The promises of [`crate::Power`]. Each effect has to be seen in the
//! inventory as soon as the call has returned.

use hostler_core::vm::PowerState;
use tokio::time::Instant;

use super::trial::{Check, Made, Trial, check, fail, refused, skip};
use crate::{Cx, Kind, StopMode};

pub(super) async fn start_makes_it_run(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn start_of_a_running_vm_succeeds(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn ensure_vm_of_a_running_vm_succeeds_and_leaves_it_running(
    t: &Trial<'_>,
) -> Check {
    let made = t.running().await?;
    let again = t.ensure(made.id, &made.spec, &made.disks).await??;
    check(!again.created && again.vm == made.vm, || format!("it became {again:?}"))?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn force_stop_turns_it_off(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn stop_of_a_stopped_vm_succeeds(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let within = t.setting.stop_within;
    let modes =
        [StopMode::Graceful { within }, StopMode::GracefulThenForce { within }, StopMode::Force];
    for mode in modes {
        t.power()?.stop(&t.patient(), &made.vm, mode).await?;
        t.is(&made.vm, PowerState::Stopped).await?;
    }
    Ok(())
}

pub(super) async fn graceful_stop_turns_an_obedient_guest_off(t: &Trial<'_>) -> Check {
    let (made, _) = t.booted().await?;
    let mode = StopMode::Graceful { within: t.setting.stop_within };
    // A guest that still boots does not hear; it is asked again until it has.
    let until = Instant::now() + t.setting.boot_within;
    loop {
        match t.power()?.stop(&t.patient(), &made.vm, mode).await {
            Ok(()) => return t.is(&made.vm, PowerState::Stopped).await,
            Err(error) if error.kind() == Kind::Timeout && Instant::now() < until => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A running VM whose guest does not obey.
async fn deaf(t: &Trial<'_>) -> Check<Made> {
    let made = t.running().await?;
    if !t.harness.deafen(&made.vm).await {
        return skip("the harness cannot make a guest ignore the power button");
    }
    Ok(made)
}

pub(super) async fn graceful_stop_of_a_deaf_guest_times_out_and_leaves_it_running(
    t: &Trial<'_>,
) -> Check {
    let made = deaf(t).await?;
    let within = std::time::Duration::from_secs(1);
    let asked = t.power()?.stop(&t.patient(), &made.vm, StopMode::Graceful { within }).await;
    refused(asked, &[Kind::Timeout])?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn graceful_then_force_turns_a_deaf_guest_off(t: &Trial<'_>) -> Check {
    let made = deaf(t).await?;
    let within = std::time::Duration::from_secs(1);
    let mode = StopMode::GracefulThenForce { within };
    t.power()?.stop(&t.patient(), &made.vm, mode).await?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn pause_holds_it_and_resume_lets_it_run(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.pause(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Paused).await?;
    t.power()?.resume(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn pause_of_a_paused_vm_succeeds(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.pause(&t.cx(), &made.vm).await?;
    t.power()?.pause(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Paused).await
}

pub(super) async fn resume_of_a_running_vm_succeeds(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.resume(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn pause_of_a_stopped_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    refused(t.power()?.pause(&t.cx(), &made.vm).await, &[Kind::Conflict])?;
    refused(t.power()?.resume(&t.cx(), &made.vm).await, &[Kind::Conflict])?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn a_paused_vm_can_be_forced_off(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.pause(&t.cx(), &made.vm).await?;
    t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn reset_leaves_it_running(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    t.power()?.reset(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn reset_and_reboot_of_a_stopped_vm_are_conflicts(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    refused(t.power()?.reset(&t.cx(), &made.vm).await, &[Kind::Conflict])?;
    refused(t.power()?.reboot(&t.cx(), &made.vm).await, &[Kind::Conflict])?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn save_turns_it_off_and_start_resumes_it(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    let long = Cx::within(t.setting.call_within + t.setting.boot_within);
    t.power()?.save(&long, &made.vm).await?;
    t.is(&made.vm, PowerState::Saved).await?;
    t.power()?.save(&long, &made.vm).await?;
    t.power()?.start(&long, &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn a_saved_vm_can_be_removed(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    let long = Cx::within(t.setting.call_within + t.setting.boot_within);
    t.power()?.save(&long, &made.vm).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    check(t.listed(&made.vm).await?.is_none(), || "it is still listed".to_owned())
}

pub(super) async fn verbs_on_an_absent_vm_are_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    let (power, cx, vm) = (t.power()?, t.cx(), &made.vm);
    let answers = [
        ("start", power.start(&cx, vm).await),
        ("stop", power.stop(&cx, vm, StopMode::Force).await),
        ("reboot", power.reboot(&cx, vm).await),
        ("reset", power.reset(&cx, vm).await),
        ("pause", power.pause(&cx, vm).await),
        ("resume", power.resume(&cx, vm).await),
        ("save", power.save(&cx, vm).await),
    ];
    for (verb, answer) in answers {
        match answer {
            Err(error) if error.kind() == Kind::NotFound && !error.is_unknown() => {}
            other => return fail(format!("{verb} of an absent VM: {other:?}")),
        }
    }
    Ok(())
}
