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
//!
//! Streams share no connection. The daemon counts the packets of a stream that nobody takes, such
//! as what is typed to a paused guest, like calls; at five it reads nothing more of that client, be
//! it another's upload or a ping. So each stream has a connection to itself, and its silence proves
//! nothing: whoever sees the daemon go ends them by [`Pool::close_streams`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connection::{Connection, Known, Options};
use crate::error::{CloseReason, Error, Result};
use crate::procedure::CONNECT_OPEN;
use crate::uri::ConnectUri;

/// What a connection is used for. Uses that could hold up each other have connections apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Events, and short questions that follow from them.
    Events,
    /// Changes.
    Mutate,
    /// Looking at things.
    Collect,
    /// Statistics: the calls that hang when a guest does, and that their callers wait for as long
    /// as they hang. So nobody else may need their slots.
    Measure,
    /// A console or a transfer: each has a connection of its own, without keepalive, for as long as
    /// somebody holds it.
    Stream,
}

impl Role {
    const COUNT: usize = 5;

    /// How many connections may be opened at once. Callers of most roles share what one of them
    /// opens; an ssh server turns away clients of which too many are logging in.
    const fn openers(self) -> usize {
        match self {
            Self::Events | Self::Mutate | Self::Collect | Self::Measure => 1,
            Self::Stream => 4,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Events => 0,
            Self::Mutate => 1,
            Self::Collect => 2,
            Self::Measure => 3,
            Self::Stream => 4,
        }
    }
}

/// How many connections a pool may have.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// How each connection behaves; its `connect_timeout` limits [`Pool::get`].
    pub connection: Options,
    /// Most connections at once, retired ones included; where there is more than `stream`, only the
    /// rest is for calls. libvirtd has 20 workers for all clients by default; the default of 12, 8 of
    /// them for calls, leaves some to others.
    pub max_total: usize,
    /// Connections for [`Role::Events`].
    pub events: usize,
    /// Connections for [`Role::Mutate`].
    pub mutate: usize,
    /// Connections for [`Role::Collect`].
    pub collect: usize,
    /// Connections for [`Role::Measure`].
    pub measure: usize,
    /// Most connections for [`Role::Stream`], and so most streams, at once.
    pub stream: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        let connection = Options::default();
        Self { connection, max_total: 12, events: 1, mutate: 1, collect: 2, measure: 1, stream: 4 }
    }
}

