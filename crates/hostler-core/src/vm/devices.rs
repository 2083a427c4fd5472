//! The devices of a [`super::VmSpec`]: disks, NICs, display and the small ones.

use serde::{Deserialize, Serialize};

/// A disk or CD-ROM drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskSpec {
    /// Unique within the VM; part of the name of a volume made for it.
    pub name: String,
    /// A disk or a CD-ROM drive.
    #[serde(default)]
    pub device: DiskDevice,
    /// How the guest sees it attached; unset: virtio for disks, SATA for CD-ROM.
    #[serde(default)]
    pub bus: Option<DiskBus>,
    /// Where its bytes come from.
    pub source: DiskSource,
    /// Whether the guest may write.
    #[serde(default)]
    pub read_only: bool,
    /// How the host caches it; unset: the hypervisor's default.
    #[serde(default)]
    pub cache: Option<CacheMode>,
    /// Whether blocks the guest discards are freed.
    #[serde(default)]
    pub discard: bool,
    /// The serial number the guest sees.
    #[serde(default)]
    pub serial: Option<String>,
}

/// A disk or a CD-ROM drive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskDevice {
    /// A disk.
    #[default]
    Disk,
    /// A CD-ROM drive, always read-only.
    Cdrom,
}

/// How the guest sees a disk attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskBus {
    /// The paravirtual block device; fastest, needs a guest driver.
    Virtio,
    /// A paravirtual SCSI controller.
    Scsi,
    /// AHCI; every modern guest knows it.
    Sata,
    /// IDE, for old guests on old machine types.
    Ide,
    /// USB storage.
    Usb,
}

impl DiskBus {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Scsi => "scsi",
            Self::Sata => "sata",
            Self::Ide => "ide",
            Self::Usb => "usb",
        }
    }
}

/// Where a disk's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DiskSource {
    /// A new volume full of zeros.
    Empty {
        /// Its size as the guest sees it, in bytes.
        size_bytes: u64,
        /// The pool to make it in; unset: the host's default pool.
        #[serde(default)]
        pool: Option<String>,
        /// How it is stored; unset: as the provider does by itself.
        #[serde(default)]
        format: Option<VolumeFormat>,
    },
    /// A new volume with a copy of an image of Hostler's catalogue.
    Image {
        /// The image's name.
        image: String,
        /// The size the guest sees, at least the image's; unset: the image's.
        #[serde(default)]
        size_bytes: Option<u64>,
        /// The pool to make it in; unset: the host's default pool.
        #[serde(default)]
        pool: Option<String>,
        /// How it is stored, which is how the image is; unset: so.
        #[serde(default)]
        format: Option<VolumeFormat>,
    },
    /// A volume that exists; it is never deleted with the VM unless asked.
    Volume {
        /// The pool it is in.
        pool: String,
        /// Its name there.
        volume: String,
    },
    /// An empty drive; CD-ROM only.
    NoMedia {},
}

impl DiskSource {
    /// Whether Hostler makes a volume for it, and so also owns that volume.
    pub const fn makes_volume(&self) -> bool {
        matches!(self, Self::Empty { .. } | Self::Image { .. })
    }
}

/// How a volume is stored. Always told, never guessed from the bytes (A6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeFormat {
    /// QEMU's copy-on-write format: grows with use, knows snapshots.
    #[default]
    Qcow2,
    /// The plain bytes.
    Raw,
}

impl VolumeFormat {
    /// The word that hypervisor tools use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
        }
    }
}

/// How the host caches a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// Bypass the host's page cache.
    None,
    /// Write through it; safe and slow.
    Writethrough,
    /// Write back from it; honours flushes.
    Writeback,
    /// Bypass it and sync every write.
    Directsync,
    /// Ignore flushes; loses data on a crash.
    Unsafe,
}

impl CacheMode {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Writethrough, Self::Writeback, Self::Directsync, Self::Unsafe];

    /// The word used on the wire, which is QEMU's too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Writethrough => "writethrough",
            Self::Writeback => "writeback",
            Self::Directsync => "directsync",
            Self::Unsafe => "unsafe",
        }
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NicSpec {
    /// What it is connected to.
    pub source: NicSource,
    /// The device the guest sees.
    #[serde(default)]
    pub model: NicModel,
    /// Its address, `52:54:00:12:34:56`; unset: the provider makes one.
    #[serde(default)]
    pub mac: Option<String>,
    /// Whether its cable is plugged in.
    #[serde(default = "plugged")]
    pub link_up: bool,
}

const fn plugged() -> bool {
    true
}

/// What a network interface is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NicSource {
    /// A network that the provider manages, by name.
    Network(String),
    /// A bridge of the host, by name.
    Bridge(String),
    /// A host interface directly (macvtap, bridge mode), by name.
    Direct(String),
    /// User-mode networking: outward only, no rights needed.
    User {},
}

/// The network device the guest sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NicModel {
    /// The paravirtual one.
    #[default]
    Virtio,
    /// Intel 82574L; modern guests know it.
    E1000e,
    /// Intel 82540EM; older guests know it.
    E1000,
    /// Realtek 8139; the oldest guests know it.
    Rtl8139,
}

impl NicModel {
    /// The word that hypervisors use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::E1000e => "e1000e",
            Self::E1000 => "e1000",
            Self::Rtl8139 => "rtl8139",
        }
    }
}

/// The display, reachable only through Hostler's console: it listens on the
/// host's loopback or on a socket, never on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphicsSpec {
    /// VNC.
    Vnc,
    /// SPICE.
    Spice,
}

/// The video card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoModel {
    /// Paravirtual.
    Virtio,
    /// Standard VGA.
    Vga,
    /// QXL, for SPICE.
    Qxl,
    /// Bochs display, for UEFI guests.
    Bochs,
    /// No card.
    None,
}

impl VideoModel {
    /// The word that hypervisors use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Vga => "vga",
            Self::Qxl => "qxl",
            Self::Bochs => "bochs",
            Self::None => "none",
        }
    }
}

/// What is tried at boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BootDevice {
    /// The disk or CD-ROM drive of that name.
    Disk(String),
    /// The NIC with that index, counted from 0.
    Nic(u32),
}

/// A virtual TPM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TpmSpec {
    /// The device the guest sees.
    #[serde(default)]
    pub model: TpmModel,
}

/// The TPM device the guest sees; always version 2.0, emulated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TpmModel {
    /// Command response buffer; the modern interface.
    #[default]
    Crb,
    /// TPM interface specification.
    Tis,
}

/// A watchdog device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchdogSpec {
    /// The device the guest sees.
    pub model: WatchdogModel,
    /// What happens when the guest stops feeding it.
    pub action: WatchdogAction,
}

/// The watchdog device the guest sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchdogModel {
    /// Intel 6300ESB, a PCI device.
    I6300esb,
    /// The one in q35's chipset.
    Itco,
    /// An ISA device.
    Ib700,
}

/// What happens when the guest stops feeding its watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchdogAction {
    /// Reset it.
    Reset,
    /// Ask it to shut down.
    Shutdown,
    /// Power it off.
    Poweroff,
    /// Pause it.
    Pause,
    /// Only tell.
    None,
}

/// The device by which a guest reports a kernel panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanicModel {
    /// An ISA port, on x86.
    Isa,
    /// Hyper-V's crash registers, for Windows.
    Hyperv,
}
