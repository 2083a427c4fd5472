//! What the agent measures: its sources, and what is said of each.

use std::path::PathBuf;

use hostler_core::metrics::Cost;
use hostler_libvirt::{Libvirt, LibvirtConfig};
use hostler_node::{Containers, Engine, Launchers, Node};
use hostler_provider::{Metrics, Provider};

use crate::config::{Config, EngineSocket, Switch, runtime_dir};

/// The source that looks at the processes of KubeVirt's VMs.
pub(crate) const KUBEVIRT: &str = "kubevirt";

/// What a source measures, which decides how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The machine itself.
    Node,
    /// Containers.
    Containers,
    /// VMs.
    Vms,
}

/// A source of measurements.
pub struct Source {
    /// What its series call it: `node`, `docker`, `podman`, `libvirt`, `kubevirt`.
    pub name: &'static str,
    /// What it measures.
    pub kind: Kind,
    /// Where it has to be for it to be a source at all; `None`: it is one.
    pub presence: Option<PathBuf>,
    /// Said when it first answers, and when it does not.
    pub address: String,
    asked: Asked,
}

enum Asked {
    Metrics(Box<dyn Metrics>),
    Provider(Box<dyn Provider>),
}

impl Source {
    /// A source that only measures.
    pub fn new(name: &'static str, kind: Kind, metrics: impl Metrics + 'static) -> Self {
        let asked = Asked::Metrics(Box::new(metrics));
        Self { name, kind, presence: None, address: name.to_owned(), asked }
    }

    /// A provider, as far as it measures.
    pub fn of_provider(name: &'static str, address: &str, provider: impl Provider) -> Self {
        let asked = Asked::Provider(Box::new(provider));
        Self { name, kind: Kind::Vms, presence: None, address: address.to_owned(), asked }
    }

    /// Whether there is anything to ask now.
    pub(crate) fn is_present(&self) -> bool {
        self.presence.as_deref().is_none_or(std::path::Path::exists)
    }

    /// What measures; `None` where the provider cannot.
    pub(crate) fn metrics(&self) -> Option<&dyn Metrics> {
        match &self.asked {
            Asked::Metrics(metrics) => Some(metrics.as_ref()),
            Asked::Provider(provider) => provider.metrics(),
        }
    }

    /// The passes it makes.
    pub(crate) fn passes(&self) -> Vec<Cost> {
        self.metrics().map(|metrics| metrics.passes().to_vec()).unwrap_or_default()
    }
}

/// The sources that are configured. Nothing is waited for.
pub(crate) fn of(config: &Config, host: &str) -> Vec<Source> {
    let mut sources = vec![Source::new("node", Kind::Node, Node::new("/", host))];
    sources.extend(config.docker.as_ref().map(|socket| of_engine(Engine::Docker, socket)));
    sources.extend(config.podman.as_ref().map(|socket| of_engine(Engine::Podman, socket)));
    if let Some(uri) = &config.libvirt {
        let runtime_dir = runtime_dir();
        let libvirt = Libvirt::new(LibvirtConfig { runtime_dir, ..LibvirtConfig::new(uri) });
        sources.push(Source::of_provider("libvirt", uri, libvirt));
    }
    if config.kubevirt == Switch::On {
        let mut source = Source::new(KUBEVIRT, Kind::Vms, Launchers::new("/"));
        "/proc".clone_into(&mut source.address);
        sources.push(source);
    }
    sources
}

fn of_engine(engine: Engine, socket: &EngineSocket) -> Source {
    let containers = Containers::new(engine, &socket.path, "/");
    let mut source = Source::new(engine.as_str(), Kind::Containers, containers);
    source.address = socket.path.display().to_string();
    source.presence = (!socket.is_named).then(|| socket.path.clone());
    source
}
