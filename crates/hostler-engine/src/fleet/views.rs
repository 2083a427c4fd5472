//! What is told of each kind of thing: seen, asked and stored put together.

mod providers;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::error::Code;
use hostler_core::id::{HostId, NetworkId, OperationId, PoolId, ProviderId, VmId};
use hostler_core::network::ObservedNetwork;
use hostler_core::query::{Field, Row, Value};
use hostler_core::storage::ObservedPool;
use hostler_core::template::FromTemplate;
use hostler_core::vm::adoption::Adopted;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::vm::status::{Phase, VmStatus};
use hostler_core::vm::{Action, Admission, Denial, Governance, ObservedVm, admit};
use hostler_core::{Quality, Timestamp};
use hostler_provider::{Group, HostInventory};
use hostler_store::VmRow;

pub use self::providers::{ProviderState, ProviderView};
use super::freshness::Freshness;
use super::groups::group_of;
use crate::adoptions::{of_adopted, of_unspoken};

/// A VM as it is told.
#[derive(Debug, Clone)]
pub struct VmView {
    /// Its id.
    pub id: VmId,
    /// Its name: asked for where we manage it, else seen.
    pub name: String,
    /// Its project; `None` for VMs that are only observed.
    pub project: Option<String>,
    /// Its provider and the provider's name; `None` until it has been placed.
    pub provider: Option<(ProviderId, String)>,
    /// Its host and the host's name.
    pub host: Option<(HostId, String)>,
    /// Whether Hostler manages it.
    pub managed: bool,
    /// Whether it is made up.
    pub simulated: bool,
    /// What it is doing.
    pub status: VmStatus,
    /// Whether that is the newest there is to tell.
    pub freshness: Freshness,
    /// What is asked of it.
    pub row: Option<Arc<VmRow>>,
    /// What was seen of it.
    pub observed: Option<Arc<ObservedVm>>,
    /// The operation at work on it.
    pub operation: Option<OperationId>,
    /// When it was made or first seen.
    pub created_at: Timestamp,
    /// What its provider can do; empty while that is not known.
    pub groups: Arc<[Group]>,
}

