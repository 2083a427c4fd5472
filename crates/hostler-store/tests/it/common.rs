//! What the tests share: a world with its own ids and time, and both kinds of
//! store to run a promise on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::{Clock as _, ManualClock};
use hostler_core::id::{IdSource, OperationId, SeededEntropy, VmId};
use hostler_core::operation::{Event, Failure, Journal, Outcome, Plan, Resource};
use hostler_core::vm::spec::VmSpec;
use hostler_core::vm::status::Phase;
use hostler_store::{
    Append, Effect, IdempotencyKey, NewEvent, NewOperation, NewVm, Store, StoredEvent, Submitted,
};
use serde_json::{Value, json};

/// Ids and time for one test.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) ids: IdSource,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::seeded(1)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let ids = IdSource::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(seed)));
        Self { clock, ids }
    }

    /// The present time; a millisecond later at each call, so that ids of
    /// things made one after another sort in that order.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.advance(Duration::from_millis(1));
        self.clock.now()
    }

    /// An operation of two steps that claims what it works on.
    pub(crate) fn operation(&self, claims: &[Resource]) -> NewOperation {
        let created_at = self.now();
        NewOperation {
            id: self.ids.next(OperationId::new),
            kind: "vm.start".into(),
            params: json!({"mode": "normal"}),
            actor: "token:ci".into(),
            resources: claims.to_vec(),
            claims: claims.to_vec(),
            plan: plan(2),
            idempotency: None,
            note: None,
            created_at,
            vm: None,
            phase: None,
            as_read: None,
            provider: None,
            events: Vec::new(),
        }
    }

    /// An operation that makes a VM of that name.
    pub(crate) fn create(&self, name: &str) -> NewOperation {
        let vm = self.ids.next(VmId::new);
        let mut new = self.operation(&[Resource::Vm(vm)]);
        new.kind = "vm.create".into();
        new.vm = Some(NewVm {
            id: vm,
            provider: None,
            host: None,
            external_ref: None,
            phase: Phase::Creating,
            spec: VmSpec::new(name, 1 << 30),
            bindings: json!([]),
            template: None,
        });
        new.events = vec![self.event("vm.created", &vm.to_string())];
        new
    }

    pub(crate) fn event(&self, kind: &str, resource: &str) -> NewEvent {
        NewEvent {
            at: self.now(),
            kind: kind.into(),
            resource_kind: Some("vm".into()),
            resource_id: Some(resource.into()),
            resource_name: None,
            message: format!("{kind} happened"),
            data: json!({"n": 1}),
        }
    }
}

pub(crate) fn plan(steps: usize) -> Plan {
    Plan { steps: (0..steps).map(|n| format!("step {n}")).collect(), no_return_from: None }
}

pub(crate) fn key(text: &str, hash: u8) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key: text.into(), body_hash: [hash; 32] })
}

pub(crate) fn started(step: u32) -> Event {
    Event::Started { step }
}

pub(crate) fn done(step: u32) -> Event {
    Event::Done { step, state: Value::Null, unsettled: false }
}

pub(crate) fn finished(outcome: Outcome) -> Event {
    Event::Finished { outcome }
}

pub(crate) fn failure() -> Failure {
    Failure::from(&hostler_core::Error::bug("test"))
}

/// An append without conditions, of which nothing is told.
pub(crate) fn plain<'a>(events: &'a [Event], effects: &'a [Effect], now: Timestamp) -> Append<'a> {
    Append { expected_len: None, events, effects, tell: &silent, now }
}

/// Nothing to be told.
pub(crate) fn silent(_: &Journal) -> Vec<NewEvent> {
    Vec::new()
}

/// The events of an operation that was not there before.
pub(crate) fn fresh(submitted: Submitted) -> Vec<StoredEvent> {
    match submitted {
        Submitted::New(events) => events,
        Submitted::Replay(id) => panic!("{id} was there before"),
    }
}

/// The journal without times and numbers.
pub(crate) async fn story(store: &Store, id: OperationId) -> Vec<Event> {
    store.journal(id).await.unwrap().into_iter().map(|entry| entry.event).collect()
}

/// A directory of its own with the path of a data file in it.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostler.db");
    (directory, path)
}

/// Opens a file for a test that looks at one thing only.
pub(crate) async fn open(path: &Path) -> Store {
    Store::open(path).await.unwrap()
}

/// Shows a promise on both kinds of store.
pub(crate) async fn on_both<F: Future<Output = ()>>(promise: impl Fn(Store) -> F) {
    promise(Store::in_memory().await.unwrap()).await;
    let (_directory, path) = place();
    let store = open(&path).await;
    promise(store.clone()).await;
    store.close().await;
}
