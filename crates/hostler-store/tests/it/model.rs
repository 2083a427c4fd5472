//! Random histories of two drivers, cancels, and clocks that jump, compared
//! with a model that fits on one screen: one writer per resource, no event
//! lost, nothing written under an epoch that is over.

use std::collections::HashMap;
use std::time::Duration;

use hostler_core::id::{OperationId, VmId};
use hostler_core::operation::{Event, Journal, OperationState, Outcome, Resource};
use hostler_store::{Append, Conflict, Epoch, Store, StoreErrorKind};
use proptest::prelude::*;

use crate::common::{World, done, finished, plain, silent, started, story};

const TTL: Duration = Duration::from_secs(30);
const DRIVERS: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Action {
    Submit { vm: usize },
    Acquire { driver: usize, operation: usize },
    Step { driver: usize, operation: usize, expect: bool },
    Finish { driver: usize, operation: usize },
    Cancel { operation: usize, stale: bool },
    Release { driver: usize, operation: usize },
    Wait,
    SetClockBack,
}

fn action() -> impl Strategy<Value = Action> {
    let (driver, operation) = (0..2_usize, 0..6_usize);
    prop_oneof![
        3 => (0..3_usize).prop_map(|vm| Action::Submit { vm }),
        4 => (driver.clone(), operation.clone())
            .prop_map(|(driver, operation)| Action::Acquire { driver, operation }),
        6 => (driver.clone(), operation.clone(), any::<bool>())
            .prop_map(|(driver, operation, expect)| Action::Step { driver, operation, expect }),
        2 => (driver.clone(), operation.clone())
            .prop_map(|(driver, operation)| Action::Finish { driver, operation }),
        2 => (operation.clone(), any::<bool>())
            .prop_map(|(operation, stale)| Action::Cancel { operation, stale }),
        1 => (driver, operation)
            .prop_map(|(driver, operation)| Action::Release { driver, operation }),
        3 => Just(Action::Wait),
        1 => Just(Action::SetClockBack),
    ]
}

/// What has to be true of one operation.
struct Expected {
    id: OperationId,
    vm: usize,
    journal: Vec<Event>,
    /// The present holder; the epoch stays after it.
    holder: Option<usize>,
    epoch: u64,
    /// What each driver believes to hold, and how long a journal it has read.
    believed: [Option<(Epoch, u64)>; 2],
}

impl Expected {
    fn ended(&self) -> bool {
        Journal::read(&self.journal).told().is_final()
    }

    /// Whether a write of `driver` under what it believes has to succeed.
    fn may_write(&self, driver: usize) -> bool {
        self.holder == Some(driver)
            && self.believed[driver].is_some_and(|(epoch, _)| epoch.0 == self.epoch)
    }
}

struct Model {
    store: Store,
    world: World,
    vms: Vec<VmId>,
    operations: Vec<Expected>,
}