impl PoolOptions {
    fn of(&self, role: Role) -> usize {
        let count = match role {
            Role::Events => self.events,
            Role::Mutate => self.mutate,
            Role::Collect => self.collect,
            Role::Measure => self.measure,
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
    /// Those of streams, which whoever has them keeps open.
    streams: Vec<Known>,
    /// Openings under way; each has its place already.
    opening: usize,
    /// How many of them are for streams.
    opening_streams: usize,
    counts: PoolCounts,
    is_closed: bool,
}

impl State {
    fn open(&self) -> usize {
        self.open.iter().map(Vec::len).sum::<usize>() + self.streams.len()
    }
}

type Connector = dyn Fn(Role) -> BoxFuture<'static, Result<Connection>> + Send + Sync;

struct Shared {
    options: PoolOptions,
    connector: Box<Connector>,
    state: Mutex<State>,
    /// By role: who opens, while others wait for their turn or for what was opened.
    openers: [Semaphore; Role::COUNT],
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
        Self::with_connector(options, move |role| {
            let (uri, mut connection) = (uri.clone(), connection.clone());
            if role == Role::Stream {
                connection.keepalive = None;
            }
            async move { Connection::open(&uri, connection).await }.boxed()
        })
    }

    /// A pool of connections that `connector` opens. Its future is dropped at the deadline.
    pub fn with_connector(
        options: PoolOptions,
        connector: impl Fn(Role) -> BoxFuture<'static, Result<Connection>> + Send + Sync + 'static,
    ) -> Self {
        let connector = Box::new(connector);
        let state = Mutex::default();
        let openers = [Role::Events, Role::Mutate, Role::Collect, Role::Measure, Role::Stream]
            .map(|role| Semaphore::new(role.openers()));
        Self { shared: Arc::new(Shared { options, connector, state, openers }) }
    }

    /// A connection for a role: the least busy one that is open, or a new one while there may be
    /// more; for a stream always a new one. Retrying after a failure, and with which delay, is the caller's.
    ///
    /// # Errors
    /// Why none could be opened; [`Error::PoolExhausted`] when there are too many that hang, or too
    /// many streams.
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
        let opener = self.shared.openers.get(role.index());
        let _turn = match opener {
            // Nobody closes it.
            Some(opener) => opener.acquire().await.ok(),
            None => None,
        };
        // Somebody else may have opened one while we waited.
        if let Some(connection) = self.ready(role) {
            return Ok(connection);
        }
        // Failing a further one, one that is open but busy is better than none.
        let place = match Place::take(self, role) {
            Ok(place) => place,
            Err(full) => return self.least_busy(role).ok_or(full),
        };
        match (self.shared.connector)(role).await {
            Ok(connection) => place.fill(connection),
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
        PoolCounts { open: state.open(), retired: state.retired.len(), ..state.counts }
    }

    /// Closes every connection, for everybody who has one; later calls of [`Pool::get`] fail.
    pub async fn close(&self) {
        let connections: Vec<_> = {
            let mut state = self.state();
            state.is_closed = true;
            state.streams.drain(..).for_each(|stream| stream.close(CloseReason::Requested));
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

    /// Ends every stream, for whoever has one. They notice by themselves that their socket closes,
    /// but not that nothing comes any more.
    pub fn close_streams(&self, reason: &CloseReason) {
        let streams = std::mem::take(&mut self.state().streams);
        for stream in streams {
            stream.close(reason.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    state.streams.retain(Known::is_open);
}

/// The right to open one more connection, given back when dropped.
struct Place<'a> {
    pool: &'a Pool,
    role: Role,
}

impl<'a> Place<'a> {
    fn take(pool: &'a Pool, role: Role) -> Result<Self> {
        let mut state = pool.state();
        let limit = pool.shared.options.max_total.max(1);
        if state.is_closed || state.open() + state.retired.len() + state.opening >= limit {
            return Err(Error::PoolExhausted { role, limit });
        }
        if role == Role::Stream {
            let limit = pool.shared.options.of(role);
            if state.streams.len() + state.opening_streams >= limit {
                return Err(Error::PoolExhausted { role, limit });
            }
            state.opening_streams += 1;
        } else {
            // Streams need few of the daemon's workers, and calls that hang must not take
            // the room of streams, nor more workers than were meant for them.
            let PoolOptions { max_total, stream, .. } = pool.shared.options;
            let limit = if max_total > stream { max_total - stream } else { limit };
            let opening = state.opening - state.opening_streams;
            let taken = state.open() - state.streams.len() + state.retired.len() + opening;
            if taken >= limit {
                return Err(Error::PoolExhausted { role, limit });
            }
        }
        state.opening += 1;
        Ok(Self { pool, role })
    }

    fn fill(self, connection: Connection) -> Result<Connection> {
        let mut state = self.pool.state();
        state.counts.opened_total += 1;
        if state.is_closed {
            let limit = self.pool.shared.options.max_total.max(1);
            return Err(Error::PoolExhausted { role: self.role, limit });
        }
        if self.role == Role::Stream {
            state.streams.push(connection.known());
        } else if let Some(open) = state.open.get_mut(self.role.index()) {
            open.push(connection.clone());
        }
        // Released before the place, which takes the lock to give itself back.
        drop(state);
        Ok(connection)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.opening -= 1;
        if self.role == Role::Stream {
            state.opening_streams -= 1;
        }
    }
}
