//! Volumes of VMs: claims of storage, and the secrets that hold cloud-init's documents.
//!
//! | here | in the cluster |
//! |---|---|
//! | pool `NAMESPACE.CLASS` | a storage class, as it is used from a namespace |
//! | volume | a `PersistentVolumeClaim` of that class there |
//! | a copy | the same, filled by a `DataVolume` of CDI |
//! | a seed | a `Secret`, for `cloudInitNoCloud` |
//! | an upload | nothing: it goes through CDI's proxy, which is not reached from here |
//!
//! A namespace has no dot in its name, so the first one ends it. Claims are used in
//! their own namespace only, so a VM goes where its volumes are; where VMs and volumes
//! go of which nothing is said is the provider's home: its first namespace, or without
//! any the one of the kubeconfig's context.

mod claims;
mod fill;
mod pools;
mod seeds;
mod users;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::devices::VolumeFormat;
use hostler_provider::{
    Cx, EnsureVolume, Error, Kind, Result, Storage, VolumeContent, VolumeInfo, VolumeRef,
};
use tokio::time::sleep;

use crate::call::Caller;
use crate::create::{NO_UPLOADS, RAW_ONLY};
use crate::ending::Ending;
use crate::error::{Cause, Failure};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource, namespace_name};

pub(crate) use users::Users;

/// How soon it is looked again how far something has come.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A storage class as it is used from a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pool {
    pub(crate) namespace: String,
    pub(crate) class: String,
}

impl Pool {
    /// # Errors
    /// `NotFound` for what cannot be one.
    pub(crate) fn named(text: &str) -> Result<Self> {
        let parts = text.split_once('.').filter(|(namespace, class)| {
            namespace_name(namespace).is_ok() && crate::resource::name(class).is_ok()
        });
        match parts {
            Some((namespace, class)) => {
                Ok(Self { namespace: namespace.to_owned(), class: class.to_owned() })
            }
            None => {
                let message = format!(
                    "there is no pool \"{text}\"; pools of a cluster are named NAMESPACE.CLASS"
                );
                Err(Error::new(Kind::NotFound, message))
            }
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.class)
    }
}

impl KubeVirt {
    /// The namespace of VMs and volumes of which nothing else is said.
    pub(crate) fn home(&self, caller: &Caller) -> String {
        let first = self.shared.config.namespaces.scopes().into_iter().next().flatten();
        first.unwrap_or_else(|| caller.default_namespace().to_owned())
    }
}

/// How volumes are stored here, and not otherwise.
pub(crate) const FORMATS: &[VolumeFormat] = &[VolumeFormat::Raw];

#[async_trait]
impl Storage for KubeVirt {
    fn formats(&self) -> &'static [VolumeFormat] {
        FORMATS
    }

    async fn default_pool(&self, cx: &Cx, _host_ref: &str) -> Result<String> {
        let caller = self.shared.link.caller(cx).await?;
        let class = self.default_class(cx, &caller).await?;
        Ok(Pool { namespace: self.home(&caller), class }.to_string())
    }

    async fn ensure_volume(&self, cx: &Cx, request: &EnsureVolume<'_>) -> Result<VolumeInfo> {
        let work = Work::begin(self, cx, request.volume, "make volume").await?;
        match &request.content {
            VolumeContent::Seed(seed) => work.ensure_seed(seed).await,
            content => {
                if let Some(info) = work.there().await? {
                    return Ok(info);
                }
                if request.format != VolumeFormat::Raw {
                    return Err(work.error(Kind::Unsupported, RAW_ONLY));
                }
                match content {
                    VolumeContent::Upload(_) => Err(work.error(Kind::Unsupported, NO_UPLOADS)),
                    VolumeContent::CopyOf(original) => {
                        work.copy(original, request.capacity_bytes).await
                    }
                    _ => work.make_claim(request.capacity_bytes).await,
                }
            }
        }
    }

    async fn remove_volume(&self, cx: &Cx, volume: &VolumeRef) -> Result<()> {
        Work::begin_anywhere(self, cx, volume, "delete volume").await?.remove().await
    }

    async fn volumes(&self, cx: &Cx, host_ref: &str, pool: &str) -> Result<Vec<ObservedVolume>> {
        // Stands for all of them.
        let name = "*".to_owned();
        let all = VolumeRef { host_ref: host_ref.to_owned(), pool: pool.to_owned(), name };
        Work::begin(self, cx, &all, "list").await?.list().await
    }
}

