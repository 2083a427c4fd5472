//! cloud-init's documents, as a secret that a VM's `cloudInitNoCloud` refers to: what is
//! in them is read by nobody who may only look at VMs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::cloud_init::Seed;
use hostler_provider::{Kind, Result, VolumeInfo};
use serde_json::{Map, Value, json};

use super::Work;
use crate::call::Selection;
use crate::error::Cause;
use crate::resource::Resource;

/// Marks secrets that are seeds of ours.
const VOLUME_LABEL: &str = "hostler.io/volume";
const SEED: &str = "seed";
/// The pool that a seed was made in: a secret is of no storage class.
const POOL_ANNOTATION: &str = "hostler.io/pool";

impl Work<'_> {
    /// Makes the secret unless it is there. `meta-data` is not in it: KubeVirt writes
    /// its own.
    pub(super) async fn ensure_seed(&self, seed: &Seed) -> Result<VolumeInfo> {
        let mut data = Map::new();
        data.insert("userdata".to_owned(), STANDARD.encode(&seed.user_data).into());
        if let Some(network) = &seed.network_config {
            data.insert("networkdata".to_owned(), STANDARD.encode(network).into());
        }
        let mut metadata = self.metadata();
        if let Some(fields) = metadata.as_object_mut() {
            let labels = json!({ "app.kubernetes.io/managed-by": "hostler", VOLUME_LABEL: SEED });
            fields.insert("labels".to_owned(), labels);
            let pool = self.pool.to_string();
            fields.insert("annotations".to_owned(), json!({ POOL_ANNOTATION: pool }));
        }
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque",
            "data": data,
        });
        if let Some(found) = self.get(Resource::SECRETS).await? {
            return self.found_seed(&found);
        }
        match self.create(Resource::SECRETS, &secret).await? {
            Some(made) => Ok(self.info(bytes(&made), true)),
            None => match self.get(Resource::SECRETS).await? {
                Some(found) => self.found_seed(&found),
                None => Err(self.error(Kind::Unavailable, "it comes and goes; try again")),
            },
        }
    }

    fn found_seed(&self, secret: &Value) -> Result<VolumeInfo> {
        if is_seed(secret) {
            return Ok(self.info(bytes(secret), false));
        }
        Err(self.error(Kind::Conflict, "the namespace has another secret of that name"))
    }

    /// The seeds of the pool. Who may not list secrets sees none.
    pub(super) async fn seeds(&self) -> Result<Vec<ObservedVolume>> {
        let labels = Some(format!("{VOLUME_LABEL}={SEED}"));
        let all = Selection::all(Resource::SECRETS, Some(self.pool.namespace.clone()));
        let listed = match self.caller.list(self.cx, &Selection { labels, ..all }).await {
            Ok(listed) => listed.items,
            Err(failure) if failure.cause == Cause::Forbidden => {
                tracing::debug!(pool = %self.pool, "our account may not list secrets: no seeds");
                return Ok(Vec::new());
            }
            Err(failure) => return Err(self.failed(failure)),
        };
        let pool = self.pool.to_string();
        let is_here = |secret: &&Value| annotation(secret, POOL_ANNOTATION) == Some(&*pool);
        let observe = |secret: &Value| {
            let name = secret.pointer("/metadata/name")?.as_str()?.to_owned();
            let (capacity_bytes, namespace) = (bytes(secret), &self.pool.namespace);
            Some(ObservedVolume {
                path: Some(format!("secret://{namespace}/{name}")),
                name,
                format: None,
                capacity_bytes,
                allocated_bytes: capacity_bytes,
                backing: None,
            })
        };
        Ok(listed.iter().filter(is_here).filter_map(observe).collect())
    }

    /// Deletes the secret, if it is one of ours.
    ///
    /// Where our account may not look at secrets there is none of ours: a seed is looked for
    /// before it is made, and so never made there. Whatever was to be deleted is gone then, and
    /// undoing what never came to be must not fail. Left is only the case that the right was
    /// taken away after a seed was made: that one stays, and is logged with its name, since
    /// nobody can tell it from one that never was.
    pub(super) async fn remove_seed(&self) -> Result<()> {
        let key = self.key();
        match self.caller.get(self.cx, Resource::SECRETS, &key).await {
            Ok(secret) if is_seed(&secret) => self.delete(Resource::SECRETS, &secret).await,
            Ok(_) => Ok(()),
            Err(failure) => match failure.cause {
                Cause::ObjectMissing => Ok(()),
                Cause::Forbidden => {
                    tracing::info!(
                        secret = %key,
                        "our account may not look at secrets, and so made none there; if it once \
                         might, delete the secret of this name by hand"
                    );
                    Ok(())
                }
                _ => Err(self.failed(failure)),
            },
        }
    }
}

fn is_seed(secret: &Value) -> bool {
    let labels = secret.pointer("/metadata/labels");
    labels.and_then(|labels| labels.get(VOLUME_LABEL)?.as_str()) == Some(SEED)
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// How much is in it.
fn bytes(secret: &Value) -> u64 {
    let data = secret.get("data").and_then(Value::as_object).into_iter().flatten();
    let lengths = data.filter_map(|(_, value)| STANDARD.decode(value.as_str()?).ok());
    lengths.map(|bytes| bytes.len() as u64).sum()
}
