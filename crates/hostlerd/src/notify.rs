//! What systemd is told. Without systemd nothing is told to anybody.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often systemd wants a sign of life: twice within its limit.
pub(crate) fn watchdog_interval() -> Duration {
    let wanted = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    wanted.unwrap_or(Duration::from_secs(3600)).max(Duration::from_millis(100))
}

/// The server comes up, and what it does meanwhile.
pub(crate) fn starting(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The server reads its configuration again; it is ready again afterwards.
pub(crate) fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    // Wanted by newer versions of systemd, which compare it with when they asked.
    states.extend(NotifyState::monotonic_usec_now());
    tell(&states);
}

/// The server serves.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The event loop runs.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The server stops.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
