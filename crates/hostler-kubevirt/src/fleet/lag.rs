//! How far behind a cluster we look, and the nodes as they are known.

use std::time::Duration;

use hostler_core::Timestamp;

use super::Fleet;
use crate::cache::follow::Freshness;
use crate::mapper::Incompatible;
use crate::objects::Node;
use crate::resource::Resource;

/// How far behind we look at one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) kind: &'static str,
    /// Since when nothing was heard of it; `None`: nothing ever was.
    pub(crate) silent: Option<Duration>,
    /// From before when it is told, while it is not followed.
    pub(crate) stale_since: Option<Timestamp>,
}

impl Lag {
    /// The worse of both counts.
    fn take(&mut self, silent: Option<Duration>, stale_since: Option<Timestamp>) {
        self.silent = self.silent.zip(silent).map(|(one, other)| one.max(other));
        self.stale_since = self.stale_since.into_iter().chain(stale_since).min();
    }
}

impl Fleet {
    /// How far behind we look, by kind; of several namespaces the worst.
    pub(crate) fn lags(&self, now: Timestamp) -> Vec<Lag> {
        let nodes = (Resource::NODES.plural, self.nodes.lag(now), self.nodes.freshness());
        let scopes = self.scopes.iter().flat_map(|scope| {
            [
                (Resource::VMS.plural, scope.vms.lag(now), scope.vms.freshness()),
                (Resource::VMIS.plural, scope.vmis.lag(now), scope.vmis.freshness()),
            ]
        });
        let mut all: Vec<Lag> = Vec::new();
        for (kind, silent, freshness) in scopes.chain([nodes]) {
            let stale_since = match freshness {
                Freshness::Stale { since, .. } => Some(since),
                Freshness::Fresh | Freshness::Unlisted { .. } => None,
            };
            match all.iter_mut().find(|lag| lag.kind == kind) {
                Some(lag) => lag.take(silent, stale_since),
                None => all.push(Lag { kind, silent, stale_since }),
            }
        }
        all
    }

    /// All nodes as they are known, or why they are not.
    pub(crate) fn nodes(&self) -> Result<Vec<Node>, String> {
        let known = self.nodes.all();
        if let Freshness::Unlisted { reason } = known.freshness {
            return Err(reason.unwrap_or_else(|| "they were not listed yet".to_owned()));
        }
        let nodes = known.value.iter().map(|node| (**node).clone());
        nodes.collect::<Result<_, Incompatible>>().map_err(|error| error.to_string())
    }
}
