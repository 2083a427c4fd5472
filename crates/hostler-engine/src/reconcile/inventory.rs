//! Keeps the picture of one provider fresh: by inventories at a steady pace, by
//! single looks when it tells of a change, and by inventories when events were
//! lost. A provider that does not answer is told as such, and asked again.
//!
//! ```text
//!   changes ──► wanted ── gathered for a moment ──► looks, each a task of its own
//!      │ too many, or some were lost
//!      ▼
//!   inventories:  due ──► under way, a task of its own ──► due a pace later
//! ```
//!
//! Nothing here waits for an inventory: one that hangs hides no single change
//! (X13, F8). A flood of them, and events that were lost, wait for the next one.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::id::ProviderId;
use hostler_provider::{Change, Cx, Error, Kind, Provider, VmRef};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::fleet::Seen;
use crate::{Inner, Pace};

/// More VMs than these that changed at once are cheaper to see by an inventory.
const FLOOD: usize = 64;
/// How many VMs are looked at at once.
const LOOKS_MAX: usize = 256;

/// Works until the provider is removed.
pub(crate) async fn run(engine: Arc<Inner>, id: ProviderId) {
    let mut watching = Watching {
        inventories: Inventories::new(engine.pace),
        engine,
        id,
        changes: None,
        wanted: BTreeMap::new(),
        look_at: None,
        looks: Looks::default(),
    };
    // Not held while waiting: a connection that another took the place of ends with its last user.
    while watching.engine.fleet.provider(id).is_some() {
        watching.turn().await;
    }
}

/// What keeps the picture of one provider fresh.
struct Watching {
    engine: Arc<Inner>,
    id: ProviderId,
    changes: Option<mpsc::Receiver<Change>>,
    /// VMs that changed and are not being looked at yet.
    wanted: BTreeMap<String, VmRef>,
    /// When they will be.
    look_at: Option<Instant>,
    looks: Looks,
    inventories: Inventories,
}

impl Watching {
    /// Waits for the next thing to do, and does it.
    async fn turn(&mut self) {
        let next_inventory = self.inventories.next();
        tokio::select! {
            // It may have been connected anew since this turn began.
            () = at(next_inventory) => if let Some(provider) = self.engine.fleet.provider(self.id) {
                self.take_inventory(&provider).await;
            },
            answered = self.inventories.ended() => self.inventories.plan(answered),
            () = at(self.look_at) => self.look(),
            again = self.looks.ended() => again.into_iter().for_each(|vm| self.want(vm)),
            change = next_change(&mut self.changes) => self.hear(change),
        }
    }

    async fn take_inventory(&mut self, provider: &Arc<dyn Provider>) {
        // Before the inventory, so that what changes while it is taken is told.
        if self.changes.is_none() {
            self.changes = subscribe(&self.engine, provider).await;
        }
        let (engine, id, provider) = (self.engine.clone(), self.id, provider.clone());
        self.inventories.begin(async move { inventory(&engine, id, &provider).await });
    }

    fn hear(&mut self, change: Option<Change>) {
        match change {
            Some(Change::Vm(vm)) => self.want(vm),
            Some(Change::Inventory) => self.inventories.ask(Instant::now()),
            Some(Change::Lost { reason }) => {
                info!(reason, "events were lost; taking the inventory again");
                self.inventories.ask(Instant::now());
            }
            None => {
                // The driver closed it; subscribe again next time, not at once.
                self.changes = None;
                self.inventories.ask(Instant::now() + self.engine.pace.silent);
            }
        }
    }

    /// Changes are gathered for a moment, so that a flood of them costs one look a
    /// VM; or one inventory, if it can begin now. One under way may not show them.
    fn want(&mut self, vm: VmRef) {
        let now = Instant::now();
        self.wanted.insert(vm.external_ref.clone(), vm);
        self.look_at.get_or_insert(now + self.engine.pace.debounce);
        if self.wanted.len() > FLOOD && self.inventories.can_begin(now) {
            self.wanted.clear();
            self.look_at = None;
            self.inventories.ask(now);
        }
    }

    fn look(&mut self) {
        while self.looks.has_room()
            && let Some((_, vm)) = self.wanted.pop_first()
        {
            self.looks.begin(&self.engine, self.id, vm);
        }
        let later = Instant::now() + self.engine.pace.debounce;
        self.look_at = (!self.wanted.is_empty()).then_some(later);
    }
}

/// Inventories, one at a time: at a steady pace, and sooner when asked for. A
/// flood of changes must not become a flood of inventories, so what is asked for
/// waits as long as the one before took.
struct Inventories {
    pace: Pace,
    /// The one under way, if any; whether the provider answered.
    under_way: JoinSet<bool>,
    /// When it was begun.
    began: Instant,
    /// When the next is due.
    due: Instant,
    /// When one was asked for that none was begun after.
    asked: Option<Instant>,
    /// When one that is asked for may begin.
    not_before: Instant,
}

impl Inventories {
    /// The first is due now.
    fn new(pace: Pace) -> Self {
        let now = Instant::now();
        let under_way = JoinSet::new();
        Self { pace, under_way, began: now, due: now, asked: None, not_before: now }
    }

    /// When to begin the next; `None` while one is under way.
    fn next(&self) -> Option<Instant> {
        let asked = self.asked.map(|asked| asked.max(self.not_before));
        self.under_way.is_empty().then(|| asked.map_or(self.due, |asked| asked.min(self.due)))
    }

