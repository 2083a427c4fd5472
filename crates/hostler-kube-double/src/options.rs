//! How a double begins.

use std::time::Duration;

use jiff::Timestamp;

/// When KubeVirt's controller does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When [`crate::Double::step`] or [`crate::Double::settle`] is called.
    Told,
    /// One step after each time: a start takes four, from pending to running.
    Every(Duration),
}

/// How a double begins. The default is a plain one with an administrator and three nodes.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time of its world at the beginning; from there it goes on by tokio's clock.
    pub begins_at: Timestamp,
    /// What uids and generated names are drawn from.
    pub seed: u64,
    /// When KubeVirt's controller works.
    pub pace: Pace,
    /// How many nodes there are: `n1`, `n2`, …
    pub nodes: usize,
    /// The version of KubeVirt that its object tells.
    pub kubevirt_version: String,
    /// Users by their tokens. The first token is the one in the kubeconfig.
    pub users: Vec<(String, String)>,
    /// TLS with a certificate made for this start; else plain HTTP.
    pub tls: bool,
    /// The port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// How many changes of each kind are kept for watches; what is older is 410.
    pub kept_changes: usize,
    /// How often an idle watch that asked for bookmarks gets one.
    pub bookmark_every: Duration,
    /// How long a watch lasts that names no `timeoutSeconds`.
    pub watch_lasts: Duration,
    /// How long a list waits for a revision that is not there yet.
    pub future_wait: Duration,
    /// What virt-api answers to `pause` and the other verbs on instances that did well. Recorded are
    /// verbs on machines alone, which answer 202; the source of these may answer 200.
    pub instance_verbs_answer: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // 2026-11-21T02:29:56Z, the time of the recordings.
            begins_at: Timestamp::constant(1_795_228_196, 0),
            seed: 1,
            pace: Pace::Told,
            nodes: 3,
            kubevirt_version: "v1.9.0".into(),
            users: vec![("admin-token".into(), "admin".into())],
            tls: false,
            port: 0,
            kept_changes: 100_000,
            bookmark_every: Duration::from_secs(60),
            watch_lasts: Duration::from_secs(1_800),
            future_wait: Duration::from_secs(3),
            instance_verbs_answer: 202,
        }
    }
}
