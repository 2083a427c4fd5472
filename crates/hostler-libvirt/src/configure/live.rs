//! What of a change reaches the guest that runs: processors up to its maximum, memory up to
//! what it started with by its balloon, links of its interfaces, and what is written about it.

use std::time::Duration;

use hostler_core::vm::change::{ChangePlan, Takes};
use hostler_libvirt_rpc::flags::{memory, metadata, modify, vcpu};
use hostler_provider::{Error, Kind, Result};
use tokio::time::{Instant, sleep};

use super::{Changing, senseless};
use crate::xml::edit::Edits;
use crate::xml::element::Element;
use crate::xml::parse::{Find, parse};

/// How long a guest may take to give or take memory before it is told as waiting.
const BALLOON_WITHIN: Duration = Duration::from_secs(10);
/// How soon it is looked at again meanwhile.
const LOOK: Duration = Duration::from_millis(200);

impl Changing<'_> {
    /// Makes what runs as it is wanted, and tells what did not come to it. The definition is
    /// written by now: whatever fails here has an effect that nobody knows.
    pub(super) async fn bring_live(&self, mut plan: ChangePlan) -> Result<ChangePlan> {
        let lives = |path: &str, plan: &ChangePlan| {
            plan.changes.iter().any(|c| c.field.path == path && c.takes == Takes::Live)
        };
        let wanted = self.request.spec;
        if lives("/autostart", &plan) {
            let set = self.link.ensure_autostart(self.cx, &self.now.domain, wanted.autostart);
            set.await.map_err(Error::with_unknown_effect)?;
        }
        if self.now.running().is_none() {
            return Ok(plan);
        }
        let made = async {
            if lives("/description", &plan) {
                self.describe().await?;
            }
            if lives("/cpu/count", &plan) {
                self.add_processors(wanted.cpu.count).await?;
            }
            self.set_links(&plan).await?;
            match lives("/memory/bytes", &plan) {
                true => self.set_balloon(wanted.memory.bytes.div_ceil(1024)).await,
                false => Ok(true),
            }
        };
        let follows = made.await.map_err(Error::with_unknown_effect)?;
        if !follows {
            let waits = plan.changes.iter_mut().filter(|c| c.field.path == "/memory/bytes");
            waits.for_each(|change| change.takes = Takes::NextStart);
        }
        Ok(plan)
    }

    async fn describe(&self) -> Result<()> {
        let text = Some(self.request.spec.description.as_str()).filter(|text| !text.is_empty());
        let domain = &self.now.domain;
        self.link
            .change(self.cx, &self.doing, |c| async move {
                let kind = metadata::DESCRIPTION;
                c.domain_set_metadata(domain, kind, text, None, None, modify::LIVE).await
            })
            .await
    }

    async fn add_processors(&self, count: u32) -> Result<()> {
        let domain = &self.now.domain;
        let added = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_set_vcpus(domain, count, vcpu::LIVE).await?;
            c.domain_vcpus(domain, vcpu::LIVE).await
        });
        match added.await? {
            has if u32::try_from(has) == Ok(count) => Ok(()),
            has => {
                let what = format!("its hypervisor gave it {has} processors, not {count}");
                Err(self.error(Kind::Conflict, &what))
            }
        }
    }

    /// Whether the guest has so much in the end.
    async fn set_balloon(&self, kib: u64) -> Result<bool> {
        let domain = &self.now.domain;
        let set = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_set_memory(domain, kib, memory::LIVE).await
        });
        set.await?;
        let until = self.cx.deadline().min(Instant::now() + BALLOON_WITHIN);
        loop {
            let look = self.link.look_at_definition(self.cx, &self.doing, self.request.at).await?;
            let Some(live) = look.live else { return Ok(true) };
            // Memory is given by pages.
            if live.facets.current_kib.is_some_and(|now| now.abs_diff(kib) < 1024) {
                return Ok(true);
            }
            if Instant::now() + LOOK >= until || self.cx.is_cancelled() {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }

    /// Plugs cables in, and out.
    async fn set_links(&self, plan: &ChangePlan) -> Result<()> {
        let Some(live) = &self.now.live else { return Ok(()) };
        let mut updates = Vec::new();
        {
            let document =
                parse(&live.text, "domain").map_err(|bad| senseless(&self.doing, bad))?;
            let devices = document.root_element().get("devices");
            let nics = devices.iter().flat_map(|devices| devices.all("interface"));
            for (index, (nic, wanted)) in nics.zip(&self.request.spec.nics).enumerate() {
                let path = format!("/nics/{index}/link_up");
                let changes = |c: &hostler_core::vm::change::Change| {
                    c.field.path == path && c.takes == Takes::Live
                };
                if !plan.changes.iter().any(changes) {
                    continue;
                }
                let state = if wanted.link_up { "up" } else { "down" };
                let link = Element::new("link").attribute("state", state);
                let text = live.text.get(nic.range()).unwrap_or_default();
                updates.push(with_link(text, &link).map_err(|bad| {
                    self.error(Kind::Bug, &format!("an interface makes no sense: {bad}"))
                })?);
            }
        }
        for xml in &updates {
            let domain = &self.now.domain;
            let updated = self.link.change(self.cx, &self.doing, |c| async move {
                c.domain_update_device(domain, xml, modify::LIVE).await
            });
            updated.await?;
        }
        Ok(())
    }
}

/// The interface as it is, with that link.
fn with_link(interface: &str, link: &Element) -> std::result::Result<String, String> {
    let document = parse(interface, "interface").map_err(|bad| bad.to_string())?;
    let mut edits = Edits::of(interface);
    let made = edits.child(document.root_element(), "link", Some(link));
    made.and_then(|()| edits.made()).map_err(|bad| bad.to_string())
}
