//! The handle: starts the server, seeds it, breaks it, asks what it was asked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use crate::access::{Access, Refusal};
use crate::console::Sessions;
use crate::controller;
use crate::counts::Counts;
use crate::faults::{Fault, Faults, Streams, Switches};
use crate::ids::Ids;
use crate::json;
use crate::kinds::{Catalog, Kind};
use crate::options::{Options, Pace};
use crate::seed::{self, Installation};
use crate::serve::Listener;
use crate::shared::{Shared, State};
use crate::status::Refused;
use crate::store::{Key, Store};
use crate::world::{Delete, World, Write};

/// What went wrong with the double itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not listen.
    #[error("the double cannot listen on 127.0.0.1")]
    Listen(#[from] io::Error),
    /// It refused what it was told from inside; the words are a server's.
    #[error("the double refuses: {0}")]
    Refused(String),
    /// A kind that it does not serve.
    #[error("the double serves no {0}")]
    NoSuchKind(String),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused.message().to_owned())
    }
}

/// A server that runs; it stops when this is dropped.
#[derive(Debug)]
pub struct Double {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: Option<String>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Double {
    /// Starts one on the tokio runtime of the caller.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let listener = Listener::bind(options.port, options.tls).await?;
        let (address, authority) = (listener.address, listener.authority.clone());
        let mut world = World {
            store: Store::new(options.kept_changes),
            catalog: Catalog::default(),
            ids: Ids::new(options.seed),
            switches: Switches::default(),
            now: options.begins_at,
            dirty: std::collections::BTreeSet::new(),
        };
        seed::world(&mut world, &options)?;
        let state = State {
            world,
            access: Access { users: options.users.iter().cloned().collect(), ..Access::default() },
            faults: Faults::default(),
            streams: Streams::default(),
            counts: Counts::default(),
            consoles: Sessions::default(),
        };
        let shared = Arc::new(Shared::new(options, state));
        shared.tasks.spawn(listener.run(Arc::clone(&shared)));
        if let Pace::Every(pace) = shared.options.pace {
            shared.tasks.spawn(keep_pace(Arc::clone(&shared), pace));
        }
        Ok(Self { shared, address, authority })
    }

    /// Stops it, and waits until its connections are closed.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Where it is: `http://127.0.0.1:PORT`, or with `https`.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first user's token.
    pub fn token(&self) -> &str {
        self.shared.options.users.first().map_or("", |(token, _)| token)
    }

