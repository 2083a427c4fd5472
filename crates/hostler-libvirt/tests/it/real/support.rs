//! What several tests need: a lab, a connected driver, an image to upload, and
//! patience with a deadline.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hostler_core::clock::SystemClock;
use hostler_core::id::{Entropy, IdSource, VmId};
use hostler_core::vm::devices::*;
use hostler_core::vm::spec::*;
use hostler_core::vm::{ObservedVm, PowerState, VmSpec};
use hostler_lab::{Lab, LabOptions, guest};
use hostler_libvirt::{Libvirt, LibvirtConfig};
use hostler_provider::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

/// How long something that a guest or a daemon does may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Every test's own randomness, so that names never repeat.
struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

pub(crate) fn ids() -> IdSource {
    IdSource::new(Arc::new(SystemClock), Arc::new(Random))
}

/// The sample guest, built once for all tests.
pub(crate) fn images() -> guest::GuestImages {
    guest::build(&guest::checkout_dir(), &mut |line| eprintln!("{line}")).unwrap()
}

/// A configuration for a machine that is busy with other tests: nothing that is
/// merely slow there counts as lost.
pub(crate) fn patient(uri: String) -> LibvirtConfig {
    LibvirtConfig {
        keepalive: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(30),
        max_backoff: Duration::from_secs(1),
        ..LibvirtConfig::new(uri)
    }
}

/// A context for one call.
pub(crate) fn cx() -> Cx {
    Cx::within(Duration::from_secs(60))
}

/// A private libvirtd with a driver connected to it.
pub(crate) struct World {
    pub(crate) libvirt: Libvirt,
    pub(crate) lab: Lab,
    pub(crate) host: String,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let lab = Lab::start(&LabOptions::throwaway(name)).unwrap();
        let uri = lab.uri();
        Self::over(lab, uri).await
    }

    /// The same with the driver connected by another way.
    pub(crate) async fn over(lab: Lab, uri: String) -> Self {
        Self::with(lab, patient(uri)).await
    }

    /// The same with the driver configured in another way.
    pub(crate) async fn with(lab: Lab, config: LibvirtConfig) -> Self {
        let libvirt = Libvirt::new(config);
        let inventory = libvirt.inventory(&cx()).await.unwrap();
        let host = inventory.hosts[0].host.external_ref.clone();
        Self { libvirt, lab, host }
    }

    pub(crate) fn volume(&self, name: &str) -> VolumeRef {
        VolumeRef { host_ref: self.host.clone(), pool: "default".into(), name: name.into() }
    }

    /// Uploads the sample guest's disk.
    pub(crate) async fn upload(&self, name: &str) -> VolumeRef {
        let volume = self.volume(name);
        let reader = FileReader::open(&images().disk_qcow2);
        let request = EnsureVolume {
            volume: &volume,
            capacity_bytes: guest_disk_bytes(),
            format: VolumeFormat::Qcow2,
            content: VolumeContent::Upload(&reader),
        };
        self.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
        volume
    }

    /// Makes a VM with the sample guest's disk, not started.
    pub(crate) async fn make(&self, spec: &VmSpec) -> VmRef {
        let volume = self.upload(&format!("{}-root", spec.name)).await;
        self.make_on(spec, &[bound("root", &volume)]).await
    }

    pub(crate) async fn make_on(&self, spec: &VmSpec, disks: &[DiskBinding]) -> VmRef {
        let vm = ids().next(VmId::new);
        let request = EnsureVm { vm, spec, host_ref: &self.host, disks, seed: None };
        let create = self.libvirt.create().unwrap();
        create.validate(&cx(), &request).await.unwrap();
        let made = create.ensure_vm(&cx(), &request).await.unwrap();
        assert!(made.created);
        made.vm
    }

    pub(crate) async fn observe(&self, vm: &VmRef) -> Option<ObservedVm> {
        self.libvirt.watch().unwrap().observe(&cx(), vm).await.unwrap()
    }

    pub(crate) async fn state(&self, vm: &VmRef) -> (PowerState, String) {
        let seen = self.observe(vm).await.unwrap();
        (seen.power, seen.power_reason)
    }

    pub(crate) fn power(&self) -> &dyn Power {
        self.libvirt.power().unwrap()
    }

    /// Opens the serial console and reads until the guest says so.
    pub(crate) async fn hears(&self, vm: &VmRef, words: &str) -> Box<dyn ConsoleStream> {
        use hostler_core::vm::observed::ConsoleKind;
        let console = self.libvirt.console().unwrap();
        let mut stream = console.open(&cx(), vm, ConsoleKind::Serial, true).await.unwrap();
        let mut heard = String::new();
        let reading = async {
            let mut buffer = [0; 4096];
            while !heard.contains(words) {
                let count = stream.read(&mut buffer).await.unwrap();
                assert_ne!(count, 0, "the console ended after {heard:?}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        };
        if tokio::time::timeout(Duration::from_secs(120), reading).await.is_err() {
            panic!("the guest never said {words:?}, but {heard:?}");
        }
        stream
    }
}

pub(crate) fn bound(disk: &str, volume: &VolumeRef) -> DiskBinding {
    DiskBinding { disk: disk.into(), volume: volume.clone(), owned: true }
}

/// The virtual size of the sample guest's disk.
pub(crate) fn guest_disk_bytes() -> u64 {
    std::fs::metadata(&images().disk_raw).unwrap().len()
}

/// A VM that boots the sample guest from its disk.
pub(crate) fn guest_spec(name: &str) -> VmSpec {
    let mut spec = VmSpec::new(name, 160 << 20);
    spec.machine.accelerator = Accelerator::Tcg;
    spec.disks.push(root_disk());
    spec
}

pub(crate) fn root_disk() -> DiskSpec {
    let source = DiskSource::Image {
        image: "sample".into(),
        size_bytes: None,
        pool: None,
        format: Some(VolumeFormat::Qcow2),
    };
    DiskSpec {
        name: "root".into(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

/// A file to be uploaded.
pub(crate) struct FileReader(PathBuf);

impl FileReader {
    pub(crate) fn open(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

#[async_trait]
impl VolumeReader for FileReader {
    fn len(&self) -> u64 {
        std::fs::metadata(&self.0).unwrap().len()
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<Bytes> {
        use std::os::unix::fs::FileExt;
        let mut bytes = vec![0; max];
        let count = std::fs::File::open(&self.0)?.read_at(&mut bytes, offset)?;
        bytes.truncate(count);
        Ok(bytes.into())
    }
}

/// Tries until it gives something, or panics with `what`.
pub(crate) async fn eventually<T, F>(
    what: &str,
    within: Duration,
    mut attempt: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Types a command at the guest's shell, and reads until it has said the words.
pub(crate) async fn guest_says(stream: &mut Box<dyn ConsoleStream>, command: &str, words: &str) {
    let mut heard = String::new();
    let reading = async {
        let mut buffer = [0; 4096];
        loop {
            stream.write_all(format!("{command}\n").as_bytes()).await.unwrap();
            let until = Instant::now() + Duration::from_secs(5);
            while let Ok(count) = tokio::time::timeout_at(until, stream.read(&mut buffer)).await {
                let count = count.unwrap();
                assert_ne!(count, 0, "the console ended after {heard:?}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
                if heard.contains(words) {
                    return;
                }
            }
        }
    };
    if tokio::time::timeout(PATIENCE, reading).await.is_err() {
        panic!("the guest never said {words:?}, but {heard:?}");
    }
}
