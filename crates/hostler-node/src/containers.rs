//! Containers, a kind of workload of their own (D3, X16). The engine says which
//! there are; the kernel says what they use, and only where it cannot be asked
//! the engine says that too.
//!
//! ```text
//!  list ─► running ─► its process known and still in its group? ─► files
//!                          │ no                                      │ none
//!                          ▼                                         ▼
//!                       inspect ─► files ──────── none ───────► engine's statistics
//!          (at most IN_FLIGHT at once, a deadline each: a hung container costs itself)
//! ```

mod api;
mod cgroup;
mod figures;
mod socket;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_core::metrics::{Cost, Labels, Metric, Point};
use hostler_provider::{Batch, ContainerRef, Cx, Error, Kind, Measured, Metrics, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::tree::Tree;
use api::Listed;
use figures::Machine;
use socket::Socket;

/// The most containers of an engine that are told of.
const CONTAINERS_MAX: usize = 4096;
/// Questions about single containers at one time.
const IN_FLIGHT: usize = 8;
/// How long the list may take.
const LIST_MAX: Duration = Duration::from_secs(4);
/// How long questions about one container may take.
const ONE_MAX: Duration = Duration::from_secs(2);

/// A container engine that speaks Docker's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman, through its compatible interface.
    Podman,
}

impl Engine {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// The containers of one engine.
#[derive(Debug)]
pub struct Containers {
    engine: Engine,
    socket: Socket,
    machine: Machine,
    /// A process of each container, so that a quiet engine need not be asked again.
    known: Mutex<HashMap<String, u32>>,
    /// One reading of files at a time; see the same in `host`.
    gate: Arc<Semaphore>,
}

impl Containers {
    /// The containers of the engine behind `socket`, on the machine whose files
    /// are below `root`. Reaches nothing.
    pub fn new(engine: Engine, socket: impl Into<PathBuf>, root: impl Into<PathBuf>) -> Self {
        Self {
            engine,
            socket: Socket::new(socket.into()),
            machine: Machine::new(Tree::new(root.into())),
            known: Mutex::default(),
            gate: Arc::new(Semaphore::new(1)),
        }
    }

    async fn list(&self, cx: &Cx) -> Result<Vec<Listed>> {
        let doing = format!("containers of {}", self.engine.as_str());
        let cx = cx.at_most(LIST_MAX);
        let text = cx.run(&doing, self.socket.get("/containers/json?all=1")).await?;
        let mut listed = api::list(&text).map_err(|error| error.context(&doing))?;
        if listed.len() > CONTAINERS_MAX {
            let (engine, count) = (self.engine.as_str(), listed.len());
            tracing::warn!(engine, count, "only the first {CONTAINERS_MAX} are measured");
            listed.truncate(CONTAINERS_MAX);
        }
        Ok(listed)
    }

    /// Measures those that run. Who does not answer is not among them.
    async fn measure(&self, cx: &Cx, listed: Vec<Listed>) -> Result<Vec<(Listed, Vec<Point>)>> {
        // One that is paused holds its memory.
        let is_there = |one: &Listed| matches!(one.state.as_str(), "running" | "paused");
        let running: Vec<Listed> = listed.into_iter().filter(is_there).collect();
        let known = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|id, _| running.iter().any(|one| one.id == *id));
            known.clone()
        };
        let (mut measured, unread) = self.read_all(running, known).await?;
        let limit = Arc::new(Semaphore::new(IN_FLIGHT));
        let mut asked = JoinSet::new();
        for one in unread {
            let (socket, machine) = (self.socket.clone(), self.machine.clone());
            let (limit, cx, engine) = (Arc::clone(&limit), cx.clone(), self.engine.as_str());
            asked.spawn(async move {
                let _permit = limit.acquire_owned().await.ok()?;
                let doing = format!("container {:?} of {engine}", one.name);
                let asking = ask(&socket, machine, &one.id);
                match cx.at_most(ONE_MAX).run(&doing, asking).await {
                    Ok((points, pid)) => Some((one, points, pid)),
                    Err(error) => {
                        tracing::debug!(%error, "not measured");
                        None
                    }
                }
            });
        }
        while let Some(ended) = asked.join_next().await {
            let Some((one, points, pid)) = ended.ok().flatten() else { continue };
            if let Some(pid) = pid {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(one.id.clone(), pid);
            }
            measured.push((one, points));
        }
        Ok(measured)
    }

    /// Reads the files of those whose process is known; gives the others back.
    async fn read_all(
        &self,
        running: Vec<Listed>,
        known: HashMap<String, u32>,
    ) -> Result<(Vec<(Listed, Vec<Point>)>, Vec<Listed>)> {
        let Ok(permit) = Arc::clone(&self.gate).try_acquire_owned() else {
            let message = "containers: the reading before this one has not ended";
            return Err(Error::new(Kind::Unavailable, message));
        };
        let machine = self.machine.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let (mut measured, mut unread) = (Vec::new(), Vec::new());
            for one in running {
                let pid = known.get(&one.id);
                match pid.and_then(|pid| machine.of_files(&one.id, *pid)) {
                    Some(points) => measured.push((one, points)),
                    None => unread.push(one),
                }
            }
            drop(permit);
            (measured, unread)
        });
        reading.await.map_err(|error| {
            Error::new(Kind::Bug, "containers: the reading failed").with_raw(error)
        })
    }

    fn reference(&self, one: &Listed) -> ContainerRef {
        let engine = self.engine.as_str();
        ContainerRef { id: one.id.clone(), name: one.name.clone(), engine }
    }
}

/// Asks for one container: for its process and by that its files, else for
/// what the engine counts.
async fn ask(socket: &Socket, machine: Machine, id: &str) -> Result<(Vec<Point>, Option<u32>)> {
    let text = socket.get(&format!("/containers/{id}/json")).await?;
    if let Some(pid) = api::pid(&text)? {
        let (machine, id) = (machine.clone(), id.to_owned());
        let reading = tokio::task::spawn_blocking(move || machine.of_files(&id, pid));
        if let Ok(Some(points)) = reading.await {
            return Ok((points, Some(pid)));
        }
    }
    let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
    let statistics = api::statistics(&socket.get(&path).await?)?;
    let counting = tokio::task::spawn_blocking(move || machine.of_engine(&statistics));
    let points = counting.await.map_err(|error| {
        Error::new(Kind::Bug, "the engine's statistics: reading failed").with_raw(error)
    })?;
    Ok((points, None))
}

#[async_trait]
impl Metrics for Containers {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::State, Cost::Stats]
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        let at = |cx: &Cx| -> Timestamp { cx.now() };
        let containers = match pass {
            Cost::State => {
                let listed = self.list(cx).await?;
                let told = listed.iter().map(|one| Measured {
                    of: self.reference(one),
                    at: at(cx),
                    points: vec![Point::labelled(
                        Metric::ContainerInfo,
                        Labels::new([one.image.as_str(), one.state.as_str()]),
                        1.0,
                    )],
                });
                told.collect()
            }
            Cost::Stats => {
                let listed = self.list(cx).await?;
                let measured = self.measure(cx, listed).await?;
                let told = measured.into_iter().map(|(one, points)| Measured {
                    of: self.reference(&one),
                    at: at(cx),
                    points,
                });
                told.collect()
            }
            _ => return Err(Error::new(Kind::Unsupported, "container engines have no such pass")),
        };
        Ok(Batch { containers, ..Batch::default() })
    }
}
