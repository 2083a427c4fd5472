//! Launchers: the pods around instances, read once for each instance on each node. They
//! tell which device an instance was given when it was made (X2).
//!
//! ```text
//!   instances that run ──► those that are not known ──┬─ few:  one question each
//!                                                     └─ many: all launchers, by pages
//!                        whose launcher was not found ──► again in a minute
//!                        not allowed to list pods ──────► again in ten
//! ```
//!
//! Nothing depends on it: what is not read is concluded from the installation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_provider::Cx;
use tokio::time::Instant;

use crate::call::{Caller, Result, Selection};
use crate::config::Namespaces;
use crate::error::Cause;
use crate::mapper::Given;
use crate::objects::{self, Pod};
use crate::resource::Resource;

/// Instances that are asked about one by one.
const FEW: usize = 8;
/// Pods of one instance: two while it migrates, and those that are over.
const PODS: usize = 20;
/// When an instance whose launcher was not found is asked about again.
const AGAIN: Duration = Duration::from_secs(60);
/// When pods are asked for again where that is not allowed.
const BARRED: Duration = Duration::from_secs(600);
/// All launchers bear it.
const IS_LAUNCHER: &str = "kubevirt.io=virt-launcher";
/// The label with the UID of the instance.
const CREATED_BY: &str = "kubevirt.io/created-by";

/// An instance, by its UID, on a node: a migration gives it another launcher.
pub(crate) type Place = (String, String);

/// What launchers were given.
#[derive(Default)]
pub(crate) struct Launchers(Mutex<State>);

#[derive(Default)]
struct State {
    known: Arc<BTreeMap<Place, Given>>,
    missed: BTreeMap<Place, Instant>,
    barred_at: Option<Instant>,
}

/// An instance that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) namespace: String,
    pub(crate) place: Place,
}

impl Launchers {
    /// What is known.
    pub(crate) fn known(&self) -> Arc<BTreeMap<Place, Given>> {
        self.lock().known.clone()
    }

    /// Reads the launchers of instances that are not known yet, and forgets those of
    /// others. Says whether anything is known that was not.
    pub(crate) async fn refresh(
        &self,
        cx: &Cx,
        caller: &Caller,
        namespaces: &Namespaces,
        running: &[Running],
    ) -> bool {
        let asked = self.begin(running, Instant::now());
        if asked.is_empty() {
            return false;
        }
        let read = match asked.len() {
            ..=FEW => each(cx, caller, &asked).await,
            _ => all(cx, caller, namespaces).await,
        };
        match read {
            Ok(pods) => self.end(&asked, &pods, Instant::now()),
            Err(failure) => {
                if failure.cause == Cause::Forbidden {
                    tracing::info!("pods may not be listed: how VMs run is concluded without them");
                    self.lock().barred_at = Some(Instant::now());
                }
                false
            }
        }
    }

    /// Whom to ask about now.
    fn begin(&self, running: &[Running], now: Instant) -> Vec<Running> {
        let mut state = self.lock();
        let places: BTreeSet<&Place> = running.iter().map(|it| &it.place).collect();
        if state.known.keys().any(|place| !places.contains(place)) {
            Arc::make_mut(&mut state.known).retain(|place, _| places.contains(place));
        }
        state.missed.retain(|place, at| places.contains(place) && now - *at < AGAIN);
        if state.barred_at.is_some_and(|at| now - at < BARRED) {
            return Vec::new();
        }
        let is_new = |it: &&Running| {
            !state.known.contains_key(&it.place) && !state.missed.contains_key(&it.place)
        };
        running.iter().filter(is_new).cloned().collect()
    }

