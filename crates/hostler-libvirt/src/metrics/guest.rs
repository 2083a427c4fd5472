//! What guests' agents tell: load, users, file systems. Each agent has a
//! deadline of its own; one that does not answer costs nobody else anything.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::metrics::Metric::*;
use hostler_core::metrics::{Labels, Point};
use hostler_libvirt_rpc::flags::guest_info::{FILESYSTEM, LOAD, USERS};
use hostler_libvirt_rpc::{
    Connection, Domain, Error as RpcError, ErrorCode, TypedParam, TypedValue, Uuid,
};
use hostler_provider::{Batch, Cx, Error, Kind, Measured, Result, VmRef};
use tokio::time::Instant;

use super::ledger::{Ledger, Manner};
use super::stats::value;
use super::{Turn, hanging, is_of_host};
use crate::Libvirt;
use crate::connection::reference;
use crate::inventory::addresses::limit_agent;
use crate::inventory::cache::Gist;
use crate::seats::Told;

/// Agents asked at once.
pub(super) const AT_ONCE: usize = 2;
/// Agents that are waited for besides.
pub(super) const BENCH: usize = 1;
/// How long an answer is told again instead of asking for a new one.
const KEPT: Duration = Duration::from_secs(10);
/// How long an agent may take; libvirt's own limit is shorter where we may set it.
const PATIENCE: Duration = Duration::from_secs(8);
/// The most file systems told of one guest, which can claim any number,
const MAX_FILESYSTEMS: usize = 64;
/// and the longest name of one, in bytes.
const MAX_NAME: usize = 256;
/// What is asked for: less of an agent, or a libvirt, that does not know all.
const WISHES: [u32; 3] = [FILESYSTEM | USERS | LOAD, FILESYSTEM | USERS, FILESYSTEM];
/// What is said of an agent that accepts a question and does not answer.
const SILENT: &str = "its guest agent does not answer";

/// What is remembered of guests.
#[derive(Default)]
pub(super) struct Guests {
    silent: Arc<Ledger>,
    kept: Mutex<HashMap<Uuid, Kept>>,
}

struct Kept {
    /// The domain's number then: another run has another agent.
    id: i32,
    at: Instant,
    /// The first of the wishes that it could fulfil.
    wish: usize,
    told: Measured<VmRef>,
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, domain: &Domain) -> Option<Measured<VmRef>> {
        let kept = self.lock();
        let kept = kept.get(&domain.uuid).filter(|kept| kept.id == domain.id)?;
        (kept.at.elapsed() < KEPT).then(|| kept.told.clone())
    }

    /// When it answered last.
    fn asked(&self, domain: &Domain) -> Option<Instant> {
        self.lock().get(&domain.uuid).map(|kept| kept.at)
    }

    fn wish(&self, domain: &Domain) -> usize {
        let kept = self.lock();
        kept.get(&domain.uuid).filter(|kept| kept.id == domain.id).map_or(0, |kept| kept.wish)
    }

    fn retain(&self, present: &HashSet<Uuid>) {
        self.silent.retain(present);
        self.lock().retain(|uuid, _| present.contains(uuid));
    }
}

/// What came of asking an agent.
struct Answer {
    /// `None`: it did not answer.
    params: Option<Vec<TypedParam>>,
    /// The first of the wishes that it could fulfil.
    wish: usize,
}

impl Libvirt {
    /// The pass `guest`.
    pub(super) async fn measure_guests(&self, cx: &Cx) -> Result<Batch> {
        let turn = Turn::new(cx, PATIENCE);
        let mut active = self.active(&turn.cx).await?;
        self.measuring.guests.retain(&active.iter().map(|domain| domain.uuid).collect());
        // Whoever was asked longest ago first, or the last ones would never be.
        active.sort_by_cached_key(|domain| self.measuring.guests.asked(domain));
        let measured = stream::iter(active).map(|domain| self.measure_guest(&turn, domain));
        // Most have no agent, or one that was asked a moment ago.
        let measured: Vec<_> = measured.buffer_unordered(2 * AT_ONCE).try_collect().await?;
        Ok(Batch { vms: measured.into_iter().flatten().collect(), ..Batch::default() })
    }

