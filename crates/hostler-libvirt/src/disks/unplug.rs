//! Taking a disk off.
//!
//! ```text
//!   there as it is meant? ─ no ─► success: the one that is meant is gone
//!      │ yes
//!   asked of the guest, and out of the definition, in one call
//!      │
//!      ├── gone from what runs ─► success
//!      ├── the hypervisor says that the guest keeps it ─► back into the definition, a conflict
//!      ├── nothing for a while ─► the guest is asked again: it may have been starting
//!      └── the deadline ─► told as being detached; gone at the next start at the latest
//! ```
//!
//! The definition goes first, with libvirt's own call for both: what was asked for then holds
//! after a crash of ours, of the daemon's and of the guest's, and everybody can see it.

use std::time::Duration;

use hostler_libvirt_rpc::Uuid;
use hostler_libvirt_rpc::flags::modify;
use hostler_provider::{Change, Cx, DiskRef, Error, Kind, Result, VmRef};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::alias;
use super::look::{Look, Pair};
use crate::connection::{Kept, Link, reference};
use crate::inventory::present;
use crate::xml::domain::attached::Attached;
use crate::xml::element::Element;

/// A guest that is starting loses the request: it is asked again this often. QEMU takes no
/// second request within five seconds.
const ASK_AGAIN: Duration = Duration::from_secs(6);

/// Takes a disk off.
pub(super) async fn detach(link: &Link, cx: &Cx, vm: &VmRef, disk: &DiskRef) -> Result<()> {
    let doing = format!("cannot detach disk {disk} from {vm}");
    let job = Unplugging { link, cx, vm, disk, doing };
    // Subscribed before it is asked, so that nothing falls in between.
    let mut refusals = link.kept_devices.subscribe();
    let asked = {
        let lock = async { Ok(link.defining.lock().await) };
        let _one_at_a_time = cx.run(&job.doing, lock).await?;
        job.ask().await?
    };
    match asked {
        Some(asked) => {
            let ended = job.until_gone(&asked, &mut refusals).await;
            job.touched(&asked);
            ended
        }
        None => Ok(()),
    }
}

/// One disk that is taken off.
struct Unplugging<'a> {
    link: &'a Link,
    cx: &'a Cx,
    vm: &'a VmRef,
    disk: &'a DiskRef,
    doing: String,
}

/// What was asked.
struct Asked {
    look: Look,
    /// As what runs has it.
    live: Option<Attached>,
    /// As the definition had it, where this call took it out.
    next: Option<Attached>,
}

