//! Procedures that open a [`Stream`].

use crate::connection::Connection;
use crate::error::Result;
use crate::procedure::{
    DOMAIN_OPEN_CHANNEL, DOMAIN_OPEN_CONSOLE, DOMAIN_SCREENSHOT, STORAGE_VOL_DOWNLOAD,
    STORAGE_VOL_UPLOAD,
};
use crate::stream::{Stream, StreamOptions};
use crate::types::{Domain, StorageVol};

impl Connection {
    /// Opens a domain's console: the one with the given alias (`serial0`), or the first. Both
    /// ways; by [`console`](crate::flags::console) flags somebody else's session is taken over.
    pub async fn domain_open_console(
        &self,
        domain: &Domain,
        device: Option<&str>,
        flags: u32,
        options: StreamOptions,
    ) -> Result<Stream> {
        let arguments = (domain, device, flags);
        let ((), stream) = self.call_stream(DOMAIN_OPEN_CONSOLE, &arguments, options).await?;
        Ok(stream)
    }

    /// Opens a virtio channel of a domain: the one with the given name, or the first. Both ways.
    pub async fn domain_open_channel(
        &self,
        domain: &Domain,
        name: Option<&str>,
        flags: u32,
        options: StreamOptions,
    ) -> Result<Stream> {
        let arguments = (domain, name, flags);
        let ((), stream) = self.call_stream(DOMAIN_OPEN_CHANNEL, &arguments, options).await?;
        Ok(stream)
    }

    /// Takes a picture of a domain's screen. Tells its media type, and streams it here.
    pub async fn domain_screenshot(
        &self,
        domain: &Domain,
        screen: u32,
        flags: u32,
        options: StreamOptions,
    ) -> Result<(Option<String>, Stream)> {
        let arguments = (domain, screen, flags);
        self.call_stream(DOMAIN_SCREENSHOT, &arguments, options).await
    }

    /// Writes into a volume from `offset` on, `length` bytes or (for 0) as many as are sent. Done
    /// only when [`Stream::finish`] says so.
    pub async fn storage_vol_upload(
        &self,
        volume: &StorageVol,
        offset: u64,
        length: u64,
        flags: u32,
        options: StreamOptions,
    ) -> Result<Stream> {
        let arguments = (volume, offset, length, flags);
        let ((), stream) = self.call_stream(STORAGE_VOL_UPLOAD, &arguments, options).await?;
        Ok(stream)
    }

    /// Reads a volume from `offset` on, `length` bytes or (for 0) to its end.
    pub async fn storage_vol_download(
        &self,
        volume: &StorageVol,
        offset: u64,
        length: u64,
        flags: u32,
        options: StreamOptions,
    ) -> Result<Stream> {
        let arguments = (volume, offset, length, flags);
        let ((), stream) = self.call_stream(STORAGE_VOL_DOWNLOAD, &arguments, options).await?;
        Ok(stream)
    }
}
