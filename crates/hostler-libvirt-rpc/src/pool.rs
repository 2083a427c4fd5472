//! Several connections to one daemon, so that one hung guest costs one of them and not the daemon.
//!
//! ```text
//!             get(role)                       all slots abandoned
//!   opened ──────────────► given to callers ──────────────────────► retired
//!     ▲                        │ closed                               │ answered, and unused: closed
//!     │ on demand              ▼                                      ▼
//!     └──────────────────── forgotten ◄───────────────────────────────┘
//! ```
//!
//! A retired connection still counts: the daemon's worker is still at its call. So the number of
//! connections, and with it the number of the daemon's workers that can be stuck because of us, is
//! bounded by [`PoolOptions::max_total`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use crate::connection::{Connection, Options};
use crate::error::{Error, Result};
use crate::procedure::CONNECT_OPEN;
use crate::uri::ConnectUri;

/// What a connection is used for. Uses that could hold up each other have connections apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Events, and short questions that follow from them.
    Events,
    /// Changes.
    Mutate,
    /// Statistics: the calls that hang when a guest does.
    Collect,
    /// Consoles, uploads and downloads.
    Stream,
}

impl Role {
    const COUNT: usize = 4;

    fn index(self) -> usize {
        match self {
            Self::Events => 0,
            Self::Mutate => 1,
            Self::Collect => 2,
            Self::Stream => 3,
        }
    }
}

/// How many connections a pool may have.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// How each connection behaves; its `connect_timeout` limits [`Pool::get`].
    pub connection: Options,
    /// Most connections at once, retired ones included. libvirtd has 20 workers for all clients by
    /// default; the default of 8 leaves some to others.
    pub max_total: usize,
    /// Connections for [`Role::Events`].
    pub events: usize,
    /// Connections for [`Role::Mutate`].
    pub mutate: usize,
    /// Connections for [`Role::Collect`].
    pub collect: usize,
    /// Connections for [`Role::Stream`].
    pub stream: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        let connection = Options::default();
        Self { connection, max_total: 8, events: 1, mutate: 1, collect: 2, stream: 1 }
    }
}

impl PoolOptions {
    fn of(&self, role: Role) -> usize {
        let count = match role {
            Role::Events => self.events,
            Role::Mutate => self.mutate,
            Role::Collect => self.collect,
            Role::Stream => self.stream,
        };
        count.max(1)
    }
}

/// What a pool has, and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Connections in use or ready.
    pub open: usize,
    /// Connections whose slots are all held by abandoned calls.
    pub retired: usize,
    /// Connections opened so far.
    pub opened_total: u64,
    /// Connections retired, or found closed, so far.
    pub replaced_total: u64,
    /// Openings that failed so far.
    pub failed_total: u64,
}

#[derive(Default)]
struct State {
    /// By role.
    open: [Vec<Connection>; Role::COUNT],
    retired: Vec<Connection>,
    /// Openings under way; each has its place already.
    opening: usize,
    counts: PoolCounts,
    is_closed: bool,
}

type Connector = dyn Fn() -> BoxFuture<'static, Result<Connection>> + Send + Sync;

struct Shared {
    options: PoolOptions,
    connector: Box<Connector>,
    state: Mutex<State>,
    /// By role: one caller opens, the others wait for what it opens.
    openers: [AsyncMutex<()>; Role::COUNT],
}

/// A bounded set of connections to one daemon. Clones share it.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Pool({:?})", self.counts())
    }
}

impl Pool {
    /// A pool of connections to `uri`, opened when they are wanted.
    pub fn new(uri: ConnectUri, options: PoolOptions) -> Self {
        let (uri, connection) = (Arc::new(uri), options.connection.clone());
        Self::with_connector(options, move || {
            let (uri, connection) = (uri.clone(), connection.clone());
            async move { Connection::open(&uri, connection).await }.boxed()
        })
    }

    /// A pool of connections that `connector` opens. Its future is dropped at the deadline.
    pub fn with_connector(
        options: PoolOptions,
        connector: impl Fn() -> BoxFuture<'static, Result<Connection>> + Send + Sync + 'static,
    ) -> Self {
        let connector = Box::new(connector);
        let (state, openers) = (Mutex::default(), Default::default());
        Self { shared: Arc::new(Shared { options, connector, state, openers }) }
    }

    /// A connection for a role: the least busy one that is open, or a new one while there may be
    /// more. Retrying after a failure, and with which delay, is the caller's.
    ///
    /// # Errors
    /// Why none could be opened; [`Error::PoolExhausted`] when there are too many that hang.
    pub async fn get(&self, role: Role) -> Result<Connection> {
        if let Some(connection) = self.ready(role) {
            return Ok(connection);
        }
        // One limit for waiting and opening together: the last of many callers who wait for a
        // daemon that does not answer waits no longer than the first.
        let after = self.shared.options.connection.connect_timeout;
        match timeout(after, self.open(role)).await {
            Ok(result) => result,
            Err(_) => {
                self.state().counts.failed_total += 1;
                Err(Error::Timeout { procedure: CONNECT_OPEN, after, sent: false })
            }
        }
    }

