//! Images: Hostler's own catalogue of disk images.
//!
//! ```text
//!  upload ─► .part file (hash while writing) ─► inspect ─► [convert ─► inspect] ─► rename ─► row
//! ```
//!
//! A row is written only after its file is complete and synced. A `.part` file
//! that is there at the start is of an upload that a crash cut off, and is
//! removed. An `.image` file without a row is left alone and told: it may be the
//! only copy of an image that a restored, older database does not know (F15, I17).

mod convert;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hostler_core::access::{self, Actor, Permission};
use hostler_core::error::Fault;
use hostler_core::id::ImageId;
use hostler_core::image::inspect::Inspected;
use hostler_core::image::{Image, ImageFormat};
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::DiskSource;
use hostler_core::vm::status::Phase;
use hostler_core::{Code, Error, Result, name};
use hostler_provider::VolumeReader;
use hostler_store::{Conflict, StoreErrorKind};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::Inner;

pub use self::convert::{Conversion, ImageConverter, NoConverter};

/// Where images are kept, and what they go through.
pub struct ImageStore {
    /// The folder of their files.
    pub dir: PathBuf,
    /// The largest file accepted, in bytes.
    pub max_bytes: u64,
    /// What makes qcow2 of what hypervisors do not run.
    pub converter: Arc<dyn ImageConverter>,
}

/// Images.
pub struct Images<'a> {
    engine: &'a Arc<Inner>,
}

/// What is said about an image that is imported.
#[derive(Debug, Clone)]
pub struct ImageImport {
    /// Its name, unique in the catalogue.
    pub name: String,
    /// Free text for people.
    pub description: String,
    /// What the file is.
    pub format: ImageFormat,
    /// The SHA-256 it has to have, in hex.
    pub sha256: Option<String>,
}

impl<'a> Images<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// All of them, by name.
    pub async fn list(&self) -> Result<Vec<Image>> {
        Ok(self.engine.store.images().await?)
    }

    /// One of them.
    pub async fn get(&self, id: ImageId) -> Result<Image> {
        self.engine.store.image(id).await?.ok_or_else(|| {
            Error::new(Code::ImageNotFound, format!("there is no image with the id {id}"))
        })
    }

    /// The image of this name.
    pub async fn by_name(&self, name: &str) -> Result<Image> {
        self.engine.image_by_name(name).await
    }

    /// Imports an image from its bytes.
    pub async fn import(
        &self,
        actor: &Actor,
        import: ImageImport,
        bytes: impl AsyncRead + Send + Unpin,
    ) -> Result<Image> {
        access::may(actor, Permission::ImageManage)?;
        check(&import)?;
        if self.engine.store.image_by_name(&import.name).await?.is_some() {
            return Err(exists(&import.name));
        }
        let id = self.engine.ids.next(ImageId::new);
        let part = self.engine.images.dir.join(format!("{id}.part"));
        // Also when the client goes away and this future is dropped midway.
        let _removed = RemovedOnDrop(&part);
        let image = self.receive(actor, id, &part, &import, bytes).await?;
        self.engine.bus.poke();
        Ok(image)
    }

    async fn receive(
        &self,
        actor: &Actor,
        id: ImageId,
        part: &std::path::Path,
        import: &ImageImport,
        bytes: impl AsyncRead + Send + Unpin,
    ) -> Result<Image> {
        let received = write(part, bytes, self.engine.images.max_bytes).await?;
        if let Some(wanted) = &import.sha256
            && !wanted.eq_ignore_ascii_case(&received.sha256)
        {
            let message = format!("the file has the SHA-256 {}, not {wanted}", received.sha256);
            return Err(Error::new(Code::ImageUnsafe, message));
        }
        let found = convert::inspected(part, import.format).await?;
        let converted = self.engine.images.dir.join(format!("{id}.converted.part"));
        let _removed = RemovedOnDrop(&converted);
        let (file, kept) = match import.format.converted_from() {
            None => (part, received),
            Some(from) => {
                self.converted((part, from), &converted, found).await?;
                (&*converted, hashed(&converted).await?)
            }
        };
        let image = Image {
            id,
            name: import.name.clone(),
            description: import.description.clone(),
            format: found.format,
            file_bytes: kept.bytes,
            virtual_bytes: found.virtual_bytes,
            sha256: kept.sha256,
            created_at: self.engine.clock.now(),
        };
        let path = self.engine.image_path(id);
        tokio::fs::rename(file, &path).await.map_err(|e| disk("keep the image", &e))?;
        let was = match import.format.converted_from() {
            None => String::new(),
            Some(_) => format!(", from {}", import.format.name()),
        };
        let message = format!("image {} was imported by {actor}{was}", image.name);
        let told = ("image", id.to_string(), image.name.as_str());
        let event = self.engine.event("image.created", told, message);
        match self.engine.store.insert_image(&image, &[event]).await {
            Ok(_) => Ok(image),
            Err(error) => {
                // Another import of this name was quicker, or there was no room: surely no
                // row has this file. After any other error one may have it all the same.
                let is_refused = matches!(
                    error.kind(),
                    StoreErrorKind::Conflict(Conflict::ImageExists) | StoreErrorKind::Full
                );
                if is_refused {
                    remove(&path).await;
                }
                Err(error.into())
            }
        }
    }

    /// Makes qcow2 of a file, which has to show the same disk.
    async fn converted(
        &self,
        from: (&std::path::Path, &'static str),
        to: &std::path::Path,
        found: Inspected,
    ) -> Result<()> {
        let ((from, format), store) = (from, &self.engine.images);
        let (virtual_bytes, bytes_max) = (found.virtual_bytes, store.max_bytes);
        let of = Conversion { from, format, to, virtual_bytes, bytes_max };
        store.converter.to_qcow2(&of).await?;
        let made = convert::inspected(to, ImageFormat::Qcow2).await?;
        if made.virtual_bytes != found.virtual_bytes {
            let (is, was) = (made.virtual_bytes, found.virtual_bytes);
            let message = format!("the disk became {is} bytes, and the file says {was}");
            return Err(Error::new(Code::ImageUnsafe, message));
        }
        Ok(())
    }

    /// Deletes an image. VMs made from it have copies of their own; only those
    /// still in the making need it.
    pub async fn delete(&self, actor: &Actor, id: ImageId) -> Result<()> {
        access::may(actor, Permission::ImageManage)?;
        let image = self.get(id).await?;
        let user = {
            let state = self.engine.fleet.read();
            let mut making = state.rows.values().filter(|row| row.phase == Phase::Creating);
            making.find_map(|row| {
                let mut disks = row.spec.disks.iter();
                let uses = disks.any(|disk| {
                    matches!(&disk.source, DiskSource::Image { image: n, .. } if *n == image.name)
                });
                uses.then(|| row.spec.name.clone())
            })
        };
        if let Some(vm) = user {
            let message = format!("VM \"{vm}\" is being made from image \"{}\"", image.name);
            return Err(Error::new(Code::ImageInUse, message));
        }
        let message = format!("image {} was deleted by {actor}", image.name);
        let told = ("image", id.to_string(), image.name.as_str());
        let event = self.engine.event("image.deleted", told, message);
        self.engine.store.delete_image(id, &[event]).await?;
        self.engine.bus.poke();
        // It is deleted; that its bytes are still there is no reason to say otherwise.
        remove(&self.engine.image_path(id)).await;
        Ok(())
    }
}

