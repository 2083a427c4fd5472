//! Templates: what VMs are made from again and again, in versions (C19). What is allowed is
//! decided in `hostler_core::template`; here it is looked up, kept and told.
//!
//! ```text
//!   create, new version ─► draft ─► activate ─► deploy (`deploy.rs`) ─► N times vm.create
//!   from a VM: what was asked of it, without its own; nothing of its disks
//!   a cluster that is to be compared (`place.rs`) ◄─ required features and hardware
//! ```

mod deploy;
mod place;

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::{TemplateId, VmId};
use hostler_core::query::{Field, Row, Value};
use hostler_core::template::skeleton::skeleton;
use hostler_core::template::{
    Content, MadeFrom, Template, Transition, Version, VersionHead, VersionState, check_about,
    check_shape, default_version,
};
use hostler_core::{Code, Error, Result};
use hostler_store::{NewEvent, NewTemplateVersion};

use crate::Inner;

pub use deploy::{Deployed, DeployedAs, DeployedVm, Deployment, Previewed};

/// Templates.
pub struct Templates<'a> {
    engine: &'a Arc<Inner>,
}

/// A template as it is told.
#[derive(Debug, Clone)]
pub struct TemplateView {
    /// The template.
    pub template: Template,
    /// Its versions, by number.
    pub versions: Vec<VersionHead>,
    /// How many VMs that are managed now were made from it.
    pub vm_count: usize,
}

/// A template to be made.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    /// Unique within the project.
    pub name: String,
    /// The project it belongs to.
    pub project: String,
    /// Free text for people.
    pub description: String,
    /// Free key-value pairs to select by.
    pub labels: BTreeMap<String, String>,
    /// What its first version is.
    pub first: NewVersion,
}

/// What a new version is.
#[derive(Debug, Clone)]
pub enum NewVersion {
    /// What is said here.
    Content(Box<Content>),
    /// What another version of the same template is.
    Version(u32),
    /// What was asked of a VM, without what is its own.
    Vm {
        /// The VM.
        vm: VmId,
        /// Whether what is on its disks is to be copied, which nothing does yet.
        copy_disks: bool,
    },
}

/// The content of a version and where that comes from.
pub type VersionContent = (Content, Option<MadeFrom>);

/// Changes to a template.
#[derive(Debug, Clone, Default)]
pub struct TemplateChange {
    /// Another name.
    pub name: Option<String>,
    /// Free text for people.
    pub description: Option<String>,
    /// Labels to set, or to remove by `None`.
    pub labels: BTreeMap<String, Option<String>>,
}

