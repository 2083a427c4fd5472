//! Which pools and networks there are.

use hostler_core::Timestamp;
use hostler_core::network::ObservedNetwork;
use hostler_core::storage::ObservedPool;
use hostler_provider::{Cx, Error, Kind, Result};
use serde_json::Value;

use super::Pool;
use crate::call::{Caller, Selection};
use crate::config::Namespaces;
use crate::error::Cause;
use crate::mapper::{MappedStorageClass, POD_NETWORK, map_storage_class};
use crate::objects::{self, StorageClass};
use crate::provider::KubeVirt;
use crate::resource::Resource;

impl KubeVirt {
    /// The class for volumes of which nothing is said: the cluster's own choice for
    /// VMs, else for all, else the only one.
    pub(crate) async fn default_class(&self, cx: &Cx, caller: &Caller) -> Result<String> {
        let classes = self.classes(cx, caller, cx.now()).await?;
        let chosen = classes.iter().find(|class| class.is_default_for_vms);
        let chosen = chosen.or_else(|| classes.iter().find(|class| class.is_default));
        match (chosen, classes.as_slice()) {
            (Some(class), _) | (None, [class]) => Ok(class.pool.name.clone()),
            (None, []) => {
                let message = "the cluster has no storage class that our account may see";
                Err(Error::new(Kind::NotFound, message))
            }
            (None, _) => {
                let message = "no storage class of the cluster is its default; name a pool, or \
                               annotate one as the default";
                Err(Error::new(Kind::NotFound, message))
            }
        }
    }

    async fn classes(
        &self,
        cx: &Cx,
        caller: &Caller,
        at: Timestamp,
    ) -> Result<Vec<MappedStorageClass>> {
        let all = Selection::all(Resource::STORAGE_CLASSES, None);
        let listed = self.listed(cx, caller, &all).await?;
        let map = |object| -> Result<MappedStorageClass> {
            let class: StorageClass = objects::read(object)?;
            Ok(map_storage_class(&class, at)?)
        };
        listed.into_iter().map(map).collect()
    }

    /// All of a kind; none where the kind is not served or our account may not look.
    async fn listed(&self, cx: &Cx, caller: &Caller, all: &Selection) -> Result<Vec<Value>> {
        match caller.list(cx, all).await {
            Ok(page) => Ok(page.items),
            Err(failure) if matches!(failure.cause, Cause::Forbidden | Cause::KindMissing) => {
                Ok(Vec::new())
            }
            Err(failure) => Err(self.shared.link.noted(failure)),
        }
    }

    /// Each class as a pool of each namespace in which volumes are made.
    pub(crate) async fn pools(&self, cx: &Cx, caller: &Caller) -> Result<Vec<ObservedPool>> {
        let namespaces = match &self.shared.config.namespaces {
            Namespaces::All => vec![self.home(caller)],
            Namespaces::Only(names) => names.clone(),
        };
        let classes = self.classes(cx, caller, cx.now()).await?;
        let pool = |namespace: &String, class: &MappedStorageClass| {
            let pool = Pool { namespace: namespace.clone(), class: class.pool.name.clone() };
            let name = pool.to_string();
            ObservedPool { external_ref: name.clone(), name, ..class.pool.clone() }
        };
        let of = |namespace| classes.iter().map(move |class| pool(namespace, class));
        Ok(namespaces.iter().flat_map(of).collect())
    }

    /// The network of the pods, and those that VMs of the home namespace can be
    /// connected to besides.
    pub(crate) async fn networks(&self, cx: &Cx, caller: &Caller) -> Result<Vec<ObservedNetwork>> {
        let at = cx.now();
        let network = |external_ref: String, name: String, forward: String| ObservedNetwork {
            external_ref,
            host_ref: None,
            name,
            forward,
            bridge: None,
            active: true,
            autostart: true,
            subnets: Vec::new(),
            observed_at: at,
        };
        let mut all = vec![network(POD_NETWORK.into(), POD_NETWORK.into(), "nat".into())];
        let home = self.home(caller);
        let others = Selection::all(Resource::NETWORKS, Some(home.clone()));
        for object in self.listed(cx, caller, &others).await? {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            // One of that name cannot be asked for.
            let Some(name) = name.filter(|name| *name != POD_NETWORK) else { continue };
            all.push(network(format!("{home}/{name}"), name.to_owned(), plugin(&object)));
        }
        Ok(all)
    }
}

/// What a network is made by: `bridge`, `macvlan` …
fn plugin(object: &Value) -> String {
    let config = object.pointer("/spec/config").and_then(Value::as_str).unwrap_or_default();
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let kind = config.get("type").or_else(|| config.pointer("/plugins/0/type"));
    kind.and_then(Value::as_str).map_or_else(|| "unknown".to_owned(), crate::error::word)
}
