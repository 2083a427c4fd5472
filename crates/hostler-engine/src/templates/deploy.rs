//! Making VMs from a template: each by an ordinary `vm.create`, so that each survives a crash,
//! can be cancelled and leaves nothing behind by itself.
//!
//! ```text
//!   fill all ─► names free? ─► place compatible? ─► every creation checked ─► taken on, one by one
//!      └────────────┴────────────────┴─────────────────────┘ nothing is made when one is refused
//! ```
//!
//! Between the check and its turn a name can be taken by somebody else: that VM is told with why,
//! and the others are made. A request that is repeated under its key makes nothing twice: each VM
//! has a key of its own, made from it.

use std::collections::BTreeMap;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::error::Fault;
use hostler_core::id::TemplateId;
use hostler_core::placement::Wish;
use hostler_core::template::fill::ForVm;
use hostler_core::template::parameter::values;
use hostler_core::template::{
    Filled, FromTemplate, NamePattern, Template, Version, VersionState, check_shape, fill,
};
use hostler_core::{Code, Error, Result};
use hostler_store::IdempotencyKey;
use serde_json::Value;

use super::{TemplateView, Templates};
use crate::operations::Submission;
use crate::vms::{Accepted, VmCreateRequest, VmPlan, Vms};

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The version; `None`: the default one.
    pub version: Option<u32>,
    /// How the VMs are called; see [`NamePattern`].
    pub name: String,
    /// How many.
    pub count: u32,
    /// The number of the first.
    pub first: u32,
    /// Their project; `None`: the template's.
    pub project: Option<String>,
    /// What the parameters are.
    pub parameters: BTreeMap<String, Value>,
    /// Where they are to go.
    pub wish: Wish,
    /// Whether they are started.
    pub start: bool,
}

/// What would be asked for.
#[derive(Debug, Clone)]
pub struct Previewed {
    /// The template.
    pub template: Template,
    /// Its version.
    pub version: Version,
    /// Each VM with stars in the place of secrets.
    pub specs: Vec<Filled>,
    /// What is to be noticed.
    pub warnings: Vec<String>,
}

/// What was taken on, or would be.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The template.
    pub template: Template,
    /// Its version's number.
    pub version: u32,
    /// Each VM, in the order of their numbers.
    pub vms: Vec<DeployedVm>,
    /// What is to be noticed.
    pub warnings: Vec<String>,
}

/// One VM of several.
#[derive(Debug, Clone)]
pub struct DeployedVm {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: std::result::Result<DeployedAs, Error>,
}

/// What became of a VM that was asked for.
#[derive(Debug, Clone)]
pub enum DeployedAs {
    /// An operation makes it.
    Operation(Box<Accepted>),
    /// This would be done.
    Plan(Box<VmPlan>),
}

