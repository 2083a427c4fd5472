//! What a connection to a libvirt host is configured with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::{Clock, SystemClock};
use hostler_libvirt_rpc::ConnectUri;
use hostler_provider::{Error, Kind, Result};

/// A connection to a libvirt daemon, as configured.
#[derive(Clone)]
pub struct LibvirtConfig {
    /// Where the daemon is: `qemu:///system`, `qemu+ssh://root@host/system`,
    /// `qemu+tls://host/system`, `qemu+unix:///system?socket=/path` …
    pub uri: String,
    /// What `XDG_RUNTIME_DIR` is, for `qemu:///session`; unset: session daemons cannot be found.
    pub runtime_dir: Option<PathBuf>,
    /// How often the daemon is pinged. A daemon that says nothing for three
    /// times as long is given up, and connected to anew.
    pub keepalive: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// The longest pause between two attempts to connect.
    pub max_backoff: Duration,
    /// How long a VM's configuration is believed without having been read anew.
    /// Events make it be read earlier; this is for events that never came.
    pub recheck: Duration,
    /// How long hypervisors may take to say what their VMs use, a few VMs together,
    /// before others are asked without those that hang.
    pub patience: Duration,
    /// Tells the time for what is observed.
    pub clock: Arc<dyn Clock>,
}

impl LibvirtConfig {
    /// The usual configuration for a daemon.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            runtime_dir: None,
            keepalive: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            max_backoff: Duration::from_secs(10),
            recheck: Duration::from_secs(60),
            patience: Duration::from_secs(2),
            clock: Arc::new(SystemClock),
        }
    }

    /// Whether the configuration can be used at all; reaches nothing.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong with the URI.
    pub fn check(&self) -> Result<()> {
        self.parse_uri().map(drop)
    }

    /// Whether what the daemon runs there are containers and no VMs (D3, X16).
    pub(crate) fn holds_containers(&self) -> bool {
        self.parse_uri().is_ok_and(|uri| uri.driver() == "lxc")
    }

    pub(crate) fn parse_uri(&self) -> Result<ConnectUri> {
        ConnectUri::parse(&self.uri)
            .map_err(|error| Error::new(Kind::Invalid, format!("libvirt URI: {error}")))
    }
}

impl std::fmt::Debug for LibvirtConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LibvirtConfig").field("uri", &self.uri).finish_non_exhaustive()
    }
}
