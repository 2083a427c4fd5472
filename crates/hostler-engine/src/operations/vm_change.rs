//! `vm.change`: make a VM what it is to be, and write down that it is to be so.
//!
//! ```text
//!   apply ─► record ─► the specification that is asked for is the new one
//!     │ undone
//!     └─► it is put back to what it was when the change was planned
//! ```
//!
//! What it was is what its provider had, not what Hostler had written down: values of others
//! that were taken over come back by it, too.

use async_trait::async_trait;
use hostler_core::Code;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Fate, Outcome, Resource};
use hostler_core::vm::VmSpec;
use hostler_core::vm::change::{ChangePlan, Managed, differences, listed};
use hostler_provider::{ChangeVm, Configure, DiskBinding, Group, Kind, Provider, VolumeRef};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};

use super::{AtVm, News, Operation, StepCx, StepError, Undo, lacks};

/// The most changes that are told by name.
const NAMED: usize = 8;

/// Changes what a VM is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmChange {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    /// What was written down when it was asked for.
    pub(crate) asked: VmSpec,
    /// What the VM was then, as its provider told.
    pub(crate) was: VmSpec,
    /// What it is to be.
    pub(crate) spec: VmSpec,
    pub(crate) disks: Vec<DiskBinding>,
    #[serde(default)]
    pub(crate) seed: Option<VolumeRef>,
    /// Fields of others that were shown, and are to be taken over.
    #[serde(default)]
    pub(crate) take_over: Vec<Managed>,
    /// Also from a tool that puts back what it has written down elsewhere.
    #[serde(default)]
    pub(crate) from_gitops: bool,
    /// Whether the VM was put back since it was made what is written down: then what its
    /// provider does not tell of it may be other than that.
    #[serde(default)]
    pub(crate) put_back_since: bool,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Apply,
    Record,
}

/// The group, or that the provider lacks it.
pub(crate) fn configure_of(provider: &dyn Provider) -> Result<&dyn Configure, hostler_core::Error> {
    provider.configure().ok_or_else(|| lacks(Group::Configure))
}

/// Whether putting the VM back takes nothing: labels are Hostler's own, and are written down
/// with the end only.
fn is_nothing(plan: &ChangePlan) -> bool {
    plan.changes.iter().all(|change| change.field.path.starts_with("/labels/"))
}

impl VmChange {
    async fn apply(&self, cx: &StepCx) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let configure = configure_of(provider.as_ref())?;
        let at = self.at.reference();
        let request = ChangeVm {
            vm: self.at.vm,
            at: &at,
            before: &self.asked,
            spec: &self.spec,
            disks: &self.disks,
            seed: self.seed.as_ref(),
            take_over: &self.take_over,
            from_gitops: self.from_gitops,
        };
        cx.cx().run("change VM", configure.change_vm(cx.cx(), &request)).await?;
        Ok(())
    }

    async fn put_back(&self, cx: &StepCx) -> Result<Undo, StepError> {
        if cx.fate() == Fate::Refused {
            return Ok(Undo::nothing().for_good());
        }
        let provider = cx.provider(self.at.provider)?;
        let configure = configure_of(provider.as_ref())?;
        let at = self.at.reference();
        let request = ChangeVm {
            vm: self.at.vm,
            at: &at,
            before: &self.spec,
            spec: &self.was,
            disks: &self.disks,
            seed: self.seed.as_ref(),
            take_over: &[],
            from_gitops: true,
        };
        let call = cx.cx();
        // Looked at first: where nothing happened, nothing has to be allowed.
        let put_back = async {
            let plan = call.run("plan change", configure.plan_change(call, &request)).await?;
            match is_nothing(&plan) {
                true => Ok(plan),
                false => call.run("put VM back", configure.change_vm(call, &request)).await,
            }
        };
        match put_back.await {
            Ok(plan) if is_nothing(&plan) => Ok(Undo::nothing()),
            Ok(_) if !self.take_over.is_empty() => {
                let theirs = listed(&self.take_over);
                Ok(Undo::kept(format!("the VM is what it was, but no longer so that {theirs}")))
            }
            Ok(_) => Ok(Undo::removed()),
            // Whoever removed it has undone more than this.
            Err(error) if error.kind() == Kind::NotFound => Ok(Undo::nothing()),
            Err(error) if error.code() == Code::VmFieldsManaged => {
                Ok(Undo::kept(format!("the VM was changed by others meanwhile: {error}")))
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl Operation for VmChange {
    const KIND: &'static str = "vm.change";
    type Step = Step;
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<Step> {
        vec![Step::Apply, Step::Record]
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::Apply => "apply",
            Step::Record => "record",
        }
    }

    async fn run(&self, step: Step, cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        match step {
            Step::Apply => self.apply(cx).await,
            // Together with the end, so that it never says what is not.
            Step::Record => Ok(()),
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        match step {
            Step::Apply => self.put_back(cx).await,
            // It is written down with the end only.
            Step::Record => Ok(Undo::nothing().for_good()),
        }
    }

    fn finished(&self, (): &(), outcome: Outcome) -> Vec<Effect> {
        match outcome {
            // Description and labels are changed without an operation, too: what came in
            // between stays, where this change is not about it.
            Outcome::Succeeded => {
                let (from, to) = (Box::new(self.asked.clone()), Box::new(self.spec.clone()));
                vec![Effect::ChangeVmSpec { vm: self.at.vm, from, to }]
            }
            Outcome::Failed | Outcome::Cancelled => Vec::new(),
        }
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "vm.reconfigured",
            resource: Resource::Vm(self.at.vm),
            name: self.at.name.clone(),
            message: format!("VM {} was changed: {}", self.at.name, self.told()),
        })
    }
}

impl VmChange {
    /// What differs, for people.
    fn told(&self) -> String {
        let all = differences(&self.was, &self.spec);
        let word = |value: &Option<serde_json::Value>| match value {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        let named = all.iter().take(NAMED);
        let named = named.map(|d| format!("{} from {} to {}", d.path, word(&d.from), word(&d.to)));
        let mut named: Vec<String> = named.collect();
        match all.len().saturating_sub(NAMED) {
            0 if named.is_empty() && self.put_back_since => {
                "nothing differs that its provider tells; it was put back to a snapshot, and what \
                 is not told may be as it was then"
                    .to_owned()
            }
            0 if named.is_empty() => "it was as wanted already".to_owned(),
            0 => named.join(", "),
            more => {
                named.push(format!("and {more} more"));
                named.join(", ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::vm::change::Takes;

    use super::*;

    /// Of labels nothing is at the provider, so that nothing of anybody's was taken.
    #[test]
    fn x25_putting_labels_back_takes_nothing_from_anybody() {
        let before = VmSpec::new("web", 1 << 30);
        let plan = |edit: fn(&mut VmSpec)| {
            let mut after = before.clone();
            edit(&mut after);
            ChangePlan::of(&before, &after, |_| Takes::Live)
        };
        assert!(is_nothing(&plan(|_| {})));
        assert!(is_nothing(&plan(|spec| drop(spec.labels.insert("tier".into(), "web".into())))));
        assert!(!is_nothing(&plan(|spec| spec.description = "x".into())));
        assert!(!is_nothing(&plan(|spec| spec.cpu.count = 2)));
    }
}