impl Templates<'_> {
    /// What would be asked for, without looking at any place. Of drafts, too.
    ///
    /// # Errors
    /// `spec_invalid` with all faults, by the places in the request (`/parameters/…`, `/name`) and
    /// in the version (`/spec/…`).
    pub async fn preview(
        &self,
        actor: &Actor,
        id: TemplateId,
        asked: &Deployment,
    ) -> Result<Previewed> {
        access::may(actor, Permission::VmCreate)?;
        let (view, version) = self.version_or_default(id, asked.version).await?;
        let specs = filled(&view, &version, asked)?;
        let warnings = warnings(&view, &version);
        Ok(Previewed { template: view.template, version, specs, warnings })
    }

    /// What deploying would do, with the checks and the placement of each VM.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn plan(
        &self,
        actor: &Actor,
        id: TemplateId,
        asked: &Deployment,
    ) -> Result<Deployed> {
        access::may(actor, Permission::VmCreate)?;
        let (view, version) = self.deployable(id, asked.version).await?;
        let specs = filled(&view, &version, asked)?;
        let wish = self.wish(&version, asked, &specs)?;
        let mut vms = Vec::new();
        for Filled { spec, .. } in specs {
            let name = spec.name.clone();
            let request = VmCreateRequest { spec, wish: wish.clone(), start: asked.start };
            let planned = Vms::new(self.engine).plan(actor, &request).await;
            let plan = planned.map_err(|error| of_vm(&name, &error))?;
            vms.push(DeployedVm { name, outcome: Ok(DeployedAs::Plan(Box::new(plan))) });
        }
        let (warnings, version) = (warnings(&view, &version), version.head.number);
        Ok(Deployed { template: view.template, version, vms, warnings })
    }

    /// Makes VMs. All are checked before the first is begun.
    ///
    /// # Errors
    /// `template_wrong_state` where the version cannot be deployed; `spec_invalid`;
    /// `template_incompatible`; `vm_exists` with all names that are taken; and whatever making one
    /// of the VMs would be refused with. Nothing is made then.
    pub async fn deploy(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        id: TemplateId,
        asked: &Deployment,
    ) -> Result<Deployed> {
        access::may(actor, Permission::VmCreate)?;
        let (view, version) = match self.deployable(id, asked.version).await {
            Ok(found) => found,
            Err(refused) => self.begun_before(actor, key.as_ref(), id, asked, refused).await?,
        };
        let specs = filled(&view, &version, asked)?;
        let keys: Vec<_> = (0..specs.len()).map(|n| key.as_ref().map(|key| part(key, n))).collect();
        let mut known = Vec::new();
        for key in &keys {
            known.push(self.engine.replay(actor, key.as_ref()).await?);
        }
        let fresh = || specs.iter().zip(&known).filter(|(_, known)| known.is_none());
        self.names_are_free(fresh().map(|(filled, _)| filled))?;
        let wish = match fresh().next() {
            Some(_) => self.wish(&version, asked, &specs)?,
            None => asked.wish.clone(),
        };
        let from = FromTemplate {
            template: id,
            name: view.template.name.clone(),
            version: version.head.number,
        };
        let mut prepared = Vec::new();
        for (Filled { spec, .. }, known) in specs.into_iter().zip(known) {
            let name = spec.name.clone();
            let ready = match known {
                Some(accepted) => Ready::Before(Box::new(accepted)),
                None => {
                    let request = VmCreateRequest { spec, wish: wish.clone(), start: asked.start };
                    let vms = Vms::new(self.engine);
                    let made = vms.creation(actor, request, Some(from.clone())).await;
                    let submission = made.map_err(|error| of_vm(&name, &error))?;
                    Ready::Now(Box::new(submission))
                }
            };
            prepared.push((name, ready));
        }
        let vms = self.take_on(actor, prepared, keys).await;
        if vms.iter().any(|vm| matches!(&vm.outcome, Ok(DeployedAs::Operation(it)) if !it.replayed))
        {
            let made = vms.iter().filter(|vm| vm.outcome.is_ok()).count();
            let message = format!(
                "{made} VMs of version {} of template {} were asked for by {actor}",
                from.version, from.name
            );
            let event = self.event("template.deployed", &view.template, message);
            self.engine.publish(vec![event]).await;
        }
        let warnings = warnings(&view, &version);
        Ok(Deployed { template: view.template, version: from.version, vms, warnings })
    }

    async fn take_on(
        &self,
        actor: &Actor,
        prepared: Vec<(String, Ready)>,
        keys: Vec<Option<IdempotencyKey>>,
    ) -> Vec<DeployedVm> {
        let mut vms = Vec::new();
        for ((name, ready), key) in prepared.into_iter().zip(keys) {
            let taken = match ready {
                Ready::Before(accepted) => Ok(*accepted),
                Ready::Now(submission) => {
                    self.engine.take_on(actor, key, async { Ok(*submission) }).await
                }
            };
            let outcome = taken.map(|accepted| DeployedAs::Operation(Box::new(accepted)));
            vms.push(DeployedVm { name, outcome });
        }
        vms
    }

    /// The version, where VMs can be made from it.
    async fn deployable(
        &self,
        id: TemplateId,
        number: Option<u32>,
    ) -> Result<(TemplateView, Version)> {
        let (view, version) = self.version_or_default(id, number).await?;
        let (state, name) = (version.head.state, &view.template.name);
        if state.is_deployable() {
            return Ok((view, version));
        }
        let what = match state {
            VersionState::Draft => "is a draft; activate it first",
            _ => "is archived; deploy a newer one",
        };
        let message = format!("version {} of template \"{name}\" {what}", version.head.number);
        Err(Error::new(Code::TemplateWrongState, message).with_detail("state", state.as_str()))
    }

    /// The version all the same where the first VM of this very request was begun before: who
    /// asks again is told what became of it, whatever has changed since.
    async fn begun_before(
        &self,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        id: TemplateId,
        asked: &Deployment,
        refused: Error,
    ) -> Result<(TemplateView, Version)> {
        let first = key.map(|key| part(key, 0));
        let number = asked.version.filter(|_| refused.code() == Code::TemplateWrongState);
        match (self.engine.replay(actor, first.as_ref()).await?, number) {
            (Some(_), Some(number)) => self.version(id, number).await,
            _ => Err(refused),
        }
    }

    fn wish(&self, version: &Version, asked: &Deployment, specs: &[Filled]) -> Result<Wish> {
        match specs.first() {
            Some(first) => self.engine.wish_for(&version.content, &asked.wish, &first.spec),
            None => Ok(asked.wish.clone()),
        }
    }

    fn names_are_free<'b>(&self, specs: impl Iterator<Item = &'b Filled>) -> Result<()> {
        let vms = Vms::new(self.engine);
        let taken: Vec<&str> = specs
            .filter(|filled| vms.check_name_is_free(&filled.spec).is_err())
            .map(|filled| filled.spec.name.as_str())
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        let message =
            format!("there are VMs of these names already: {}; nothing was made", taken.join(", "));
        Err(Error::new(Code::VmExists, message))
    }
}

