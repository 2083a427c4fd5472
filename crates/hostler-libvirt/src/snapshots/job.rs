//! What taking, going back and deleting have in common: looking at the VM and at its snapshots.

use std::time::Duration;

use hostler_core::vm::{PowerState, VmState};
use hostler_libvirt_rpc::{Domain, DomainSnapshot, flags};
use hostler_provider::{Cx, Error, Kind, Result, VmRef};

use crate::connection::{Link, domain_of};
use crate::inventory::{optional, present};
use crate::state::State;
use crate::xml::domain::files::DiskFiles;
use crate::xml::parse::BadXml;
use crate::xml::snapshot::Snapshot;

/// How long a guest agent may take to let file systems go.
const THAW: Duration = Duration::from_secs(20);
/// What a hypervisor's processors use of time, in nanoseconds, without having run a guest.
const IDLE_NS: u64 = 100_000_000;

/// One verb on one VM.
pub(crate) struct Job<'a> {
    pub(crate) link: &'a Link,
    pub(crate) cx: &'a Cx,
    pub(crate) domain: Domain,
    pub(crate) doing: String,
}

/// What a VM does, as far as it matters for its disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It is off.
    Off,
    /// It runs.
    Runs,
    /// It is on and does nothing: held, crashed or asleep.
    Paused,
}

impl<'a> Job<'a> {
    pub(crate) fn new(link: &'a Link, cx: &'a Cx, vm: &VmRef, doing: String) -> Result<Self> {
        Ok(Self { link, cx, domain: domain_of(vm)?, doing })
    }

    pub(crate) fn refuse(&self, kind: Kind, why: impl std::fmt::Display) -> Error {
        Error::new(kind, format!("{}: {why}", self.doing))
    }

    pub(crate) fn conflict(&self, why: impl std::fmt::Display) -> Error {
        self.refuse(Kind::Conflict, why)
    }

    /// A document that cannot be made sense of.
    pub(crate) fn senseless(&self, bad: impl std::fmt::Display) -> Error {
        self.refuse(Kind::Bug, "a document of libvirt's makes no sense").with_raw(bad)
    }

    /// The snapshots with their documents, parents first.
    pub(crate) async fn list(&self, xml_flags: u32) -> Result<Vec<(Snapshot, String)>> {
        self.link.snapshots_of(self.cx, &self.domain, &self.doing, xml_flags).await
    }

    /// The name of the snapshot that the VM's disks have grown from.
    pub(crate) async fn current(&self) -> Result<Option<String>> {
        let domain = &self.domain;
        let current = self.link.look(self.cx, &self.doing, |c| async move {
            match c.domain_has_current_snapshot(domain, 0).await? {
                true => c.domain_snapshot_current(domain, 0).await.map(Some),
                false => Ok(None),
            }
        });
        Ok(present(current.await)?.flatten().map(|snapshot| snapshot.name))
    }

    /// The VM's document: as it is, or `inactive` as it will be at its next start.
    pub(crate) async fn document(&self, inactive: bool) -> Result<String> {
        use flags::domain_xml::{INACTIVE, SECURE};
        let (domain, which) = (&self.domain, if inactive { INACTIVE | SECURE } else { SECURE });
        self.link
            .look(self.cx, &self.doing, |c| async move { c.domain_xml(domain, which).await })
            .await
    }

    pub(crate) fn files(&self, xml: &str) -> Result<DiskFiles> {
        DiskFiles::read(xml).map_err(|bad: BadXml| self.senseless(bad))
    }