    /// The certificate to trust, in PEM; nothing without TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// A kubeconfig for the first user.
    pub fn kubeconfig(&self) -> String {
        let authority = self.authority.as_ref().map_or_else(String::new, |pem| {
            format!("    certificate-authority-data: {}\n", STANDARD.encode(pem))
        });
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: double\nclusters:\n- name: double\n  \
             cluster:\n    server: {}\n{authority}contexts:\n- name: double\n  context:\n    \
             cluster: double\n    user: double\n    namespace: default\nusers:\n- name: double\n  \
             user:\n    token: {}\n",
            self.url(),
            self.token()
        )
    }

    // ---- objects, from inside: no fault, no webhook and no count meets these

    /// An object, by the plural name of its kind; the namespace is empty for what has none.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let kind = Catalog::of_plural(plural)?;
        let state = self.shared.lock();
        state.world.store.get(kind, &Key::new(namespace, name)).map(|object| (**object).clone())
    }

    /// All objects of a kind.
    pub fn list(&self, plural: &str) -> Vec<Value> {
        let Some(kind) = Catalog::of_plural(plural) else { return Vec::new() };
        let state = self.shared.lock();
        state.world.store.list(kind, None).map(|(_, object)| (**object).clone()).collect()
    }

    /// Adds an object as it is, its status too.
    ///
    /// # Errors
    /// When its kind is none, its namespace is not there, or it is there already.
    pub fn put(&self, object: Value) -> Result<Value, Error> {
        let (version, name) = (json::text(&object, "/apiVersion"), json::text(&object, "/kind"));
        let (kind, _) = Catalog::of_body(version, name)
            .ok_or_else(|| Error::NoSuchKind(format!("{version} {name}")))?;
        let namespace = match json::text(&object, "/metadata/namespace") {
            "" if kind.namespaced => "default".to_owned(),
            namespace => namespace.to_owned(),
        };
        self.shared.change(|state| {
            let write = Write::controller(state.world.now, kind).on_main().by_manager("test");
            let made = state.world.create(kind, &namespace, object, &write)?;
            Ok((*made).clone())
        })
    }

    /// Changes an object, its status too, as some controller would.
    ///
    /// # Errors
    /// When it is not there.
    pub fn edit(
        &self,
        plural: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Value, Error> {
        let kind = known(plural)?;
        self.shared.change(|state| {
            let key = Key::new(namespace, name);
            let mut next = (*state.world.find(kind, &key)?).clone();
            change(&mut next);
            let write = Write::controller(state.world.now, kind).by_manager("test");
            // Two writes where the status is apart, as its owner would make them.
            let current = state.world.find(kind, &key)?;
            let current = state.world.update(kind, &current, next.clone(), &write)?;
            let done = state.world.update(kind, &current, next, &write.on_main())?;
            Ok((*done).clone())
        })
    }

    /// Deletes an object; finalizers hold it as they hold it for others.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) -> Result<(), Error> {
        let kind = known(plural)?;
        self.shared.change(|state| {
            let key = Key::new(namespace, name);
            state.world.delete(kind, &key, &Delete::default())?;
            Ok(())
        })
    }

    /// Seeds machines that run, in the namespace `default`, quickly; tells their names.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn seed_vms(&self, count: usize) -> Result<Vec<String>, Error> {
        self.seed(count, "Always")
    }

    /// Seeds machines that are stopped.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn seed_stopped_vms(&self, count: usize) -> Result<Vec<String>, Error> {
        self.seed(count, "Halted")
    }

    fn seed(&self, count: usize, strategy: &str) -> Result<Vec<String>, Error> {
        let made = self.shared.change(|state| seed::fleet(&mut state.world, count, strategy));
        Ok(made?)
    }

    // ---- KubeVirt's controller

    /// Lets the controller make one step; tells whether there was anything to look at.
    pub fn step(&self) -> bool {
        self.shared.change(|state| controller::step(&mut state.world))
    }

    /// Lets the controller work until nothing moves.
    pub fn settle(&self) {
        self.shared.change(|state| controller::settle(&mut state.world));
    }

    /// Shows KubeVirt's installation so.
    ///
    /// # Errors
    /// When the namespace `kubevirt` is gone.
    pub fn set_installation(&self, installation: &Installation) -> Result<(), Error> {
        Ok(self.shared.change(|state| seed::install(&mut state.world, installation))?)
    }

    /// Serves a group in these versions, the preferred first; in none: not at all.
    pub fn serve_group(&self, group: &str, versions: &[&str]) {
        self.shared.change(|state| state.world.catalog.serve(group, versions));
    }

    /// Refuses something to somebody.
    pub fn refuse(&self, refusal: Refusal) {
        self.shared.change(|state| state.access.refusals.push(refusal));
    }

    /// As with an authoriser that is a webhook: what a user may do is told one by one, and not
    /// listed.
    pub fn set_rules_unlisted(&self, are_unlisted: bool) {
        self.shared.change(|state| state.access.has_unlisted_rules = are_unlisted);
    }

    // ---- history

    /// The newest resourceVersion.
    pub fn revision(&self) -> u64 {
        self.shared.lock().world.store.revision()
    }

    /// Forgets everything before now, as compaction and a restart of the server do: older watches,
    /// exact lists and tokens are 410 from here on.
    pub fn compact(&self) {
        self.shared.change(|state| state.world.store.compact());
    }

    // ---- faults

    /// Adds a fault, after those that are there.
    pub fn fault(&self, fault: Fault) {
        self.shared.change(|state| state.faults.add(fault));
    }

    /// Takes all faults of requests back.
    pub fn clear_faults(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// Makes virt-api unreachable: its webhooks, so that machines cannot be made, and its verbs.
    pub fn set_virt_api_down(&self, down: bool) {
        self.shared.change(|state| state.world.switches.virt_api_down = down);
    }

    /// As with etcd 3.4: refuses watches that begin with a list.
    pub fn set_streaming_lists(&self, are_served: bool) {
        self.shared.change(|state| state.world.switches.no_streaming_lists = !are_served);
    }

    /// Lets the guests of machines of this name hear no power button: they run until their grace period
    /// is over.
    pub fn set_deaf(&self, name: &str) {
        self.shared.change(|state| state.world.switches.deaf.insert(name.to_owned()));
    }

    /// Lets migrations fail for this reason; nothing: lets them succeed.
    pub fn set_migrations_fail(&self, reason: Option<&str>) {
        let reason = reason.map(str::to_owned);
        self.shared.change(|state| state.world.switches.migrations_fail = reason);
    }

    /// Lets snapshots fail with these words; nothing: lets them succeed.
    pub fn set_snapshots_fail(&self, words: Option<&str>) {
        let words = words.map(str::to_owned);
        self.shared.change(|state| state.world.switches.snapshots_fail = words);
    }

    /// Lets clones fail with these words; nothing: lets them succeed.
    pub fn set_clones_fail(&self, words: Option<&str>) {
        let words = words.map(str::to_owned);
        self.shared.change(|state| state.world.switches.clones_fail = words);
    }

    /// Lets restores to new machines wait when their claims are there; or go on, once something
    /// of theirs changes.
    pub fn set_new_machines_wait(&self, wait: bool) {
        self.shared.change(|state| state.world.switches.new_machines_wait = wait);
    }

    /// As KubeVirt before 1.6 does, does not know `patches` of clones.
    pub fn set_clone_patches(&self, are_known: bool) {
        self.shared.change(|state| state.world.switches.no_clone_patches = !are_known);
    }

    /// Whether machines tell that their claims can be snapshotted, from their next turn on.
    pub fn set_volume_snapshots(&self, are_had: bool) {
        self.shared.change(|state| state.world.switches.no_volume_snapshots = !are_had);
    }

    /// Lets claims of this class be left out of snapshots, as where it has no snapshot class.
    pub fn set_unsnapshotted(&self, class: &str) {
        self.shared.change(|state| state.world.switches.unsnapshotted.insert(class.to_owned()));
    }

    /// Lets restores go no further for these words, which KubeVirt tries for ever; nothing: lets
    /// them go on.
    pub fn set_restores_stick(&self, words: Option<&str>) {
        let words = words.map(str::to_owned);
        self.shared.change(|state| {
            state.world.switches.restores_stick = words;
            crate::controller::restores::wake_all(&mut state.world);
        });
    }

    /// Lets restores wait so many seconds for their machine to be off, and no five minutes.
    pub fn set_restores_wait(&self, seconds: i64) {
        self.shared.change(|state| {
            state.world.switches.restores_wait = Some(seconds);
            crate::controller::restores::wake_all(&mut state.world);
        });
    }

    /// As KubeVirt before 1.5 does, does not know what restores do with a machine that is not off,
    /// nor who owns what they make.
    pub fn set_restore_policies(&self, are_known: bool) {
        self.shared.change(|state| state.world.switches.no_restore_policies = !are_known);
    }

    /// As KubeVirt before 1.5 does, does not know `addedNodeSelector` of migrations.
    pub fn set_node_selector(&self, is_known: bool) {
        self.shared.change(|state| state.world.switches.no_node_selector = !is_known);
    }

    /// Lets a webhook deny virt-api's own writes with these words: the verbs answer 500 around them.
    pub fn set_denial(&self, denial: Option<(&str, &str)>) {
        let denial = denial.map(|(webhook, words)| (webhook.to_owned(), words.to_owned()));
        self.shared.change(|state| state.world.switches.denial = denial);
    }

    /// Lets all watches say nothing, those that are open and those to come.
    pub fn set_silent(&self, silent: bool) {
        self.shared.change(|state| state.streams.silent = silent);
    }

    /// Lets watches tell each event twice.
    pub fn set_duplicates(&self, duplicate: bool) {
        self.shared.change(|state| state.streams.duplicate = duplicate);
    }

    /// Lets watches tell events in pairs, the later first; an odd one waits for the next.
    pub fn set_reordered(&self, reorder: bool) {
        self.shared.change(|state| state.streams.reorder = reorder);
    }

    /// Breaks open watches off, in the middle of their bodies.
    pub fn drop_watches(&self) {
        self.shared.change(|state| state.streams.dropped += 1);
    }

    /// Ends open watches in order.
    pub fn end_watches(&self) {
        self.shared.change(|state| state.streams.ended += 1);
    }

    /// Lets open watches tell that their revision expired, and end.
    pub fn expire_watches(&self) {
        self.shared.change(|state| state.streams.expired += 1);
    }

    /// Lets consoles stay open and say nothing when their instance stops, as when its node is lost.
    pub fn set_consoles_linger(&self, linger: bool) {
        self.shared.change(|state| state.world.switches.consoles_linger = linger);
    }

    /// Breaks open consoles off, as a virt-handler that begins anew does.
    pub fn drop_consoles(&self) {
        self.shared.change(|state| state.consoles.end_all());
    }

    // ---- what was asked

    /// The requests so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts.clone()
    }

    /// Begins to count anew.
    pub fn reset_counts(&self) {
        self.shared.change(|state| state.counts = Counts::default());
    }
}

fn known(plural: &str) -> Result<&'static Kind, Error> {
    Catalog::of_plural(plural).ok_or_else(|| Error::NoSuchKind(plural.to_owned()))
}

async fn keep_pace(shared: Arc<Shared>, pace: std::time::Duration) {
    let mut tick = tokio::time::interval(pace);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if !shared.lock().world.dirty.is_empty() {
            shared.change(|state| controller::step(&mut state.world));
        }
    }
}
