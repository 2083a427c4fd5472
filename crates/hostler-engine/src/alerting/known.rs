//! What is known of alerts, as it was stored last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::alert::Identity;
use hostler_core::alert::acknowledge::Acknowledgement;
use hostler_core::alert::group::{GroupKey, GroupState};
use hostler_core::alert::inhibit::Inhibitor;
use hostler_core::alert::silence::Silence;
use hostler_core::alert::state::{Instance, RuleState};
use hostler_core::id::SilenceId;
use hostler_store::{AlertEffect, EndedAlert, StoredAlerts};

use super::AlertingConfig;
use super::rules::{Group, Ready, Recorded};

/// All of it.
#[derive(Default)]
pub(super) struct Known {
    pub(super) config: Arc<AlertingConfig>,
    pub(super) groups_of_rules: Vec<Arc<Group>>,
    pub(super) recorded: Arc<Recorded>,
    /// By the rule's id; those without a rule wait for the first configuration.
    pub(super) rules: BTreeMap<String, Tracked>,
    pub(super) ended: BTreeMap<Identity, EndedAlert>,
    pub(super) acknowledgements: BTreeMap<Identity, Acknowledgement>,
    pub(super) silences: BTreeMap<SilenceId, Silence>,
    pub(super) groups: BTreeMap<GroupKey, GroupState>,
    pub(super) deliveries: BTreeMap<String, Deliveries>,
}

/// A rule, and how it stands.
#[derive(Clone, Default)]
pub(super) struct Tracked {
    pub(super) rule: Option<Arc<Ready>>,
    pub(super) state: RuleState,
    pub(super) last: Option<Evaluated>,
}

/// How a rule's last evaluation went, beside its [`RuleState`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evaluated {
    pub(super) took: Duration,
    /// Whether there was nothing to compute with.
    pub(super) is_blind: bool,
    /// How many series were written.
    pub(super) written: usize,
}

/// How delivering to one receiver goes, since the server started.
#[derive(Debug, Clone, Default)]
pub(super) struct Deliveries {
    pub(super) delivered: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) failed_at: Option<Timestamp>,
    pub(super) failure: Option<String>,
    /// Whether the last try failed and is repeated; `None` before the first.
    pub(super) is_trying: Option<bool>,
}

/// An alert with the rule it is of.
#[derive(Clone, Copy)]
pub(super) struct Present<'a> {
    pub(super) rule: &'a Tracked,
    pub(super) instance: &'a Instance,
}

impl Known {
    /// What was stored.
    pub(super) fn of(stored: StoredAlerts) -> Self {
        let mut known = Self::default();
        for (rule, instance) in stored.instances {
            known.rules.entry(rule).or_default().state.instances.push(instance);
        }
        for tracked in known.rules.values_mut() {
            tracked.state.instances.sort_by(|one, other| one.labels.cmp(&other.labels));
        }
        let named = |it: EndedAlert| (Identity::of(&it.instance.labels), it);
        known.ended = stored.ended.into_iter().map(named).collect();
        let seen = stored.acknowledgements.into_iter();
        known.acknowledgements = seen.map(|it| (it.alert.clone(), it)).collect();
        known.silences = stored.silences.into_iter().collect();
        known.groups = stored.groups.into_iter().collect();
        known
    }

    /// The alerts there are, each once. Where rules raise the same one, it is the
    /// one that fires, and has for longest.
    pub(super) fn alerts(&self) -> BTreeMap<Identity, Present<'_>> {
        let mut alerts: BTreeMap<Identity, Present<'_>> = BTreeMap::new();
        for rule in self.rules.values() {
            for instance in &rule.state.instances {
                let here = Present { rule, instance };
                let there = alerts.entry(Identity::of(&instance.labels)).or_insert(here);
                // None is less than any time, and comes last.
                let order = |it: &Instance| (it.firing_since.is_none(), it.firing_since);
                if order(instance) < order(there.instance) {
                    *there = here;
                }
            }
        }
        alerts
    }

    /// Silences that keep an alert with these labels from being told now.
    pub(super) fn silences_of(&self, instance: &Instance, now: Timestamp) -> Vec<SilenceId> {
        let silences = self.silences.iter();
        let some = silences.filter(|(_, silence)| silence.silences(&instance.labels, now));
        some.map(|(id, _)| *id).collect()
    }

    /// What inhibits, while these alerts are there.
    pub(super) fn inhibitor<'a>(
        &'a self,
        alerts: &'a BTreeMap<Identity, Present<'a>>,
    ) -> Inhibitor<'a> {
        let firing: Vec<_> = alerts
            .values()
            .filter(|it| it.instance.is_firing())
            .map(|it| &it.instance.labels)
            .collect();
        Inhibitor::new(&self.config.inhibit, firing)
    }

    /// The acknowledgement of the episode in which an alert is.
    pub(super) fn acknowledged(
        &self,
        alert: &Identity,
        instance: &Instance,
    ) -> Option<&Acknowledgement> {
        let since = instance.firing_since?;
        self.acknowledgements.get(alert).filter(|seen| seen.holds_for(alert, since))
    }

    /// Takes over what was stored of anything but rules' states.
    pub(super) fn take_over(&mut self, effects: &[AlertEffect]) {
        for effect in effects {
            match effect {
                AlertEffect::Ended(ended) => {
                    let alert = Identity::of(&ended.instance.labels);
                    self.ended.insert(alert, (**ended).clone());
                }
                AlertEffect::EndedTold(alert) => drop(self.ended.remove(alert)),
                AlertEffect::Acknowledge(seen) => {
                    self.acknowledgements.insert(seen.alert.clone(), seen.clone());
                }
                AlertEffect::Unacknowledge(alert) => drop(self.acknowledgements.remove(alert)),
                AlertEffect::PutSilence(id, silence) => {
                    self.silences.insert(*id, silence.clone());
                }
                AlertEffect::DropSilence(id) => drop(self.silences.remove(id)),
                AlertEffect::PutGroup(key, state) => {
                    self.groups.insert(key.clone(), state.clone());
                }
                AlertEffect::DropGroup(key) => drop(self.groups.remove(key)),
                AlertEffect::Put { .. }
                | AlertEffect::Drop { .. }
                | AlertEffect::Changed(_)
                | AlertEffect::Send(_) => {}
            }
        }
    }
}