impl Model {
    async fn new() -> Self {
        let world = World::new();
        let vms = (0..3).map(|_| world.ids.next(VmId::new)).collect();
        Self { store: Store::in_memory().await.unwrap(), world, vms, operations: Vec::new() }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Submit { vm } => self.submit(vm).await,
            Action::Acquire { driver, operation } => self.acquire(driver, operation).await,
            Action::Step { driver, operation, expect } => {
                self.step(driver, operation, expect).await;
            }
            Action::Finish { driver, operation } => self.finish(driver, operation).await,
            Action::Cancel { operation, stale } => self.cancel(operation, stale).await,
            Action::Release { driver, operation } => self.release(driver, operation).await,
            Action::Wait => self.world.clock.advance(TTL + Duration::from_millis(1)),
            Action::SetClockBack => {
                let back = self.world.now().minus(Duration::from_secs(3600));
                self.world.clock.set(back);
            }
        }
    }

    async fn submit(&mut self, vm: usize) {
        let new = self.world.operation(&[Resource::Vm(self.vms[vm])]);
        let holder = self.operations.iter().find(|known| known.vm == vm && !known.ended());
        match (self.store.submit(&new).await, holder) {
            (Ok(_), None) => self.operations.push(Expected {
                id: new.id,
                vm,
                journal: vec![Event::Planned(new.plan)],
                holder: None,
                epoch: 0,
                believed: [None, None],
            }),
            (Err(error), Some(holder)) => {
                let busy =
                    Conflict::Busy { resource: Resource::Vm(self.vms[vm]), operation: holder.id };
                assert_eq!(*error.kind(), StoreErrorKind::Conflict(busy));
            }
            (result, _) => panic!("two writers, or none: {result:?}"),
        }
    }

    async fn acquire(&mut self, driver: usize, operation: usize) {
        let now = self.world.now();
        let Some(known) = self.operations.get_mut(operation) else { return };
        let given = self.store.acquire_lease(known.id, DRIVERS[driver], TTL, now).await.unwrap();
        if known.ended() {
            assert_eq!(given, None);
        } else if let Some(epoch) = given {
            assert_eq!(epoch.0, known.epoch + 1, "an epoch is given once");
            known.epoch = epoch.0;
            known.holder = Some(driver);
            known.believed[driver] = Some((epoch, known.journal.len() as u64));
        } else {
            assert!(known.holder.is_some_and(|holder| holder != driver), "refused for nothing");
        }
    }

    async fn step(&mut self, driver: usize, operation: usize, expect: bool) {
        let Some(known) = self.operations.get_mut(operation) else { return };
        let Some((epoch, read)) = known.believed[driver] else { return };
        let events = match known.journal.iter().filter(|e| matches!(e, Event::Done { .. })).count()
        {
            0 => vec![started(0), done(0)],
            _ => vec![started(1)],
        };
        let append = Append {
            expected_len: expect.then_some(read),
            ..plain(&events, &[], self.world.now())
        };
        let may_write = known.may_write(driver);
        match self.store.append(known.id, epoch, &append).await {
            Ok(appended) => {
                assert!(may_write && (!expect || read == known.journal.len() as u64));
                known.journal.extend(events);
                assert_eq!(appended.journal_len, known.journal.len() as u64);
                known.believed[driver] = Some((epoch, appended.journal_len));
            }
            Err(error) if error.is_lost() => assert!(!may_write),
            Err(error) => {
                assert!(error.is_journal_grew(), "{error}");
                assert!(may_write && read != known.journal.len() as u64);
                known.believed[driver] = Some((epoch, known.journal.len() as u64));
            }
        }
    }

    async fn finish(&mut self, driver: usize, operation: usize) {
        let now = self.world.now();
        let Some(known) = self.operations.get_mut(operation) else { return };
        let Some((epoch, _)) = known.believed[driver] else { return };
        let events = [finished(Outcome::Failed)];
        let result = self.store.append(known.id, epoch, &plain(&events, &[], now)).await;
        if known.may_write(driver) {
            assert_eq!(result.unwrap().state, OperationState::Failed);
            known.journal.extend(events);
            known.holder = None;
        } else {
            assert!(result.unwrap_err().is_lost());
        }
    }

    async fn cancel(&mut self, operation: usize, stale: bool) {
        let now = self.world.now();
        let Some(known) = self.operations.get_mut(operation) else { return };
        let event = Event::CancelRequested { by: "x".into() };
        let len = known.journal.len() as u64 - u64::from(stale);
        match self.store.append_unleased(known.id, &event, len, &silent, now).await {
            Ok(_) => {
                assert!(!stale && !known.ended());
                known.journal.push(event);
            }
            Err(error) if error.is_journal_grew() => assert!(stale && !known.ended()),
            Err(error) => {
                assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::Finished));
                assert!(known.ended());
            }
        }
    }

    async fn release(&mut self, driver: usize, operation: usize) {
        let Some(known) = self.operations.get_mut(operation) else { return };
        let Some((epoch, _)) = known.believed[driver] else { return };
        self.store.release_lease(known.id, epoch).await.unwrap();
        if known.may_write(driver) {
            known.holder = None;
        }
    }

    /// The whole database is what the model says.
    async fn check(&self) {
        let mut claims = HashMap::new();
        for known in &self.operations {
            assert_eq!(story(&self.store, known.id).await, known.journal);
            let row = self.store.operation(known.id).await.unwrap().unwrap();
            assert_eq!(row.state, Journal::read(&known.journal).told());
            assert_eq!(row.lease.is_some(), known.holder.is_some());
            if !known.ended() {
                claims.insert(Resource::Vm(self.vms[known.vm]), known.id);
            }
        }
        assert_eq!(self.store.claims().await.unwrap(), claims);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn two_drivers_and_a_user_never_disagree_with_the_model(
        actions in proptest::collection::vec(action(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new().await;
            for action in actions {
                model.act(action).await;
            }
            model.check().await;
        });
    }
}
