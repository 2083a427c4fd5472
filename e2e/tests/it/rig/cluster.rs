//! A stand-in for a KubeVirt cluster, reached over TLS by its kubeconfig as any other.

use std::path::PathBuf;
use std::time::Duration;

use hostler_core::clock::{Clock, SystemClock};
use hostler_kube_double::{Double, Options, Pace};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::Home;

/// A cluster that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Before the runtime, on which it runs.
    pub(crate) double: Double,
    _runtime: Runtime,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let options = Options {
            begins_at: SystemClock.now().to_string().parse().unwrap(),
            pace: Pace::Every(Duration::from_millis(20)),
            tls: true,
            ..Options::default()
        };
        let double = runtime.block_on(Double::start(options)).unwrap();
        Self { double, _runtime: runtime }
    }

    /// Writes a kubeconfig for it.
    pub(crate) fn kubeconfig(&self, home: &Home) -> PathBuf {
        let path = home.path().join("edge.kubeconfig");
        std::fs::write(&path, self.double.kubeconfig()).unwrap();
        path
    }

    /// Makes a VM there, as `kubectl` would.
    pub(crate) fn makes(&self, name: &str, strategy: &str) {
        let machine = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": { "name": name, "namespace": "default" },
            "spec": { "runStrategy": strategy, "template": { "spec": {
                "domain": { "memory": { "guest": "64Mi" }, "devices": {} },
            } } },
        });
        self.double.put(machine).unwrap();
    }

    /// A VM's object there, without what the cluster itself writes.
    pub(crate) fn spec(&self, name: &str) -> Value {
        self.double.get("virtualmachines", "default", name).unwrap()["spec"].clone()
    }
}