impl Unplugging<'_> {
    /// `None`: there is no such VM.
    async fn look(&self) -> Result<Option<Look>> {
        present(self.link.look_at_disks(self.cx, &self.doing, self.vm).await)
    }

    /// Asks for it; `None` where the one that is meant is gone.
    async fn ask(&self) -> Result<Option<Asked>> {
        let Some(look) = self.look().await? else { return Ok(None) };
        let Some(pair) = self.meant(&look) else { return Ok(None) };
        let fixed = look.tell(pair).and_then(|seen| seen.fixed);
        if let Some(why) = fixed {
            return Err(self.error(Kind::Conflict, &why));
        }
        look.check_state(&self.doing, pair.live.is_some())?;
        let (live, next) = (pair.live.cloned(), pair.next.cloned());
        let flags =
            live.as_ref().map_or(0, |_| modify::LIVE) | next.as_ref().map_or(0, |_| modify::CONFIG);
        let Some(any) = live.as_ref().or(next.as_ref()) else { return Ok(None) };
        self.request(&look, any, flags).await?;
        Ok(Some(Asked { look, live, next }))
    }

    /// The attachment that is meant, and no newer one of its name.
    fn meant<'l>(&self, look: &'l Look) -> Option<Pair<'l>> {
        let is_it = |pair: &Pair<'_>| look.tell(*pair).is_some_and(|seen| self.disk.is(&seen));
        look.pairs().into_iter().find(is_it)
    }

    /// By our alias, which no other disk ever has; where it has none, by its device.
    async fn request(&self, look: &Look, disk: &Attached, flags: u32) -> Result<()> {
        let domain = &look.domain;
        let ours = disk.alias.as_deref().filter(|alias| alias::read(alias).is_some());
        let asked = match ours {
            Some(alias) => {
                self.link
                    .change(self.cx, &self.doing, |c| async move {
                        c.domain_detach_device_alias(domain, alias, flags).await
                    })
                    .await
            }
            None => {
                let target = Element::new("target").attribute("dev", &disk.target);
                let target = match &disk.bus {
                    Some(bus) => target.attribute("bus", bus),
                    None => target,
                };
                let xml = Element::new("disk")
                    .attribute("type", "file")
                    .attribute("device", &disk.device)
                    .child(target);
                let xml = &xml.to_xml().map_err(|bad| self.error(Kind::Bug, &bad.to_string()))?;
                self.link
                    .change(self.cx, &self.doing, |c| async move {
                        c.domain_detach_device(domain, xml, flags).await
                    })
                    .await
            }
        };
        match asked {
            Err(error) if is_pending(&error) => Ok(()),
            // It went meanwhile; whoever waits for it will see that.
            Err(error) if is_gone(&error) => Ok(()),
            asked => asked,
        }
    }

    /// Waits until what runs does not have it any more.
    async fn until_gone(
        &self,
        asked: &Asked,
        refusals: &mut broadcast::Receiver<Kept>,
    ) -> Result<()> {
        self.cx.progress(None, "waiting for the guest to give the disk up");
        let mut changes = self.link.hub.subscribe();
        let mut ask_at = Instant::now() + ASK_AGAIN;
        loop {
            let look = self.look().await.map_err(|error| self.waiting(error))?;
            let Some(look) = look else { return Ok(()) };
            let Some(pair) = self.meant(&look) else { return Ok(()) };
            let alias = asked.live.as_ref().and_then(|disk| disk.alias.as_deref());
            if refused(refusals, asked.look.domain.uuid, alias) {
                return Err(self.kept(asked).await);
            }
            if Instant::now() >= ask_at {
                self.ask_again(&look, pair).await?;
                ask_at = Instant::now() + ASK_AGAIN;
            }
            let until = self.cx.deadline().min(ask_at);
            let (doing, uuid) = (&self.doing, asked.look.domain.uuid);
            let waited = self.link.until_touched(self.cx, doing, uuid, &mut changes, until).await;
            waited.map_err(|error| self.waiting(error))?;
        }
    }

    /// A failure while the guest is waited for. The deadline is told with what it means.
    fn waiting(&self, error: Error) -> Error {
        if error.kind() != Kind::Timeout || !self.cx.remaining().is_zero() {
            return error.with_unknown_effect();
        }
        let what = "the guest has not given it up yet; it is gone when it does, and at the VM's \
                    next start at the latest";
        self.error(Kind::Timeout, what).with_unknown_effect()
    }

    async fn ask_again(&self, look: &Look, pair: Pair<'_>) -> Result<()> {
        // What is left in the definition was put there again by somebody else.
        let Some(live) = pair.live else { return Ok(()) };
        let asked = self.request(look, live, modify::LIVE).await;
        asked.map_err(Error::with_unknown_effect)
    }

    /// The guest keeps it: then the definition has it again, as before.
    async fn kept(&self, asked: &Asked) -> Error {
        let told = self.error(Kind::Conflict, "its guest refuses to give it up");
        let Some(next) = &asked.next else { return told };
        let (domain, xml) = (&asked.look.domain, &next.text);
        let back = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_attach_device(domain, xml, modify::CONFIG).await
        });
        match back.await {
            Ok(()) => told,
            Err(error) => {
                let what = "its guest refuses to give it up, and it is gone at the VM's next start";
                let raw = error.raw().unwrap_or(error.message()).to_owned();
                self.error(Kind::Conflict, what).with_raw(raw).with_unknown_effect()
            }
        }
    }

    /// Events tell it too, but not of definitions.
    fn touched(&self, asked: &Asked) {
        let domain = &asked.look.domain;
        self.link.cache.touch(domain.uuid);
        self.link.hub.publish(&Change::Vm(reference(domain)));
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }
}

/// Whether a hypervisor has said that the guest keeps this device.
fn refused(refusals: &mut broadcast::Receiver<Kept>, vm: Uuid, alias: Option<&str>) -> bool {
    loop {
        match refusals.try_recv() {
            Ok(kept) if kept.uuid == vm && Some(kept.alias.as_str()) == alias => return true,
            // What was missed is asked for again, and refused again.
            Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return false,
        }
    }
}

/// QEMU takes no second request while it has one.
fn is_pending(error: &Error) -> bool {
    error.raw().is_some_and(|raw| raw.contains("already in the process of unplug"))
}

/// There is no such device any more.
fn is_gone(error: &Error) -> bool {
    let words = ["no device found with alias", "no target device", "not found in domain"];
    error.raw().is_some_and(|raw| words.iter().any(|said| raw.contains(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_a_refusal_counts_for_the_device_that_was_asked_for() {
        let (sender, mut refusals) = broadcast::channel(2);
        let (vm, other) = (Uuid([1; 16]), Uuid([2; 16]));
        let mut says = |uuid, alias: &str| {
            sender.send(Kept { uuid, alias: alias.to_owned() }).unwrap();
            refused(&mut refusals, vm, Some("ua-a"))
        };
        assert!(!says(other, "ua-a") && !says(vm, "ua-b"));
        assert!(says(vm, "ua-a"));
        // Many at once: the last ones are heard, and the loss is no refusal.
        for _ in 0..4 {
            sender.send(Kept { uuid: other, alias: "ua-a".into() }).unwrap();
        }
        assert!(!refused(&mut refusals, vm, Some("ua-a")));
        assert!(!refused(&mut refusals, vm, None));
    }

    #[test]
    fn c7_what_is_under_way_or_over_is_told_from_refusals() {
        let failed = |raw: &str| Error::new(Kind::Invalid, "x").with_raw(raw);
        let pending = failed("Device ua-x is already in the process of unplug");
        assert!(is_pending(&pending) && !is_gone(&pending));
        let gone = failed("internal error: no device found with alias ua-x");
        assert!(is_gone(&gone) && !is_pending(&gone));
        assert!(!is_gone(&failed("Bus 'ide.3' does not support hotplugging")));
    }
}
