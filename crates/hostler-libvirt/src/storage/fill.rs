//! Making volumes and filling them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hostler_core::image::inspect::{HEADER_BYTES, inspect, inspect_volume};
use hostler_core::vm::devices::VolumeFormat;
use hostler_libvirt_rpc::{Role, StoragePool, StorageVol, StreamOptions};
use hostler_provider::{
    Cx, EnsureVolume, Error, Kind, Result, VolumeContent, VolumeInfo, VolumeReader,
};

use super::MARKER;
use super::place::unsafe_volume;
use super::users::Sharing;
use crate::connection::Link;
use crate::error::{Intent, translate};
use crate::seed;
use crate::xml::volume;

/// Bytes read and sent at a time.
const CHUNK: usize = 1 << 20;
/// How long tidying up after a failure may take. What it leaves is found at the
/// next attempt.
const TIDY: Duration = Duration::from_secs(10);
/// How long the daemon may be busy with a volume after it was filled.
const SETTLE: Duration = Duration::from_secs(10);

/// Makes the volume unless it is there, complete. `judged`: what it may be a copy of is known
/// not to be written to, and to be what it says.
pub(super) async fn ensure(
    link: &Link,
    cx: &Cx,
    request: &EnsureVolume<'_>,
    judged: bool,
) -> Result<VolumeInfo> {
    if request.volume.name.ends_with(MARKER) {
        let message = format!("a volume's name cannot end in {MARKER}: it would not be listed");
        return Err(Error::new(Kind::Invalid, message));
    }
    let pool = link.pool_named(cx, &request.volume.pool).await?;
    let work = Work { link, cx, request, pool: &pool, judged, ours: AtomicBool::new(false) };
    let marker_name = format!("{}{MARKER}", request.volume.name);
    let there = link.find_volume(cx, &pool, &request.volume.name).await?;
    let marker = link.find_volume(cx, &pool, &marker_name).await?;
    let marker = match (there, marker) {
        (Some(whole), None) => return work.info(&whole, false).await,
        (Some(half), Some(marker)) => {
            work.set_ours(true);
            work.make_way(&half).await?;
            marker
        }
        (None, Some(marker)) => {
            work.set_ours(true);
            marker
        }
        // A marker that comes after this was given up stands for a volume that is
        // not there, or is made anew if nobody uses it.
        (None, None) => work.mark(&marker_name).await?,
    };
    match work.make_and_fill().await {
        // It is there, whatever becomes of the rest.
        Ok(volume) => match link.delete_volume(cx, &marker).await {
            Ok(()) => work.info(&volume, true).await.map_err(Error::with_unknown_effect),
            Err(error) => Err(error.with_unknown_effect()),
        },
        Err(error) => {
            let is_tidy = work.tidy(&marker, error.is_unknown()).await;
            if error.kind() == Kind::Conflict
                && !work.is_ours()
                && let Some(whole) = link.find_volume(cx, &pool, &request.volume.name).await?
            {
                return work.info(&whole, false).await;
            }
            Err(if is_tidy { error } else { error.with_unknown_effect() })
        }
    }
}

/// One volume in the making.
struct Work<'a> {
    link: &'a Link,
    cx: &'a Cx,
    request: &'a EnsureVolume<'a>,
    pool: &'a StoragePool,
    /// Whether what it is a copy of was looked at before.
    judged: bool,
    /// Whether what bears the name may be taken away: a marker of an earlier
    /// attempt vouches for it, or it was made here.
    ours: AtomicBool,
}

