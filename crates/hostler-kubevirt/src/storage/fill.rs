//! Claims that CDI fills: copies, and whatever was made by others.
//!
//! ```text
//!   DataVolume ─► (Pending, …InProgress) ─► Succeeded: whole
//!                                       └─► Failed: said, and left for who looks after it
//! ```

use hostler_provider::{Error, Kind, Result, VolumeInfo, VolumeRef};
use serde_json::{Value, json};

use super::claims::size;
use super::{Pool, Work};
use crate::create::quantity;
use crate::error::Cause;
use crate::resource::{ObjectKey, Resource};

/// Lets CDI fill a claim at once, even if its class waits for who uses it: a copy is
/// one when it is told to be.
const AT_ONCE: &str = "cdi.kubevirt.io/storage.bind.immediate.requested";

impl Work<'_> {
    /// Copies a claim of the same pool.
    pub(super) async fn copy(
        &self,
        original: &VolumeRef,
        capacity_bytes: u64,
    ) -> Result<VolumeInfo> {
        if Pool::named(&original.pool)? != self.pool {
            return Err(self.error(Kind::Invalid, "a copy is made within one pool"));
        }
        let key = ObjectKey::in_namespace(&*self.pool.namespace, &*original.name);
        let object = self.caller.get(self.cx, Resource::CLAIMS, &key).await;
        let source = self.claim(object.map_err(|failure| self.failed(failure))?)?;
        if capacity_bytes < size(&source) {
            let what = format!("its original has {} bytes, and cannot be cut", size(&source));
            return Err(self.error(Kind::Invalid, &what));
        }
        let mut pvc = json!({
            "storageClassName": self.pool.class, "accessModes": source.access_modes,
            "resources": { "requests": { "storage": quantity(capacity_bytes) } },
        });
        let mode = source.is_block.map(|is_block| if is_block { "Block" } else { "Filesystem" });
        if let (Some(mode), Some(fields)) = (mode, pvc.as_object_mut()) {
            fields.insert("volumeMode".to_owned(), mode.into());
        }
        let mut metadata = self.metadata();
        if let Some(fields) = metadata.as_object_mut() {
            fields.insert("annotations".to_owned(), json!({ AT_ONCE: "true" }));
        }
        let from = json!({ "pvc": { "namespace": key.namespace, "name": key.name } });
        let copy = json!({
            "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "metadata": metadata,
            "spec": { "source": from, "pvc": pvc },
        });
        match self.create(Resource::DATA_VOLUMES, &copy).await {
            Ok(Some(_)) => self.filled(true).await.map_err(Error::with_unknown_effect),
            Ok(None) => self.another_made_it().await,
            Err(error) if error.kind() == Kind::Unsupported => {
                let what =
                    "copying a claim needs CDI, which this cluster does not have; install it";
                Err(self.error(Kind::Unsupported, what))
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until CDI has filled the volume.
    pub(super) async fn filled(&self, created: bool) -> Result<VolumeInfo> {
        loop {
            let claim = self.get(Resource::CLAIMS).await?;
            let is_whole = self.is_whole(claim.as_ref()).await?;
            if let (true, Some(object)) = (is_whole, claim) {
                return Ok(self.info(size(&self.claim(object)?), created));
            }
            self.pause("CDI fills the volume").await?;
        }
    }

    /// A claim that is there, once it is whole.
    pub(super) async fn filled_claim(&self, claim: Value) -> Result<VolumeInfo> {
        if self.is_whole(Some(&claim)).await? {
            return Ok(self.info(size(&self.claim(claim)?), false));
        }
        self.filled(false).await
    }

    /// What CDI fills the volume by, if anything. A cluster says first whether we may ask, and
    /// then whether there is such a thing, or CDI at all: so not to be allowed to look means that
    /// there is none, unless the claim says that it belongs to one.
    pub(super) async fn filler(&self, claim: Option<&Value>) -> Result<Option<Value>> {
        match self.caller.get(self.cx, Resource::DATA_VOLUMES, &self.key()).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) => match failure.cause {
                Cause::ObjectMissing | Cause::KindMissing => Ok(None),
                Cause::Forbidden if !claim.is_some_and(is_filled_by_cdi) => Ok(None),
                _ => Err(self.failed(failure)),
            },
        }
    }

    /// Whether nothing is left to be written into it.
    async fn is_whole(&self, claim: Option<&Value>) -> Result<bool> {
        let Some(filler) = self.filler(claim).await? else { return Ok(true) };
        match filler.pointer("/status/phase").and_then(Value::as_str) {
            Some("Succeeded") => Ok(true),
            Some("Failed") => {
                let what = "CDI could not fill it; look at its DataVolume, and delete it";
                Err(self.error(Kind::Conflict, what))
            }
            // It is filled when the first VM that uses it is placed: no sooner, since
            // whoever made it wanted that.
            Some("WaitForFirstConsumer" | "PendingPopulation") => Ok(true),
            _ => Ok(false),
        }
    }
}

/// Whether a claim belongs to a `DataVolume`.
fn is_filled_by_cdi(claim: &Value) -> bool {
    let owners = claim.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_cdis = |owner: &Value| owner.get("kind").and_then(Value::as_str) == Some("DataVolume");
    owners.is_some_and(|owners| owners.iter().any(is_cdis))
}
