//! A stand-in for a cluster, and a provider of it.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::vm::{ObservedVm, PowerState};
use hostler_kube_double::{Double, Options, Pace};
use hostler_kubevirt::config::{Allowed, KubeVirtConfig, Source};
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{Create, Cx, Migrate, Power, Provider, Storage, VmRef, Watch};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Place {
    pub(crate) double: Double,
    pub(crate) provider: Arc<KubeVirt>,
}

/// Whose controller works by itself.
pub(crate) fn busy() -> Options {
    Options { pace: Pace::Every(Duration::from_millis(5)), ..Options::default() }
}

pub(crate) fn config(double: &Double) -> KubeVirtConfig {
    let mut config = KubeVirtConfig::new(Source::Text(double.kubeconfig()));
    config.allowed = Allowed { insecure: double.authority().is_none(), ..Allowed::default() };
    config.max_backoff = Duration::from_millis(200);
    config
}

pub(crate) fn cx() -> Cx {
    Cx::within(PATIENCE)
}

impl Place {
    pub(crate) async fn start(options: Options) -> Self {
        let double = Double::start(options).await.unwrap();
        let provider = Arc::new(KubeVirt::new(config(&double)));
        Self { double, provider }
    }

    pub(crate) fn create(&self) -> &dyn Create {
        self.provider.create().unwrap()
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        self.provider.storage().unwrap()
    }

    pub(crate) fn power(&self) -> &dyn Power {
        self.provider.power().unwrap()
    }

    pub(crate) fn migrate(&self) -> &dyn Migrate {
        self.provider.migrate().unwrap()
    }

    pub(crate) fn watch(&self) -> &dyn Watch {
        self.provider.watch().unwrap()
    }

    /// How the VM of that name is named for ever.
    pub(crate) fn vm(&self, name: &str) -> VmRef {
        self.vm_in("default", name)
    }

    pub(crate) fn vm_in(&self, namespace: &str, name: &str) -> VmRef {
        let object = self.double.get("virtualmachines", namespace, name).unwrap();
        let external_ref = object["metadata"]["uid"].as_str().unwrap().to_owned();
        VmRef { external_ref, name: name.to_owned() }
    }

    /// A VM that is to be run so, and what that came to.
    pub(crate) async fn made(&self, name: &str, strategy: &str, power: PowerState) -> VmRef {
        self.double.put(machine("default", name, strategy)).unwrap();
        let vm = self.vm(name);
        self.until(&vm, power).await;
        self.followed(&vm).await;
        vm
    }

    /// Waits until the inventory has a VM: whoever looks at one alone asks for it before that.
    pub(crate) async fn followed(&self, vm: &VmRef) {
        let wait = async {
            while self.listed(vm).await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{vm} never came into the inventory");
    }

    pub(crate) fn strategy(&self, name: &str) -> String {
        let object = self.double.get("virtualmachines", "default", name).unwrap();
        object["spec"]["runStrategy"].as_str().unwrap().to_owned()
    }

    /// How often one of KubeVirt's verbs was asked for: `virtualmachines/start`.
    pub(crate) fn asked(&self, verb: &str) -> u64 {
        self.double.counts().of("update", verb)
    }

    pub(crate) async fn seen(&self, vm: &VmRef) -> Option<ObservedVm> {
        self.watch().observe(&cx(), vm).await.unwrap()
    }

    /// Waits until a VM is seen so.
    pub(crate) async fn until(&self, vm: &VmRef, power: PowerState) {
        let wait = async {
            while self.seen(vm).await.is_none_or(|seen| seen.power != power) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{vm} never became {power:?}");
    }

    /// What the inventory shows of a VM, right now.
    pub(crate) async fn listed(&self, vm: &VmRef) -> Option<PowerState> {
        let inventory = self.provider.inventory(&cx()).await.unwrap();
        let found = inventory.vms.iter().find(|seen| seen.external_ref == vm.external_ref);
        found.map(|seen| seen.power)
    }
}

/// A machine that says little.
pub(crate) fn machine(namespace: &str, name: &str, strategy: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "runStrategy": strategy, "template": { "spec": {
            "domain": { "memory": { "guest": "64Mi" }, "devices": {} },
        } } },
    })
}
