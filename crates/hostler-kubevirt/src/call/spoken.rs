//! Which version of each API group is spoken with a cluster: found out by its first question,
//! and remembered for as long as the connection lasts.
//!
//! ```text
//!   not asked ── a question ──► GET /apis ─┬─ told ──────────► a version of each group, or none that fits
//!       ▲                                  ├─ 403, 404 ──────► nothing told: the best known of each
//!       │                                  └─ anything else ─► the question fails so; the next one asks again
//!       └── a path of ours is not served, a minute after asking at the soonest: it was updated
//! ```
//!
//! Groups that are not told are spoken in the best version known: what answers there says by
//! itself that it is not served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_provider::{Cx, Error, Kind};
use serde_json::Value;
use tokio::time::Instant;

use super::{Caller, Result, document, within};
use crate::error::{Cause, Failure, Verb};
use crate::resource::Resource;
use crate::versions::{self, Group};

/// What was told is believed this long, even where a path is not served.
const BELIEVED: Duration = Duration::from_secs(60);
/// The most versions of a group that are named in an error.
const MAX_NAMED: usize = 8;

/// The versions that are spoken with one cluster.
#[derive(Default)]
pub(super) struct Spoken {
    told: Mutex<Option<Arc<Told>>>,
    /// Held while it is asked, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
}

/// What the cluster told of the groups that are known here.
struct Told {
    at: Instant,
    groups: BTreeMap<&'static str, Choice>,
}

/// Which version of a group is spoken.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Version(&'static str),
    /// None that is known here; these are served.
    Strange(Vec<String>),
}

impl Spoken {
    fn told(&self) -> Option<Arc<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, told: Option<Arc<Told>>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

impl Caller {
    /// The same kind in the version of its group that is spoken here.
    ///
    /// # Errors
    /// [`Cause::VersionStrange`] where the cluster serves its group in none that is known here;
    /// and as any question to the cluster.
    pub(super) async fn spoken(
        &self,
        cx: &Cx,
        resource: Resource,
        doing: &str,
    ) -> Result<Resource> {
        match versions::of_group(resource.group) {
            Some(group) => {
                Ok(Resource { version: self.version(cx, &group, doing).await?, ..resource })
            }
            None => Ok(resource),
        }
    }

    /// The version of a group that is spoken here.
    ///
    /// # Errors
    /// As [`Self::spoken`].
    pub(crate) async fn version(
        &self,
        cx: &Cx,
        group: &Group,
        doing: &str,
    ) -> Result<&'static str> {
        let Some(spoken) = &self.spoken else { return Ok(group.best()) };
        let told = match spoken.told() {
            Some(told) => told,
            None => self
                .discover(cx, spoken)
                .await
                .map_err(|failure| Failure { error: failure.error.context(doing), ..failure })?,
        };
        match told.groups.get(group.name) {
            Some(Choice::Version(version)) => Ok(version),
            None => Ok(group.best()),
            Some(Choice::Strange(served)) => {
                let message = format!(
                    "{doing}: the cluster serves {} in {} only, and this version of Hostler knows \
                     {}; update Hostler, or have the cluster serve one of these",
                    group.name,
                    served.join(", "),
                    group.known.join(", ")
                );
                Err(Failure::new(Cause::VersionStrange, Error::new(Kind::Unsupported, message)))
            }
        }
    }

    async fn discover(&self, cx: &Cx, spoken: &Spoken) -> Result<Arc<Told>> {
        let doing = "cannot ask for the versions of its API";
        let asking = async { Ok(spoken.asking.lock().await) };
        let _one = within(cx, Verb::Read, doing, asking).await?;
        if let Some(told) = spoken.told() {
            return Ok(told);
        }
        let groups = match self.get_path(cx, "/apis").await {
            Ok(reply) => choose(&document(reply, Verb::Read, doing)?),
            Err(failure) => match failure.cause {
                Cause::Forbidden | Cause::KindMissing | Cause::ObjectMissing => BTreeMap::new(),
                _ => return Err(failure),
            },
        };
        let told = Arc::new(Told { at: Instant::now(), groups });
        spoken.remember(Some(told.clone()));
        Ok(told)
    }

    /// What came of a question: where its path is not served, what was told of versions may be
    /// of before the cluster was updated, and the next question asks again.
    pub(super) fn heard<T>(&self, ended: &Result<T>) {
        let Some(spoken) = &self.spoken else { return };
        let is_missing =
            ended.as_ref().is_err_and(|failure| matches!(failure.cause, Cause::KindMissing));
        if is_missing && spoken.told().is_some_and(|told| told.at.elapsed() >= BELIEVED) {
            spoken.remember(None);
        }
    }
}

/// The versions to speak, by the list of groups (`APIGroupList`) that a cluster serves.
fn choose(list: &Value) -> BTreeMap<&'static str, Choice> {
    let told = list.get("groups").and_then(Value::as_array);
    let chosen = told.into_iter().flatten().filter_map(|told| {
        let group = versions::of_group(told.get("name")?.as_str()?)?;
        let (preferred, served) = versions::told(told);
        let choice = match group.choose(preferred, &served) {
            Some(version) => Choice::Version(version),
            None => {
                let served = served.iter().take(MAX_NAMED).map(|it| crate::error::word(it));
                Choice::Strange(served.collect())
            }
        };
        Some((group.name, choice))
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_each_group_the_preferred_version_is_chosen_where_it_is_known() {
        let group = |name: &str, versions: &[&str]| {
            let each: Vec<Value> = versions.iter().map(|it| json!({ "version": it })).collect();
            json!({ "name": name, "preferredVersion": each.first(), "versions": each })
        };
        let list = json!({ "kind": "APIGroupList", "groups": [
            group("apps", &["v1"]),
            group("kubevirt.io", &["v1", "v1alpha3"]),
            group("subresources.kubevirt.io", &["v1alpha3", "v1"]),
            group("instancetype.kubevirt.io", &["v2", "v1beta1"]),
            group("cdi.kubevirt.io", &["v2", "v3"]),
            { "name": 5 }, null,
        ] });
        let strange = Choice::Strange(vec!["v2".to_owned(), "v3".to_owned()]);
        let wanted = [
            ("cdi.kubevirt.io", strange),
            ("instancetype.kubevirt.io", Choice::Version("v1beta1")),
            ("kubevirt.io", Choice::Version("v1")),
            ("subresources.kubevirt.io", Choice::Version("v1alpha3")),
        ];
        assert_eq!(choose(&list), wanted.into_iter().collect());
        for nothing in [json!({}), json!({ "groups": "many" }), json!([]), json!(null)] {
            assert_eq!(choose(&nothing), BTreeMap::new(), "{nothing}");
        }
    }
}
