//! Reading operations, journals and claims; and forgetting old operations.

use std::collections::HashMap;

use hostler_core::Timestamp;
use hostler_core::id::OperationId;
use hostler_core::operation::{OperationState, Resource};
use sqlx::sqlite::SqliteRow;

use super::{Epoch, JournalEntry, Lease, OperationFilter, OperationRow};
use crate::connection::{Bound, Connection, query};
use crate::error::{Error, Result};
use crate::{Store, row, statements};

/// Ids in one reading of several journals; the statement has so many places.
const JOURNALS_AT_ONCE: usize = 16;

/// Operations forgotten in one transaction, so that writers get their turn.
const FORGET_AT_ONCE: i64 = 500;

impl Store {
    /// One operation.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn operation(&self, id: OperationId) -> Result<Option<OperationRow>> {
        find(&mut self.read().await?, id).await
    }

    /// Operations, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn operations(&self, filter: &OperationFilter) -> Result<Vec<OperationRow>> {
        list(&mut self.read().await?, filter).await
    }

    /// One operation and its journal, both of one moment: they never disagree.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn operation_with_journal(
        &self,
        id: OperationId,
    ) -> Result<Option<(OperationRow, Vec<JournalEntry>)>> {
        let mut connection = self.snapshot().await?;
        let Some(row) = find(&mut connection, id).await? else { return Ok(None) };
        Ok(Some((row, journal(&mut connection, id).await?)))
    }

    /// Operations, newest first, each with its journal; all of one moment.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn operations_with_journals(
        &self,
        filter: &OperationFilter,
    ) -> Result<Vec<(OperationRow, Vec<JournalEntry>)>> {
        let mut connection = self.snapshot().await?;
        let rows = list(&mut connection, filter).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let mut journals = journals(&mut connection, &ids).await?;
        let with_journal = rows.into_iter().map(|row| {
            let journal = journals.remove(&row.id).unwrap_or_default();
            (row, journal)
        });
        Ok(with_journal.collect())
    }

    /// How many operations there are, whatever the filter's page and limit.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn count_operations(&self, filter: &OperationFilter) -> Result<u64> {
        self.read().await?.count(filtered(statements::OPERATIONS_COUNT, filter)).await
    }

    /// Operations that go on by themselves, at most `per_provider` of each
    /// provider and `limit` in all: the oldest of each provider first, then the
    /// second of each. So a long queue at one provider hides nobody else's.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn queued(&self, per_provider: u32, limit: u32) -> Result<Vec<OperationRow>> {
        let query = query(statements::OPERATIONS_QUEUED)
            .bind(i64::from(per_provider))
            .bind(i64::from(limit));
        self.read().await?.all(query).await?.iter().map(read).collect()
    }

    /// An operation's journal, in order; empty when there is no such operation.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn journal(&self, id: OperationId) -> Result<Vec<JournalEntry>> {
        journal(&mut self.read().await?, id).await
    }

    /// What is claimed, and by which operation.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn claims(&self) -> Result<HashMap<Resource, OperationId>> {
        let rows = self.read().await?.all(query(statements::CLAIMS)).await?;
        rows.iter()
            .map(|row| {
                let resource = row::word(row, "resource", parse_resource)?;
                Ok((resource, row::parsed(row, "operation_id")?))
            })
            .collect()
    }

    /// Forgets operations that ended before `before`, with their journals and
    /// keys; tells how many. What needs attention has not ended and stays.
    ///
    /// # Errors
    /// When the database can't be written; what was forgotten before stays so.
    pub async fn delete_operations_before(&self, before: Timestamp) -> Result<u64> {
        let mut gone = 0;
        loop {
            let mut tx = self.write().await?;
            let forget =
                query(statements::OPERATIONS_FORGET).bind(before.as_micros()).bind(FORGET_AT_ONCE);
            let forgotten = tx.execute(forget).await?;
            tx.commit().await?;
            gone += forgotten;
            if row::to_int(forgotten) < FORGET_AT_ONCE {
                return Ok(gone);
            }
        }
    }
}

fn filtered(statement: statements::Statement, filter: &OperationFilter) -> Bound {
    // Commas on both sides of each word, so that one never matches inside another.
    let states = (!filter.states.is_empty()).then(|| {
        filter.states.iter().fold(String::from(","), |text, state| text + state.as_str() + ",")
    });
    query(statement)
        .bind(states)
        .bind(filter.kind.clone())
        .bind(filter.actor.clone())
        .bind(filter.resource.as_ref().map(Resource::to_string))
}

