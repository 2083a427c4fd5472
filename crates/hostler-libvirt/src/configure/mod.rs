//! Changing domains.
//!
//! ```text
//!   definition and what runs, read ─► what it is ─ differs from what is wanted ─► plan
//!      │
//!      ├─► the definition, edited in its text ─ still the same there? ─► defined ─► read back
//!      │                                            └ no: somebody was quicker; try again
//!      └─► what runs: processors, balloon, links, description ─► read back
//! ```
//!
//! What a VM is, is what it was last asked to be, with what can be read of it now: its size,
//! its text, the devices that are there or are not. Only what differs is written, into the
//! text that libvirt gave, so that nothing of what others put there is lost. libvirt
//! has no way to define only if nothing has changed: the text is compared once more right
//! before, and what lies between is as long as one call.
//!
//! Nobody manages fields in libvirt's eyes, so a plan never names a manager.

mod document;
mod live;

use async_trait::async_trait;
use hostler_core::vm::change::{ChangePlan, Difference, Takes};
use hostler_core::vm::devices::{GraphicsSpec, TpmModel, TpmSpec};
use hostler_core::vm::{PowerState, VmSpec};
use hostler_libvirt_rpc::{Domain as Reference, flags};
use hostler_provider::{Change, ChangeVm, Configure, Cx, EnsureVm, Error, Kind, Result, VmRef};

use self::document::{Bootable, Wanted};
use crate::Libvirt;
use crate::connection::{Link, domain_of, reference};
use crate::inventory::host::HostFacts;
use crate::inventory::optional;
use crate::state::State;
use crate::xml::domain::facets::Facets;
use crate::xml::domain::platform::Platform;
use crate::xml::domain::read::Domain as Configuration;
use crate::xml::domain::{self, Plan};
use crate::xml::parse::BadXml;

#[async_trait]
impl Configure for Libvirt {
    async fn plan_change(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let changing = Changing::begin(&self.link, cx, request).await?;
        let plan = changing.plan();
        if plan.check().is_ok() && !plan.is_empty() {
            changing.validate(&plan).await?;
        }
        Ok(plan)
    }

    async fn change_vm(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let doing = format!("cannot change {}", request.at);
        // Nobody of ours may define or plug anything between the look and the call.
        let one_at_a_time = cx.run(&doing, async { Ok(self.link.defining.lock().await) }).await?;
        let changing = Changing::begin(&self.link, cx, request).await?;
        let plan = changing.plan();
        request.check(&plan).map_err(|error| error.context(&changing.doing))?;
        if plan.changes.iter().all(|change| change.field.path.starts_with("/labels")) {
            return Ok(plan);
        }
        let text = changing.validate(&plan).await?;
        let defined = changing.define(&plan, &text).await;
        drop(one_at_a_time);
        let made = match defined {
            Ok(()) => changing.bring_live(plan).await,
            Err(error) => Err(error),
        };
        changing.touched();
        made
    }
}

/// A domain as it is.
struct Now {
    domain: Reference,
    state: State,
    /// What runs.
    live: Option<Document>,
    /// What it starts with next.
    next: Document,
}

/// A document as it is written, secrets among it: it is given to libvirt alone.
struct Document {
    text: String,
    facets: Facets,
}

impl Document {
    fn read(text: String) -> std::result::Result<Self, BadXml> {
        Ok(Self { facets: Facets::read(&text)?, text })
    }
}

/// One VM that is to be changed.
struct Changing<'a> {
    link: &'a Link,
    cx: &'a Cx,
    request: &'a ChangeVm<'a>,
    doing: String,
    host: std::sync::Arc<HostFacts>,
    now: Now,
    /// What it is.
    is: VmSpec,
}

impl<'a> Changing<'a> {
    async fn begin(link: &'a Link, cx: &'a Cx, request: &'a ChangeVm<'a>) -> Result<Self> {
        let doing = format!("cannot change {}", request.at);
        let host = link.host(cx).await?;
        let now = link.look_at_definition(cx, &doing, request.at).await?;
        let of = |bad| senseless(&doing, bad);
        let tag = Configuration::read(&now.next.text).map_err(of)?.tag;
        if tag.is_none_or(|tag| tag.vm != request.vm) {
            let what = format!("{doing}: it does not bear the mark of the VM to be changed");
            return Err(Error::new(Kind::Conflict, what));
        }
        let is = as_seen(request, &now);
        Ok(Self { link, cx, request, doing, host, now, is })
    }

    fn plan(&self) -> ChangePlan {
        ChangePlan::of(&self.is, self.request.spec, |field| self.takes(field))
    }

