//! The state of a VM as series: 1 for the one that it is in and 0 for every other, none at
//! all where it is not known (X17). Written once, so that all drivers tell the same states.

use super::{Labels, Metric, Point};
use crate::vm::{PowerState, VmState};

/// Everything that a VM can be known to do.
const KNOWN: [PowerState; 13] = [
    PowerState::Running,
    PowerState::Paused,
    PowerState::Starting,
    PowerState::Stopping,
    PowerState::Stopped,
    PowerState::Saved,
    PowerState::Suspended,
    PowerState::Saving,
    PowerState::Dumping,
    PowerState::Snapshotting,
    PowerState::Migrating,
    PowerState::Crashed,
    PowerState::Failed,
];

/// The labels of all states, made once for many VMs.
#[derive(Debug)]
pub struct States([(PowerState, Labels); KNOWN.len()]);

impl Default for States {
    fn default() -> Self {
        Self(KNOWN.map(|state| (state, Labels::one(VmState::from(state).as_str()))))
    }
}

impl States {
    /// The points of `hostler_vm_state`: one of them is 1, the others are 0. None where the
    /// state is unknown.
    pub fn points(&self, power: PowerState) -> Vec<Point> {
        if power == PowerState::Unknown {
            return Vec::new();
        }
        let point = |(state, labels): &(PowerState, Labels)| {
            let value = if *state == power { 1.0 } else { 0.0 };
            Point::labelled(Metric::VmState, labels.clone(), value)
        };
        self.0.iter().map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x17_one_state_is_1_and_an_unknown_one_has_no_series() {
        let states = States::default();
        for power in KNOWN {
            let points = states.points(power);
            assert_eq!(points.len(), KNOWN.len());
            let word = VmState::from(power).as_str();
            for point in points {
                assert!(point.is_sound());
                let expected = f64::from(u8::from(&*point.labels.values()[0] == word));
                assert!((point.value - expected).abs() < f64::EPSILON, "{point:?}");
            }
        }
        assert_eq!(states.points(PowerState::Unknown), []);
    }
}
