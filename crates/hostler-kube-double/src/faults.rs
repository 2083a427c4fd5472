//! What goes wrong on demand: answers, silences, broken streams.

use std::time::Duration;

use crate::status::Refused;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It is refused with this, before anything is done.
    Answer(Refused),
    /// It is answered after this time.
    Slow(Duration),
    /// It is done after this time, whoever still waits for the answer.
    Late(Duration),
    /// It is never answered; the connection stays open.
    Silence,
    /// The connection is closed without an answer, before anything is done.
    Drop,
    /// The connection is closed without an answer, after it was done: who asked does not know.
    LoseAnswer,
}

/// A fault, and which requests it meets.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    verb: Option<String>,
    class: Option<String>,
    what: What,
    left: Option<u32>,
    writes: bool,
}

impl Fault {
    /// For every request, until it is cleared.
    pub fn new(what: What) -> Self {
        Self { verb: None, class: None, what, left: None, writes: false }
    }

    /// For a verb alone, named as in [`crate::Seen::verb`].
    #[must_use]
    pub fn verb(mut self, verb: &str) -> Self {
        self.verb = Some(verb.to_owned());
        self
    }

    /// For a class alone, named as in [`crate::Seen::class`].
    #[must_use]
    pub fn class(mut self, class: &str) -> Self {
        self.class = Some(class.to_owned());
        self
    }

    /// For what changes something alone: no look, no dry run, and no review of rights.
    #[must_use]
    pub fn writes(mut self) -> Self {
        self.writes = true;
        self
    }

    /// For so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    fn meets(&self, verb: &str, class: &str, writes: bool) -> bool {
        self.left != Some(0)
            && (writes || !self.writes)
            && self.verb.as_ref().is_none_or(|one| one == verb)
            && self.class.as_ref().is_none_or(|one| one == class)
    }
}

/// The faults in force; the first that meets a request is its.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to a request; counts it.
    pub(crate) fn meet(&mut self, verb: &str, class: &str, writes: bool) -> Option<What> {
        let fault = self.0.iter_mut().find(|fault| fault.meets(verb, class, writes))?;
        fault.left = fault.left.map(|left| left.saturating_sub(1));
        Some(fault.what.clone())
    }
}

/// Conditions of the whole server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switches {
    /// Guests that hear no power button, by the names of their machines.
    pub(crate) deaf: std::collections::BTreeSet<String>,
    /// KubeVirt's webhooks and subresources cannot be reached.
    pub(crate) virt_api_down: bool,
    /// As with etcd 3.4: a watch cannot begin with a list.
    pub(crate) no_streaming_lists: bool,
    /// Consoles stay open whatever becomes of their instance.
    pub(crate) consoles_linger: bool,
    /// Migrations fail with this reason.
    pub(crate) migrations_fail: Option<String>,
    /// Snapshots fail with these words.
    pub(crate) snapshots_fail: Option<String>,
    /// Clones fail with these words.
    pub(crate) clones_fail: Option<String>,
    /// Restores to new machines wait with their claims made.
    pub(crate) new_machines_wait: bool,
    /// As KubeVirt before 1.6: a clone cannot be told patches of what it makes.
    pub(crate) no_clone_patches: bool,
    /// No class of storage can be snapshotted.
    pub(crate) no_volume_snapshots: bool,
    /// Restores go no further for these words, and are tried again for ever.
    pub(crate) restores_stick: Option<String>,
    /// Classes of storage that cannot be snapshotted.
    pub(crate) unsnapshotted: std::collections::BTreeSet<String>,
    /// How long restores wait for their machine to be off, in seconds, where that is not as usual.
    pub(crate) restores_wait: Option<i64>,
    /// As KubeVirt before 1.5: restores have neither policy.
    pub(crate) no_restore_policies: bool,
    /// As KubeVirt before 1.5: a migration cannot be told to which node.
    pub(crate) no_node_selector: bool,
    /// virt-api's own writes are denied: the webhook, and its words.
    pub(crate) denial: Option<(String, String)>,
}

/// What streams of events do, those that are open and those to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    /// They tell nothing, not even bookmarks.
    pub(crate) silent: bool,
    /// Each event is told twice.
    pub(crate) duplicate: bool,
    /// Events are told in pairs, the later one first.
    pub(crate) reorder: bool,
    /// Grows when open streams are to break off.
    pub(crate) dropped: u64,
    /// Grows when open streams are to end in order.
    pub(crate) ended: u64,
    /// Grows when open streams are to tell that their revision expired.
    pub(crate) expired: u64,
}