    /// `None`: it has no agent, or was not asked.
    async fn measure_guest(&self, turn: &Turn, domain: Domain) -> Result<Option<Measured<VmRef>>> {
        let cx = &turn.cx;
        let Some(known) = self.document(cx, &domain).await? else { return Ok(None) };
        if known.agent_connected != Some(true) {
            return Ok(None);
        }
        let guests = &self.measuring.guests;
        if let Some(told) = guests.fresh(&domain) {
            return Ok(Some(told));
        }
        let down = |cx: &Cx| {
            let points = vec![Point::plain(VmGuestAgentUp, 0.0)];
            Ok(Some(Measured { of: reference(&domain), at: cx.now(), points }))
        };
        if let Manner::NotNow(_) = guests.silent.manner(&domain) {
            return down(cx);
        }
        if !turn.has_time() {
            return Ok(None);
        }
        let doing = format!("cannot ask the guest agent of \"{}\"", domain.name);
        let (call, ending) = guests.silent.begin();
        let (link, of) = (self.link.clone(), domain.clone());
        let (is_ours, wish) = (known.is_ours, guests.wish(&domain));
        let asked = hanging(link, doing.clone(), Some(ending), move |c| async move {
            ask(&c, &of, is_ours, wish).await
        });
        let asked = self.measuring.agents.ask(turn.patience, asked);
        let told = tokio::select! {
            biased;
            told = asked => told,
            () = cx.cancellation().cancelled() => {
                return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
            }
        };
        let held = match told {
            Told::Answer(Ok(Answer { params: Some(params), wish })) => {
                guests.silent.answered(domain.uuid);
                let (of, at) = (reference(&domain), cx.now());
                let told = Measured { of, at, points: points(&params) };
                let kept = Kept { id: domain.id, at: Instant::now(), wish, told: told.clone() };
                guests.lock().insert(domain.uuid, kept);
                return Ok(Some(told));
            }
            Told::Answer(Err(error)) if is_of_host(&error) => return Err(error),
            // Gone, or stopped, meanwhile.
            Told::Answer(Err(_)) | Told::NotAsked => return Ok(None),
            Told::Answer(Ok(Answer { params: None, .. })) => None,
            Told::Late => Some(call),
        };
        guests.silent.silent(&domain, held, SILENT);
        down(cx)
    }