impl Inner {
    pub(crate) async fn image_by_name(&self, name: &str) -> Result<Image> {
        self.store
            .image_by_name(name)
            .await?
            .ok_or_else(|| Error::new(Code::ImageNotFound, format!("there is no image \"{name}\"")))
    }

    /// Checks that the images of a VM to be made are there and fit its disks, so
    /// that whoever asks hears of it now and not when the disks are made. A disk that does not
    /// say how it is stored is stored as its image is, and says so from here on.
    pub(crate) async fn check_images(&self, spec: &mut VmSpec) -> Result<()> {
        let mut faults = Vec::new();
        for (index, disk) in spec.disks.iter_mut().enumerate() {
            let DiskSource::Image { image, size_bytes, format, .. } = &mut disk.source else {
                continue;
            };
            let image = self.image_by_name(image).await?;
            let at = |field: &str| format!("/disks/{index}/source/image/{field}");
            let asked = *format.get_or_insert(image.format);
            if image.format != asked {
                let (name, is, asked) = (&image.name, image.format.as_str(), asked.as_str());
                let detail = format!("image \"{name}\" is {is}, not {asked}; ask for {is}");
                faults.push(Fault::new(at("format"), "other_format", detail));
            }
            if size_bytes.is_some_and(|size| size < image.virtual_bytes) {
                let (name, bytes) = (&image.name, image.virtual_bytes);
                let detail = format!("must be at least {bytes}, the size of image \"{name}\"");
                faults.push(Fault::new(at("size_bytes"), "too_small", detail));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
    }

    fn image_path(&self, id: ImageId) -> PathBuf {
        self.images.dir.join(format!("{id}.image"))
    }

    /// The bytes of an image, to fill a volume with.
    pub(crate) async fn open_image(&self, image: &Image) -> Result<ImageFile> {
        let path = self.image_path(image.id);
        let file = File::open(&path).await.map_err(|error| {
            let message = format!("the file of image \"{}\" cannot be read", image.name);
            Error::new(Code::StoreUnavailable, message)
                .with_internal(format!("{}: {error}", path.display()))
        })?;
        Ok(ImageFile { file: Mutex::new(file), bytes: image.file_bytes })
    }

    /// Removes what a crash left of uploads, and tells of images that no row names.
    pub(crate) async fn sweep_images(&self) -> Result<()> {
        let mut files = tokio::fs::read_dir(&self.images.dir)
            .await
            .map_err(|e| disk("read the folder of images", &e))?;
        let mut found = Vec::new();
        while let Ok(Some(file)) = files.next_entry().await {
            found.push(file.path());
        }
        let known: std::collections::HashSet<_> =
            self.store.images().await?.into_iter().map(|image| self.image_path(image.id)).collect();
        for path in found {
            if path.extension().is_some_and(|extension| extension == "part") {
                info!(path = %path.display(), "removing what is left of an upload");
                remove(&path).await;
            } else if !known.contains(&path) {
                // Not ours to decide: the database may be older than the file.
                warn!(
                    path = %path.display(),
                    "no image has this file; import it again or remove it by hand"
                );
            }
        }
        Ok(())
    }
}

/// The file of an image.
pub(crate) struct ImageFile {
    file: Mutex<File>,
    bytes: u64,
}

#[async_trait]
impl VolumeReader for ImageFile {
    fn len(&self) -> u64 {
        self.bytes
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<Bytes> {
        let mut file = self.file.lock().await;
        file.seek(std::io::SeekFrom::Start(offset)).await?;
        let mut buffer = vec![0; max.min(1 << 20)];
        let read = file.read(&mut buffer).await?;
        buffer.truncate(read);
        Ok(Bytes::from(buffer))
    }
}

/// Removes a half-written file however the writing ends; after a rename there
/// is none.
struct RemovedOnDrop<'a>(&'a std::path::Path);

impl Drop for RemovedOnDrop<'_> {
    fn drop(&mut self) {
        // Best effort; what stays is swept at the next start.
        let _ = std::fs::remove_file(self.0);
    }
}

/// Removes a file that nothing needs any more. Best effort.
async fn remove(path: &std::path::Path) {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            warn!(path = %path.display(), %error, "cannot remove a file that is not needed");
        }
        _ => {}
    }
}

