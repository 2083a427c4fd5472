//! What guests' agents tell: users and file systems, as the node that runs each has them
//! from its agent. Whoever was asked longest ago comes first, and who cannot be asked costs
//! nobody else anything.
//!
//! ```text
//!   agent connected? ─ no, or not known ─► nothing is told (X17)
//!        │ yes
//!        ▼
//!   filesystemlist, userlist ─► both, or one of them ─► up, and what it told
//!                            └► no answer ────────────► silent, with the reason
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hostler_core::Timestamp;
use hostler_core::metrics::Metric::{
    VmGuestAgentUp, VmGuestFilesystemSizeBytes, VmGuestFilesystemUsedBytes, VmGuestUsers,
};
use hostler_core::metrics::{Labels, Point};
use hostler_provider::{Batch, Cx, Kind, Measured, Result, Silent, VmRef};
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

/// What became of asking one guest.
enum Answer {
    Told(Measured<VmRef>),
    Silent(Silent),
    /// Its agent is gone again, or there was no time to ask.
    Nothing,
}

impl KubeVirt {
    /// The pass `guest`.
    pub(super) async fn measure_guests(&self, cx: &Cx) -> Result<Batch> {
        let mut guests = self.mapped(cx).await?.vms;
        guests.retain(|vm| running(vm).is_some() && vm.agent_connected.value() == Some(&true));
        self.shared.asked.order(&mut guests);
        let caller = self.shared.link.caller(cx).await?;
        let ask = |vm: MappedVm| {
            let caller = &caller;
            async move { self.measure_guest(cx, caller, &vm).await }
        };
        let mut answers = stream::iter(guests).map(ask).buffer_unordered(AT_ONCE);
        let mut batch = Batch::default();
        while let Some(answer) = answers.next().await {
            match answer? {
                Answer::Told(told) => batch.vms.push(told),
                Answer::Silent(silent) => batch.silent.push(silent),
                Answer::Nothing => {}
            }
        }
        Ok(batch)
    }

    async fn measure_guest(&self, cx: &Cx, caller: &Caller, vm: &MappedVm) -> Result<Answer> {
        // Who is not asked any more is asked first the next time.
        if cx.remaining() < PATIENCE {
            return Ok(Answer::Nothing);
        }
        let key = ObjectKey::in_namespace(&vm.namespace, &vm.vm.name);
        let of = reference(vm);
        self.shared.asked.note(&of.external_ref, cx.now());
        let call = cx.at_most(PATIENCE);
        let told = tokio::join!(
            caller.guest(&call, &key, "filesystemlist"),
            caller.guest(&call, &key, "userlist"),
        );
        let (filesystems, users) = match told {
            (Err(failure), Err(_)) => return unanswered(of, failure),
            (filesystems, users) => (filesystems.ok(), users.ok()),
        };
        let mut points = vec![Point::plain(VmGuestAgentUp, 1.0)];
        points.extend(filesystems.iter().flat_map(sizes));
        points.extend(users.as_ref().and_then(count));
        Ok(Answer::Told(Measured { of, at: cx.now(), points }))
    }
}

/// An error where nobody can be asked at all.
fn unanswered(of: VmRef, failure: Failure) -> Result<Answer> {
    match failure.cause {
        Cause::Forbidden | Cause::AuthFailed | Cause::LeftAlone | Cause::Cancelled => {
            Err(failure.error)
        }
        // It was stopped, or its agent went away, since it was seen.
        Cause::ObjectMissing | Cause::WrongState(_) => Ok(Answer::Nothing),
        _ if failure.error.kind() == Kind::Cancelled => Err(failure.error),
        _ => Ok(Answer::Silent(Silent { vm: of, reason: failure.error.message().to_owned() })),
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
