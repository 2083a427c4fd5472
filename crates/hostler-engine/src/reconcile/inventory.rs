//! Keeps the picture of one provider fresh: by inventories at a steady pace, by
//! single looks when it tells of a change, and by inventories when events were
//! lost. A provider that does not answer is told as such, and asked again.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::id::ProviderId;
use hostler_provider::{Change, Cx, Error, Kind, Provider, VmRef};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::Inner;
use crate::fleet::Seen;

/// How many changes are gathered before they are looked at; more than these at
/// once make an inventory cheaper than single looks.
const LOOKS_MAX: usize = 64;

/// Works until the provider is removed.
pub(crate) async fn run(engine: Arc<Inner>, id: ProviderId) {
    let mut changes = None;
    let mut looks = Looks::default();
    let mut next = Instant::now();
    let mut not_before = next;
    loop {
        let Some(provider) = engine.fleet.provider(id) else { return };
        if changes.is_none() {
            changes = subscribe(&engine, &provider).await;
        }
        match wait_for(&engine, &mut changes, &mut looks, next).await {
            Woken::Looks(vms) => vms.into_iter().for_each(|vm| looks.begin(&engine, id, vm)),
            Woken::Inventory => {
                // A flood of changes must not become a flood of inventories.
                tokio::time::sleep_until(not_before).await;
                let began = Instant::now();
                let answered = inventory(&engine, id, &provider).await;
                let pace = if answered { engine.pace.inventory } else { engine.pace.silent };
                next = Instant::now() + pace;
                not_before = Instant::now() + began.elapsed().max(engine.pace.debounce);
            }
        }
    }
}

/// Looks at single VMs that are under way: one hung VM keeps its own look
/// waiting and nobody else's.
#[derive(Default)]
struct Looks {
    tasks: JoinSet<String>,
    /// VMs that are being looked at, and whether they changed once more meanwhile.
    under_way: BTreeMap<String, Option<VmRef>>,
}

impl Looks {
    fn begin(&mut self, engine: &Arc<Inner>, provider: ProviderId, vm: VmRef) {
        let name = vm.external_ref.clone();
        if let Some(again) = self.under_way.get_mut(&name) {
            *again = Some(vm);
            return;
        }
        self.under_way.insert(name.clone(), None);
        let engine = engine.clone();
        self.tasks.spawn(async move {
            let cx = Cx::within(engine.pace.look).with_clock(engine.clock.clone());
            engine.look(provider, &vm, &cx).await;
            name
        });
    }

    /// Waits for a look to end; gives the VM if it has to be looked at once more.
    async fn ended(&mut self) -> Option<VmRef> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(name)) => self.under_way.remove(&name).flatten(),
            Some(Err(panic)) => {
                warn!(%panic, "looking at a VM failed");
                // Which one is not known any more; the next inventory sees it.
                if self.tasks.is_empty() {
                    self.under_way.clear();
                }
                None
            }
        }
    }
}

enum Woken {
    /// These VMs changed.
    Looks(Vec<VmRef>),
    /// It is time, or too much changed.
    Inventory,
}

async fn subscribe(engine: &Inner, provider: &Arc<dyn Provider>) -> Option<mpsc::Receiver<Change>> {
    let watch = provider.watch()?;
    let cx = Cx::within(engine.pace.look);
    match cx.run("subscribe", watch.subscribe()).await {
        Ok(changes) => Some(changes),
        Err(error) => {
            debug!(%error, "the provider tells no changes now");
            None
        }
    }
}

/// Waits for the time or a change; gathers changes for a moment, so that a
/// flood of them costs one look a VM.
async fn wait_for(
    engine: &Inner,
    changes: &mut Option<mpsc::Receiver<Change>>,
    looks: &mut Looks,
    next: Instant,
) -> Woken {
    let mut wanted = BTreeMap::new();
    let mut until = None;
    loop {
        let gathered = until.unwrap_or(next);
        let change = tokio::select! {
            () = tokio::time::sleep_until(gathered) => {
                return if wanted.is_empty() {
                    Woken::Inventory
                } else {
                    Woken::Looks(wanted.into_values().collect())
                };
            }
            again = looks.ended() => match again {
                Some(vm) => Some(Change::Vm(vm)),
                None => continue,
            },
            change = next_change(changes) => change,
        };
        match change {
            Some(Change::Vm(vm)) => {
                wanted.insert(vm.external_ref.clone(), vm);
                until.get_or_insert_with(|| Instant::now() + engine.pace.debounce);
            }
            Some(Change::Inventory) => return Woken::Inventory,
            Some(Change::Lost { reason }) => {
                info!(reason, "events were lost; taking the inventory again");
                return Woken::Inventory;
            }
            None => {
                // The driver closed it; subscribe again next time, not at once.
                *changes = None;
                tokio::time::sleep(engine.pace.silent).await;
                return Woken::Inventory;
            }
        }
        if wanted.len() > LOOKS_MAX {
            return Woken::Inventory;
        }
    }
}

async fn next_change(changes: &mut Option<mpsc::Receiver<Change>>) -> Option<Change> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}

/// Takes the inventory; whether the provider answered.
async fn inventory(engine: &Arc<Inner>, id: ProviderId, provider: &Arc<dyn Provider>) -> bool {
    let cx = Cx::within(engine.pace.inventory_deadline).with_clock(engine.clock.clone());
    let began = Instant::now();
    // In a task of its own: a driver that panics is a driver that does not answer.
    let mut taking = JoinSet::new();
    let driver = provider.clone();
    taking.spawn(async move {
        let probe = cx.run("probe", driver.probe(&cx)).await?;
        let inventory = cx.run("inventory", driver.inventory(&cx)).await?;
        Ok((probe, inventory))
    });
    let taken = match taking.join_next().await {
        Some(Ok(taken)) => taken,
        Some(Err(panic)) => Err(Error::new(Kind::Bug, "the driver failed").with_raw(panic)),
        None => return false,
    };
    match taken {
        Ok((probe, inventory)) => {
            let seen = Seen::new(inventory, probe, engine.clock.now(), began);
            engine.remember(engine.fleet.unidentified(id, &seen)).await;
            let events = engine.fleet.apply(id, seen, engine.pace.inventory * 2);
            engine.publish(events).await;
            true
        }
        Err(error) => {
            let event = engine.fleet.silence(id, error.message(), engine.clock.now());
            if event.is_some() {
                warn!(provider = %id, %error, raw = error.raw(), "the provider does not answer");
            }
            engine.publish(event.into_iter().collect()).await;
            false
        }
    }
}