    /// What a VM's document says now; `None` where it cannot be read.
    async fn document(&self, cx: &Cx, domain: &Domain) -> Result<Option<Gist>> {
        if let Some(known) = self.link.cache.settled(domain) {
            return Ok(Some(known));
        }
        match self.link.read(&cx.at_most(PATIENCE), domain).await {
            Ok(known) => Ok(Some(Gist::of(&known, domain.uuid))),
            Err(error) if is_of_host(&error) => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// Asks an agent for as much as it knows.
async fn ask(
    connection: &Connection,
    domain: &Domain,
    is_ours: bool,
    first: usize,
) -> hostler_libvirt_rpc::Result<Answer> {
    if is_ours {
        limit_agent(connection, domain).await?;
    }
    for (wish, types) in WISHES.iter().enumerate().skip(first) {
        match connection.domain_guest_info(domain, *types, 0).await {
            Ok(params) => return Ok(Answer { params: Some(params), wish }),
            Err(error) if is_silence(&error) => return Ok(Answer { params: None, wish: first }),
            Err(error) if is_too_much(&error) => {}
            Err(error) => return Err(error),
        }
    }
    // It answered, and knows nothing of all this.
    Ok(Answer { params: Some(Vec::new()), wish: WISHES.len() })
}

fn is_silence(error: &RpcError) -> bool {
    let codes = [
        ErrorCode::AGENT_UNRESPONSIVE,
        ErrorCode::AGENT_UNSYNCED,
        ErrorCode::AGENT_COMMAND_TIMEOUT,
        ErrorCode::OPERATION_TIMEOUT,
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// Whether the agent, or libvirt, knows no such question. An agent says that in
/// many ways.
fn is_too_much(error: &RpcError) -> bool {
    let codes = [
        ErrorCode::INVALID_ARG,
        ErrorCode::ARGUMENT_UNSUPPORTED,
        ErrorCode::CONFIG_UNSUPPORTED,
        ErrorCode::OPERATION_UNSUPPORTED,
        ErrorCode::NO_SUPPORT,
        ErrorCode::AGENT_COMMAND_FAILED,
        ErrorCode::INTERNAL_ERROR,
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}

fn points(params: &[TypedParam]) -> Vec<Point> {
    let mut points = vec![Point::plain(VmGuestAgentUp, 1.0)];
    for window in ["1m", "5m", "15m"] {
        let load = value(params, &format!("load.{window}")).and_then(TypedValue::as_f64);
        let load = load.filter(|load| load.is_finite() && *load >= 0.0);
        points.extend(load.map(|load| Point::labelled(VmGuestLoad, Labels::one(window), load)));
    }
    let users = value(params, "user.count").and_then(TypedValue::as_u64);
    points.extend(users.map(|users| Point::plain(VmGuestUsers, users as f64)));
    let count = value(params, "fs.count").and_then(TypedValue::as_u64).unwrap_or(0);
    let mut told = HashSet::new();
    for number in 0..count.min(MAX_FILESYSTEMS as u64) {
        let field = |name: &str| value(params, &format!("fs.{number}.{name}"));
        let name = |field: Option<&TypedValue>| {
            field.and_then(|name| Some(shortened(name.as_str()?).to_owned()))
        };
        let Some(mount_point) = name(field("mountpoint")).filter(|name| !name.is_empty()) else {
            continue;
        };
        let kind = name(field("fstype")).unwrap_or_default();
        let labels = Labels::new([mount_point, kind]);
        // Mounted over one another: they cannot be told apart, and the last one counts.
        if !told.insert(labels.clone()) {
            continue;
        }
        for (name, metric) in [
            ("total-bytes", VmGuestFilesystemSizeBytes),
            ("used-bytes", VmGuestFilesystemUsedBytes),
        ] {
            let bytes = field(name).and_then(TypedValue::as_u64);
            points.extend(bytes.map(|bytes| Point::labelled(metric, labels.clone(), bytes as f64)));
        }
    }
    points
}

/// The name, or its beginning where the guest gives one without end.
fn shortened(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(filesystems: u64, mount_point: impl Fn(u64) -> String) -> Vec<TypedParam> {
        let mut params = vec![
            TypedParam::new("user.count", 2_u32),
            TypedParam::new("load.1m", 0.25),
            TypedParam::new("load.5m", f64::NAN),
            TypedParam::new("fs.count", u64::MAX),
        ];
        for n in 0..filesystems {
            params.push(TypedParam::new(format!("fs.{n}.mountpoint"), mount_point(n)));
            params.push(TypedParam::new(format!("fs.{n}.fstype"), "ext4"));
            params.push(TypedParam::new(format!("fs.{n}.total-bytes"), 9_u64));
        }
        params
    }

    #[test]
    fn d22_an_agents_word_is_told_and_what_it_did_not_say_is_absent() {
        let told = points(&guest(1, |_| "/".into()));
        let shown: Vec<_> = told
            .iter()
            .map(|p| format!("{}{:?} {}", p.metric.family().name, p.labels.values(), p.value))
            .collect();
        assert_eq!(
            shown,
            [
                "hostler_vm_guest_agent_up[] 1",
                "hostler_vm_guest_load[\"1m\"] 0.25",
                "hostler_vm_guest_users[] 2",
                "hostler_vm_guest_filesystem_size_bytes[\"/\", \"ext4\"] 9",
            ]
        );
        assert_eq!(points(&[]).len(), 1, "it is up, and says nothing");
    }

    #[test]
    fn a_guest_cannot_claim_without_limit() {
        let told = points(&guest(1000, |n| format!("/{n}/{}", "ü".repeat(1000))));
        assert_eq!(told.len(), 3 + MAX_FILESYSTEMS);
        for point in &told {
            assert!(point.is_sound());
            assert!(point.labels.values().iter().all(|label| label.len() <= MAX_NAME));
        }
        assert_eq!(points(&guest(3, |_| "/".into())).len(), 3 + 1, "none is told twice");
    }
}
