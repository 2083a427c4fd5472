//! The VMs that Hostler manages: what was asked of each, and where it was put.
//!
//! Rows come with the operation that makes the VM and go with the one that
//! deletes it; see `operations`. Only the specification can be changed outside
//! an operation, and only by somebody who has read its latest generation.

use hostler_core::Timestamp;
use hostler_core::id::{HostId, ProviderId, VmId};
use hostler_core::template::FromTemplate;
use hostler_core::vm::adoption::Adopted;
use hostler_core::vm::change::merged;
use hostler_core::vm::devices::DiskSpec;
use hostler_core::vm::spec::VmSpec;
use hostler_core::vm::status::Phase;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;

use crate::connection::{Connection, query};
use crate::error::{Conflict, Error, Missing, Result};
use crate::{AsRead, NewEvent, Store, StoredEvent, events, row, statements};

/// A managed VM.
#[derive(Debug, Clone, PartialEq)]
pub struct VmRow {
    /// Its identity.
    pub id: VmId,
    /// Where it is; `None` before it was placed.
    pub provider: Option<ProviderId>,
    /// On which host; `None` before it was placed, or where the provider does
    /// not tell.
    pub host: Option<HostId>,
    /// How the provider names it; `None` before it was made.
    pub external_ref: Option<String>,
    /// Its name, unique in the project; as in the specification.
    pub name: String,
    /// Its project; as in the specification.
    pub project: String,
    /// Where its life stands.
    pub phase: Phase,
    /// What was asked.
    pub spec: VmSpec,
    /// What belongs to it at the provider, in the engine's words.
    pub bindings: Value,
    /// Grows by every change of the specification; the first is 1.
    pub generation: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When this row changed last.
    pub updated_at: Timestamp,
    /// How it came into care; `None` for those that Hostler made.
    pub adopted: Option<Adopted>,
    /// What it was made from, where that is a template.
    pub template: Option<FromTemplate>,
}

impl Store {
    /// Every managed VM, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn vms(&self) -> Result<Vec<VmRow>> {
        let rows = self.read().await?.all(query(statements::VMS)).await?;
        rows.iter().map(read).collect()
    }

    /// One managed VM.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn vm(&self, id: VmId) -> Result<Option<VmRow>> {
        find(&mut self.read().await?, id).await
    }

    /// Changes the specification of a VM that somebody has read at
    /// `expected_generation`, and tells what happened in `public`.
    ///
    /// # Errors
    /// `Conflict::Changed` when it was changed since; `Conflict::VmExists` when
    /// the new name is taken; `NotFound`; `Full`.
    pub async fn update_vm_spec(
        &self,
        id: VmId,
        expected_generation: u64,
        spec: &VmSpec,
        public: &[NewEvent],
        now: Timestamp,
    ) -> Result<(VmRow, Vec<StoredEvent>)> {
        let mut tx = self.write().await?;
        let Some(before) = find(&mut tx, id).await? else {
            return Err(Error::missing(Missing::Vm, id));
        };
        check_generation(&before, expected_generation)?;
        set_spec(&mut tx, id, spec, now).await?;
        let stored = events::insert(&mut tx, public).await?;
        let after = find(&mut tx, id).await?;
        tx.commit().await?;
        let after = after.ok_or_else(|| Error::bug("a VM vanished in the middle of a change"))?;
        Ok((after, stored))
    }
}

/// Fails unless a VM is at the generation at which it was read.
fn check_generation(row: &VmRow, expected: u64) -> Result<()> {
    let found = row.generation;
    if found == expected {
        return Ok(());
    }
    Err(Error::conflict(
        Conflict::Changed { expected, found },
        format!(
            "VM {:?} was changed since it was read: it is at generation {found}, not {expected}; \
             read it again",
            row.name
        ),
    ))
}

