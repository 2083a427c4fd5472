//! `volume.create`: look that the name is free, make the volume.
//!
//! People choose the names of volumes, so what bears the name need not be ours.
//! The claim keeps other operations away from it; against everybody else there
//! is the order of things:
//!
//! ```text
//!  check: absent ─► "asked" noted ─► made here ───────────────► done
//!     │ there                │ there, made by nobody here ─► "theirs" noted ─► failed
//!     ▼                      │
//!   failed          undone: only what was asked for and is as it was asked for
//! ```

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Outcome, Resource};
use hostler_core::storage::{ObservedVolume, VolumeKey};
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::{Code, Error};
use hostler_provider::{EnsureVolume, Group, Kind, Provider, Storage, VolumeContent, VolumeRef};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{News, Operation, StepCx, StepError, Undo, lacks};

/// Noted before the volume is asked for.
const ASKED: &str = "asked";
/// Noted when somebody else turned out to have made one of that name.
const THEIRS: &str = "theirs";
/// By how much a volume may be larger than asked for: pools round up, volume
/// groups by whole extents.
const GRAIN_BYTES: u64 = 256 << 20;

/// Makes an empty volume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VolumeCreate {
    pub(crate) key: VolumeKey,
    pub(crate) provider: ProviderId,
    /// The volume in the provider's terms.
    pub(crate) volume: VolumeRef,
    pub(crate) capacity_bytes: u64,
    pub(crate) format: VolumeFormat,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Check,
    Make,
}

/// What is known to be ours.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    made: bool,
}

impl VolumeCreate {
    /// The volume of that name, as it is seen now.
    async fn seen(
        &self,
        cx: &StepCx,
        storage: &dyn Storage,
    ) -> hostler_provider::Result<Option<ObservedVolume>> {
        let VolumeRef { host_ref, pool, name } = &self.volume;
        let call = storage.volumes(cx.cx(), host_ref, pool);
        let volumes = cx.cx().run("list volumes", call).await?;
        Ok(volumes.into_iter().find(|volume| volume.name == *name))
    }

    /// Whether what is there is what was asked for.
    fn is_alike(&self, there: &ObservedVolume) -> bool {
        let larger_by = there.capacity_bytes.checked_sub(self.capacity_bytes);
        let same_format = there.format.as_deref().is_none_or(|f| f == self.format.as_str());
        same_format && larger_by.is_some_and(|bytes| bytes < GRAIN_BYTES)
    }

    /// What this operation noted about its making.
    async fn noted(&self, cx: &StepCx) -> Result<Option<String>, StepError> {
        let journal = cx.engine.journal(cx.operation).await?;
        Ok(journal.checkpoint().and_then(|note| note.as_str()).map(str::to_owned))
    }

    async fn check(&self, cx: &StepCx) -> Result<(), StepError> {
        let provider = cx.provider(self.provider)?;
        match self.seen(cx, storage_of(provider.as_ref())?).await? {
            Some(there) => Err(exists(&self.volume.pool, &there).into()),
            None => Ok(()),
        }
    }

    async fn make(&self, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        let provider = cx.provider(self.provider)?;
        let storage = storage_of(provider.as_ref())?;
        let noted = self.noted(cx).await?;
        if noted.is_none() {
            cx.cx().checkpoint(json!(ASKED)).await?;
        }
        let request = EnsureVolume {
            volume: &self.volume,
            capacity_bytes: self.capacity_bytes,
            format: self.format,
            content: VolumeContent::Empty,
        };
        let call = cx.cx();
        let made = match noted.as_deref() {
            Some(THEIRS) => false,
            _ => call.run("make volume", storage.ensure_volume(call, &request)).await?.created,
        };
        if !made {
            let there = self.seen(cx, storage).await?;
            // An earlier try of this operation made it, unless it never asked or it is another.
            let ours = noted.as_deref() == Some(ASKED)
                && there.as_ref().is_some_and(|there| self.is_alike(there));
            if !ours {
                cx.cx().checkpoint(json!(THEIRS)).await?;
                return Err(match there {
                    Some(there) => exists(&self.volume.pool, &there).into(),
                    // Somebody made it and took it away again; the name may be free now.
                    None => StepError::lasting(taken(&self.volume)),
                });
            }
        }
        state.made = true;
        Ok(())
    }

    async fn unmake(&self, cx: &StepCx, state: &State) -> Result<Undo, StepError> {
        let provider = cx.provider(self.provider)?;
        let storage = storage_of(provider.as_ref())?;
        let mut found = Undo::removed();
        if !state.made {
            if self.noted(cx).await?.as_deref() != Some(ASKED) {
                return Ok(Undo::nothing());
            }
            match self.seen(cx, storage).await {
                Ok(Some(there)) if !self.is_alike(&there) => return Ok(Undo::nothing()),
                Ok(Some(_)) => {}
                // A call that broke off may have left something beside it.
                Ok(None) => found = Undo::nothing(),
                // With the pool went what was in it.
                Err(error) if error.kind() == Kind::NotFound => return Ok(Undo::nothing()),
                Err(error) => return Err(error.into()),
            }
        }
        let call = storage.remove_volume(cx.cx(), &self.volume);
        cx.cx().run("remove volume", call).await?;
        Ok(found)
    }
}

fn storage_of(provider: &dyn Provider) -> Result<&dyn Storage, Error> {
    provider.storage().ok_or_else(|| lacks(Group::Storage))
}

/// The name is taken, and by what.
pub(crate) fn exists(pool: &str, there: &ObservedVolume) -> Error {
    let (name, bytes) = (&there.name, there.capacity_bytes);
    let format = there.format.as_deref().unwrap_or("unknown");
    let message = format!(
        "pool \"{pool}\" has a volume \"{name}\" already, of {bytes} bytes and format {format}"
    );
    Error::new(Code::VolumeExists, message)
        .with_detail("capacity_bytes", bytes)
        .with_detail("format", format)
}

fn taken(volume: &VolumeRef) -> Error {
    let message = format!("somebody else made a volume {volume} meanwhile");
    Error::new(Code::VolumeExists, message)
}

#[async_trait]
impl Operation for VolumeCreate {
    const KIND: &'static str = "volume.create";
    type Step = Step;
    type State = State;

    fn provider(&self, _: &State) -> Option<ProviderId> {
        Some(self.provider)
    }

    fn plan(&self) -> Vec<Step> {
        vec![Step::Check, Step::Make]
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::Check => "check",
            Step::Make => "make",
        }
    }

    async fn run(&self, step: Step, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        match step {
            Step::Check => self.check(cx).await,
            Step::Make => self.make(cx, state).await,
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, state: &State) -> Result<Undo, StepError> {
        match step {
            Step::Check => Ok(Undo::nothing().for_good()),
            Step::Make => self.unmake(cx, state).await,
        }
    }

    fn finished(&self, _: &State, _: Outcome) -> Vec<Effect> {
        Vec::new()
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "volume.created",
            resource: Resource::Volume(self.key.clone()),
            name: self.key.name.clone(),
            message: format!("volume {} was made", self.volume),
        })
    }
}
