//! What the catalogue says about a metric.

/// How a metric's value behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows; begins again at 0 when what it counts begins again.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Always 1; the facts are in the labels.
    Info,
}

impl MetricKind {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
        }
    }
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number.
    None,
    /// Seconds, also for points in time (since 1970).
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// A share from 0 to 1.
    Ratio,
}

impl Unit {
    /// The word used on the wire; empty for a plain number.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes_per_second",
            Self::Ratio => "ratio",
        }
    }
}

/// What a metric is measured of. Its labels come before the metric's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A virtual machine.
    Vm,
    /// A host.
    Host,
    /// A storage pool.
    Pool,
    /// A container; never a VM (D3, X16).
    Container,
    /// A provider.
    Provider,
    /// Nothing that has labels of its own.
    None,
}

impl Resource {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Host => "host",
            Self::Pool => "pool",
            Self::Container => "container",
            Self::Provider => "provider",
            Self::None => "none",
        }
    }

    /// The labels that every series of such a resource bears, in this order.
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Vm => &["vm", "vm_id", "host", "provider", "project"],
            Self::Host => &["host", "provider"],
            Self::Pool => &["pool", "host", "provider"],
            Self::Container => &["container", "container_id", "host", "engine"],
            Self::Provider => &["provider"],
            Self::None => &[],
        }
    }
}

/// Which pass pays for a metric; passes have a pace and a deadline each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// One call for all VMs of a host.
    State,
    /// The hypervisor's statistics, asked in small batches: a hung VM costs its batch.
    Stats,
    /// One call for each VM with a job.
    Job,
    /// The guest agent, with a deadline for each VM.
    Guest,
    /// Computed from what was collected.
    Own,
}

impl Cost {
    /// The passes that ask somebody, cheapest first.
    pub const PASSES: &'static [Self] = &[Self::State, Self::Stats, Self::Job, Self::Guest];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Stats => "stats",
            Self::Job => "job",
            Self::Guest => "guest",
            Self::Own => "own",
        }
    }
}

/// An entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The full name, a contract: `hostler_vm_cpu_seconds_total`.
    pub name: &'static str,
    /// How its value behaves.
    pub kind: MetricKind,
    /// What its value counts.
    pub unit: Unit,
    /// What it is measured of.
    pub resource: Resource,
    /// Its own labels, after those of the resource.
    pub labels: &'static [&'static str],
    /// Which pass pays for it.
    pub cost: Cost,
    /// The version that first had it.
    pub since: &'static str,
    /// One sentence for people.
    pub help: &'static str,
}
