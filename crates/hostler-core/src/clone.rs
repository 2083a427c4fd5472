//! Clones of virtual machines (E8, F1): what a provider's can do, whether one can be made
//! at all, and what a clone is asked to be. Pure; making it is a driver's business.
//!
//! ```text
//!  source: the VM as it is now · one of its snapshots
//!    │ limits of the provider, pure: CloneLimits::refuses
//!    ▼
//!  a VM of its own: off, disks of its own, another name, other addresses, no mark of the source's
//! ```

use crate::error::Code;
use crate::vm::lifecycle::Denial;
use crate::vm::{PowerState, VmSpec};

/// What the labels begin with by which Hostler knows its own things: never those of a clone.
pub const OWN_LABELS: &str = "hostler.io/";

/// What a provider's clones can do. A clone stays where its source is: on a host of the
/// same provider, in the same namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloneLimits {
    /// Whether a VM that runs or is paused can be cloned as it is. The clone's disks are
    /// then as after a power cut, or at rest where the provider brought the guest to rest.
    pub live: bool,
    /// Whether one can be made from a snapshot, whatever the VM does now.
    pub snapshots: bool,
}

impl CloneLimits {
    /// Why a clone cannot be made of a VM in this state, if so; `from_snapshot` of one of
    /// its snapshots instead.
    pub fn refuses(&self, from_snapshot: bool, power: PowerState) -> Option<Denial> {
        if from_snapshot {
            let message = "its provider clones VMs only, no snapshots; clone the VM";
            return (!self.snapshots).then(|| Denial::new(Code::CapabilityMissing, message));
        }
        (power.is_live() && !self.live).then(|| {
            let message = match self.snapshots {
                true => "its provider clones stopped VMs only; stop it, or clone a snapshot",
                false => "its provider clones stopped VMs only; stop it first",
            };
            Denial::new(Code::VmWrongState, message)
        })
    }
}

/// What a clone is asked to be: its source's specification under another name. Addresses
/// that only one may have are left to the provider, and so is the host name, where
/// cloud-init sets one: the clone's is then its own name.
pub fn specification(source: &VmSpec, name: &str) -> VmSpec {
    let mut spec = VmSpec { name: name.to_owned(), ..source.clone() };
    spec.labels.retain(|key, _| !key.starts_with(OWN_LABELS));
    spec.nics.iter_mut().for_each(|nic| nic.mac = None);
    if let Some(init) = &mut spec.cloud_init {
        init.hostname = None;
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::cloud_init::CloudInit;
    use crate::vm::devices::{NicModel, NicSource, NicSpec};

    const ALL: CloneLimits = CloneLimits { live: true, snapshots: true };

    #[test]
    fn e8_what_a_provider_cannot_clone_is_refused_before_it_is_asked() {
        use PowerState::{Paused, Running, Stopped};
        let (missing, state) = (Some(Code::CapabilityMissing), Some(Code::VmWrongState));
        let stopped_only = CloneLimits { live: false, ..ALL };
        let vms_only = CloneLimits { snapshots: false, ..ALL };
        let neither = CloneLimits { live: false, snapshots: false };
        for (limits, from_snapshot, power, refused) in [
            (ALL, false, Running, None),
            (ALL, true, Paused, None),
            (stopped_only, false, Running, state),
            (stopped_only, false, Stopped, None),
            // The disks of a snapshot are not being written.
            (stopped_only, true, Running, None),
            (vms_only, true, Stopped, missing),
            (vms_only, false, Paused, None),
            (neither, false, Paused, state),
        ] {
            let denial = limits.refuses(from_snapshot, power);
            let code = denial.map(|denial| denial.code);
            assert_eq!(code, refused, "{limits:?} {from_snapshot} {power:?}");
        }
    }

    #[test]
    fn e8_a_clone_is_asked_to_be_its_source_but_for_what_only_one_may_have() {
        let mut source = VmSpec::new("web", 1 << 30);
        source.description = "the shop".into();
        source.labels = [("tier", "front"), ("hostler.io/vm", "x")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        source.nics = vec![NicSpec {
            source: NicSource::Network("default".into()),
            model: NicModel::default(),
            mac: Some("52:54:00:00:00:01".into()),
            link_up: true,
        }];
        source.cloud_init =
            Some(CloudInit { hostname: Some("web.example".into()), ..CloudInit::default() });
        let clone = specification(&source, "web-2");
        assert_eq!(clone.name, "web-2");
        assert_eq!(clone.labels.keys().collect::<Vec<_>>(), ["tier"]);
        assert_eq!(clone.nics[0].mac, None);
        assert_eq!(clone.cloud_init.as_ref().unwrap().hostname, None);
        let mut same = VmSpec { name: "web".into(), ..clone };
        same.labels.clone_from(&source.labels);
        same.nics.clone_from(&source.nics);
        same.cloud_init.clone_from(&source.cloud_init);
        assert_eq!(same, source, "all else is as it was");
    }
}