impl VmView {
    /// The fields that lists of VMs can be filtered and sorted by.
    pub const FIELDS: &'static [Field] = &[
        Field::text("name"),
        Field::text("id"),
        Field::text("state"),
        Field::text("host"),
        Field::text("provider"),
        Field::text("namespace"),
        Field::text("project"),
        Field::text("managed"),
        Field::text("template"),
        Field::text("template_version"),
        Field::number("cpu_count"),
        Field::number("memory_bytes"),
        Field::number("created_at"),
        Field::family("label."),
    ];

    /// Each action and whether it is possible now, whoever asks.
    pub fn actions(&self) -> Vec<(Action, Admission)> {
        Action::ALL.iter().map(|action| (*action, self.admit(*action))).collect()
    }

    /// Whether `action` is possible now, whoever asks.
    pub fn admit(&self, action: Action) -> Admission {
        if let Some(denial) = self.refuse(action) {
            return Admission::Denied(denial);
        }
        admit(self.status.state, action)
    }

    fn refuse(&self, action: Action) -> Option<Denial> {
        let managed_only = !matches!(action, Action::Console);
        if managed_only && !self.managed {
            let message = "Hostler only observes this VM; adopt it before changing it";
            return Some(Denial::new(Code::VmNotManaged, message));
        }
        if managed_only && let Some(denial) = self.adopted().and_then(|it| of_adopted(it, action)) {
            return Some(denial);
        }
        let row = self.row.as_ref().filter(|_| action == Action::Change);
        if let Some(denial) = row.and_then(|row| of_unspoken(row)) {
            return Some(denial);
        }
        let group = group_of(action);
        if let (Some(group), false) = (group, self.groups.is_empty())
            && !self.groups.contains(&group)
        {
            let message = format!("its provider cannot {}", group.as_str());
            return Some(Denial::new(Code::CapabilityMissing, message));
        }
        let blocked = self.observed.as_ref()?.blocked.iter().find(|b| b.action == action)?;
        Some(Denial::new(Code::CapabilityMissing, blocked.reason.clone()))
    }

    /// The consoles that can be opened now.
    pub fn consoles(&self) -> Vec<ConsoleKind> {
        if !matches!(self.admit(Action::Console), Admission::Start) {
            return Vec::new();
        }
        let observed = self.observed.as_ref();
        observed.and_then(|vm| vm.consoles.value()).cloned().unwrap_or_default()
    }

    /// Its addresses, as far as known.
    pub fn addresses(&self) -> Vec<String> {
        let nics = self.observed.as_ref().and_then(|vm| vm.nics.value());
        let addresses = nics.into_iter().flatten().flat_map(|nic| &nic.addresses);
        addresses.map(|a| a.address.to_string()).collect()
    }

    /// Its processors: those that are or would be online; seen, else asked for.
    pub fn cpu_count(&self) -> Option<u32> {
        let seen = self.observed.as_ref().and_then(|vm| vm.cpu_count.value().copied());
        seen.or_else(|| self.row.as_ref().map(|row| row.spec.cpu.count))
    }

    /// The size of its memory in bytes: seen, else asked for. Not what a balloon
    /// leaves of it at present, and not zero because it is off.
    pub fn memory_bytes(&self) -> Option<u64> {
        let seen = self.observed.as_ref().and_then(|vm| vm.memory_max_bytes.value().copied());
        seen.or_else(|| self.row.as_ref().map(|row| row.spec.memory.bytes))
    }

    /// Its labels; VMs that are only observed have none.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.row.as_ref().map(|row| row.spec.labels.clone()).unwrap_or_default()
    }

    /// Free text about it.
    pub fn description(&self) -> String {
        match (&self.row, &self.observed) {
            (Some(row), _) => row.spec.description.clone(),
            (None, Some(seen)) => seen.description.clone().unwrap_or_default(),
            (None, None) => String::new(),
        }
    }

    /// The provider's lasting name for it.
    pub fn external_ref(&self) -> Option<&str> {
        let row = self.row.as_ref().and_then(|row| row.external_ref.as_deref());
        row.or_else(|| self.observed.as_ref().map(|vm| vm.external_ref.as_str()))
    }

    /// The namespace it is in there; `None` where it was never seen, or there are none.
    pub fn namespace(&self) -> Option<&str> {
        self.observed.as_ref().and_then(|vm| vm.namespace.as_deref())
    }

    /// What it belongs to, as its provider's labels say; `None` where it was never seen.
    pub fn governance(&self) -> Option<&Governance> {
        self.observed.as_ref().map(|vm| &vm.governance)
    }

    /// Grows with every change of what is asked; 0 for VMs that are only observed.
    pub fn generation(&self) -> u64 {
        self.row.as_ref().map_or(0, |row| row.generation)
    }

    /// Why all that was seen of it is old, if it is: newer should be there and is not (C5, X17).
    pub fn stale(&self) -> Option<&str> {
        (self.status.quality == Quality::Stale).then_some(self.status.reason.as_str())
    }

    /// Which version of which template it was made from, where it was.
    pub fn template(&self) -> Option<&FromTemplate> {
        self.row.as_ref().and_then(|row| row.template.as_ref())
    }

    /// How it came into care, for VMs that were made elsewhere and are managed.
    pub fn adopted(&self) -> Option<&Adopted> {
        self.row.as_ref().and_then(|row| row.adopted.as_ref())
    }

    /// Where its life stands, for VMs that Hostler manages.
    pub fn phase(&self) -> Option<Phase> {
        self.row.as_ref().map(|row| row.phase)
    }
}

impl Row for VmView {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.name.as_str().into(),
            "id" => self.id.to_string().into(),
            "state" => self.status.state.as_str().into(),
            "host" => self.host.as_ref().map(|(_, name)| name.as_str()).into(),
            "provider" => self.provider.as_ref().map(|(_, name)| name.as_str()).into(),
            "namespace" => self.namespace().into(),
            "project" => self.project.as_deref().into(),
            "managed" => self.managed.into(),
            "template" => self.template().map(|from| from.template.to_string()).into(),
            "template_version" => self.template().map(|from| from.version.to_string()).into(),
            "cpu_count" => self.cpu_count().map(u64::from).into(),
            "memory_bytes" => self.memory_bytes().into(),
            "created_at" => self.created_at.as_micros().into(),
            other => match other.strip_prefix("label.") {
                Some(key) => {
                    let labels = self.row.as_ref().map(|row| &row.spec.labels);
                    labels.and_then(|labels| labels.get(key)).map(String::as_str).into()
                }
                None => Value::Absent,
            },
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(needle);
        has(&self.name)
            || has(self.status.state.as_str())
            || self.host.as_ref().is_some_and(|(_, name)| has(name))
            || self.provider.as_ref().is_some_and(|(_, name)| has(name))
            || self.external_ref().is_some_and(has)
            || self.namespace().is_some_and(has)
            || self.id.to_string().contains(needle)
            || has(&self.description())
            || self.row.as_ref().is_some_and(|row| {
                row.spec.labels.iter().any(|(key, value)| has(key) || has(value))
            })
            || self.addresses().iter().any(|address| has(address))
    }

    // Their texts sort as the bytes they are made of.
    fn compare_id(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }

    fn compare_id_to(&self, text: &str) -> Ordering {
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = self.id.as_uuid();
        let own: &str = id.hyphenated().encode_lower(&mut buffer);
        own.cmp(text)
    }
}

