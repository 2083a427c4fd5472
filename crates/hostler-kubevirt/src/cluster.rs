//! A cluster as such: how it is, what it can, which classes of storage it has (E12–E16,
//! E22, X28, X29). One report asks for all of it, and so the capabilities are detected
//! whenever the health is.
//!
//! ```text
//!   ask ─► facts ─► judge ─────────────► health, reasons
//!            ├─ version, gates ─► evaluate ─► features ┐
//!   followed ├─ nodes ──────────► count ───► hardware ─┴► capabilities
//!            └─ lags
//!   ask ─► classes of storage
//! ```
//!
//! What fails to be found out makes only that not known, and says why. A cluster that is
//! silent is told before our own deadline is over: a report always comes.

use async_trait::async_trait;
use hostler_core::Fact;
use hostler_core::cluster::{Capabilities, Health, Reason, Report, StorageClass, WatchLag};
use hostler_provider::{Cluster, Cx, Error, Kind, Result};

use crate::call::{Caller, Selection};
use crate::capabilities;
use crate::error::Cause;
use crate::fleet::Lag;
use crate::health::{self, Api, Facts, Found, Installation};
use crate::link::without_effect;
use crate::mapper::map_storage_class;
use crate::objects;
use crate::provider::{KubeVirt, plain};
use crate::resource::Resource;

/// Features of an upgrade that are named one by one.
const NAMED: usize = 10;
/// Who says what newer versions would change.
const SOURCE: &str = "kubevirt";

#[async_trait]
impl Cluster for KubeVirt {
    async fn report(&self, cx: &Cx) -> Result<Report> {
        let doing = "cannot ask the cluster how it is";
        let told = cx.run(doing, async { Ok(self.told(cx).await) }).await;
        // What was asked while somebody cancelled says nothing of the cluster.
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        told.map_err(without_effect)
    }
}

impl KubeVirt {
    async fn told(&self, cx: &Cx) -> Report {
        // Some of the time is left for telling that there was no answer.
        let left = cx.remaining();
        let cx = &cx.at_most(left.saturating_sub(left / 8));
        let caller = match self.shared.link.caller(cx).await {
            Ok(caller) => caller,
            Err(error) => return self.report_of(&unconnected(&error)),
        };
        let ((facts, lags), classes) =
            tokio::join!(self.facts(cx, &caller), storage_classes(cx, &caller));
        let mut report = self.report_of(&facts);
        report.lags = lags.into_iter().map(told_lag).collect();
        report.capabilities = self.capabilities(cx, &facts);
        if let Found::Yes(installation) = &facts.kubevirt {
            report.reasons.extend(upgrade(installation));
        }
        match classes {
            Ok(classes) => report.storage_classes = Some(classes),
            Err(why) if matches!(facts.api, Api::Answers(_)) => {
                let message = format!("the classes of storage are not known: {why}");
                report.reasons.push(warning("StorageClassesNotKnown", message));
            }
            Err(_) => {}
        }
        report
    }

    /// What health is judged by; how far behind we look is known once everything was
    /// listed, which is waited for.
    async fn facts(&self, cx: &Cx, caller: &Caller) -> (Facts, Vec<Lag>) {
        let shared = &self.shared;
        let (mut facts, listed) = tokio::join!(
            health::ask(caller, cx, &shared.config.namespaces),
            shared.fleet.listed(cx, &shared.link, caller),
        );
        // Why something could not be listed is told as a lag, and by the rights.
        drop(listed);
        let lags = shared.fleet.lags(shared.config.clock.now());
        match facts.api {
            Api::Answers(_) => {
                facts.lags = lags.iter().map(|lag| (lag.kind, lag.silent)).collect();
            }
            Api::AuthFailed(_) => shared.link.renew(),
            Api::Unreachable(_) => {}
        }
        (facts, lags)
    }

    fn report_of(&self, facts: &Facts) -> Report {
        let judgement = health::judge(Some(facts));
        let tell = |reason: &health::Reason| Reason {
            code: reason.code().to_owned(),
            message: reason.to_string(),
            is_warning: reason.is_warning(),
        };
        let reasons: Vec<Reason> = judgement.reasons.iter().map(tell).collect();
        self.log(judgement.health, &reasons);
        Report { health: judgement.health, reasons, ..Report::default() }
    }

