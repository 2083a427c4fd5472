//! Any history converges: a server in miniature with a log of changes that it
//! forgets, and a follower to whom everything happens that can.
//!
//! Checked at every step: what was deleted before the follower's eyes is never
//! there again, and nothing is there that never was. At the end, when all faults
//! have passed, it knows exactly what the server has.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;

/// The server: its objects, and what it still remembers of how they came to be.
#[derive(Default)]
struct Server {
    version: u64,
    /// By name: number of its incarnation, version.
    objects: BTreeMap<u8, (u64, u64)>,
    /// Version, type, document. Versions as strings say nothing of their order.
    log: Vec<(u64, &'static str, Value)>,
    forgotten: u64,
}

/// A version as the follower sees it: not in order, on purpose.
fn opaque(version: u64) -> String {
    format!("{:x}", version.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn shown(name: u8, incarnation: u64, version: u64) -> Value {
    json!({"metadata": {
        "uid": format!("{name}-{incarnation}"), "name": format!("n{name}"),
        "namespace": "default", "resourceVersion": opaque(version),
    }})
}

impl Server {
    fn change(&mut self, name: u8, delete: bool) {
        self.version += 1;
        let version = self.version;
        let (kind, document) = match (self.objects.get(&name).copied(), delete) {
            (Some((incarnation, _)), true) => {
                self.objects.remove(&name);
                ("DELETED", shown(name, incarnation, version))
            }
            (Some((incarnation, _)), false) => {
                self.objects.insert(name, (incarnation, version));
                ("MODIFIED", shown(name, incarnation, version))
            }
            (None, _) => {
                self.objects.insert(name, (version, version));
                ("ADDED", shown(name, version, version))
            }
        };
        self.log.push((version, kind, document));
    }

    fn list(&self) -> Vec<Value> {
        self.objects.iter().map(|(name, (inc, version))| shown(*name, *inc, *version)).collect()
    }

    /// Everything after a version; `None` if it is forgotten.
    fn since(&self, version: &str) -> Option<Vec<(u64, &'static str, Value)>> {
        let known = (self.forgotten..=self.version).find(|it| opaque(*it) == version)?;
        Some(self.log.iter().filter(|(at, _, _)| *at > known).cloned().collect())
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Happens {
    Change(u8),
    Delete(u8),
    /// The follower gets its next events.
    Deliver(usize),
    /// It gets one again that it had on this stream.
    Again(usize),
    /// It gets one late, of an earlier stream.
    Late(usize),
    /// The next two come in the wrong order.
    Swap,
    Bookmark,
    Cut,
    Silent,
    Close,
    /// The server forgets all but its present.
    Forget,
    /// The next list fails.
    BadList(u16),
    /// An answer of a proxy that knows nothing of 410.
    BadWatch,
    Garbage,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (0u8..5).prop_map(Happens::Change),
        4 => (0u8..5).prop_map(Happens::Delete),
        8 => (1usize..4).prop_map(Happens::Deliver),
        3 => (0usize..20).prop_map(Happens::Again),
        2 => (0usize..20).prop_map(Happens::Late),
        1 => Just(Happens::Bookmark),
        2 => Just(Happens::Cut),
        1 => Just(Happens::Silent),
        1 => Just(Happens::Close),
        2 => Just(Happens::Forget),
        1 => prop_oneof![Just(410u16), Just(500), Just(403)].prop_map(Happens::BadList),
        1 => Just(Happens::BadWatch),
        1 => Just(Happens::Garbage),
    ]
}

struct World {
    server: Server,
    follow: Follow<Value>,
    /// Waiting on the present stream, and its number.
    waiting: Vec<(u64, &'static str, Value)>,
    stream: Option<u64>,
    had: Vec<Value>,
    old: Vec<(u64, Value)>,
    /// UIDs that the follower was told to be gone.
    seen_gone: HashSet<String>,
    second: i64,
}

impl World {
    fn new() -> Self {
        Self {
            server: Server::default(),
            follow: Follow::new(as_it_is, Duration::from_secs(60)),
            waiting: Vec::new(),
            stream: None,
            had: Vec::new(),
            old: Vec::new(),
            seen_gone: HashSet::new(),
            second: 0,
        }
    }

    fn now(&mut self) -> Timestamp {
        self.second += 1;
        at(self.second)
    }

    fn note(&mut self, deltas: Vec<Delta<Value>>) {
        for delta in deltas {
            match delta {
                Delta::Gone { uid, .. } => {
                    self.seen_gone.insert(uid);
                }
                Delta::Put { uid, .. } => {
                    assert!(!self.seen_gone.contains(&uid), "{uid} came back");
                }
            }
        }
    }

    /// Does what the follower wants, once, if it has no stream.
    fn advance(&mut self) {
        if self.stream.is_some() {
            return;
        }
        let now = self.now();
        match self.follow.next().1 {
            Next::List => {
                let version = opaque(self.server.version);
                let deltas = self.follow.listed(now, read(self.server.list()), version, 0.5);
                self.note(deltas);
            }
            Next::Watch { resource_version, stream } => {
                let events = self.server.since(&resource_version);
                match events {
                    Some(events) => {
                        self.stream = Some(stream);
                        self.waiting = events;
                        self.had.clear();
                    }
                    None => {
                        let (flow, _) = self.follow.event(now, stream, gone(), 0.5);
                        assert_eq!(flow, Flow::Stop);
                    }
                }
            }
        }
    }

    fn give(&mut self, stream: u64, line: &Value) {
        let now = self.now();
        let read = Event::read(line.to_string().as_bytes());
        let (flow, deltas) = self.follow.event(now, stream, read, 0.5);
        self.note(deltas);
        if flow == Flow::Stop && self.stream == Some(stream) {
            self.stream = None;
        }
    }

    fn close(&mut self, end: End) {
        let now = self.now();
        let Some(stream) = self.stream.take() else { return };
        self.old.extend(self.had.drain(..).map(|line| (stream, line)));
        let undelivered = self.waiting.drain(..);
        self.old.extend(
            undelivered.map(|(_, kind, object)| (stream, json!({"type": kind, "object": object}))),
        );
        self.follow.watch_ended(now, stream, end, 0.5);
    }

    fn deliver(&mut self, count: usize) {
        for _ in 0..count {
            let Some(stream) = self.stream else { return };
            if self.waiting.is_empty() {
                return;
            }
            let (_, kind, object) = self.waiting.remove(0);
            let line = json!({"type": kind, "object": object});
            self.had.push(line.clone());
            self.give(stream, &line);
        }
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::Change(name) => self.change(name, false),
            Happens::Delete(name) => self.change(name, true),
            Happens::Deliver(count) => self.deliver(count),
            Happens::Again(which) => {
                if let (Some(stream), false) = (self.stream, self.had.is_empty()) {
                    let line = self.had[which % self.had.len()].clone();
                    self.give(stream, &line);
                }
            }
            Happens::Late(which) => {
                if !self.old.is_empty() {
                    let (stream, line) = self.old[which % self.old.len()].clone();
                    self.give(stream, &line);
                }
            }
            Happens::Swap => {
                if self.waiting.len() >= 2 {
                    self.waiting.swap(0, 1);
                    self.deliver(2);
                }
            }
            Happens::Bookmark => {
                // Only when nothing is in front of it, as on the real stream.
                if let (Some(stream), true) = (self.stream, self.waiting.is_empty()) {
                    let version = opaque(self.server.version);
                    let object = json!({"metadata": {"resourceVersion": version}});
                    self.give(stream, &json!({"type": "BOOKMARK", "object": object}));
                }
            }
            Happens::Cut => self.close(cut()),
            Happens::Silent => self.close(End::Silent),
            Happens::Close => {
                // In order: all was told before.
                self.deliver(usize::MAX);
                self.close(End::Closed(Duration::from_secs(60)));
            }
            Happens::Forget => {
                self.server.forgotten = self.server.version;
                self.server.log.clear();
            }
            Happens::BadList(status) => {
                if self.stream.is_none() && self.follow.next().1 == Next::List {
                    let now = self.now();
                    self.follow.list_failed(now, &refused(status, ""), 0.5);
                }
            }
            Happens::BadWatch => {
                if let (None, Next::Watch { stream, .. }) = (self.stream, self.follow.next().1) {
                    let now = self.now();
                    let failure = End::Failed(refused(500, "version?"));
                    self.follow.watch_ended(now, stream, failure, 0.5);
                }
            }
            Happens::Garbage => {
                if let Some(stream) = self.stream {
                    self.give(stream, &json!({"type": "ADDED", "object": {}}));
                }
            }
        }
    }

    fn change(&mut self, name: u8, delete: bool) {
        self.server.change(name, delete);
        if self.stream.is_some()
            && let Some(last) = self.server.log.last()
        {
            self.waiting.push(last.clone());
        }
    }

    fn known(&self) -> Vec<Value> {
        self.follow.cache.all().map(|(_, value)| (**value).clone()).collect()
    }
}

/// The same from a server or proxy that breaks the order of its streams.
fn happens_out_of_order() -> impl Strategy<Value = Happens> {
    prop_oneof![4 => happens(), 1 => Just(Happens::Swap)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn e9_x26_any_history_ends_with_what_the_server_has(
        history in proptest::collection::vec(happens(), 0..120),
    ) {
        let mut world = World::new();
        for what in history {
            world.happen(what);
            world.advance();
            // At any time each thing known was so once, under its UID.
            prop_assert!(world.known().len() <= 5);
        }
        // All faults have passed.
        for _ in 0..8 {
            world.advance();
            world.deliver(usize::MAX);
        }
        prop_assert_eq!(world.known(), world.server.list());
        prop_assert!(world.stream.is_some(), "it follows on");
        world.change(1, false);
        world.deliver(1);
        prop_assert_eq!(world.known(), world.server.list());
        prop_assert_eq!(world.follow.freshness(), &Freshness::Fresh);
    }

    #[test]
    fn e9_out_of_order_nothing_comes_back_and_a_list_repairs_the_rest(
        history in proptest::collection::vec(happens_out_of_order(), 0..120),
    ) {
        let mut world = World::new();
        for what in history {
            // That nothing comes back is checked with every change: see `note`.
            world.happen(what);
            world.advance();
        }
        for _ in 0..8 {
            world.advance();
            world.deliver(usize::MAX);
        }
        world.second += i64::try_from(RELIST.as_secs()).unwrap();
        world.happen(Happens::Close);
        for _ in 0..8 {
            world.advance();
            world.deliver(usize::MAX);
        }
        prop_assert_eq!(world.known(), world.server.list());
    }
}
