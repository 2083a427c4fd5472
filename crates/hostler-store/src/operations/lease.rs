//! Leases: who drives an operation. Taking one gives an epoch that nobody had
//! before, and every append proves its epoch; so a server that was stopped for
//! minutes and goes on finds that nothing it writes is taken (F12).

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::OperationId;

use super::{Epoch, micros};
use crate::connection::query;
use crate::error::{Error, Missing, Result};
use crate::{Store, row, statements};

impl Store {
    /// Takes the lease of an operation for `ttl`. `None` while another holder's
    /// lease lives, and when the operation has ended. Taken again by its own
    /// holder, it has a new epoch and the old one is over.
    ///
    /// A lease that ends later than two terms from now was given by a clock
    /// that has been put back since, and is not waited for (F19).
    ///
    /// # Errors
    /// `NotFound`; when the database can't be written.
    pub async fn acquire_lease(
        &self,
        id: OperationId,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Epoch>> {
        let mut tx = self.write().await?;
        let term = micros(ttl);
        let acquire = query(statements::LEASE_ACQUIRE)
            .bind(id.to_string())
            .bind(holder.to_owned())
            .bind(now.as_micros().saturating_add(term))
            .bind(now.as_micros())
            .bind(now.as_micros().saturating_add(term.saturating_mul(2)));
        let Some(row) = tx.optional(acquire).await? else {
            let exists = super::read::find(&mut tx, id).await?.is_some();
            return if exists { Ok(None) } else { Err(Error::missing(Missing::Operation, id)) };
        };
        let epoch = Epoch(row::unsigned(&row, "lease_epoch")?);
        tx.commit().await?;
        Ok(Some(epoch))
    }

    /// Prolongs a lease to `ttl` from now; false when it is no longer this
    /// holder's with this epoch, or the operation has ended: stop driving it.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn renew_lease(
        &self,
        id: OperationId,
        holder: &str,
        epoch: Epoch,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let renew = query(statements::LEASE_RENEW)
            .bind(id.to_string())
            .bind(holder.to_owned())
            .bind(row::to_int(epoch.0))
            .bind(now.as_micros().saturating_add(micros(ttl)));
        let renewed = tx.execute(renew).await? > 0;
        tx.commit().await?;
        Ok(renewed)
    }

    /// Gives a lease back, so that another need not wait for its end. Nothing
    /// happens if it is over already.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn release_lease(&self, id: OperationId, epoch: Epoch) -> Result<()> {
        let mut tx = self.write().await?;
        let release =
            query(statements::LEASE_RELEASE).bind(id.to_string()).bind(row::to_int(epoch.0));
        tx.execute(release).await?;
        tx.commit().await
    }
}
