//! Keeps the picture of one provider fresh: by inventories at a steady pace, by
//! single looks when it tells of a change, and by inventories when events were
//! lost. A provider that does not answer is told as such, and asked again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::id::ProviderId;
use hostler_provider::{Change, Cx, Provider, VmRef};
use tokio::sync::mpsc;
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
    let mut wait = Duration::ZERO;
    let mut next = Instant::now();
    loop {
        let Some(provider) = engine.fleet.provider(id) else { return };
        if changes.is_none() {
            changes = subscribe(&provider).await;
        }
        let woken = wait_for(&engine, &mut changes, next, wait).await;
        match woken {
            Woken::Looks(vms) => {
                let cx = Cx::within(engine.pace.look).with_clock(engine.clock.clone());
                // One hung VM keeps its own look waiting, not the others'.
                let mut looks = tokio::task::JoinSet::new();
                for vm in vms {
                    let (engine, cx) = (engine.clone(), cx.clone());
                    looks.spawn(async move { engine.look(id, &vm, &cx).await });
                }
                looks.join_all().await;
            }
            Woken::Inventory => {
                let answered = inventory(&engine, id, &provider).await;
                let pace = if answered { engine.pace.inventory } else { engine.pace.silent };
                next = Instant::now() + pace;
                wait = engine.pace.debounce;
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

async fn subscribe(provider: &Arc<dyn Provider>) -> Option<mpsc::Receiver<Change>> {
    match provider.watch()?.subscribe().await {
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
    next: Instant,
    debounce: Duration,
) -> Woken {
    let first = tokio::select! {
        () = tokio::time::sleep_until(next) => return Woken::Inventory,
        change = next_change(changes) => change,
    };
    let mut looks = BTreeMap::new();
    let mut change = first;
    let until = Instant::now() + debounce;
    loop {
        match change {
            Some(Change::Vm(vm)) => {
                looks.insert(vm.external_ref.clone(), vm);
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
        if looks.len() > LOOKS_MAX {
            return Woken::Inventory;
        }
        change = tokio::select! {
            () = tokio::time::sleep_until(until) => return Woken::Looks(looks.into_values().collect()),
            change = next_change(changes) => change,
        };
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
    let taken = async {
        let probe = cx.run("probe", provider.probe(&cx)).await?;
        let inventory = cx.run("inventory", provider.inventory(&cx)).await?;
        Ok((probe, inventory))
    };
    let taken: hostler_provider::Result<_> = taken.await;
    match taken {
        Ok((probe, inventory)) => {
            let seen = Seen::new(inventory, probe, engine.clock.now(), began.elapsed());
            engine.remember(engine.fleet.unidentified(id, &seen)).await;
            let events = engine.fleet.apply(id, seen);
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