struct Received {
    bytes: u64,
    sha256: String,
}

async fn write(
    path: &std::path::Path,
    mut from: impl AsyncRead + Send + Unpin,
    limit: u64,
) -> Result<Received> {
    let mut file = File::create(path).await.map_err(|e| disk("write the image", &e))?;
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = from.read(&mut buffer).await.map_err(|error| {
            Error::new(Code::BodyMalformed, format!("the upload broke off: {error}"))
        })?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        bytes += piece.len() as u64;
        if bytes > limit {
            let message = format!("the image is larger than the limit of {limit} bytes");
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        hash.update(piece);
        file.write_all(piece).await.map_err(|e| disk("write the image", &e))?;
    }
    file.sync_all().await.map_err(|e| disk("write the image", &e))?;
    Ok(Received { bytes, sha256: hex(hash) })
}

/// A file that was made here, brought to the disk.
async fn hashed(path: &std::path::Path) -> Result<Received> {
    let mut file = File::open(path).await.map_err(|e| disk("read the image", &e))?;
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer).await.map_err(|e| disk("read the image", &e))?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        bytes += piece.len() as u64;
        hash.update(piece);
    }
    file.sync_all().await.map_err(|e| disk("write the image", &e))?;
    Ok(Received { bytes, sha256: hex(hash) })
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(import: &ImageImport) -> Result<()> {
    let mut faults = Vec::new();
    if let Err(bad) = name::check(&import.name) {
        faults.push(Fault::new("name", "bad_name", bad.to_string()));
    }
    if import.description.len() > 4096 || !name::is_plain_text(&import.description) {
        let detail = "is longer than 4096 bytes or has control characters";
        faults.push(Fault::new("description", "bad_text", detail));
    }
    if let Some(hash) = &import.sha256
        && (hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        faults.push(Fault::new("sha256", "not_a_hash", "is not 64 hexadecimal digits"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::QueryInvalid, faults)) }
}

fn exists(name: &str) -> Error {
    Error::new(Code::ImageExists, format!("there is an image \"{name}\" already"))
}

fn disk(doing: &str, error: &std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StoreFull,
        _ => Code::StoreUnavailable,
    };
    Error::new(code, format!("cannot {doing}: {error}"))
}
