//! What KubeVirt's own object tells of the installation, and which of several objects counts:
//! one rule for whoever asks, be it health, the mapping of hosts or the probe (X28, X29).
//!
//! ```text
//!   objects::KubeVirt ──► Installation ──► health · capabilities
//!                              │      └──► MappedCluster (hosts)
//!                              └──► look: asked for by the probe and by health
//! ```

use hostler_provider::Cx;

use crate::call::{Caller, Result, Selection};
use crate::capabilities::Gates;
use crate::error::{Cause, word};
use crate::mapper::Incompatible;
use crate::objects::meta::Condition;
use crate::objects::{self, KubeVirt};
use crate::resource::Resource;

/// Installations of KubeVirt that are looked at; there should be one.
const INSTALLATIONS: usize = 10;

/// What an installation of KubeVirt tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installation {
    /// Namespace and name of its object, which differ by distribution.
    pub place: String,
    /// `Deploying`, `Deployed`, `Deleting`, `Deleted`; empty before the first word.
    pub phase: String,
    /// The condition `Available`; `None` where it is not told.
    pub available: Option<bool>,
    /// The condition `Degraded`; `None` where it is not told.
    pub degraded: Option<bool>,
    /// What it observes to run: `v1.6.0`.
    pub version: Option<String>,
    /// What it is brought to, where that is another version.
    pub target: Option<String>,
    /// What it says of feature gates.
    pub gates: Gates,
    /// Whether changes of VMs are brought to those that run, as far as it is told: by
    /// `vmRolloutStrategy`, whose absence means one or the other by version.
    pub rolls_out_live: Option<bool>,
    /// Further objects of its kind, by namespace and name; there should be none.
    pub others: Vec<String>,
    /// Whether one of those may be the one that counts, as far as can be seen.
    pub is_ambiguous: bool,
}

impl Installation {
    /// What its object tells, as far as that goes.
    pub(crate) fn of(object: &KubeVirt) -> Self {
        let (metadata, status) = (&object.metadata, &object.status);
        let configuration = object.spec.configuration.as_ref();
        let developer = configuration.map(|it| &it.developer_configuration);
        let words = |list: Option<&[String]>| list.unwrap_or_default().to_vec();
        // `Unknown` is a word of its own, and not known.
        let condition = |kind: &str| status.conditions.of(kind).and_then(Condition::holds);
        let version = status.observed_kube_virt_version.text().map(word);
        let target = status.target_kube_virt_version.text().map(word);
        let namespace = metadata.namespace.text().unwrap_or_default();
        let name = metadata.name.text().unwrap_or_default();
        Self {
            place: word(&format!("{namespace}/{name}")),
            phase: status.phase.text().map(word).unwrap_or_default(),
            available: condition("Available"),
            degraded: condition("Degraded"),
            target: target.filter(|target| Some(target) != version.as_ref()),
            version,
            gates: Gates {
                listed: words(developer.map(|it| &*it.feature_gates)),
                disabled: words(developer.map(|it| &*it.disabled_feature_gates)),
            },
            rolls_out_live: configuration
                .and_then(|it| it.vm_rollout_strategy.text())
                .map(|strategy| strategy == "LiveUpdate"),
            others: Vec::new(),
            is_ambiguous: false,
        }
    }

    /// Whether its operator is done with it.
    fn is_deployed(&self) -> bool {
        self.phase == "Deployed"
    }
}

/// The one of several that counts, and the others.
pub(crate) struct Chosen<T> {
    pub(crate) one: T,
    pub(crate) others: Vec<T>,
    /// Whether one of the others may be it, as far as can be seen.
    pub(crate) is_ambiguous: bool,
}

/// Of several installations the one that counts: the only one that is deployed. KubeVirt
/// itself leaves any beside the first alone, and says so in its object.
pub(crate) fn choose<T>(mut all: Vec<T>, of: impl Fn(&T) -> &Installation) -> Option<Chosen<T>> {
    let deployed = all.iter().filter(|it| of(it).is_deployed()).count();
    let at = all.iter().position(|it| of(it).is_deployed()).unwrap_or_default();
    if all.is_empty() {
        return None;
    }
    let one = all.remove(at);
    let is_ambiguous = !all.is_empty() && deployed != 1;
    Some(Chosen { one, others: all, is_ambiguous })
}

/// The same with what it has to say of the others.
pub(crate) fn the_one(all: Vec<Installation>) -> Option<Installation> {
    let chosen = choose(all, |it| it)?;
    let others = chosen.others.into_iter().map(|other| other.place).collect();
    Some(Installation { others, is_ambiguous: chosen.is_ambiguous, ..chosen.one })
}

/// Asks for the installation; `None` where KubeVirt is not installed.
///
/// # Errors
/// As the cluster could not be asked; what cannot be read is [`Cause::Ours`].
pub(crate) async fn look(caller: &Caller, cx: &Cx) -> Result<Option<Installation>> {
    let everywhere = Selection::all(Resource::KUBEVIRTS, None);
    let page = match caller.list_page(cx, &everywhere, INSTALLATIONS, None).await {
        Err(failure) if failure.cause == Cause::KindMissing => return Ok(None),
        listed => listed?,
    };
    let read = |document| Ok(Installation::of(&objects::read(document)?));
    let all: std::result::Result<Vec<_>, Incompatible> = page.items.into_iter().map(read).collect();
    Ok(the_one(all.map_err(|error| crate::call::ours(error.into()))?))
}

#[cfg(test)]
mod tests;