/// A VM that is about to be asked for.
enum Ready {
    /// The same request asked for it before.
    Before(Box<Accepted>),
    /// It is asked for now.
    Now(Box<Submission>),
}

/// The key of the `n`th VM of a request.
fn part(key: &IdempotencyKey, n: usize) -> IdempotencyKey {
    IdempotencyKey { key: format!("{}#{n}", key.key), body_hash: key.body_hash }
}

/// The specifications of all VMs; all faults of the request at once.
fn filled(view: &TemplateView, version: &Version, asked: &Deployment) -> Result<Vec<Filled>> {
    let content = &version.content;
    check_shape(content)?;
    let mut faults: Vec<Fault> = Vec::new();
    let names = NamePattern::parse(&asked.name).and_then(|it| it.names(asked.first, asked.count));
    if let Err(error) = &names {
        faults.extend_from_slice(error.fault_list());
    }
    let project = asked.project.as_deref().unwrap_or(&view.template.project);
    if let Err(bad) = hostler_core::name::check_vm(project) {
        faults.push(Fault::new("/project", "bad_name", bad.to_string()));
    }
    let values = values(&content.parameters, &asked.parameters);
    if let Err(wrong) = &values {
        faults.extend_from_slice(wrong);
    }
    let (Ok(names), Ok(values), true) = (names, values, faults.is_empty()) else {
        return Err(Error::faults(Code::SpecInvalid, faults));
    };
    let fill = |(number, name): &(u32, String)| {
        fill(content, &values, ForVm { name, number: *number, project })
    };
    names.iter().map(fill).collect()
}

fn warnings(view: &TemplateView, version: &Version) -> Vec<String> {
    let number = version.head.number;
    match (version.head.state, view.default_version()) {
        (VersionState::Deprecated, Some(newer)) => {
            vec![format!("version {number} is deprecated; version {newer} is the one to deploy")]
        }
        (VersionState::Deprecated, None) => vec![format!("version {number} is deprecated")],
        (VersionState::Draft, _) => {
            vec![format!("version {number} is a draft; it has to be activated to be deployed")]
        }
        (VersionState::Archived, _) => {
            vec![format!("version {number} is archived and cannot be deployed any more")]
        }
        (VersionState::Active, _) => Vec::new(),
    }
}

/// A refusal of one VM, by its name, with places in the version.
fn of_vm(name: &str, error: &Error) -> Error {
    let message = format!("VM \"{name}\": {}", error.message());
    let is_placed = error.code() != Code::VmFieldsManaged;
    let faults = error.fault_list().iter().map(|fault| {
        let prefix = if is_placed { "/spec" } else { "" };
        let pointer = format!("{prefix}{}", fault.pointer);
        Fault::new(pointer, fault.code.as_str(), fault.detail.as_str())
    });
    let told = Error::new(error.code(), message).with_faults(faults.collect());
    let details = error.details().iter();
    details.fold(told, |told, (key, value)| told.with_detail(key, value))
}