    fn can_begin(&self, now: Instant) -> bool {
        self.under_way.is_empty() && self.not_before <= now
    }

    /// Asks for one that begins after now, and at `when` if possible.
    fn ask(&mut self, when: Instant) {
        self.asked = Some(self.asked.map_or(when, |asked| asked.min(when)));
    }

    fn begin(&mut self, inventory: impl Future<Output = bool> + Send + 'static) {
        self.asked = None;
        self.began = Instant::now();
        self.under_way.spawn(inventory);
    }

    /// Waits for the one under way to end; tells whether the provider answered.
    async fn ended(&mut self) -> bool {
        match self.under_way.join_next().await {
            None => std::future::pending().await,
            Some(Ok(answered)) => answered,
            Some(Err(panic)) => {
                warn!(%panic, "taking an inventory failed");
                false
            }
        }
    }

    /// Plans the next when one ended.
    fn plan(&mut self, answered: bool) {
        let (now, took) = (Instant::now(), self.began.elapsed());
        // What a provider that does not answer takes says nothing about its work.
        let (pace, rest) = if answered {
            (self.pace.inventory, took)
        } else {
            (self.pace.silent, took.min(self.pace.silent))
        };
        self.due = now + pace;
        self.not_before = now + rest.max(self.pace.debounce);
    }
}

/// Sleeps until then; without a time for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
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
    fn has_room(&self) -> bool {
        self.under_way.len() < LOOKS_MAX
    }

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

    /// Where no task is left, none is under way, whatever failed before.
    fn forget_the_lost(&mut self) {
        if self.tasks.is_empty() {
            self.under_way.clear();
        }
    }

    /// Waits for a look to end; gives the VM if it has to be looked at once more.
    async fn ended(&mut self) -> Option<VmRef> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(name)) => {
                let again = self.under_way.remove(&name).flatten();
                self.forget_the_lost();
                again
            }
            Some(Err(panic)) => {
                warn!(%panic, "looking at a VM failed");
                // Which one is not known any more; the next inventory sees it.
                self.forget_the_lost();
                None
            }
        }
    }
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

async fn next_change(changes: &mut Option<mpsc::Receiver<Change>>) -> Option<Change> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}

/// Takes the inventory; whether the provider answered with what is so now. What a connection
/// tells after another took its place is not heeded: neither what it saw nor that it failed.
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
    let is_replaced = || !engine.fleet.is_connected_by(id, provider);
    if is_replaced() {
        return false;
    }
    match taken {
        Ok((probe, inventory)) => {
            let seen = Seen::new(inventory, probe, engine.clock.now(), began);
            engine.remember(engine.fleet.unidentified(id, &seen)).await;
            if is_replaced() {
                return false;
            }
            let is_behind = seen.stale.is_some();
            let events = engine.fleet.apply(id, seen, engine.pace.inventory * 2);
            engine.publish(events).await;
            // One that is behind is asked again as soon as one that is silent.
            !is_behind
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// An inventory that takes that long.
    async fn take(inventories: &mut Inventories, long: Duration, answered: bool) {
        inventories.begin(async move {
            tokio::time::sleep(long).await;
            answered
        });
        assert_eq!(inventories.next(), None, "one at a time");
        let answered = inventories.ended().await;
        inventories.plan(answered);
    }

    #[tokio::test(start_paused = true)]
    async fn inventories_come_at_a_steady_pace() {
        let mut inventories = Inventories::new(Pace::default());
        assert_eq!(inventories.next(), Some(Instant::now()), "the first at once");
        take(&mut inventories, SECOND * 3, true).await;
        assert_eq!(inventories.next(), Some(Instant::now() + Pace::default().inventory));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_asked_for_follows_after_as_long_as_the_one_before_took() {
        let mut inventories = Inventories::new(Pace::default());
        take(&mut inventories, SECOND * 3, true).await;
        inventories.ask(Instant::now());
        assert!(!inventories.can_begin(Instant::now()));
        assert_eq!(inventories.next(), Some(Instant::now() + SECOND * 3));
        // Asked for while one is under way, which may have missed what it is for.
        tokio::time::advance(SECOND * 3).await;
        inventories.begin(async {
            tokio::time::sleep(SECOND * 2).await;
            true
        });
        inventories.ask(Instant::now());
        let answered = inventories.ended().await;
        inventories.plan(answered);
        assert_eq!(inventories.next(), Some(Instant::now() + SECOND * 2));
        // But never later than without having asked.
        take(&mut inventories, SECOND * 60, true).await;
        inventories.ask(Instant::now());
        assert_eq!(inventories.next(), Some(Instant::now() + Pace::default().inventory));
    }

    #[tokio::test(start_paused = true)]
    async fn f8_after_one_that_hung_the_provider_is_asked_again_soon() {
        let mut inventories = Inventories::new(Pace::default());
        take(&mut inventories, SECOND * 30, false).await;
        let soon = Instant::now() + Pace::default().silent;
        assert_eq!(inventories.next(), Some(soon));
        inventories.ask(Instant::now());
        assert_eq!(inventories.next(), Some(soon), "not sooner because it tells of changes");
    }

    #[tokio::test(start_paused = true)]
    async fn f40_an_inventory_that_fails_badly_is_followed_by_another() {
        let mut inventories = Inventories::new(Pace::default());
        inventories.begin(async { panic!("on purpose") });
        let answered = inventories.ended().await;
        inventories.plan(answered);
        assert_eq!(inventories.next(), Some(Instant::now() + Pace::default().silent));
    }
}
