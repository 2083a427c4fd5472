//! What guests' agents tell: users and file systems, as the node that runs each has them
//! from its agent. Whoever was asked longest ago comes first, and who cannot be asked costs
//! nobody else anything.
//!
//! ```text
//!   agent connected? ─ no, or not known ─► nothing is told (X17)
//!        │ yes
//!        ▼
//!   time left, and its node answers? ─ no ─────────────► silent, since it was not asked
//!        │ yes
//!        ▼
//!   filesystemlist, userlist ─► both, or one of them ─► up, and what it told
//!                            ├► no answer, forbidden ─► silent, with the reason
//!                            └► the cluster is gone ──► nobody else is asked in this pass
//! ```
//!
//! The agents of a node that died seem connected for minutes: who is on a node that was silent for
//! a few is not asked any more in that pass, so that those of other nodes are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hostler_core::Timestamp;
use hostler_core::metrics::Metric::{
    VmGuestAgentUp, VmGuestFilesystemSizeBytes, VmGuestFilesystemUsedBytes, VmGuestUsers,
};
use hostler_core::metrics::{Labels, Point};
use hostler_provider::{Batch, Cx, Error, Kind, Measured, Result, Silent, VmRef};
use serde_json::Value;

use super::{reference, running};
use crate::call::Caller;
use crate::error::{Cause, Failure};
use crate::mapper::MappedVm;
use crate::provider::KubeVirt;
use crate::resource::ObjectKey;

/// Guests asked at once; each is a question to a node, through virt-api.
const AT_ONCE: usize = 4;
/// How long the node of a guest may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most file systems told of one guest, which can claim any number,
const MAX_FILESYSTEMS: usize = 64;
/// and the longest name of one, in characters.
const MAX_NAME: usize = 256;

/// When each guest was asked last.
#[derive(Default)]
pub(crate) struct Asked(Mutex<BTreeMap<String, Timestamp>>);

impl Asked {
    /// Puts those first that were asked longest ago, or never; forgets who is not there.
    fn order(&self, guests: &mut [MappedVm]) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there: BTreeSet<&str> = guests.iter().map(|vm| vm.vm.external_ref.as_str()).collect();
        asked.retain(|guest, _| there.contains(guest.as_str()));
        guests.sort_by_key(|vm| asked.get(&vm.vm.external_ref).copied());
    }

    fn note(&self, guest: &str, at: Timestamp) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(guest.to_owned(), at);
    }
}

/// How many guests of a node may be silent before the others of it are not asked.
const SILENT_MAX: u32 = 3;
/// Why a guest is silent that nobody asked.
const NOT_ASKED: &str = "it was not asked: others took the time of the pass";
const NODE_IS_SILENT: &str = "it was not asked: its node did not answer for others";

/// What became of asking one guest.
enum Answer {
    Told(Measured<VmRef>),
    Silent(Silent),
    /// We may not ask this one.
    Forbidden(Silent, Error),
    /// Nobody can be asked.
    Over(Silent, Error),
    /// Its agent is gone again.
    Nothing,
}

/// How it goes within one pass.
#[derive(Default)]
struct Pass {
    /// How many guests of each node were silent.
    silent: Mutex<BTreeMap<String, u32>>,
    is_over: AtomicBool,
}

impl Pass {
    /// Why a guest is not asked, if it is not.
    fn spares(&self, cx: &Cx, vm: &MappedVm) -> Option<&'static str> {
        // Who is not asked any more is asked first the next time.
        if self.is_over.load(Ordering::Relaxed) || cx.remaining() < PATIENCE {
            return Some(NOT_ASKED);
        }
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let node = vm.vm.host_ref.as_ref()?;
        silent.get(node).is_some_and(|count| *count >= SILENT_MAX).then_some(NODE_IS_SILENT)
    }

    fn note(&self, vm: &MappedVm, is_silent: bool) {
        let Some(node) = &vm.vm.host_ref else { return };
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match is_silent {
            true => *silent.entry(node.clone()).or_default() += 1,
            false => drop(silent.remove(node)),
        }
    }
}

