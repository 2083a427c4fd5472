//! The image catalogue: what is known of each file; the files lie elsewhere.

use hostler_core::id::ImageId;
use hostler_core::image::Image;
use hostler_core::vm::devices::VolumeFormat;
use sqlx::sqlite::SqliteRow;

use crate::connection::query;
use crate::error::{Conflict, Error, Missing, Result};
use crate::{NewEvent, Store, StoredEvent, events, row, statements};

impl Store {
    /// Every image, by name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn images(&self) -> Result<Vec<Image>> {
        let rows = self.read().await?.all(query(statements::IMAGES)).await?;
        rows.iter().map(read).collect()
    }

    /// One image.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn image(&self, id: ImageId) -> Result<Option<Image>> {
        let query = query(statements::IMAGE).bind(id.to_string());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// The image of that name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn image_by_name(&self, name: &str) -> Result<Option<Image>> {
        let query = query(statements::IMAGE_BY_NAME).bind(name.to_owned());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// Puts an image into the catalogue, and tells what happened in `public`.
    ///
    /// # Errors
    /// `Conflict::ImageExists` when the name is taken; `Full`.
    pub async fn insert_image(
        &self,
        image: &Image,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        let insert = query(statements::IMAGE_INSERT)
            .bind(image.id.to_string())
            .bind(image.name.clone())
            .bind(image.description.clone())
            .bind(image.format.as_str())
            .bind(row::to_int(image.file_bytes))
            .bind(row::to_int(image.virtual_bytes))
            .bind(image.sha256.clone())
            .bind(image.created_at.as_micros());
        if tx.execute(insert).await? == 0 {
            let message = format!("an image named {:?} exists", image.name);
            return Err(Error::conflict(Conflict::ImageExists, message));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Takes an image out of the catalogue.
    ///
    /// # Errors
    /// `Conflict::Busy` while an operation has claimed it; `NotFound`.
    pub async fn delete_image(&self, id: ImageId, public: &[NewEvent]) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        let resource = hostler_core::operation::Resource::Image(id);
        if let Some(operation) = crate::operations::claim_holder(&mut tx, &resource).await? {
            return Err(crate::operations::busy(resource, operation));
        }
        if tx.execute(query(statements::IMAGE_DELETE).bind(id.to_string())).await? == 0 {
            return Err(Error::missing(Missing::Image, id));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

fn read(row: &SqliteRow) -> Result<Image> {
    let formats = [VolumeFormat::Qcow2, VolumeFormat::Raw];
    Ok(Image {
        id: row::parsed(row, "id")?,
        name: row::text(row, "name")?,
        description: row::text(row, "description")?,
        format: row::word(row, "format", |word| {
            formats.into_iter().find(|format| format.as_str() == word)
        })?,
        file_bytes: row::unsigned(row, "file_bytes")?,
        virtual_bytes: row::unsigned(row, "virtual_bytes")?,
        sha256: row::text(row, "sha256")?,
        created_at: row::time(row, "created_at")?,
    })
}
