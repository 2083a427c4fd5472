//! What an agent measured last: how it hands that to a server. Not among the
//! endpoints of a server; an agent serves it at `/api/v1/batch`.
//!
//! Metrics are named as in the catalogue. Who reads it leaves out a metric that
//! it does not know, so that agents may be newer than their server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Time;

/// The form of [`AgentBatches`] that this version speaks. It grows when older servers or
/// agents would misunderstand a newer one; members that are added do not.
pub const AGENT_SCHEMA: u32 = 1;

/// What an agent measured last, by source and pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentBatches {
    /// The form of this document: [`AGENT_SCHEMA`].
    #[serde(default = "first_schema")]
    pub schema: u32,
    /// The machine's name, which its host series bear.
    pub host: String,
    /// What the machine's firmware says that it is, as a UUID; null where the agent may not
    /// read it or there is none.
    #[serde(default)]
    pub system_uuid: Option<String>,
    /// What the machine's installation says that it is, in the same form.
    #[serde(default)]
    pub machine_id: Option<String>,
    /// What its kernel calls the time since it was started, in the same form.
    #[serde(default)]
    pub boot_id: Option<String>,
    /// The agent's version.
    pub version: String,
    /// When the agent started. Counters of its own begin again then.
    pub started_at: Time,
    /// When this was written, by the machine's clock.
    pub now: Time,
    /// One for each pass of each source.
    pub passes: Vec<AgentPass>,
}

/// That of agents that do not say it yet.
const fn first_schema() -> u32 {
    1
}

/// The last pass of one kind over one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentPass {
    /// What was asked: `node`, `docker`, `podman`, `libvirt`, `kubevirt`.
    pub source: String,
    /// Which pass: `state`, `stats`, `job`, `guest`.
    pub cost: String,
    /// Time between two passes now, in seconds.
    pub interval_seconds: f64,
    /// When the last pass that succeeded ended; null when none did.
    pub ended_at: Option<Time>,
    /// How long it took, in seconds.
    pub took_seconds: Option<f64>,
    /// Why the last pass failed, if it did; what is below is then of an earlier one.
    pub error: Option<String>,
    /// What was measured; a thing that is missing was not measured.
    pub measured: Vec<AgentMeasured>,
    /// VMs that were asked and did not answer.
    pub silent: Vec<AgentSilent>,
}

/// What was measured of one thing at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentMeasured {
    /// Of what.
    pub of: AgentResource,
    /// When the values were read, by the machine's clock.
    pub at: Time,
    /// The values.
    pub points: Vec<AgentPoint>,
}

/// A thing that is measured. Its kind decides: a container is never a VM, whatever
/// its id is (X16).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentResource {
    /// A virtual machine.
    Vm {
        /// The provider's lasting name for it, for example a domain's UUID.
        external_ref: String,
        /// Its name when last seen.
        name: String,
    },
    /// A host.
    Host {
        /// Its name.
        name: String,
    },
    /// A storage pool.
    Pool {
        /// Its name.
        name: String,
    },
    /// A container.
    Container {
        /// The engine's lasting id.
        id: String,
        /// Its name.
        name: String,
        /// The engine: `docker`, `podman`, `libvirt-lxc`.
        engine: String,
    },
}

/// A measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentPoint {
    /// The metric's full name, as in the catalogue.
    pub metric: String,
    /// The values of the metric's own labels, in the catalogue's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// In the metric's unit.
    pub value: f64,
}

/// A VM that was asked and did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSilent {
    /// The provider's lasting name for it.
    pub external_ref: String,
    /// Its name when last seen.
    pub name: String,
    /// Why, for people.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn x16_a_container_with_the_id_of_a_vm_is_still_a_container() {
        let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned();
        let vm = AgentResource::Vm { external_ref: id.clone(), name: "web".into() };
        let container =
            AgentResource::Container { id, name: "web".into(), engine: "docker".into() };
        assert_ne!(vm, container);
        for one in [vm, container] {
            let written = serde_json::to_value(&one).unwrap();
            assert_eq!(serde_json::from_value::<AgentResource>(written).unwrap(), one);
        }
        let neither = json!({ "id": "a", "name": "web", "engine": "docker" });
        assert!(serde_json::from_value::<AgentResource>(neither).is_err());
    }

    #[test]
    fn what_a_newer_agent_adds_is_passed_over() {
        let newer = json!({ "metric": "hostler_new", "value": 1.5, "unit": "later" });
        let point: AgentPoint = serde_json::from_value(newer).unwrap();
        assert_eq!((point.labels.len(), point.value), (0, 1.5));
    }
}
