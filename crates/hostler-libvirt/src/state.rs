//! What libvirt's states and reasons mean in Hostler's words (C5).
//!
//! libvirt keeps two numbers: the state and why. Both are kept, because the
//! reason decides: `shutoff` alone may be a wish, a crash, or memory on disk.

use hostler_core::vm::PowerState;

/// libvirt's state numbers, as the protocol has them.
pub(crate) mod number {
    pub(crate) const RUNNING: i32 = 1;
    pub(crate) const BLOCKED: i32 = 2;
    pub(crate) const PAUSED: i32 = 3;
    pub(crate) const SHUTDOWN: i32 = 4;
    pub(crate) const SHUTOFF: i32 = 5;
    pub(crate) const CRASHED: i32 = 6;
    pub(crate) const PMSUSPENDED: i32 = 7;
}

/// A state with its reason, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// What it is doing.
    pub(crate) power: PowerState,
    /// Why.
    pub(crate) reason: &'static str,
}

impl State {
    /// What is told of a VM whose state did not come in time.
    pub(crate) const SILENT: Self = Self { power: PowerState::Unknown, reason: "no_answer" };

    /// Translates a pair. Numbers of a later libvirt keep what the state alone
    /// says; a state that is not known is unknown, and never guessed.
    pub(crate) fn of(state: i32, reason: i32) -> Self {
        let (power, reason) = match state {
            number::RUNNING | number::BLOCKED => running(state, reason),
            number::PAUSED => paused(reason),
            number::SHUTDOWN => (PowerState::Stopping, if reason == 1 { "user" } else { UNKNOWN }),
            number::SHUTOFF => shutoff(reason),
            number::CRASHED => {
                (PowerState::Crashed, if reason == 1 { "panicked" } else { UNKNOWN })
            }
            number::PMSUSPENDED => (PowerState::Suspended, "guest"),
            _ => (PowerState::Unknown, UNKNOWN),
        };
        Self { power, reason }
    }

    /// The same once it is known whether memory is saved on disk. A daemon that
    /// restarted has forgotten why a domain is off, but the file is still there.
    pub(crate) fn with_saved_memory(self, saved: bool) -> Self {
        match (self.power, saved) {
            (PowerState::Stopped | PowerState::Failed, true) => {
                Self { power: PowerState::Saved, reason: "saved" }
            }
            _ => self,
        }
    }
}

impl State {
    /// Whether a job holds it in this state.
    pub(crate) fn has_job(self) -> bool {
        matches!(
            self.power,
            PowerState::Migrating
                | PowerState::Saving
                | PowerState::Dumping
                | PowerState::Snapshotting
        )
    }
}

/// What is told when libvirt gives no reason.
const UNKNOWN: &str = "unknown";

const fn running(state: i32, reason: i32) -> (PowerState, &'static str) {
    let power = if reason == 10 { PowerState::Migrating } else { PowerState::Running };
    let reason = match reason {
        1 => "booted",
        2 => "migrated",
        3 => "restored",
        4 => "from_snapshot",
        5 => "unpaused",
        6 => "migration_cancelled",
        7 => "save_cancelled",
        8 => "woken_up",
        9 => "crashed",
        10 => "postcopy",
        11 => "postcopy_failed",
        _ if state == number::BLOCKED => "blocked",
        _ => UNKNOWN,
    };
    (power, reason)
}

const fn paused(reason: i32) -> (PowerState, &'static str) {
    match reason {
        1 => (PowerState::Paused, "user"),
        2 => (PowerState::Migrating, "migration"),
        3 => (PowerState::Saving, "save"),
        4 => (PowerState::Dumping, "dump"),
        5 => (PowerState::Paused, "io_error"),
        6 => (PowerState::Paused, "watchdog"),
        7 => (PowerState::Paused, "from_snapshot"),
        8 => (PowerState::Stopping, "shutting_down"),
        9 => (PowerState::Snapshotting, "snapshot"),
        10 => (PowerState::Paused, "crashed"),
        11 => (PowerState::Starting, "starting_up"),
        12 => (PowerState::Migrating, "postcopy"),
        // Half of its memory is at another host, which can be mended. Not failed:
        // that means off, and a hypervisor still holds it with its disks.
        13 => (PowerState::Paused, "postcopy_failed"),
        14 => (PowerState::Paused, "api_error"),
        _ => (PowerState::Paused, UNKNOWN),
    }
}

