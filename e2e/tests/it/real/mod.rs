//! The stories. All of them need root and real daemons.

mod adoptions;
mod agents;
mod backup;
mod clusters;
mod crash;
mod disks;
mod errors;
mod inventory;
mod libvirtd;
mod metrics;
mod tls;
mod verbs;
mod volumes;

use hostler_api::v1;
use serde_json::json;

/// A VM that takes little and boots nothing: emulated, 48 MiB, an empty disk of 8 MiB, and a
/// cloud-init seed.
fn small_vm(name: &str, start: bool) -> v1::VmRequest {
    let request = json!({
        "spec": {
            "name": name,
            "memory": { "bytes": 48 << 20 },
            "machine": { "accelerator": "tcg" },
            "disks": [{ "name": "root", "source": { "empty": { "size_bytes": 8 << 20 } } }],
            "cloud_init": {},
        },
        "start": start,
    });
    serde_json::from_value(request).unwrap()
}