/// The resource written as `vm/0192…`, as claims are.
fn parse_resource(text: &str) -> Option<Resource> {
    let (kind, id) = text.split_once('/')?;
    Some(match kind {
        "vm" => Resource::Vm(id.parse().ok()?),
        "host" => Resource::Host(id.parse().ok()?),
        "provider" => Resource::Provider(id.parse().ok()?),
        "pool" => Resource::Pool(id.parse().ok()?),
        "volume" => Resource::Volume(id.parse().ok()?),
        "network" => Resource::Network(id.parse().ok()?),
        "image" => Resource::Image(id.parse().ok()?),
        _ => return None,
    })
}

/// One operation, on a connection that is at hand.
pub(super) async fn find(
    connection: &mut Connection,
    id: OperationId,
) -> Result<Option<OperationRow>> {
    let query = query(statements::OPERATION).bind(id.to_string());
    connection.optional(query).await?.as_ref().map(read).transpose()
}

async fn list(connection: &mut Connection, filter: &OperationFilter) -> Result<Vec<OperationRow>> {
    let query = filtered(statements::OPERATIONS, filter)
        .bind(filter.before.map(|id| id.to_string()))
        .bind(i64::from(filter.limit));
    connection.all(query).await?.iter().map(read).collect()
}

async fn journal(connection: &mut Connection, id: OperationId) -> Result<Vec<JournalEntry>> {
    let query = query(statements::JOURNAL).bind(id.to_string());
    entries(&connection.all(query).await?)
}

/// Several operations' journals, each in order.
async fn journals(
    connection: &mut Connection,
    ids: &[OperationId],
) -> Result<HashMap<OperationId, Vec<JournalEntry>>> {
    let mut journals: HashMap<_, Vec<_>> = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(JOURNALS_AT_ONCE) {
        let padded = chunk.iter().chain(chunk.last().into_iter().cycle());
        let query = padded
            .take(JOURNALS_AT_ONCE)
            .fold(query(statements::JOURNALS), |query, id| query.bind(id.to_string()));
        for row in &connection.all(query).await? {
            journals.entry(row::parsed(row, "operation_id")?).or_default().push(entry(row)?);
        }
    }
    Ok(journals)
}

fn read(row: &SqliteRow) -> Result<OperationRow> {
    let lease = match (
        row::optional_text(row, "lease_holder")?,
        row::optional_time(row, "lease_expires_at")?,
    ) {
        (Some(holder), Some(expires_at)) => {
            let epoch = Epoch(row::unsigned(row, "lease_epoch")?);
            Some(Lease { holder, epoch, expires_at })
        }
        _ => None,
    };
    Ok(OperationRow {
        id: row::parsed(row, "id")?,
        kind: row::text(row, "kind")?,
        params: row::json(row, "params")?,
        actor: row::text(row, "actor")?,
        resources: row::document(row, "resources")?,
        state: row::word(row, "state", OperationState::parse)?,
        note: row::optional_text(row, "note")?,
        journal_len: row::unsigned(row, "journal_len")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        finished_at: row::optional_time(row, "finished_at")?,
        lease,
        provider: row::optional_parsed(row, "provider_id")?,
    })
}

fn entry(row: &SqliteRow) -> Result<JournalEntry> {
    Ok(JournalEntry {
        seq: row::unsigned(row, "seq")?,
        at: row::time(row, "at")?,
        event: row::document(row, "event")?,
    })
}

/// The entries of one journal. A gap means that an event was lost: an error
/// rather than a different story.
pub(super) fn entries(rows: &[SqliteRow]) -> Result<Vec<JournalEntry>> {
    let entries: Vec<_> = rows.iter().map(entry).collect::<Result<_>>()?;
    for (entry, expected) in entries.iter().zip(0_u64..) {
        if entry.seq != expected {
            return Err(Error::corrupt(format!("event {expected} is missing from a journal")));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_core::id::{HostId, ImageId, NetworkId, PoolId, ProviderId, VmId};
    use hostler_core::storage::VolumeKey;

    #[test]
    fn every_kind_of_claim_is_read_back_as_it_was_written() {
        let now = Timestamp::from_millis(7);
        let all = [
            Resource::Vm(VmId::new(now, [1; 10])),
            Resource::Host(HostId::new(now, [2; 10])),
            Resource::Provider(ProviderId::new(now, [3; 10])),
            Resource::Pool(PoolId::new(now, [4; 10])),
            Resource::Volume(VolumeKey { pool: PoolId::new(now, [4; 10]), name: "a/b".into() }),
            Resource::Network(NetworkId::new(now, [5; 10])),
            Resource::Image(ImageId::new(now, [6; 10])),
        ];
        for resource in all {
            assert_eq!(parse_resource(&resource.to_string()), Some(resource));
        }
        for text in ["", "vm", "vm/", "vm/1", "disk/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e"] {
            assert_eq!(parse_resource(text), None);
        }
    }
}