    /// What the VM does; a refusal where its disks are not whole without something else.
    pub(crate) async fn state(&self) -> Result<Doing> {
        let domain = &self.domain;
        let read = self.link.look(self.cx, &self.doing, |c| async move {
            let state = c.domain_state(domain).await?;
            let saved = optional(c.domain_has_managed_save(domain, 0).await)?.unwrap_or(false);
            Ok(State::of(state.state, state.reason).with_saved_memory(saved))
        });
        let state = read.await?;
        match state.power {
            PowerState::Stopped | PowerState::Failed => Ok(Doing::Off),
            PowerState::Running => Ok(Doing::Runs),
            PowerState::Paused | PowerState::Crashed | PowerState::Suspended => Ok(Doing::Paused),
            PowerState::Saved => Err(self
                .conflict("its memory is saved on disk and belongs to its disks; start it first")),
            power => {
                let word = VmState::from(power).as_str();
                Err(self.conflict(format!("it is {word} ({})", state.reason)))
            }
        }
    }

    /// Whether the VM's processors have done anything since it was turned on.
    pub(crate) async fn has_run(&self) -> Result<bool> {
        let of = std::slice::from_ref(&self.domain);
        let told = self.link.look(self.cx, &self.doing, |c| async move {
            c.all_domain_stats(of, flags::stats::VCPU, 0).await
        });
        let told = told.await?;
        let times = told.iter().flat_map(|stats| &stats.params).filter_map(|param| {
            let is_time = param.field.starts_with("vcpu.") && param.field.ends_with(".time");
            param.value.as_u64().filter(|_| is_time)
        });
        let (mut any, mut total) = (false, 0_u64);
        for time in times {
            (any, total) = (true, total.saturating_add(time));
        }
        Ok(!any || total > IDLE_NS)
    }

    /// Cuts the VM's power, if it is on.
    pub(crate) async fn cut(&self) -> Result<()> {
        let domain = &self.domain;
        let cut = self
            .link
            .change(self.cx, &self.doing, |c| async move { c.domain_destroy(domain, 0).await })
            .await;
        match cut {
            // It went off by itself.
            Err(error) if error.kind() == Kind::Conflict && !error.is_unknown() => Ok(()),
            other => other,
        }
    }

    /// Has libvirt know a definition; it replaces the VM's for its next start.
    pub(crate) async fn define(&self, xml: &str) -> Result<()> {
        let defined = self
            .link
            .change(self.cx, &self.doing, |c| async move { c.domain_define_xml(xml, 0).await });
        defined.await.map(drop)
    }

    /// Has libvirt know a snapshot, as its document says.
    pub(crate) async fn tell(&self, xml: &str, current: bool) -> Result<()> {
        use flags::snapshot_create::{CURRENT, REDEFINE};
        let (domain, how) = (&self.domain, if current { REDEFINE | CURRENT } else { REDEFINE });
        let told = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_snapshot_create(domain, xml, how).await
        });
        told.await.map(drop)
    }

    pub(crate) fn snapshot(&self, name: &str) -> DomainSnapshot {
        DomainSnapshot { name: name.to_owned(), domain: self.domain.clone() }
    }

    /// Whether the VM is more than what runs: else it is gone with its power.
    pub(crate) async fn is_defined(&self) -> Result<bool> {
        let domain = &self.domain;
        self.link
            .look(self.cx, &self.doing, |c| async move {
                Ok(optional(c.domain_is_persistent(domain).await)?.unwrap_or(true))
            })
            .await
    }

    /// Lets a guest's file systems go, should they be held still. libvirt holds them and lets them
    /// go in the one call that takes the snapshot, and succeeds only if it did both; so this is
    /// for calls that failed, or whose daemon may have died between. To let go what is not held
    /// does nothing. The caller may have given up, so this has its own time.
    pub(crate) async fn thaw(&self) {
        let cx = Cx::within(THAW).with_clock(self.link.config.clock.clone());
        let (domain, doing) = (&self.domain, "cannot let the guest's file systems go");
        let thawed =
            self.link.change(&cx, doing, |c| async move { c.domain_fs_thaw(domain, &[], 0).await });
        match thawed.await {
            Ok(0) => {}
            Ok(count) => {
                tracing::warn!(vm = %domain.name, count, "file systems of the guest were held still");
            }
            Err(error) => tracing::warn!(vm = %domain.name, %error, raw = error.raw(), "{doing}"),
        }
    }
}