/// Fails unless a VM is what it was when somebody decided about it.
pub(crate) async fn check_unchanged(tx: &mut Connection, read: &AsRead) -> Result<()> {
    let Some(row) = find(tx, read.vm).await? else {
        return Err(Error::missing(Missing::Vm, read.vm));
    };
    if let Some(expected) = read.generation {
        check_generation(&row, expected)?;
    }
    if row.bindings == read.bindings {
        return Ok(());
    }
    let (expected, found) = (row.generation, row.generation);
    Err(Error::conflict(
        Conflict::Changed { expected, found },
        format!("the volumes of VM {:?} have changed since it was read; look again", row.name),
    ))
}

/// Changes a specification from one to another, and leaves what others wrote meanwhile.
pub(crate) async fn change_spec(
    tx: &mut Connection,
    id: VmId,
    from: &VmSpec,
    to: &VmSpec,
    now: Timestamp,
) -> Result<()> {
    let Some(row) = find(tx, id).await? else {
        return Err(Error::missing(Missing::Vm, id));
    };
    let spec = merged(from, to, &row.spec).map_err(|error| Error::bug(error.message()))?;
    if spec == row.spec { Ok(()) } else { set_spec(tx, id, &spec, now).await }
}

/// Writes a specification; the name may be new.
pub(crate) async fn set_spec(
    tx: &mut Connection,
    id: VmId,
    spec: &VmSpec,
    now: Timestamp,
) -> Result<()> {
    let owner = query(statements::VM_NAME_OWNER).bind(spec.project.clone()).bind(spec.name.clone());
    if let Some(row) = tx.optional(owner).await?
        && row::parsed::<VmId>(&row, "id")? != id
    {
        return Err(name_taken(spec));
    }
    let change = query(statements::VM_SET_SPEC)
        .bind(id.to_string())
        .bind(row::to_json(spec)?)
        .bind(spec.project.clone())
        .bind(spec.name.clone())
        .bind(now.as_micros());
    touched(tx.execute(change).await?, id)
}

/// Puts a disk into a specification as it is now, or takes it out.
pub(crate) async fn set_disk(
    tx: &mut Connection,
    id: VmId,
    name: &str,
    disk: Option<&DiskSpec>,
    now: Timestamp,
) -> Result<()> {
    let Some(before) = find(tx, id).await? else {
        return Err(Error::missing(Missing::Vm, id));
    };
    let mut spec = before.spec.clone();
    match disk {
        Some(disk) => spec.with_disk(disk.clone()),
        None => spec.without_disk(name),
    }
    if spec == before.spec { Ok(()) } else { set_spec(tx, id, &spec, now).await }
}

/// The error for a name that another VM has.
pub(crate) fn name_taken(spec: &VmSpec) -> Error {
    let message = format!("a VM named {:?} exists in project {:?}", spec.name, spec.project);
    Error::conflict(Conflict::VmExists, message)
}

/// An error unless a VM's row was touched.
pub(crate) fn touched(rows: u64, id: VmId) -> Result<()> {
    if rows == 0 { Err(Error::missing(Missing::Vm, id)) } else { Ok(()) }
}

pub(crate) async fn find(connection: &mut Connection, id: VmId) -> Result<Option<VmRow>> {
    let row = connection.optional(query(statements::VM).bind(id.to_string())).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<VmRow> {
    Ok(VmRow {
        id: row::parsed(row, "id")?,
        provider: row::optional_parsed(row, "provider_id")?,
        host: row::optional_parsed(row, "host_id")?,
        external_ref: row::optional_text(row, "external_ref")?,
        name: row::text(row, "name")?,
        project: row::text(row, "project")?,
        phase: row::word(row, "phase", Phase::parse)?,
        spec: row::document(row, "spec")?,
        bindings: row::json(row, "bindings")?,
        generation: row::unsigned(row, "generation")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        adopted: row::optional_document(row, "adopted")?,
        template: row::optional_document(row, "template")?,
    })
}
