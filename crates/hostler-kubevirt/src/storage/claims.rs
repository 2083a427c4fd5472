//! Claims: looked for, made, listed, and deleted where nobody uses them.

use hostler_core::storage::ObservedVolume;
use hostler_provider::{Error, Kind, Result, VolumeInfo};
use serde_json::{Value, json};

use super::{Users, Work};
use crate::call::{Selection, WriteOptions};
use crate::create::quantity;
use crate::error::Cause;
use crate::mapper::{MappedClaim, map_claim};
use crate::objects::{self, PersistentVolumeClaim};
use crate::resource::{ObjectKey, Resource};

/// How many nodes may use a claim of a class of which nothing is known: one. Every
/// class has that.
const USUAL_MODE: &str = "ReadWriteOnce";

/// In which form a class gives storage.
pub(super) struct Form {
    pub(super) access_modes: Vec<String>,
    pub(super) volume_mode: Option<String>,
}

impl Work<'_> {
    /// The volume if it is there, once it is whole.
    pub(super) async fn there(&self) -> Result<Option<VolumeInfo>> {
        let Some(object) = self.get(Resource::CLAIMS).await? else {
            // CDI may be about to make it.
            if self.filler(None).await?.is_some() {
                return self.filled(false).await.map(Some);
            }
            return Ok(None);
        };
        self.check_class(&self.claim(object.clone())?)?;
        self.filled_claim(object).await.map(Some)
    }

    pub(super) fn claim(&self, object: Value) -> Result<MappedClaim> {
        let claim: PersistentVolumeClaim = objects::read(object)?;
        Ok(map_claim(&claim, self.cx.now())?)
    }

    fn check_class(&self, claim: &MappedClaim) -> Result<()> {
        if claim.storage_class.as_deref() == Some(&*self.pool.class) {
            return Ok(());
        }
        let class = claim.storage_class.as_deref().unwrap_or("none");
        let what = format!("the claim of that name is of the storage class {class}");
        Err(self.error(Kind::Conflict, &what))
    }

    /// Makes a claim with nothing in it.
    pub(super) async fn make_claim(&self, capacity_bytes: u64) -> Result<VolumeInfo> {
        if capacity_bytes == 0 {
            return Err(self.error(Kind::Invalid, "a volume has at least one byte"));
        }
        let form = self.form().await?;
        let mut spec = json!({
            "storageClassName": self.pool.class, "accessModes": form.access_modes,
            "resources": { "requests": { "storage": quantity(capacity_bytes) } },
        });
        if let (Some(mode), Some(fields)) = (form.volume_mode, spec.as_object_mut()) {
            fields.insert("volumeMode".to_owned(), mode.into());
        }
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": self.metadata(), "spec": spec,
        });
        match self.create(Resource::CLAIMS, &claim).await? {
            Some(made) => {
                let claim = self.claim(made).map_err(Error::with_unknown_effect)?;
                Ok(self.info(size(&claim), true))
            }
            None => self.another_made_it().await,
        }
    }

    pub(super) fn metadata(&self) -> Value {
        json!({
            "name": self.volume.name, "namespace": self.pool.namespace,
            "labels": { "app.kubernetes.io/managed-by": "hostler" },
        })
    }

    /// Makes an object; `None` where there is one of that name.
    pub(super) async fn create(&self, resource: Resource, object: &Value) -> Result<Option<Value>> {
        // Names that are none are refused before anything is asked.
        crate::resource::name(&self.volume.name).map_err(|error| error.context(&self.doing))?;
        let (namespace, options) = (Some(&*self.pool.namespace), WriteOptions::default());
        match self.caller.create(self.cx, resource, namespace, object, options).await {
            Ok(made) => Ok(Some(made)),
            Err(failure) if failure.cause == Cause::AlreadyExists => Ok(None),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Somebody was quicker.
    pub(super) async fn another_made_it(&self) -> Result<VolumeInfo> {
        let gone = "it was there, and is gone again; try again";
        self.there().await?.ok_or_else(|| self.error(Kind::Unavailable, gone))
    }

    /// As CDI knows the class, where it is there: which modes the storage has, best
    /// first, so that VMs can move where it lets them.
    async fn form(&self) -> Result<Form> {
        let usual = || Form { access_modes: vec![USUAL_MODE.to_owned()], volume_mode: None };
        let key = ObjectKey::of_cluster(&*self.pool.class);
        let profile = match self.caller.get(self.cx, Resource::STORAGE_PROFILES, &key).await {
            Ok(profile) => profile,
            Err(failure) => match failure.cause {
                Cause::KindMissing | Cause::ObjectMissing | Cause::Forbidden => return Ok(usual()),
                _ => return Err(self.failed(failure)),
            },
        };
        let best = profile.pointer("/status/claimPropertySets/0");
        let modes = best.and_then(|best| best.get("accessModes")?.as_array());
        let modes = modes.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let access_modes: Vec<String> = modes.collect();
        if access_modes.is_empty() {
            return Ok(usual());
        }
        let volume_mode = best.and_then(|best| best.get("volumeMode")?.as_str());
        Ok(Form { access_modes, volume_mode: volume_mode.map(str::to_owned) })
    }

    /// All volumes of the pool, by name.
    pub(super) async fn list(&self) -> Result<Vec<ObservedVolume>> {
        let namespace = Some(self.pool.namespace.clone());
        let listed = self.caller.list(self.cx, &Selection::all(Resource::CLAIMS, namespace)).await;
        let mut volumes = Vec::new();
        for object in listed.map_err(|failure| self.failed(failure))?.items {
            let claim = self.claim(object)?;
            if claim.storage_class.as_deref() == Some(&*self.pool.class) {
                volumes.push(observe(claim));
            }
        }
        volumes.extend(self.seeds().await?);
        volumes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(volumes)
    }

    /// Deletes whatever the volume is.
    pub(super) async fn remove(&self) -> Result<()> {
        if let Some(object) = self.get(Resource::CLAIMS).await? {
            let claim = self.claim(object.clone())?;
            self.check_class(&claim)?;
            self.check_unused().await?;
            // What fills it would make it anew.
            if let Some(filler) = self.filler(Some(&object)).await? {
                self.delete(Resource::DATA_VOLUMES, &filler).await?;
            }
            return self.delete(Resource::CLAIMS, &object).await;
        }
        if let Some(filler) = self.filler(None).await? {
            return self.delete(Resource::DATA_VOLUMES, &filler).await;
        }
        self.remove_seed().await
    }

    /// # Errors
    /// `Conflict` where a VM has the claim. One that runs the cluster would let go on, and
    /// delete it under its feet at its next stop; one that is off it does not know of at all.
    async fn check_unused(&self) -> Result<()> {
        let (link, namespace) = (&self.provider.shared.link, &*self.pool.namespace);
        let users = Users::of(self.cx, link, &self.caller, namespace).await;
        let users = users.map_err(|error| error.context(&self.doing))?;
        let Some(user) = users.of_claim(&self.volume.name, None) else { return Ok(()) };
        let what = match user.runs {
            true => format!("the VM \"{}\" runs and uses it; stop it first", user.name),
            false => format!(
                "the VM \"{}\", which is off, has it as a disk; take that out of it first",
                user.name
            ),
        };
        Err(self.error(Kind::Conflict, &what))
    }
}

/// What the cluster gave, and before it did, what was asked for.
pub(super) fn size(claim: &MappedClaim) -> u64 {
    claim.capacity_bytes.value().copied().or(claim.requested_bytes).unwrap_or(0)
}

fn observe(claim: MappedClaim) -> ObservedVolume {
    ObservedVolume {
        capacity_bytes: size(&claim),
        // What the cluster has set aside for it; how much of that holds data it does
        // not tell.
        allocated_bytes: claim.capacity_bytes.value().copied().unwrap_or(0),
        path: Some(format!("pvc://{}/{}", claim.namespace, claim.name)),
        name: claim.name,
        format: None,
        backing: None,
    }
}