const fn shutoff(reason: i32) -> (PowerState, &'static str) {
    match reason {
        1 => (PowerState::Stopped, "shutdown"),
        2 => (PowerState::Stopped, "destroyed"),
        3 => (PowerState::Failed, "crashed"),
        4 => (PowerState::Stopped, "migrated"),
        5 => (PowerState::Saved, "saved"),
        6 => (PowerState::Failed, "failed"),
        7 => (PowerState::Stopped, "from_snapshot"),
        8 => (PowerState::Failed, "daemon"),
        _ => (PowerState::Stopped, UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn c5_the_whole_table_is_as_documented() {
        let names = [
            "nostate",
            "running",
            "blocked",
            "paused",
            "shutdown",
            "shutoff",
            "crashed",
            "pmsuspended",
        ];
        let most_reasons = [0, 11, 0, 14, 1, 8, 1, 0];
        let mut table = String::new();
        for (state, (name, last)) in (0..).zip(names.iter().zip(most_reasons)) {
            for reason in 0..=last {
                let State { power, reason: word } = State::of(state, reason);
                writeln!(table, "{name:11} {reason:2}  {power:?} ({word})").unwrap();
            }
        }
        expect![[r#"
            nostate      0  Unknown (unknown)
            running      0  Running (unknown)
            running      1  Running (booted)
            running      2  Running (migrated)
            running      3  Running (restored)
            running      4  Running (from_snapshot)
            running      5  Running (unpaused)
            running      6  Running (migration_cancelled)
            running      7  Running (save_cancelled)
            running      8  Running (woken_up)
            running      9  Running (crashed)
            running     10  Migrating (postcopy)
            running     11  Running (postcopy_failed)
            blocked      0  Running (blocked)
            paused       0  Paused (unknown)
            paused       1  Paused (user)
            paused       2  Migrating (migration)
            paused       3  Saving (save)
            paused       4  Dumping (dump)
            paused       5  Paused (io_error)
            paused       6  Paused (watchdog)
            paused       7  Paused (from_snapshot)
            paused       8  Stopping (shutting_down)
            paused       9  Snapshotting (snapshot)
            paused      10  Paused (crashed)
            paused      11  Starting (starting_up)
            paused      12  Migrating (postcopy)
            paused      13  Paused (postcopy_failed)
            paused      14  Paused (api_error)
            shutdown     0  Stopping (unknown)
            shutdown     1  Stopping (user)
            shutoff      0  Stopped (unknown)
            shutoff      1  Stopped (shutdown)
            shutoff      2  Stopped (destroyed)
            shutoff      3  Failed (crashed)
            shutoff      4  Stopped (migrated)
            shutoff      5  Saved (saved)
            shutoff      6  Failed (failed)
            shutoff      7  Stopped (from_snapshot)
            shutoff      8  Failed (daemon)
            crashed      0  Crashed (unknown)
            crashed      1  Crashed (panicked)
            pmsuspended  0  Suspended (guest)
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn i5_what_a_hypervisor_holds_is_never_told_to_be_off() {
        let held = [
            number::RUNNING,
            number::BLOCKED,
            number::PAUSED,
            number::SHUTDOWN,
            number::CRASHED,
            number::PMSUSPENDED,
        ];
        for state in held {
            for reason in 0..32 {
                assert!(State::of(state, reason).power.is_live(), "{state} {reason}");
            }
        }
    }

    #[test]
    fn x17_numbers_from_the_future_are_not_guessed() {
        assert_eq!(State::of(99, 1), State { power: PowerState::Unknown, reason: "unknown" });
        assert_eq!(State::of(5, 99), State { power: PowerState::Stopped, reason: "unknown" });
        assert_eq!(State::of(1, -1), State { power: PowerState::Running, reason: "unknown" });
        assert_eq!(State::of(0, 0).power, PowerState::Unknown, "NOSTATE");
    }

    #[test]
    fn saved_memory_is_seen_even_when_the_daemon_forgot_why_it_is_off() {
        let off = State::of(number::SHUTOFF, 0);
        assert_eq!(off.with_saved_memory(true).power, PowerState::Saved);
        assert_eq!(off.with_saved_memory(false).power, PowerState::Stopped);
        let running = State::of(number::RUNNING, 1);
        assert_eq!(running.with_saved_memory(true), running);
    }
}
