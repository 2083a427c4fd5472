//! Small things the server remembers: its own id, the keys it signs with.
//!
//! They are as secret as the file that holds them, which its owner alone may
//! read.

use crate::connection::query;
use crate::error::Result;
use crate::{Store, row, statements};

impl Store {
    /// What is kept under `name`.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let query = query(statements::SETTING).bind(name.to_owned());
        let row = self.read().await?.optional(query).await?;
        row.map(|row| row::blob(&row, "value")).transpose()
    }

    /// Keeps `value` under `name`.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn set_setting(&self, name: &str, value: &[u8]) -> Result<()> {
        let mut tx = self.write().await?;
        let set = query(statements::SETTING_SET).bind(name.to_owned()).bind(value.to_vec());
        tx.execute(set).await?;
        tx.commit().await
    }

    /// What is kept under `name`; `value` if there was nothing, which is kept
    /// then. All who ask at once get the same.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn setting_or_insert(&self, name: &str, value: &[u8]) -> Result<Vec<u8>> {
        let mut tx = self.write().await?;
        let insert = query(statements::SETTING_INSERT).bind(name.to_owned()).bind(value.to_vec());
        tx.execute(insert).await?;
        let kept = tx.one(query(statements::SETTING).bind(name.to_owned())).await?;
        let kept = row::blob(&kept, "value")?;
        tx.commit().await?;
        Ok(kept)
    }
}