/// What is done about one volume.
struct Work<'a> {
    provider: &'a KubeVirt,
    cx: &'a Cx,
    volume: &'a VolumeRef,
    caller: std::sync::Arc<Caller>,
    pool: Pool,
    doing: String,
}

impl<'a> Work<'a> {
    /// In a pool that is there.
    async fn begin(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        volume: &'a VolumeRef,
        verb: &str,
    ) -> Result<Self> {
        let work = Self::begin_anywhere(provider, cx, volume, verb).await?;
        let class = ObjectKey::of_cluster(&*work.pool.class);
        match work.caller.get(cx, Resource::STORAGE_CLASSES, &class).await {
            Ok(_) => Ok(work),
            // Who may not look at classes may use them all the same.
            Err(failure) if failure.cause == Cause::Forbidden => Ok(work),
            Err(failure) if failure.cause == Cause::ObjectMissing => {
                let what = format!("the cluster has no storage class \"{}\"", work.pool.class);
                Err(work.error(Kind::NotFound, &what))
            }
            Err(failure) => Err(work.failed(failure)),
        }
    }

    /// Also in a pool whose class is gone: what was made in it stays.
    async fn begin_anywhere(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        volume: &'a VolumeRef,
        verb: &str,
    ) -> Result<Self> {
        let doing = format!("cannot {verb} {volume}");
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        let pool = Pool::named(&volume.pool)?;
        if !provider.shared.config.namespaces.contains(&pool.namespace) {
            let what =
                format!("the namespace {} is not among those of this provider", pool.namespace);
            return Err(Error::new(Kind::NotFound, format!("{doing}: {what}")));
        }
        let caller = provider.shared.link.caller(cx).await?;
        Ok(Self { provider, cx, volume, caller, pool, doing })
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }

    fn failed(&self, failure: Failure) -> Error {
        self.provider.shared.link.noted(failure).context(&self.doing)
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::in_namespace(&*self.pool.namespace, &*self.volume.name)
    }

    fn info(&self, capacity_bytes: u64, created: bool) -> VolumeInfo {
        VolumeInfo { volume: self.volume.clone(), capacity_bytes, created }
    }

    /// The object of this volume's name, of one kind; `None` where there is none, or
    /// the kind is not served.
    async fn get(&self, resource: Resource) -> Result<Option<serde_json::Value>> {
        match self.caller.get(self.cx, resource, &self.key()).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) if matches!(failure.cause, Cause::ObjectMissing | Cause::KindMissing) => {
                Ok(None)
            }
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Deletes the object of this volume's name, and waits until it is gone.
    async fn delete(&self, resource: Resource, object: &serde_json::Value) -> Result<()> {
        let (cx, link, caller) = (self.cx, &self.provider.shared.link, &*self.caller);
        let uid = object.pointer("/metadata/uid").and_then(serde_json::Value::as_str);
        let (key, doing) = (&self.key(), &*self.doing);
        Ending { cx, link, caller, resource, key, uid, doing }.delete().await
    }

    /// Waits a moment within a change that was begun.
    ///
    /// # Errors
    /// Of unknown effect: `Timeout` or `Cancelled`.
    async fn pause(&self, why: &str) -> Result<()> {
        self.cx.progress(None, why);
        if self.cx.remaining().is_zero() {
            return Err(self.error(Kind::Timeout, why).with_unknown_effect());
        }
        tokio::select! {
            () = sleep(LOOK_AGAIN.min(self.cx.remaining())) => Ok(()),
            () = self.cx.cancellation().cancelled() => {
                Err(self.error(Kind::Cancelled, "cancelled").with_unknown_effect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_class_as_it_is_used_from_a_namespace() {
        for (text, namespace, class) in
            [("default.standard", "default", "standard"), ("a-b.ceph.rbd.io", "a-b", "ceph.rbd.io")]
        {
            let pool = Pool::named(text).unwrap();
            assert_eq!((pool.namespace.as_str(), pool.class.as_str()), (namespace, class));
            assert_eq!(pool.to_string(), text);
        }
        for text in ["", "default", ".x", "x.", "A.b", "a/b.c", "a..", "a.b/c"] {
            assert_eq!(Pool::named(text).unwrap_err().kind(), Kind::NotFound, "{text}");
        }
    }
}