impl<'a> Templates<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// All of them, by project and name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list(&self) -> Result<Vec<TemplateView>> {
        let all = self.engine.store.templates().await?;
        Ok(all.into_iter().map(|(template, versions)| self.view(template, versions)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// `template_not_found`.
    pub async fn get(&self, id: TemplateId) -> Result<TemplateView> {
        let Some((template, versions)) = self.engine.store.template(id).await? else {
            let message = format!("there is no template with the id {id}");
            return Err(Error::new(Code::TemplateNotFound, message));
        };
        Ok(self.view(template, versions))
    }

    /// One version of a template.
    ///
    /// # Errors
    /// `template_not_found`, `template_version_not_found`.
    pub async fn version(&self, id: TemplateId, number: u32) -> Result<(TemplateView, Version)> {
        let view = self.get(id).await?;
        let Some(version) = self.engine.store.template_version(id, number).await? else {
            let name = &view.template.name;
            let message = format!("template \"{name}\" has no version {number}");
            return Err(Error::new(Code::TemplateVersionNotFound, message));
        };
        Ok((view, version))
    }

    /// The version that is named, else the default one.
    ///
    /// # Errors
    /// As [`Self::version`]; `template_wrong_state` where none is named and none is active.
    pub async fn version_or_default(
        &self,
        id: TemplateId,
        number: Option<u32>,
    ) -> Result<(TemplateView, Version)> {
        if let Some(number) = number {
            return self.version(id, number).await;
        }
        let view = self.get(id).await?;
        let Some(number) = view.default_version() else {
            let name = &view.template.name;
            let message = format!("template \"{name}\" has no active version; name one");
            return Err(Error::new(Code::TemplateWrongState, message));
        };
        self.version(id, number).await
    }

    /// Makes a template; its first version is a draft.
    ///
    /// # Errors
    /// `spec_invalid`, `template_exists`, `template_limit_reached`; those of [`NewVersion`].
    pub async fn create(&self, actor: &Actor, new: NewTemplate) -> Result<TemplateView> {
        access::may(actor, Permission::TemplateManage)?;
        let NewTemplate { name, project, description, labels, first } = new;
        check_about(&name, &project, &description, &labels)?;
        if matches!(first, NewVersion::Version(_)) {
            return Err(Error::bug("a first version cannot be a copy of another one"));
        }
        let id = self.engine.ids.next(TemplateId::new);
        let first = self.draft(actor, id, first).await?;
        let now = first.created_at;
        let template = Template {
            id,
            name,
            project,
            description,
            labels,
            generation: 1,
            created_by: actor.name.clone(),
            created_at: now,
            updated_at: now,
        };
        let message = format!("template {} was made by {actor}", template.name);
        let event = self.event("template.created", &template, message);
        self.engine.store.insert_template(&template, &first, &[event]).await?;
        self.engine.bus.poke();
        self.get(id).await
    }

    /// Changes name, description or labels; needs the generation that was read.
    ///
    /// # Errors
    /// `precondition_failed`, `spec_invalid`, `template_exists`, `template_not_found`.
    pub async fn update(
        &self,
        actor: &Actor,
        id: TemplateId,
        expected_generation: u64,
        change: TemplateChange,
    ) -> Result<TemplateView> {
        access::may(actor, Permission::TemplateManage)?;
        let mut template = self.get(id).await?.template;
        template.generation = expected_generation;
        if let Some(name) = change.name {
            template.name = name;
        }
        if let Some(description) = change.description {
            template.description = description;
        }
        for (key, value) in change.labels {
            match value {
                Some(value) => template.labels.insert(key, value),
                None => template.labels.remove(&key),
            };
        }
        let Template { name, project, description, labels, .. } = &template;
        check_about(name, project, description, labels)?;
        let message = format!("template {name} was described anew by {actor}");
        let event = self.event("template.updated", &template, message);
        let now = self.engine.clock.now();
        self.engine.store.update_template(&template, &[event], now).await?;
        self.engine.bus.poke();
        self.get(id).await
    }

    /// Forgets a template with its versions. VMs made from it stay as they are.
    ///
    /// # Errors
    /// `template_wrong_state` while a version is active; `template_not_found`.
    pub async fn delete(&self, actor: &Actor, id: TemplateId) -> Result<()> {
        access::may(actor, Permission::TemplateManage)?;
        let view = self.get(id).await?;
        let message = format!("template {} was deleted by {actor}", view.template.name);
        let event = self.event("template.deleted", &view.template, message);
        self.engine.store.delete_template(id, &[event]).await?;
        self.engine.bus.poke();
        Ok(())
    }

    /// Adds a draft.
    ///
    /// # Errors
    /// Those of [`NewVersion`]; `template_not_found`, `template_limit_reached`.
    pub async fn add_version(
        &self,
        actor: &Actor,
        id: TemplateId,
        new: NewVersion,
    ) -> Result<(TemplateView, Version)> {
        access::may(actor, Permission::TemplateManage)?;
        let template = self.get(id).await?.template;
        let draft = self.draft(actor, id, new).await?;
        let tell = |number: u32| {
            let message =
                format!("version {number} of template {} was made by {actor}", template.name);
            self.event("template.version_created", &template, message)
        };
        let number = self.engine.store.insert_template_version(id, &draft, &tell).await?;
        self.engine.bus.poke();
        self.version(id, number).await
    }

    /// Gives a draft another content; where a generation is given, only if it is that one still.
    ///
    /// # Errors
    /// `template_wrong_state` for what is no draft; `spec_invalid`, `precondition_failed`.
    pub async fn write(
        &self,
        actor: &Actor,
        (id, number): (TemplateId, u32),
        expected_generation: Option<u64>,
        content: Content,
    ) -> Result<(TemplateView, Version)> {
        access::may(actor, Permission::TemplateManage)?;
        let _one_at_a_time = self.engine.templating.lock().await;
        let (view, version) = self.version(id, number).await?;
        let name = &view.template.name;
        if expected_generation.is_some_and(|read| read != version.head.generation) {
            let message = format!("version {number} of {name} was changed since you read it");
            return Err(Error::new(Code::PreconditionFailed, message));
        }
        let next = version.with_content(content)?;
        let message = format!("version {number} of template {name} was written anew by {actor}");
        let event = self.event("template.version_changed", &view.template, message);
        self.engine.store.update_template_version(id, &next, &[event]).await?;
        self.engine.bus.poke();
        self.version(id, number).await
    }

    /// Activates, deprecates or archives a version; one that is so already stays as it is.
    ///
    /// # Errors
    /// `template_wrong_state`; `spec_invalid` with what is wrong with one that is to be activated.
    pub async fn turn(
        &self,
        actor: &Actor,
        (id, number): (TemplateId, u32),
        transition: Transition,
    ) -> Result<(TemplateView, Version)> {
        access::may(actor, Permission::TemplateManage)?;
        let _one_at_a_time = self.engine.templating.lock().await;
        let (view, version) = self.version(id, number).await?;
        let now = self.engine.clock.now();
        let Some(next) = version.after(transition, now)? else { return Ok((view, version)) };
        let (state, name) = (next.head.state.as_str(), &view.template.name);
        let verb = if next.head.state == VersionState::Active { "activated" } else { state };
        let message = format!("version {number} of template {name} was {verb} by {actor}");
        let event = self.event(&format!("template.version_{verb}"), &view.template, message);
        self.engine.store.update_template_version(id, &next, &[event]).await?;
        self.engine.bus.poke();
        self.version(id, number).await
    }

    async fn draft(
        &self,
        actor: &Actor,
        id: TemplateId,
        new: NewVersion,
    ) -> Result<NewTemplateVersion> {
        let (content, made_from) = match new {
            NewVersion::Content(content) => (*content, None),
            NewVersion::Version(number) => {
                let (_, version) = self.version(id, number).await?;
                (version.content, version.made_from)
            }
            NewVersion::Vm { vm, copy_disks } => self.of_vm(vm, copy_disks)?,
        };
        check_shape(&content)?;
        Ok(NewTemplateVersion {
            content,
            made_from,
            created_by: actor.name.clone(),
            created_at: self.engine.clock.now(),
        })
    }

    /// What was asked of a VM, without what is its own.
    fn of_vm(&self, id: VmId, copy_disks: bool) -> Result<VersionContent> {
        let vm = self.engine.vm(id)?;
        if copy_disks {
            let message = format!(
                "cannot copy the disks of VM \"{}\" into a template: Hostler does not seal disks \
                 yet; make an image of its disk, import it, and name it in the template",
                vm.name
            );
            return Err(Error::new(Code::CapabilityMissing, message));
        }
        let Some(row) = vm.row.as_ref() else {
            let message = format!(
                "VM \"{}\" was made elsewhere and is only observed: what was asked of it is not \
                 known; adopt it first",
                vm.name
            );
            return Err(Error::new(Code::VmNotManaged, message));
        };
        let (spec, left_out) = skeleton(&row.spec)?;
        let content = Content { spec, ..Content::default() };
        Ok((content, Some(MadeFrom { vm: id, name: vm.name.clone(), left_out })))
    }

    fn view(&self, template: Template, versions: Vec<VersionHead>) -> TemplateView {
        let state = self.engine.fleet.read();
        let is_its = |row: &&Arc<hostler_store::VmRow>| {
            row.template.as_ref().is_some_and(|from| from.template == template.id)
        };
        let vm_count = state.rows.values().filter(is_its).count();
        TemplateView { template, versions, vm_count }
    }

    fn event(&self, kind: &str, template: &Template, message: String) -> NewEvent {
        self.engine.event(kind, ("template", template.id.to_string(), &template.name), message)
    }
}

impl Inner {
    fn vm(&self, id: VmId) -> Result<Arc<crate::VmView>> {
        let found = self.fleet.snapshot().vms.get(&id).cloned();
        found
            .ok_or_else(|| Error::new(Code::VmNotFound, format!("there is no VM with the id {id}")))
    }
}

impl TemplateView {
    /// The fields that lists of templates can be filtered and sorted by.
    pub const FIELDS: &'static [Field] = &[
        Field::text("name"),
        Field::text("id"),
        Field::text("project"),
        Field::text("state"),
        Field::text("created_by"),
        Field::number("versions"),
        Field::number("vm_count"),
        Field::number("created_at"),
        Field::number("updated_at"),
        Field::family("label."),
    ];

    /// The version that is deployed where none is named.
    pub fn default_version(&self) -> Option<u32> {
        default_version(&self.versions)
    }

    /// The state of the version that matters most: the default one's, else the newest's.
    pub fn state(&self) -> VersionState {
        match self.default_version() {
            Some(_) => VersionState::Active,
            None => self.versions.last().map_or(VersionState::Draft, |head| head.state),
        }
    }
}

impl Row for TemplateView {
    fn id(&self) -> String {
        self.template.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let template = &self.template;
        match field {
            "name" => template.name.as_str().into(),
            "id" => template.id.to_string().into(),
            "project" => template.project.as_str().into(),
            "state" => self.state().as_str().into(),
            "created_by" => template.created_by.as_str().into(),
            "versions" => (self.versions.len() as u64).into(),
            "vm_count" => (self.vm_count as u64).into(),
            "created_at" => template.created_at.as_micros().into(),
            "updated_at" => template.updated_at.as_micros().into(),
            other => match other.strip_prefix("label.") {
                Some(key) => template.labels.get(key).map(String::as_str).into(),
                None => Value::Absent,
            },
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(needle);
        let template = &self.template;
        has(&template.name)
            || has(&template.project)
            || has(&template.description)
            || template.labels.iter().any(|(key, value)| has(key) || has(value))
    }
}
