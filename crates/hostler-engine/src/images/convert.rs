//! What lies between an upload and the catalogue: the look at the file, and, for what hypervisors do
//! not run, the way to what they do. The program that converts is the server's (a port).

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use async_trait::async_trait;
use hostler_core::image::ImageFormat;
use hostler_core::image::inspect::{Inspected, Source, inspect_image};
use hostler_core::{Code, Error, Result};

/// Converts images.
#[async_trait]
pub trait ImageConverter: Send + Sync {
    /// Makes a qcow2 file that reads from nothing but itself. What is half done at an error is the
    /// caller's to remove.
    ///
    /// # Errors
    /// `CapabilityMissing`, with what to do, where it cannot be done here or not safely;
    /// `ImageUnsafe` when the file cannot be read as what it is; `BodyTooLarge` when the result would
    /// be too large.
    async fn to_qcow2(&self, of: &Conversion<'_>) -> Result<()>;
}

/// What is converted, into what.
#[derive(Debug, Clone, Copy)]
pub struct Conversion<'a> {
    /// The file; the inspector let it through.
    pub from: &'a Path,
    /// Its format, as `qemu-img` calls it; never guessed (A6).
    pub format: &'static str,
    /// Where the result goes; there is nothing yet.
    pub to: &'a Path,
    /// The size that a guest sees, in bytes.
    pub virtual_bytes: u64,
    /// The largest result, in bytes.
    pub bytes_max: u64,
}

/// Where nothing can be converted, and that is said.
#[derive(Debug, Clone, Copy)]
pub struct NoConverter;

#[async_trait]
impl ImageConverter for NoConverter {
    async fn to_qcow2(&self, of: &Conversion<'_>) -> Result<()> {
        let message = format!("{} files are not converted here; import qcow2 or raw", of.format);
        Err(Error::new(Code::CapabilityMissing, message))
    }
}

/// Looks at the file at `path`, declared as `declared`.
///
/// # Errors
/// `ImageUnsafe` with what is wrong with it; `StoreUnavailable` when it cannot be read.
pub(super) async fn inspected(path: &Path, declared: ImageFormat) -> Result<Inspected> {
    let path = path.to_owned();
    let look = move || {
        let file = std::fs::File::open(&path).map_err(|error| unreadable(&error))?;
        let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
        inspect_image(declared, &mut OnDisk { file, bytes })
    };
    tokio::task::spawn_blocking(look)
        .await
        .unwrap_or_else(|error| Err(Error::new(Code::InternalError, error.to_string())))
}

struct OnDisk {
    file: std::fs::File,
    bytes: u64,
}

impl Source for OnDisk {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }
}

fn unreadable(error: &io::Error) -> Error {
    Error::new(Code::StoreUnavailable, format!("cannot read the image: {error}"))
}
