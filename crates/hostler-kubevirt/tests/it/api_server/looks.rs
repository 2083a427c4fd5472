//! What KubeVirt's controller says of a VM when it first looks at it: that it is off. The driver waits
//! for that word, and nobody beside says it here. No other part of a controller is played.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{ApiServer, ask};

/// How long a VM may be new.
const EVERY: Duration = Duration::from_millis(50);
const VMS: &str = "/apis/kubevirt.io/v1/virtualmachines";

/// Looks at each new VM, until this is dropped.
pub(crate) struct FirstLooks {
    _tasks: JoinSet<()>,
}

impl FirstLooks {
    /// Begins.
    pub(crate) fn at(server: &ApiServer) -> Self {
        let (client, mut tasks) = (server.client.clone(), JoinSet::new());
        tasks.spawn(async move {
            loop {
                look(&client).await;
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { _tasks: tasks }
    }
}

/// A server that hangs, or a VM that is gone by now, is for the next time.
async fn look(client: &kube::Client) {
    let Ok(all) = ask(client, "GET", VMS, &Value::Null).await else { return };
    let off =
        json!({ "status": { "created": false, "ready": false, "printableStatus": "Stopped" } });
    for vm in all["items"].as_array().into_iter().flatten() {
        if vm.pointer("/status/printableStatus").is_some() {
            continue;
        }
        let [namespace, name] = ["namespace", "name"].map(|key| vm["metadata"][key].as_str());
        let (Some(namespace), Some(name)) = (namespace, name) else { continue };
        let path =
            format!("/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{name}/status");
        let _ = ask(client, "PATCH", &path, &off).await;
    }
}
