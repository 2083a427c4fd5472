//! Somebody on a machine who measures it all the time, and is asked from afar
//! for what was measured last.
//!
//! A provider is asked to measure; an agent has measured. So what it tells has
//! an age of its own, and its own word for when it measures next. Whoever
//! implements this keeps what an agent says within bounds: an agent may be
//! broken, or somebody else's.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_core::host::MachineIds;
use hostler_core::metrics::Cost;

use crate::context::Cx;
use crate::groups::metrics::Batch;

/// An agent.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// What it measured last.
    async fn report(&self, cx: &Cx) -> Result<Report, AgentError>;
}

/// What an agent measured last.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which machine it is on, by its own word.
    pub machine: Machine,
    /// The agent's version, for people.
    pub version: String,
    /// When it started, by its machine's clock.
    pub started_at: Timestamp,
    /// When this was told, by the same clock: ages are counted from it, so that
    /// machines whose clocks differ can be compared.
    pub now: Timestamp,
    /// Each kind of pass over each thing that it asks; no two of the same.
    pub passes: Vec<ReportedPass>,
    /// What it said and is left out here, by reason.
    pub left_out: Vec<(LeftOut, u64)>,
}

/// How a machine can be told from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// What it is called.
    pub name: String,
    /// What firmware, installation and kernel say that it is.
    pub ids: MachineIds,
}

/// Whom an agent asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    /// The machine's kernel: tells of the machine itself.
    Kernel,
    /// A container engine by its word: tells of containers.
    Containers(&'static str),
    /// A hypervisor: tells of VMs, of pools and a little of the machine.
    Hypervisor,
    /// The processes of KubeVirt's VMs: tell by what each of them runs, and nothing else.
    Launchers,
}

impl Asked {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Containers(engine) => engine,
            Self::Hypervisor => "hypervisor",
            Self::Launchers => "launchers",
        }
    }
}

/// The last pass of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedPass {
    /// Who was asked.
    pub asked: Asked,
    /// For what.
    pub pass: Cost,
    /// The time from one to the next.
    pub interval: Duration,
    /// When the last that succeeded ended, by the machine's clock; `None` when
    /// none did.
    pub ended_at: Option<Timestamp>,
    /// How long that took.
    pub took: Duration,
    /// Why the last failed, if it did; what is below is then of one before.
    pub failure: Option<String>,
    /// What was measured, with times of the machine's clock. Hosts in it are the
    /// machine, whatever they are called.
    pub batch: Batch,
}

/// Why something that an agent said is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// More than is taken.
    TooMany,
    /// A name, a time or a value that is none.
    Invalid,
    /// Said twice.
    Twice,
    /// About something that whom it asked cannot tell of, or computed by it.
    NotItsOwn,
    /// A metric or a kind of thing that is not known here: the agent is newer.
    Unknown,
}

impl LeftOut {
    /// Every reason.
    pub const ALL: &'static [Self] =
        &[Self::TooMany, Self::Invalid, Self::Twice, Self::NotItsOwn, Self::Unknown];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::Invalid => "invalid",
            Self::Twice => "twice",
            Self::NotItsOwn => "not_its_own",
            Self::Unknown => "unknown",
        }
    }
}

/// What keeps an agent from being heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentTrouble {
    /// It cannot be asked by what is configured here.
    Misconfigured,
    /// Nobody answers.
    Unreachable,
    /// Who answers cannot show that it is the one.
    Untrusted,
    /// It does not take our token.
    Refused,
    /// It speaks another language: it is older or newer.
    Incompatible,
    /// What it says makes no sense.
    Invalid,
}

impl AgentTrouble {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Misconfigured => "misconfigured",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::Refused => "refused",
            Self::Incompatible => "incompatible",
            Self::Invalid => "invalid",
        }
    }
}

/// An agent that was not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentError {
    /// What kind of trouble it is.
    pub trouble: AgentTrouble,
    /// What happened and what to do, for people; no secret is in it.
    pub message: String,
}

impl AgentError {
    /// Of that kind, in these words.
    pub fn new(trouble: AgentTrouble, message: impl Into<String>) -> Self {
        Self { trouble, message: message.into() }
    }
}

impl std::fmt::Display for AgentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AgentError {}