impl KubeVirt {
    /// The pass `guest`.
    pub(super) async fn measure_guests(&self, cx: &Cx) -> Result<Batch> {
        let mut guests = self.mapped(cx).await?.vms;
        guests.retain(|vm| running(vm).is_some() && vm.agent_connected.value() == Some(&true));
        self.shared.asked.order(&mut guests);
        let caller = self.shared.link.caller(cx).await?;
        let pass = Pass::default();
        let ask = |vm: MappedVm| {
            let (caller, pass) = (&caller, &pass);
            async move { self.measure_guest(cx, caller, pass, &vm).await }
        };
        let mut answers = stream::iter(guests).map(ask).buffer_unordered(AT_ONCE);
        let mut batch = Batch::default();
        let mut failed = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Answer::Told(told) => batch.vms.push(told),
                Answer::Silent(silent) => batch.silent.push(silent),
                Answer::Forbidden(silent, error) | Answer::Over(silent, error) => {
                    batch.silent.push(silent);
                    failed = failed.or(Some(error));
                }
                Answer::Nothing => {}
            }
        }
        match failed {
            // Nothing could be measured, and this is why.
            Some(error) if batch.vms.is_empty() => Err(error),
            _ => Ok(batch),
        }
    }

    async fn measure_guest(&self, cx: &Cx, caller: &Caller, pass: &Pass, vm: &MappedVm) -> Answer {
        let of = reference(vm);
        if let Some(why) = pass.spares(cx, vm) {
            return Answer::Silent(Silent { vm: of, reason: why.to_owned() });
        }
        let key = ObjectKey::in_namespace(&vm.namespace, &vm.vm.name);
        self.shared.asked.note(&of.external_ref, cx.now());
        let told = tokio::join!(
            caller.guest(cx, PATIENCE, &key, "filesystemlist"),
            caller.guest(cx, PATIENCE, &key, "userlist"),
        );
        let (filesystems, users) = match told {
            (Err(failure), Err(_)) => return self.unanswered(pass, vm, of, failure),
            (filesystems, users) => (filesystems.ok(), users.ok()),
        };
        pass.note(vm, false);
        let mut points = vec![Point::plain(VmGuestAgentUp, 1.0)];
        points.extend(filesystems.iter().flat_map(sizes));
        points.extend(users.as_ref().and_then(count));
        Answer::Told(Measured { of, at: cx.now(), points })
    }

    fn unanswered(&self, pass: &Pass, vm: &MappedVm, of: VmRef, failure: Failure) -> Answer {
        let cause = failure.cause.clone();
        let error = self.shared.link.noted(failure);
        let silent = |reason: &str| Silent { vm: of.clone(), reason: reason.to_owned() };
        match cause {
            Cause::Forbidden => Answer::Forbidden(silent(error.message()), error),
            // It was stopped, or its agent went away, since it was seen.
            Cause::ObjectMissing | Cause::WrongState(_) => Answer::Nothing,
            Cause::AuthFailed | Cause::LeftAlone | Cause::Cancelled => {
                pass.is_over.store(true, Ordering::Relaxed);
                Answer::Over(silent(error.message()), error)
            }
            _ if error.kind() == Kind::Cancelled => {
                pass.is_over.store(true, Ordering::Relaxed);
                Answer::Over(silent(error.message()), error)
            }
            // Our own queue: nobody asked it.
            Cause::Ours => Answer::Silent(silent(NOT_ASKED)),
            _ => {
                pass.note(vm, true);
                Answer::Silent(silent(error.message()))
            }
        }
    }
}

/// How many users are logged in; absent where the answer has no list of them.
fn count(users: &Value) -> Option<Point> {
    let users = users.get("items")?.as_array()?.len();
    Some(Point::plain(VmGuestUsers, users as f64))
}

fn sizes(told: &Value) -> Vec<Point> {
    let mut points = Vec::new();
    let mut known = BTreeSet::new();
    let items = told.get("items").and_then(Value::as_array);
    for item in items.into_iter().flatten().take(MAX_FILESYSTEMS) {
        let word = |name: &str| shortened(item.get(name).and_then(Value::as_str).unwrap_or(""));
        let (mount_point, kind) = (word("mountPoint"), word("fileSystemType"));
        // Mounted over one another they cannot be told apart.
        if mount_point.is_empty() || !known.insert((mount_point.clone(), kind.clone())) {
            continue;
        }
        let labels = Labels::new([mount_point, kind]);
        for (name, metric) in
            [("totalBytes", VmGuestFilesystemSizeBytes), ("usedBytes", VmGuestFilesystemUsedBytes)]
        {
            let bytes = item.get(name).and_then(Value::as_u64);
            points.extend(bytes.map(|bytes| Point::labelled(metric, labels.clone(), bytes as f64)));
        }
    }
    points
}

fn shortened(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn e8_odd_answers_of_agents_are_left_out_and_bounded() {
        let mut items = vec![
            json!({ "mountPoint": "/", "fileSystemType": "ext4", "totalBytes": 10, "usedBytes": 4 }),
            json!({ "mountPoint": "/", "fileSystemType": "ext4", "totalBytes": 99 }),
            json!({ "mountPoint": "", "totalBytes": 1 }),
            json!({ "mountPoint": "/x", "totalBytes": -1, "usedBytes": "7" }),
            json!("nonsense"),
        ];
        let told = sizes(&json!({ "items": items.clone() }));
        let values: Vec<f64> = told.iter().map(|point| point.value).collect();
        assert_eq!(values, [10.0, 4.0]);
        assert!(told.iter().all(Point::is_sound));
        items.extend((0..500).map(|n| json!({ "mountPoint": format!("/{n}"), "usedBytes": n })));
        assert!(sizes(&json!({ "items": items })).len() <= 2 * MAX_FILESYSTEMS);
        assert_eq!(sizes(&json!({})), []);
        assert_eq!(count(&json!({})), None);
        assert_eq!(count(&json!({ "items": [] })).unwrap().value, 0.0);
    }
}