    fn end(&self, asked: &[Running], pods: &[Pod], now: Instant) -> bool {
        let mut found: BTreeMap<Place, Given> = pods.iter().filter_map(of_pod).collect();
        let mut state = self.lock();
        let mut is_news = false;
        for Running { place, .. } in asked {
            match found.remove(place) {
                Some(given) => {
                    Arc::make_mut(&mut state.known).insert(place.clone(), given);
                    is_news = true;
                }
                None => drop(state.missed.insert(place.clone(), now)),
            }
        }
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn each(cx: &Cx, caller: &Caller, asked: &[Running]) -> Result<Vec<Pod>> {
    let mut pods = Vec::new();
    for Running { namespace, place: (uid, _) } in asked {
        let mut of = Selection::all(Resource::PODS, Some(namespace.clone()));
        of.labels = Some(format!("{CREATED_BY}={uid}"));
        let page = caller.list_page(cx, &of, PODS, None).await?;
        pods.extend(page.items.into_iter().filter_map(|pod| objects::read(pod).ok()));
    }
    Ok(pods)
}

async fn all(cx: &Cx, caller: &Caller, namespaces: &Namespaces) -> Result<Vec<Pod>> {
    let mut pods = Vec::new();
    for namespace in namespaces.scopes() {
        let mut of = Selection::all(Resource::PODS, namespace);
        of.labels = Some(IS_LAUNCHER.to_owned());
        let page = caller.list(cx, &of).await?;
        pods.extend(page.items.into_iter().filter_map(|pod| objects::read(pod).ok()));
    }
    Ok(pods)
}

/// What a launcher that is not over was given, and whose it is.
fn of_pod(pod: &Pod) -> Option<(Place, Given)> {
    if matches!(pod.status.phase.text(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let uid = pod.metadata.label(CREATED_BY)?.to_owned();
    let node = pod.spec.node_name.owned()?;
    let has = |device: &str| {
        pod.spec.containers.iter().any(|container| {
            let resources = &container.resources;
            let amounts = [resources.limits.get(device), resources.requests.get(device)];
            amounts.into_iter().flatten().any(|amount| amount.is_positive())
        })
    };
    let given = match (has("devices.kubevirt.io/kvm"), has("devices.kubevirt.io/mshv")) {
        (true, _) => Given::Kvm,
        (false, true) => Given::Mshv,
        (false, false) => Given::Nothing,
    };
    Some(((uid, node), given))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn running(uid: &str, node: &str) -> Running {
        Running { namespace: "default".into(), place: (uid.into(), node.into()) }
    }

    fn pod(uid: &str, node: &str, phase: &str, limits: Value) -> Pod {
        let object = json!({
            "metadata": { "name": "p", "namespace": "default", "labels": { CREATED_BY: uid } },
            "spec": { "nodeName": node, "containers": [{}, { "resources": { "limits": limits } }] },
            "status": { "phase": phase },
        });
        objects::read(object).unwrap()
    }

    #[test]
    fn x2_a_launcher_tells_what_it_was_given() {
        let given = |limits: Value| of_pod(&pod("u", "n1", "Running", limits)).unwrap().1;
        assert_eq!(given(json!({ "devices.kubevirt.io/kvm": "1" })), Given::Kvm);
        assert_eq!(given(json!({ "devices.kubevirt.io/mshv": "1" })), Given::Mshv);
        assert_eq!(given(json!({ "devices.kubevirt.io/kvm": "0", "cpu": "2" })), Given::Nothing);
        for phase in ["Succeeded", "Failed"] {
            assert!(of_pod(&pod("u", "n1", phase, json!({}))).is_none(), "it is over");
        }
        assert!(of_pod(&pod("u", "", "Pending", json!({}))).is_none(), "it is nowhere yet");
        assert!(of_pod(&pod("", "n1", "Running", json!({}))).is_none(), "it is nobody's");
    }

    #[tokio::test(start_paused = true)]
    async fn x2_each_launcher_is_asked_about_once_and_one_that_was_not_found_later_again() {
        let launchers = Launchers::default();
        let kvm = json!({ "devices.kubevirt.io/kvm": "1" });
        let both = [running("a", "n1"), running("b", "n1")];
        let asked = launchers.begin(&both, Instant::now());
        assert_eq!(asked, both);
        let pods = [pod("a", "n1", "Running", kvm.clone()), pod("x", "n1", "Running", kvm)];
        assert!(launchers.end(&asked, &pods, Instant::now()));
        assert_eq!(launchers.known().len(), 1, "of whom nobody asked is not kept");
        assert!(launchers.begin(&both, Instant::now()).is_empty());
        tokio::time::advance(AGAIN).await;
        assert_eq!(launchers.begin(&both, Instant::now()), [running("b", "n1")]);
        // After a migration it has another launcher; what is gone is forgotten.
        let moved = [running("a", "n2")];
        assert_eq!(launchers.begin(&moved, Instant::now()), moved);
        assert!(launchers.known().is_empty());
        assert!(!launchers.end(&moved, &[], Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn x2_where_pods_may_not_be_listed_they_are_not_asked_for_with_every_pass() {
        let launchers = Launchers::default();
        launchers.lock().barred_at = Some(Instant::now());
        let one = [running("a", "n1")];
        assert!(launchers.begin(&one, Instant::now()).is_empty());
        tokio::time::advance(BARRED).await;
        assert_eq!(launchers.begin(&one, Instant::now()), one);
    }
}