impl Work<'_> {
    fn doing(&self) -> String {
        format!("cannot make the volume {}", self.request.volume)
    }

    fn is_ours(&self) -> bool {
        self.ours.load(Ordering::Relaxed)
    }

    fn set_ours(&self, ours: bool) {
        self.ours.store(ours, Ordering::Relaxed);
    }

    async fn info(&self, volume: &StorageVol, created: bool) -> Result<VolumeInfo> {
        let doing = self.doing();
        let info =
            self.link.look(self.cx, &doing, |c| async move { c.storage_vol_info(volume).await });
        let capacity_bytes = info.await?.capacity_bytes;
        Ok(VolumeInfo { volume: self.request.volume.clone(), capacity_bytes, created })
    }

    async fn make_and_fill(&self) -> Result<StorageVol> {
        let (name, capacity) = (&self.request.volume.name, self.request.capacity_bytes);
        match &self.request.content {
            VolumeContent::Empty => self.make(name, capacity, self.request.format).await,
            VolumeContent::Upload(reader) => {
                let size = self.virtual_bytes(*reader).await?;
                if size > capacity {
                    let message =
                        format!("{}: {size} bytes do not fit into {capacity}", self.doing());
                    return Err(Error::new(Kind::Invalid, message));
                }
                // libvirt believes what it was told at making, so that is the truth
                // about the bytes to come; growing then starts from there.
                let volume = self.make(name, size, self.request.format).await?;
                self.upload(&volume, *reader).await?;
                self.grow(&volume, size).await?;
                Ok(volume)
            }
            VolumeContent::CopyOf(source) => {
                if source.pool != self.request.volume.pool {
                    let message = format!("{}: {source} is in another pool", self.doing());
                    return Err(Error::new(Kind::Invalid, message));
                }
                self.copy(&source.name).await
            }
            VolumeContent::Seed(seed) => {
                let image = Image(seed::image(seed).into());
                let volume = self.make(name, image.len(), VolumeFormat::Raw).await?;
                self.upload(&volume, &image).await?;
                Ok(volume)
            }
        }
    }

    /// The size that a guest will see of the bytes to upload. They have to be
    /// in the format that was said, and to name no other file: it is never
    /// guessed, and bytes of another one are refused (A4–A7).
    async fn virtual_bytes(&self, reader: &dyn VolumeReader) -> Result<u64> {
        let mut header = Vec::new();
        while header.len() < HEADER_BYTES {
            let at = header.len();
            let more = self.read(reader, at as u64, HEADER_BYTES - at).await?;
            if more.is_empty() {
                break;
            }
            header.extend_from_slice(&more);
        }
        let unsafe_bytes = |bad: hostler_core::Error| unsafe_volume(&self.doing(), bad);
        match self.request.format {
            VolumeFormat::Raw => {
                inspect_volume(VolumeFormat::Raw, &header).map_err(unsafe_bytes)?;
                Ok(reader.len())
            }
            VolumeFormat::Qcow2 => inspect(VolumeFormat::Qcow2, &header, reader.len())
                .map(|found| found.virtual_bytes)
                .map_err(unsafe_bytes),
        }
    }

    async fn read(&self, reader: &dyn VolumeReader, at: u64, max: usize) -> Result<bytes::Bytes> {
        let doing = self.doing();
        let read = async {
            reader.read_at(at, max).await.map_err(|error| {
                let message = format!("{doing}: the bytes to upload cannot be read");
                Error::new(Kind::Unavailable, message).with_raw(error)
            })
        };
        self.cx.run(&doing, read).await
    }

    /// Grows a volume from `size` to what was asked.
    async fn grow(&self, volume: &StorageVol, size: u64) -> Result<()> {
        let wanted = self.request.capacity_bytes;
        if size >= wanted {
            return Ok(());
        }
        let (doing, patience) = (self.doing(), self.cx.at_most(SETTLE));
        loop {
            let grown = self.link.change(self.cx, &doing, |c| async move {
                c.storage_vol_resize(volume, wanted, 0).await
            });
            match grown.await {
                // The daemon reads the pool anew after an upload, and until then
                // takes the volume for busy or for absent.
                Err(error)
                    if matches!(
                        error.kind(),
                        Kind::Conflict | Kind::NotFound | Kind::Unavailable
                    ) && !patience.remaining().is_zero() =>
                {
                    let pause = async {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        Ok(())
                    };
                    self.cx.run(&doing, pause).await?;
                }
                other => return other,
            }
        }
    }

    /// Makes an empty volume. A file of that name that libvirt has not seen yet
    /// is found by refreshing the pool: it is removed where a marker says that
    /// it was left half-filled (by a crash of the daemon), and else it is whole and
    /// somebody's data.
    async fn make(&self, name: &str, capacity: u64, format: VolumeFormat) -> Result<StorageVol> {
        let xml = document(name, capacity, format)?;
        let vouched = self.is_ours();
        let made = match self.create(&xml).await {
            Err(error) if error.kind() == Kind::Conflict => {
                self.refresh().await?;
                match self.link.find_volume(self.cx, self.pool, name).await? {
                    Some(_) if !vouched => Err(error),
                    Some(left) => {
                        self.make_way(&left).await?;
                        self.create(&xml).await
                    }
                    None => self.create(&xml).await,
                }
            }
            other => other,
        };
        let taken = made.as_ref().is_err_and(|error| error.kind() == Kind::Conflict);
        self.set_ours(vouched || !taken);
        made
    }

    /// Removes what a marker calls half-filled; unless it is in use, because then
    /// it was whole once. An attempt that was given up while it made its marker
    /// leaves one that comes at any time, even after a later attempt has succeeded.
    async fn make_way(&self, half: &StorageVol) -> Result<()> {
        let free = self.link.refuse_in_use(self.cx, self.pool, half).await;
        free.map_err(|error| {
            error.context(format!("{}: {}{MARKER} calls it half-filled", self.doing(), half.name))
        })?;
        self.link.delete_volume(self.cx, half).await
    }

    /// Makes the marker. One that libvirt had not seen yet vouches for what it marks.
    async fn mark(&self, name: &str) -> Result<StorageVol> {
        let xml = document(name, 512, VolumeFormat::Raw)?;
        match self.create(&xml).await {
            Err(error) if error.kind() == Kind::Conflict => {
                self.refresh().await?;
                match self.link.find_volume(self.cx, self.pool, name).await? {
                    Some(marker) => {
                        self.set_ours(true);
                        Ok(marker)
                    }
                    None => self.create(&xml).await,
                }
            }
            other => other,
        }
    }

    async fn refresh(&self) -> Result<()> {
        let (pool, doing) = (self.pool, self.doing());
        self.link
            .change(self.cx, &doing, |c| async move { c.storage_pool_refresh(pool, 0).await })
            .await
    }

    async fn create(&self, xml: &str) -> Result<StorageVol> {
        let pool = self.pool;
        self.link
            .change(self.cx, &self.doing(), |c| async move {
                c.storage_vol_create_xml(pool, xml, 0).await
            })
            .await
    }

    async fn upload(&self, volume: &StorageVol, reader: &dyn VolumeReader) -> Result<()> {
        let doing = self.doing();
        let total = reader.len();
        let connection = self.link.connection(self.cx, Role::Stream, &doing).await?;
        let failed = |error: &hostler_libvirt_rpc::Error| translate(error, Intent::Change, &doing);
        let opened = async {
            let options = StreamOptions::default();
            let stream = connection.storage_vol_upload(volume, 0, total, 0, options).await;
            stream.map_err(|error| failed(&error))
        };
        let stream = self.cx.run(&doing, opened).await?;
        let mut sent = 0;
        while sent < total {
            let chunk = self.read(reader, sent, CHUNK).await?;
            if chunk.is_empty() || chunk.len() as u64 > total - sent {
                let message = format!("{doing}: there are other than {total} bytes to upload");
                return Err(Error::new(Kind::Invalid, message));
            }
            let send = async { stream.send(&chunk).await.map_err(|error| failed(&error)) };
            self.cx.run(&doing, send).await?;
            sent += chunk.len() as u64;
            self.cx.transferred(sent, Some(total), "uploading");
        }
        // Only the daemon's confirmation says that the bytes are written.
        let finish = async { stream.finish().await.map_err(|error| failed(&error)) };
        self.cx.run(&doing, finish).await
    }

    /// A full copy, then grown: the copy never depends on its original.
    async fn copy(&self, source: &str) -> Result<StorageVol> {
        let (pool, doing) = (self.pool, self.doing());
        let missing = || {
            let message = format!("{doing}: there is no volume {}/{source}", pool.name);
            Error::new(Kind::NotFound, message)
        };
        let source = &self.link.find_volume(self.cx, pool, source).await?.ok_or_else(missing)?;
        let original = self.link.volume(self.cx, source).await?;
        let wanted = self.request.capacity_bytes;
        if wanted < original.capacity_bytes {
            let message = format!(
                "{doing}: {wanted} bytes are less than the {} of its original",
                original.capacity_bytes
            );
            return Err(Error::new(Kind::Invalid, message));
        }
        // The daemon reads its format from the bytes and follows what they name,
        // so nobody may write to it from here on.
        if !self.judged {
            let names = original.names(&pool.name);
            self.link.refuse_users(self.cx, &doing, &names, Sharing::Idle).await?;
            self.link.judge(self.cx, source, &original, &doing).await?;
        }
        let name = &self.request.volume.name;
        let xml = document(name, original.capacity_bytes, self.request.format)?;
        self.cx.progress(None, "copying");
        let xml = &xml;
        let copied = self.link.change(self.cx, &doing, |c| async move {
            c.storage_vol_create_xml_from(pool, xml, source, 0).await
        });
        let copied = copied.await;
        let taken = copied.as_ref().is_err_and(|error| error.kind() == Kind::Conflict);
        self.set_ours(self.is_ours() || !taken);
        let volume = copied?;
        let info = self.info(&volume, true).await?;
        self.grow(&volume, info.capacity_bytes).await?;
        Ok(volume)
    }

    /// Removes what a failed attempt left, volume first: as long as anything is
    /// left of it, or `may_come` because nobody knows what became of a call, the
    /// marker stays. Nothing orders what is done here after such a call. Whether
    /// all of it is gone.
    async fn tidy(&self, marker: &StorageVol, may_come: bool) -> bool {
        let cx = Cx::within(TIDY).with_clock(self.link.config.clock.clone());
        let tidied = async {
            let name = &self.request.volume.name;
            if self.is_ours()
                && let Some(half) = self.link.find_volume(&cx, self.pool, name).await?
            {
                self.link.delete_volume(&cx, &half).await?;
            }
            if may_come { Ok(()) } else { self.link.delete_volume(&cx, marker).await }
        };
        let tidied: Result<()> = tidied.await;
        if let Err(error) = &tidied {
            tracing::debug!(volume = %self.request.volume, %error, "left for the next attempt");
        }
        tidied.is_ok() && !may_come
    }
}

/// What libvirt is told of a volume to be made.
fn document(name: &str, capacity_bytes: u64, format: VolumeFormat) -> Result<String> {
    let xml = volume::build(name, capacity_bytes, format).to_xml();
    xml.map_err(|bad| Error::new(Kind::Invalid, bad.to_string()))
}

/// A whole image in memory.
struct Image(bytes::Bytes);

#[async_trait::async_trait]
impl VolumeReader for Image {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<bytes::Bytes> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        Ok(self.0.slice(start..self.0.len().min(start.saturating_add(max))))
    }
}