    fn takes(&self, field: &Difference) -> Takes {
        let wanted = self.request.spec;
        let live = self.now.running();
        let path = field.path.as_str();
        let within = match path {
            "/description" | "/autostart" => return Takes::Live,
            "/cpu/count" => live.is_some_and(|live| {
                let (count, most) = (live.cpu_count, live.cpu_max);
                Some(wanted.cpu.count) >= count && Some(wanted.cpu.count) <= most
            }),
            "/memory/bytes" => live.is_some_and(|live| {
                live.balloon && Some(wanted.memory.bytes.div_ceil(1024)) <= live.memory_kib
            }),
            _ => false,
        };
        if path.starts_with("/firmware") {
            let why = "the firmware's code and variables belong to the definition that the VM was \
                       made with; make another VM with that firmware";
            return Takes::Refused(why.to_owned());
        }
        if path == "/machine/kind" {
            return self.takes_machine();
        }
        if path.starts_with("/nics") && self.now.next.facets.nics.len() != self.is.nics.len() {
            let why = "others have added or removed interfaces of this VM; undo that first";
            return Takes::Refused(why.to_owned());
        }
        let is_link = path.starts_with("/nics/") && path.ends_with("/link_up");
        if within || (is_link && live.is_some_and(|live| live.nics.len() == wanted.nics.len())) {
            Takes::Live
        } else {
            Takes::NextStart
        }
    }

    /// Another version of a machine is one thing, another machine is another: the devices'
    /// places are of one kind of machine.
    fn takes_machine(&self) -> Takes {
        let wanted = Platform::choose(self.request.spec, &self.host.capabilities);
        let wanted = wanted.ok().and_then(|platform| platform.machine);
        let is = self.now.next.facets.machine.as_deref();
        match wanted.as_deref().map(family) == is.map(family) {
            true => Takes::NextStart,
            false => {
                let why = "the VM's devices have their places on the machine that it was made \
                           with; make another VM with that one";
                Takes::Refused(why.to_owned())
            }
        }
    }

    /// Whether the host would have it so, and the definition that it would be.
    async fn validate(&self, plan: &ChangePlan) -> Result<String> {
        let ChangeVm { vm, spec, disks, seed, .. } = *self.request;
        let host_ref = &self.host.reference;
        let asked = EnsureVm { vm, spec, host_ref, disks, seed };
        let platform = Platform::choose(spec, &self.host.capabilities)?;
        self.link.check_offered(self.cx, &asked, &platform).await?;
        if plan.changes.iter().any(|change| change.field.path.starts_with("/nics")) {
            self.link.check_surroundings(self.cx, &asked).await?;
        }
        let bare = VmSpec { disks: Vec::new(), boot: Vec::new(), ..spec.clone() };
        let made = domain::build(&Plan { vm, spec: &bare, platform, disks: vec![], seed: None })?;
        let disks = self.bootable(plan).await?;
        let wanted = Wanted { spec, plan, made: &made, disks: &disks };
        document::edited(&self.now.next.text, &wanted).map_err(|error| error.context(&self.doing))
    }

    /// The disks as the definition may call them, where their order matters.
    async fn bootable(&self, plan: &ChangePlan) -> Result<Vec<Bootable>> {
        let mut all = Vec::new();
        if !plan.changes.iter().any(|change| change.field.path.starts_with("/boot")) {
            return Ok(all);
        }
        for bound in self.request.disks {
            let pool = self.link.pool_named(self.cx, &bound.volume.pool).await?;
            let found = self.link.find_volume(self.cx, &pool, &bound.volume.name).await?;
            let Some(found) = found else { continue };
            let sources = self.link.volume(self.cx, &found).await?.names(&pool.name);
            all.push(Bootable { name: bound.disk.clone(), sources });
        }
        Ok(all)
    }

    /// Gives libvirt the new definition, and looks what it made of it.
    async fn define(&self, plan: &ChangePlan, text: &str) -> Result<()> {
        if text == self.now.next.text {
            return Ok(());
        }
        let still = self.link.look_at_definition(self.cx, &self.doing, self.request.at).await?;
        if still.next.text != self.now.next.text {
            let what = "somebody else changed its definition at the same time; try again";
            return Err(self.error(Kind::Unavailable, what));
        }
        let asked = Facets::read(text).map_err(|bad| senseless(&self.doing, bad))?;
        let defined = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_define_xml(text, flags::define::VALIDATE).await
        });
        defined.await?;
        let look = self.link.look_at_definition(self.cx, &self.doing, self.request.at).await;
        let kept = look.map_err(Error::with_unknown_effect)?.next.facets;
        let lost = plan.changes.iter().map(|change| change.field.path.as_str());
        let lost: Vec<&str> = lost.filter(|path| !asked.is_kept(&kept, path)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let what = format!("libvirt took the change and did not keep it: {}", lost.join(", "));
        Err(self.error(Kind::Invalid, &what).with_unknown_effect())
    }

    /// Events tell it too, but not of definitions.
    fn touched(&self) {
        let domain = &self.now.domain;
        self.link.cache.touch(domain.uuid);
        self.link.hub.publish(&Change::Vm(reference(domain)));
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }
}