    async fn open(&self, role: Role) -> Result<Connection> {
        let Some(opener) = self.shared.openers.get(role.index()) else { return Err(self.full()) };
        let _one_at_a_time = opener.lock().await;
        // Somebody else may have opened one while we waited.
        if let Some(connection) = self.ready(role) {
            return Ok(connection);
        }
        // Failing a further one, one that is open but busy is better than none.
        let place = match Place::take(self) {
            Ok(place) => place,
            Err(full) => return self.least_busy(role).ok_or(full),
        };
        match (self.shared.connector)().await {
            Ok(connection) => place.fill(role, connection),
            Err(error) => {
                self.state().counts.failed_total += 1;
                drop(place);
                self.least_busy(role).ok_or(error)
            }
        }
    }

    /// What there is, after taking out what is of no use.
    pub fn counts(&self) -> PoolCounts {
        let mut state = self.state();
        sweep(&mut state);
        PoolCounts {
            open: state.open.iter().map(Vec::len).sum(),
            retired: state.retired.len(),
            ..state.counts
        }
    }

    /// Closes every connection, for everybody who has one; later calls of [`Pool::get`] fail.
    pub async fn close(&self) {
        let connections: Vec<_> = {
            let mut state = self.state();
            state.is_closed = true;
            let open = std::mem::take(&mut state.open);
            open.into_iter().flatten().chain(std::mem::take(&mut state.retired)).collect()
        };
        let goodbyes = connections.iter().map(|connection| async move {
            // One that does not answer is closed all the same.
            let patience = self.shared.options.connection.connect_timeout;
            let _: Result<()> = connection.with_timeout(patience).close().await;
        });
        futures_util::future::join_all(goodbyes).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full(&self) -> Error {
        Error::PoolExhausted { limit: self.shared.options.max_total.max(1) }
    }

    /// An open connection that need not wait, or the least busy once there are as many as the role
    /// may have.
    fn ready(&self, role: Role) -> Option<Connection> {
        let mut state = self.state();
        sweep(&mut state);
        let open = state.open.get(role.index())?;
        let best = open.iter().min_by_key(|connection| load(connection))?;
        let is_enough = open.len() >= self.shared.options.of(role);
        (is_enough || load(best) == 0).then(|| best.clone())
    }

    fn least_busy(&self, role: Role) -> Option<Connection> {
        let state = self.state();
        let open = state.open.get(role.index())?;
        open.iter()
            .filter(|connection| !connection.is_closed())
            .min_by_key(|connection| load(connection))
            .cloned()
    }
}

/// How many calls and streams a connection has.
fn load(connection: &Connection) -> usize {
    connection.in_flight() + connection.queued() + connection.open_streams()
}

/// Retires what is saturated, and forgets what is closed or no longer stuck.
fn sweep(state: &mut State) {
    let mut replaced = 0;
    let mut retired = Vec::new();
    for open in &mut state.open {
        open.retain(|connection| {
            let is_of_use = !connection.is_closed() && !connection.saturated();
            if !is_of_use {
                replaced += 1;
                retired.push(connection.clone());
            }
            is_of_use
        });
    }
    state.counts.replaced_total += replaced;
    state.retired.extend(retired);
    // Once answered, a retired connection has done its time; callers that still have it keep it.
    state.retired.retain(|connection| !connection.is_closed() && connection.abandoned() > 0);
}

/// The right to open one more connection, given back when dropped.
struct Place<'a> {
    pool: &'a Pool,
}

impl<'a> Place<'a> {
    fn take(pool: &'a Pool) -> Result<Self> {
        let mut state = pool.state();
        let total =
            state.open.iter().map(Vec::len).sum::<usize>() + state.retired.len() + state.opening;
        if state.is_closed || total >= pool.shared.options.max_total.max(1) {
            return Err(pool.full());
        }
        state.opening += 1;
        Ok(Self { pool })
    }

    fn fill(self, role: Role, connection: Connection) -> Result<Connection> {
        let mut state = self.pool.state();
        state.counts.opened_total += 1;
        if state.is_closed {
            return Err(self.pool.full());
        }
        if let Some(open) = state.open.get_mut(role.index()) {
            open.push(connection.clone());
        }
        // Released before the place, which takes the lock to give itself back.
        drop(state);
        Ok(connection)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.state().opening -= 1;
    }
}
