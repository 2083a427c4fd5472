//! Templates with their versions. A number of a version is used once; what was activated keeps
//! its content, which is the engine's rule, and nobody's change is lost, which is kept here by
//! generations.

use std::collections::HashMap;

use hostler_core::Timestamp;
use hostler_core::id::TemplateId;
use hostler_core::template::{
    Content, MadeFrom, TEMPLATES_MAX, Template, VERSIONS_MAX, Version, VersionHead, VersionState,
};
use sqlx::sqlite::SqliteRow;

use crate::connection::{Connection, query};
use crate::error::{Conflict, Error, Missing, Result};
use crate::{NewEvent, Store, StoredEvent, events, row, statements};

/// A draft that is to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTemplateVersion {
    /// What it is.
    pub content: Content,
    /// The VM it was made from, if it was.
    pub made_from: Option<MadeFrom>,
    /// Who makes it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl Store {
    /// Every template with what is told of its versions, by project and name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn templates(&self) -> Result<Vec<(Template, Vec<VersionHead>)>> {
        let mut connection = self.snapshot().await?;
        let templates = connection.all(query(statements::TEMPLATES)).await?;
        let mut heads: HashMap<TemplateId, Vec<VersionHead>> = HashMap::new();
        for row in &connection.all(query(statements::TEMPLATE_VERSION_HEADS)).await? {
            heads.entry(row::parsed(row, "template_id")?).or_default().push(read_head(row)?);
        }
        let with_heads = templates.iter().map(|row| {
            let template = read(row)?;
            let heads = heads.remove(&template.id).unwrap_or_default();
            Ok((template, heads))
        });
        with_heads.collect()
    }

    /// One template with what is told of its versions.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn template(&self, id: TemplateId) -> Result<Option<(Template, Vec<VersionHead>)>> {
        let mut connection = self.snapshot().await?;
        let Some(template) = find(&mut connection, id).await? else { return Ok(None) };
        let heads = query(statements::TEMPLATE_VERSION_HEADS_OF).bind(id.to_string());
        let heads = connection.all(heads).await?;
        Ok(Some((template, heads.iter().map(read_head).collect::<Result<_>>()?)))
    }

    /// One version of a template.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn template_version(&self, id: TemplateId, number: u32) -> Result<Option<Version>> {
        let mut connection = self.read().await?;
        let one = query(statements::TEMPLATE_VERSION).bind(id.to_string()).bind(i64::from(number));
        connection.optional(one).await?.as_ref().map(read_version).transpose()
    }

    /// Keeps a template with its first version, a draft.
    ///
    /// # Errors
    /// `Conflict::TemplateExists` when the name is taken; `Conflict::TemplatesFull`; `Full`.
    pub async fn insert_template(
        &self,
        template: &Template,
        first: &NewTemplateVersion,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        let count = tx.one(query(statements::TEMPLATE_COUNT)).await?;
        if row::unsigned(&count, "count")? >= TEMPLATES_MAX as u64 {
            let message = format!("{TEMPLATES_MAX} templates are kept already");
            return Err(Error::conflict(Conflict::TemplatesFull, message));
        }
        let insert = query(statements::TEMPLATE_INSERT)
            .bind(template.id.to_string())
            .bind(template.project.clone())
            .bind(template.name.clone())
            .bind(template.description.clone())
            .bind(row::to_json(&template.labels)?)
            .bind(template.created_by.clone())
            .bind(template.created_at.as_micros());
        if tx.execute(insert).await? == 0 {
            return Err(name_taken(template));
        }
        insert_version(&mut tx, template.id, 1, first).await?;
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Changes name, description and labels of a template that was read at its generation.
    ///
    /// # Errors
    /// `Conflict::Changed` when it was changed since; `Conflict::TemplateExists` when the new
    /// name is taken; `NotFound`; `Full`.
    pub async fn update_template(
        &self,
        template: &Template,
        public: &[NewEvent],
        now: Timestamp,
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        let id = template.id;
        let owner = query(statements::TEMPLATE_OWNER)
            .bind(template.project.clone())
            .bind(template.name.clone());
        if let Some(row) = tx.optional(owner).await?
            && row::parsed::<TemplateId>(&row, "id")? != id
        {
            return Err(name_taken(template));
        }
        let update = query(statements::TEMPLATE_UPDATE)
            .bind(id.to_string())
            .bind(row::to_int(template.generation))
            .bind(template.name.clone())
            .bind(template.description.clone())
            .bind(row::to_json(&template.labels)?)
            .bind(now.as_micros());
        if tx.execute(update).await? == 0 {
            let Some(found) = find(&mut tx, id).await? else {
                return Err(Error::missing(Missing::Template, id));
            };
            return Err(changed("template", template.generation, found.generation));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Forgets a template with its versions. VMs made from it stay, and go on naming it.
    ///
    /// # Errors
    /// `Conflict::TemplateActive` while a version is active; `NotFound`.
    pub async fn delete_template(
        &self,
        id: TemplateId,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        let active = query(statements::TEMPLATE_VERSIONS_ACTIVE).bind(id.to_string());
        if row::unsigned(&tx.one(active).await?, "count")? > 0 {
            let message = "a version of the template is active; archive it first";
            return Err(Error::conflict(Conflict::TemplateActive, message));
        }
        if tx.execute(query(statements::TEMPLATE_DELETE).bind(id.to_string())).await? == 0 {
            return Err(Error::missing(Missing::Template, id));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Keeps another draft of a template; its number is the next one. What is told of it, `tell`
    /// makes of that.
    ///
    /// # Errors
    /// `NotFound`; `Conflict::TemplatesFull`; `Full`.
    pub async fn insert_template_version(
        &self,
        id: TemplateId,
        version: &NewTemplateVersion,
        tell: &(dyn Fn(u32) -> NewEvent + Sync),
    ) -> Result<u32> {
        let mut tx = self.write_growing().await?;
        if find(&mut tx, id).await?.is_none() {
            return Err(Error::missing(Missing::Template, id));
        }
        let last = query(statements::TEMPLATE_VERSION_LAST).bind(id.to_string());
        let last = row::unsigned(&tx.one(last).await?, "last")?;
        let number = u32::try_from(last).ok().and_then(|last| last.checked_add(1));
        let Some(number) = number.filter(|number| *number <= VERSIONS_MAX) else {
            let message = format!("the template has {VERSIONS_MAX} versions already");
            return Err(Error::conflict(Conflict::TemplatesFull, message));
        };
        insert_version(&mut tx, id, number, version).await?;
        events::insert(&mut tx, &[tell(number)]).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Replaces a version that was read at the generation before its own.
    ///
    /// # Errors
    /// `Conflict::Changed` when it was changed since; `NotFound`; `Full`.
    pub async fn update_template_version(
        &self,
        id: TemplateId,
        next: &Version,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        let head = &next.head;
        let expected = head.generation.saturating_sub(1);
        let update = query(statements::TEMPLATE_VERSION_UPDATE)
            .bind(id.to_string())
            .bind(i64::from(head.number))
            .bind(row::to_int(expected))
            .bind(head.state.as_str())
            .bind(row::to_json(&next.content)?)
            .bind(head.activated_at.map(Timestamp::as_micros))
            .bind(head.deprecated_at.map(Timestamp::as_micros))
            .bind(head.archived_at.map(Timestamp::as_micros));
        if tx.execute(update).await? == 0 {
            let one = query(statements::TEMPLATE_VERSION)
                .bind(id.to_string())
                .bind(i64::from(head.number));
            let Some(found) = tx.optional(one).await? else {
                return Err(Error::missing(Missing::TemplateVersion, head.number));
            };
            return Err(changed("version", expected, row::unsigned(&found, "generation")?));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

async fn insert_version(
    tx: &mut Connection,
    id: TemplateId,
    number: u32,
    version: &NewTemplateVersion,
) -> Result<()> {
    let insert = query(statements::TEMPLATE_VERSION_INSERT)
        .bind(id.to_string())
        .bind(i64::from(number))
        .bind(row::to_json(&version.content)?)
        .bind(version.made_from.as_ref().map(row::to_json).transpose()?)
        .bind(version.created_by.clone())
        .bind(version.created_at.as_micros());
    tx.execute(insert).await?;
    Ok(())
}

async fn find(connection: &mut Connection, id: TemplateId) -> Result<Option<Template>> {
    let row = connection.optional(query(statements::TEMPLATE).bind(id.to_string())).await?;
    row.as_ref().map(read).transpose()
}

fn name_taken(template: &Template) -> Error {
    let (name, project) = (&template.name, &template.project);
    let message = format!("a template named {name:?} exists in project {project:?}");
    Error::conflict(Conflict::TemplateExists, message)
}

fn changed(what: &str, expected: u64, found: u64) -> Error {
    let message = format!(
        "the {what} was changed since it was read: it is at generation {found}, not {expected}; \
         read it again"
    );
    Error::conflict(Conflict::Changed { expected, found }, message)
}

fn read(row: &SqliteRow) -> Result<Template> {
    Ok(Template {
        id: row::parsed(row, "id")?,
        name: row::text(row, "name")?,
        project: row::text(row, "project")?,
        description: row::text(row, "description")?,
        labels: row::document(row, "labels")?,
        generation: row::unsigned(row, "generation")?,
        created_by: row::text(row, "created_by")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
    })
}

fn read_head(row: &SqliteRow) -> Result<VersionHead> {
    let number = row::unsigned(row, "number")?;
    Ok(VersionHead {
        number: u32::try_from(number).map_err(|error| Error::bug(format!("{error}: {number}")))?,
        state: row::word(row, "state", VersionState::parse)?,
        generation: row::unsigned(row, "generation")?,
        created_by: row::text(row, "created_by")?,
        created_at: row::time(row, "created_at")?,
        activated_at: row::optional_time(row, "activated_at")?,
        deprecated_at: row::optional_time(row, "deprecated_at")?,
        archived_at: row::optional_time(row, "archived_at")?,
    })
}

fn read_version(row: &SqliteRow) -> Result<Version> {
    Ok(Version {
        head: read_head(row)?,
        content: row::document(row, "content")?,
        made_from: row::optional_document(row, "made_from")?,
    })
}
