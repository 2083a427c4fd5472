//! This server's own machine: measured without an agent where it is a host of VMs
//! itself, or where there is nothing else to measure.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::metrics::Cost;
use hostler_engine::{OwnMachine, OwnSource};
use hostler_node::{Containers, Engine, Node};
use hostler_provider::{Asked, Batch, Cx, Metrics, Result};

use crate::config::{Config, OwnMachineSwitch};
use crate::wiring::is_of_this_machine;

/// Where engines have their sockets.
const ENGINES: [(Engine, &str); 2] =
    [(Engine::Docker, "/run/docker.sock"), (Engine::Podman, "/run/podman/podman.sock")];

/// This machine, if the configuration says that it is to be measured; `providers`: the
/// addresses of all there are.
pub(crate) fn machine(config: &Config, providers: &[&str]) -> Option<OwnMachine> {
    let is_wanted = match config.metrics.own_machine {
        OwnMachineSwitch::On => true,
        OwnMachineSwitch::Off => false,
        // A server apart from its hypervisors is no host of theirs.
        OwnMachineSwitch::Auto => {
            providers.is_empty() && config.agents.is_empty()
                || providers.iter().any(|uri| is_of_this_machine(uri))
        }
    };
    if !is_wanted {
        return None;
    }
    let Some(name) = Node::host_name("/") else {
        tracing::warn!("this machine does not say what it is called, and is not measured");
        return None;
    };
    let seconds = Duration::from_secs;
    let mut sources = vec![OwnSource {
        asked: Asked::Kernel,
        metrics: Arc::new(Node::new("/", name.as_str())),
        interval: seconds(config.metrics.node_interval_seconds),
    }];
    sources.extend(ENGINES.map(|(engine, socket)| OwnSource {
        asked: Asked::Containers(engine.as_str()),
        metrics: Arc::new(IfThere {
            socket: socket.into(),
            containers: Containers::new(engine, socket, "/"),
        }),
        interval: seconds(config.metrics.interval_seconds),
    }));
    Some(OwnMachine { machine: Node::machine("/", name), sources, is_here: is_of_this_machine })
}

/// An engine that may not be there: then there are no containers, and nothing failed.
struct IfThere {
    socket: PathBuf,
    containers: Containers,
}

#[async_trait]
impl Metrics for IfThere {
    fn passes(&self) -> &'static [Cost] {
        self.containers.passes()
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        match self.socket.exists() {
            true => self.containers.collect(cx, pass).await,
            false => Ok(Batch::default()),
        }
    }
}