impl Now {
    /// What runs, where it can be changed.
    fn running(&self) -> Option<&Facets> {
        let can = matches!(self.state.power, PowerState::Running | PowerState::Paused);
        self.live.as_ref().filter(|_| can).map(|live| &live.facets)
    }
}

impl Link {
    /// Reads what a VM is, its secrets with it: without them a definition would lose them.
    async fn look_at_definition(&self, cx: &Cx, doing: &str, vm: &VmRef) -> Result<Now> {
        use flags::domain_xml::{INACTIVE, SECURE};
        let uuid = domain_of(vm)?.uuid;
        let read = self.look(cx, doing, |c| async move {
            let domain = c.domain_lookup_by_uuid(uuid).await?;
            let state = c.domain_state(&domain).await?;
            let persistent = optional(c.domain_is_persistent(&domain).await)?;
            let live = match domain.is_active() {
                true => Some(c.domain_xml(&domain, SECURE).await?),
                false => None,
            };
            let next = c.domain_xml(&domain, SECURE | INACTIVE).await?;
            Ok((domain, State::of(state.state, state.reason), persistent, live, next))
        });
        let (domain, state, persistent, live, next) = read.await?;
        if persistent == Some(false) {
            let what = format!("{doing}: it has no definition, and is gone when it stops");
            return Err(Error::new(Kind::Conflict, what));
        }
        let live = live.map(Document::read).transpose().map_err(|bad| senseless(doing, bad))?;
        let next = Document::read(next).map_err(|bad| senseless(doing, bad))?;
        Ok(Now { domain, state, live, next })
    }
}

fn senseless(doing: &str, bad: BadXml) -> Error {
    Error::new(Kind::Bug, format!("{doing}: its definition makes no sense")).with_raw(bad)
}

/// What kind of machine a type is a version of.
fn family(machine: &str) -> &str {
    let kinds = ["q35", "i440fx", "virt", "s390-ccw", "pseries"];
    match kinds.into_iter().find(|kind| machine.contains(kind)) {
        Some(kind) => kind,
        None if machine == "pc" || machine.starts_with("pc-") => "i440fx",
        None => machine,
    }
}

/// What it was last asked to be, with what is seen of it now.
fn as_seen(request: &ChangeVm<'_>, now: &Now) -> VmSpec {
    let (before, next) = (request.before, &now.next.facets);
    let live = now.running();
    let mut is = before.clone();
    is.description = live.unwrap_or(next).description.clone();
    let asked = (before.cpu.count, before.cpu.max_count.unwrap_or(before.cpu.count));
    if let Some((count, most)) = next.cpu_count.zip(next.cpu_max)
        && (count, most) != asked
    {
        is.cpu.count = count;
        let is_said = most != count || before.cpu.max_count == Some(most);
        is.cpu.max_count = is_said.then_some(most);
    }
    // Defined, and not come to the guest that runs, which can have it.
    let wanted = request.spec.cpu.count;
    if let Some((count, most)) = live.and_then(|live| live.cpu_count.zip(live.cpu_max))
        && is.cpu.count == wanted
        && count < wanted
        && wanted <= most
    {
        is.cpu.count = count;
    }
    if let Some(kib) = next.current_kib.filter(|kib| *kib != before.memory.bytes.div_ceil(1024)) {
        is.memory.bytes = kib.saturating_mul(1024);
    }
    is.memory.hugepages = next.hugepages;
    is.rng = next.rng;
    is.balloon = next.balloon;
    is.guest_agent = next.guest_agent;
    is.serial_console = next.serial_console;
    let has = |list: &[String], word: &str| list.iter().any(|there| there == word);
    is.graphics = match before.graphics {
        Some(GraphicsSpec::Vnc) if has(&next.graphics, "vnc") => before.graphics,
        Some(GraphicsSpec::Spice) if has(&next.graphics, "spice") => before.graphics,
        _ if has(&next.graphics, "vnc") => Some(GraphicsSpec::Vnc),
        _ if has(&next.graphics, "spice") => Some(GraphicsSpec::Spice),
        _ => None,
    };
    is.tpm = match next.tpm.first().map(String::as_str) {
        Some("tpm-crb") => Some(TpmSpec { model: TpmModel::Crb }),
        Some("tpm-tis") => Some(TpmSpec { model: TpmModel::Tis }),
        Some(_) => before.tpm,
        None => None,
    };
    is.watchdog = before.watchdog.filter(|_| !next.watchdog.is_empty());
    is.panic = before.panic.filter(|_| !next.panic.is_empty());
    let seen = &live.unwrap_or(next).nics;
    if seen.len() == is.nics.len() && next.nics.len() == is.nics.len() {
        for (nic, seen) in is.nics.iter_mut().zip(seen) {
            nic.link_up = seen.link_up;
        }
    }
    is
}

#[cfg(test)]
mod tests;
