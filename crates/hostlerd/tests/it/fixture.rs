//! A server of a test's own: its world, its clock, its directory, its ports.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::access::Role;
use hostler_core::clock::{Clock, ManualClock, SystemClock};
use hostler_core::id::{IdSource, ProviderId, SeededEntropy, TokenId};
use hostler_engine::Pace;
use hostler_sim::{Sim, World};
use hostler_store::history::Archive;
use hostler_store::{ProviderRow, Store, TokenRow};
use hostlerd::arguments::RunFlags;
use hostlerd::auth::{LocalUsers, secrets};
use hostlerd::config::{Config, ConfiguredAgent, ConfiguredMetrics};
use hostlerd::listen::{Limits, Passed};
use hostlerd::server::{Server, Setup};
use hostlerd::wiring::Wiring;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// Writes what is to be remembered.
pub(crate) type Fill<'a> = dyn Fn(&Archive, Timestamp) + 'a;

/// How large an image may be: what `qemu-img` makes of a small disk fits, in each format.
pub(crate) const IMAGE_BYTES: u64 = 24 << 20;

/// A running server and what is behind it.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) world: World,
    /// Where kubeconfigs lead: a cluster, unless a test puts another world there.
    pub(crate) cluster: Arc<Mutex<World>>,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) socket: PathBuf,
    pub(crate) ca_pem: String,
    ids: IdSource,
    _directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), LocalUsers::of_system()).await
    }

    /// One that measures: whatever random bytes that takes are missing elsewhere, so
    /// that ids are not the same in each run.
    pub(crate) async fn measuring(metrics: ConfiguredMetrics) -> Self {
        Self::made(Limits::default(), LocalUsers::of_system(), metrics, Some(&|_, _| ())).await
    }

    /// One that measures nothing, and has an empty history to ask.
    pub(crate) async fn remembering() -> Self {
        Self::remembering_what(&|_, _| ()).await
    }

    /// One that measures nothing, and remembers what `fill` wrote before it started: it is
    /// told what time it will be.
    pub(crate) async fn remembering_what(fill: &Fill<'_>) -> Self {
        Self::made(Limits::default(), LocalUsers::of_system(), unmeasured(), Some(fill)).await
    }

    pub(crate) async fn with(limits: Limits, local_users: LocalUsers) -> Self {
        Self::made(limits, local_users, unmeasured(), None).await
    }

    async fn made(
        limits: Limits,
        local_users: LocalUsers,
        metrics: ConfiguredMetrics,
        history: Option<&Fill<'_>>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config_in(directory.path());
        config.metrics = metrics;
        config.history.enabled = history.is_some();
        let (socket, configured) = (config.socket.clone(), config.clone());
        // Clients check certificates by the machine's clock; from here on time stands still.
        let start = SystemClock.now();
        if let Some(fill) = history {
            let (path, options) = (config.data_dir.join("history"), config.history.options());
            fill(&Archive::open(&path, options).unwrap(), start);
        }
        let clock = ManualClock::at(start);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy = Arc::new(SeededEntropy::new(7));
        let ids = IdSource::new(Arc::clone(&shared), Arc::clone(&entropy) as _);
        let store = Store::in_memory().await.unwrap();
        let world = World::small(7);
        let far = World::small(8);
        far.set_cluster(hostler_sim::cluster::healthy());
        let cluster = Arc::new(Mutex::new(far));
        let reached = Arc::clone(&cluster);
        let row = ProviderRow {
            id: ids.next(ProviderId::new),
            name: "lab".into(),
            uri: "sim:lab".into(),
            from_config: true,
            created_at: start,
        };
        let row = store.upsert_provider(&row).await.unwrap();
        let server = Server::start(Setup {
            config,
            store: store.clone(),
            wiring: Wiring::new(Arc::clone(&shared), None)
                .reaching(move |_| Arc::new(Sim::new(&reached.lock().unwrap()))),
            clock: shared,
            entropy,
            providers: vec![(row, Arc::new(Sim::new(&world)))],
            own_machine: None,
            local_users,
            limits,
            sockets: Passed::default(),
            pace: Pace {
                inventory: Duration::from_secs(3600),
                cluster: Duration::from_secs(3600),
                settle: Duration::from_millis(100),
                ..Pace::default()
            },
            is_demo: true,
        })
        .await
        .unwrap();
        server.first_look(Duration::from_secs(10)).await;
        let ca_pem = server.app().authority_pem.clone().unwrap();
        Self {
            server,
            world,
            cluster,
            clock,
            store,
            config: configured,
            socket,
            ca_pem,
            ids,
            _directory: directory,
        }
    }

    /// Asks these agents from now on, all else being as it was.
    pub(crate) async fn ask_agents(&self, agents: &[ConfiguredAgent]) {
        let config = Config { agents: agents.to_vec(), ..self.config.clone() };
        self.server.take_over(&config).await.unwrap();
    }

    /// A client over TLS without credentials.
    pub(crate) fn client(&self) -> Client {
        Client::tls(self.server.addresses()[0], &self.ca_pem)
    }

    /// A client on the unix socket, which is root's or the server's own user.
    pub(crate) fn local(&self) -> Client {
        Client::unix(&self.socket)
    }

    /// Who the client on the unix socket is.
    pub(crate) async fn user(&self) -> String {
        let session = self.local().get("/api/v1/session").await.json();
        session["actor"].as_str().unwrap().to_owned()
    }

    /// A client with a fresh token of a role.
    pub(crate) async fn token(&self, role: Role) -> Client {
        let secret = self.make_token(role, None).await;
        self.client().header("authorization", &format!("Bearer {secret}"))
    }

    pub(crate) async fn make_token(&self, role: Role, life: Option<Duration>) -> String {
        let secret = format!("{}{}", secrets::TOKEN_PREFIX, secrets::encode(&self.ids.secret()));
        let id = self.ids.next(TokenId::new);
        let row = TokenRow {
            id,
            name: format!("test-{id}"),
            role,
            secret_sha256: secrets::hash(&secret),
            created_at: self.clock.now(),
            created_by: "test".into(),
            expires_at: life.map(|life| self.clock.now().plus(life)),
            last_used_at: None,
            revoked: false,
        };
        self.store.insert_token(&row).await.unwrap();
        secret
    }

    /// A browser that is logged in: it sends its cookie, and its origin.
    pub(crate) async fn browser(&self) -> Client {
        let answer = self.log_in().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie");
        let pair = cookie.split(';').next().unwrap();
        self.client().header("cookie", pair).header("origin", &self.origin())
    }

    pub(crate) async fn log_in(&self) -> Answer {
        let link = self.server.login_link().await.unwrap();
        let (_, code) = link.split_once('#').unwrap();
        self.client()
            .header("origin", &self.origin())
            .post("/api/v1/session", &json!({ "code": code }))
            .await
    }

    /// The origin of the server's own pages.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.server.addresses()[0].port())
    }

    /// Makes a VM and waits until that has ended; gives its id.
    pub(crate) async fn make_vm(&self, name: &str) -> String {
        self.clock.advance(Duration::from_millis(1));
        let body = json!({
            "spec": {
                "name": name,
                "memory": { "bytes": 256 << 20 },
                "graphics": "vnc",
                "description": "of a test",
                "labels": { "tier": "web" },
            },
        });
        let local = self.local().header("prefer", "wait=30");
        let operation = local.post("/api/v1/vms", &body).await.json();
        assert_eq!(operation["state"], "succeeded", "{operation:#}");
        operation["resources"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Does something to a VM and waits until that has ended.
    pub(crate) async fn act(&self, vm: &str, verb: &str, body: Option<&Value>) -> Value {
        self.clock.advance(Duration::from_millis(1));
        let local = self.local().header("prefer", "wait=30");
        let path = format!("/api/v1/vms/{vm}/{verb}");
        let answer = match body {
            Some(body) => local.post(&path, body).await,
            None => local.send("POST", &path, None).await,
        };
        answer.json()
    }
}

fn unmeasured() -> ConfiguredMetrics {
    ConfiguredMetrics { enabled: false, ..ConfiguredMetrics::default() }
}

/// How a server is configured that keeps all in this folder.
fn config_in(folder: &std::path::Path) -> Config {
    let flags = RunFlags {
        data_dir: Some(folder.to_owned()),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..RunFlags::default()
    };
    let mut config = Config::load_with(&flags, []).unwrap();
    config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    config.limits.image_bytes = IMAGE_BYTES;
    config.alerting.shipped_rules = false;
    config
}