/// Whether a host can take VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// It answers.
    Ready,
    /// It does not answer; what is shown is old.
    Degraded,
    /// It answers and takes no new VMs.
    Closed,
}

impl HostState {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Ready, Self::Degraded, Self::Closed];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Closed => "closed",
        }
    }
}

/// A host as it is told.
#[derive(Debug, Clone)]
pub struct HostView {
    /// Its id.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Its provider and the provider's name.
    pub provider: (ProviderId, String),
    /// Whether it is made up.
    pub simulated: bool,
    /// Whether it can take VMs.
    pub state: HostState,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// Whether what is told of it is the newest there is to tell.
    pub freshness: Freshness,
    /// What was seen of it.
    pub observed: Arc<HostInventory>,
    /// How many VMs are on it.
    pub vm_count: u32,
    /// How many of them run.
    pub vm_running_count: u32,
}

impl HostView {
    /// The fields that lists of hosts can be filtered and sorted by.
    pub const FIELDS: &'static [Field] = &[
        Field::text("name"),
        Field::text("id"),
        Field::text("state"),
        Field::text("provider"),
        Field::number("vm_count"),
    ];

    /// Why all that was seen of it is old, if it is: newer should be there and is not (C5, X17).
    pub fn stale(&self) -> Option<&str> {
        self.reason.as_deref().filter(|_| self.state == HostState::Degraded)
    }
}

impl Row for HostView {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.name.as_str().into(),
            "id" => self.id.to_string().into(),
            "state" => self.state.as_str().into(),
            "provider" => self.provider.1.as_str().into(),
            "vm_count" => u64::from(self.vm_count).into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.name.to_lowercase().contains(needle)
            || self.provider.1.to_lowercase().contains(needle)
            || self.id.to_string().contains(needle)
    }
}

macro_rules! held_view {
    ($(#[$doc:meta])* $name:ident, $id:ty, $seen:ty, $kind_field:literal, |$view:ident| $kind:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// Its id.
            pub id: $id,
            /// Its provider and the provider's name.
            pub provider: (ProviderId, String),
            /// The host it belongs to and the host's name; `None` when it spans hosts.
            pub host: Option<(HostId, String)>,
            /// Whether it is made up.
            pub simulated: bool,
            /// Why what was seen of it is old, if it is: its provider or host is silent.
            pub stale: Option<String>,
            /// The same, with since when.
            pub freshness: Freshness,
            /// What was seen of it.
            pub observed: Arc<$seen>,
        }

        impl $name {
            /// The fields that lists of it can be filtered and sorted by.
            pub const FIELDS: &'static [Field] = &[
                Field::text("name"),
                Field::text("id"),
                Field::text("host"),
                Field::text("provider"),
                Field::text("active"),
                Field::text($kind_field),
            ];
        }

        impl Row for $name {
            fn id(&self) -> String {
                self.id.to_string()
            }

            fn value(&self, field: &str) -> Value<'_> {
                let $view = self;
                match field {
                    "name" => self.observed.name.as_str().into(),
                    "id" => self.id.to_string().into(),
                    "host" => self.host.as_ref().map(|(_, name)| name.as_str()).into(),
                    "provider" => self.provider.1.as_str().into(),
                    "active" => self.observed.active.into(),
                    $kind_field => $kind.as_str().into(),
                    _ => Value::Absent,
                }
            }

            fn contains(&self, needle: &str) -> bool {
                let has = |text: &str| text.to_lowercase().contains(needle);
                has(&self.observed.name)
                    || has(&self.provider.1)
                    || self.host.as_ref().is_some_and(|(_, name)| has(name))
            }
        }
    };
}

held_view! {
    /// A storage pool as it is told.
    PoolView, PoolId, ObservedPool, "kind", |view| view.observed.kind
}

held_view! {
    /// A network as it is told.
    NetworkView, NetworkId, ObservedNetwork, "forward", |view| view.observed.forward
}