    /// Once for each change, not once a minute.
    fn log(&self, health: Health, reasons: &[Reason]) {
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        let word = format!("{}: {}", health.as_str(), codes.join(", "));
        if !self.shared.is_news(&word) {
            return;
        }
        let why: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        let why = why.join("; ");
        match reasons {
            [] => tracing::info!(health = health.as_str(), "the cluster is well"),
            _ => tracing::warn!(health = health.as_str(), why, "the cluster needs a look"),
        }
    }

    /// `None` where the reasons say why: nobody answers, there is no KubeVirt, or there
    /// are several.
    fn capabilities(&self, cx: &Cx, facts: &Facts) -> Option<Capabilities> {
        let gates = match (&facts.api, &facts.kubevirt) {
            (Api::Unreachable(_) | Api::AuthFailed(_), _) | (_, Found::Absent) => return None,
            (_, Found::Yes(installation)) if installation.is_ambiguous => return None,
            (_, Found::Yes(installation)) => Ok(&installation.gates),
            (_, Found::NotKnown(why)) => Err(why),
        };
        let nodes = self.shared.fleet.nodes();
        let nodes = nodes.as_deref().map_err(String::as_str);
        let version = facts.version();
        let upgrades = match gates {
            Ok(gates) => capabilities::upgrades(version, gates),
            Err(why) => Err(format!("the KubeVirt object could not be read: {why}")),
        };
        Some(Capabilities {
            version: version.map(plain),
            features: capabilities::features(version, gates.ok()),
            hardware: capabilities::hardware(nodes),
            upgrades: match upgrades {
                Ok(upgrades) => Fact::seen(upgrades, SOURCE, cx.now()),
                Err(why) => Fact::unavailable(SOURCE, why),
            },
            detected_at: cx.now(),
        })
    }
}

/// Of a cluster that nobody could be asked in.
fn unconnected(error: &Error) -> Facts {
    Facts::nothing_but(match error.kind() {
        Kind::Denied => Api::AuthFailed(error.message().to_owned()),
        _ => Api::Unreachable(error.message().to_owned()),
    })
}

fn told_lag(lag: Lag) -> WatchLag {
    WatchLag { kind: lag.kind.to_owned(), silent: lag.silent, stale_since: lag.stale_since }
}

fn warning(code: &str, message: String) -> Reason {
    Reason { code: code.to_owned(), message, is_warning: true }
}

/// What an update that is under way will turn on and off.
fn upgrade(installation: &Installation) -> Option<Reason> {
    let (from, to) = (installation.version.as_deref()?, installation.target.as_deref()?);
    let mut message = format!("KubeVirt is being brought from {} to {}", plain(from), plain(to));
    let changes = capabilities::upgrade(from, to, &installation.gates).unwrap_or_default();
    for (does, turns_on) in [("turns on", true), ("turns off", false)] {
        let names: Vec<&str> = changes
            .iter()
            .filter(|it| it.turns_on == turns_on)
            .map(|it| it.name.as_str())
            .collect();
        let named: Vec<&str> = names.iter().take(NAMED).copied().collect();
        if !named.is_empty() {
            message = format!("{message}; this {does} {}", named.join(", "));
        }
        if names.len() > NAMED {
            message = format!("{message} and {} more", names.len() - NAMED);
        }
    }
    Some(warning("UpdateUnderWay", message))
}

/// Classes of storage by name, or why they are not known.
async fn storage_classes(cx: &Cx, caller: &Caller) -> Result<Vec<StorageClass>, String> {
    let all = Selection::all(Resource::STORAGE_CLASSES, None);
    let page = caller.list(cx, &all).await.map_err(|failure| {
        let remedy = match failure.cause {
            Cause::Forbidden => "; grant `list` of storageclasses.storage.k8s.io",
            _ => "",
        };
        format!("{}{remedy}", failure.error.message())
    })?;
    let mut classes = Vec::new();
    for document in page.items {
        let class = objects::read(document).and_then(|object| map_storage_class(&object, cx.now()));
        let class = class.map_err(|error| error.to_string())?;
        classes.push(StorageClass {
            name: class.pool.name,
            provisioner: class.pool.kind,
            is_default: class.is_default,
            can_grow: class.can_grow,
        });
    }
    classes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(classes)
}
