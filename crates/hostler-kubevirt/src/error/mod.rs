//! What the answers of a cluster mean.
//!
//! The HTTP status says little: 409 is three things, 500 may be a refusal, 401
//! may be a verb that does not exist. So an answer is sorted by its document
//! first and by its status last. Each row below was seen on a real API server
//! or a real virt-api, or stands in their sources.
//!
//! | answer | is |
//! |---|---|
//! | any status, `admission webhook … denied the request` | refused: conflict if something is in progress, else invalid |
//! | any status, `failed calling webhook` | virt-api is down: unavailable, nothing happened |
//! | 401 as text from virt-api | an unknown subresource: unsupported |
//! | 401 | our credentials: denied |
//! | 403 with `exceeded quota` | exhausted |
//! | 403 | missing rights: denied |
//! | 404 with the name of an object | not there |
//! | 404 as text, or without a name | this kind is not served: unsupported |
//! | 409 `AlreadyExists` | is there already |
//! | 409 with causes `FieldManagerConflict` | others own these fields |
//! | 409 from virt-api | the VM is in another state |
//! | 409 otherwise | the object was changed meanwhile |
//! | 410, `Expired`, `Gone` | the version asked for is too old: list again |
//! | 422 with causes | these fields are wrong |
//! | 422 on a JSON patch without causes | a `test` failed: changed meanwhile |
//! | 429, 503 | later, with `Retry-After` |
//! | 500 with `stop/start already underway` | the VM is in another state, for a moment |
//! | 500 as text with `is not running` | the VM is in another state |
//! | 500, 502, 504 | unavailable; after a write nobody knows |
//!
//! What virt-api says to who opens a console stands in `console`.

mod console;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hostler_provider::{Error, Kind};

pub use status::{Details, ListMeta, Status, StatusCause};
pub(crate) use status::{raw, sentence, word};

/// The most fields, managers or names that a message holds.
const NAMED: usize = 8;
/// However long a server wants to be left alone, longer than this is not obeyed:
/// a wrong header must not stop us for a day.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// What a call does, as far as it decides what its failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Looks at objects, or at what the server is.
    Read,
    /// Follows changes.
    Watch,
    /// Makes, applies, merges or deletes an object.
    Write,
    /// Sends a JSON patch, whose `test` fails without saying so.
    JsonPatch,
    /// Asks virt-api to do something with a VM.
    Subresource,
    /// Opens a console or a screen at virt-api: see `console`.
    Stream,
}

impl Verb {
    /// Whether a lost answer leaves it unknown what happened.
    pub const fn changes(self) -> bool {
        matches!(self, Self::Write | Self::JsonPatch | Self::Subresource)
    }
}

/// An answer that is no success.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<Duration>,
    /// The body, or as much of it as was read.
    pub body: &'a [u8],
    /// Whether virt-api answered, as far as the path tells.
    pub from_virt_api: bool,
}

/// A call that was not seen to succeed.
#[derive(Debug)]
pub struct Failure {
    /// For whoever called: kind, certainty and message.
    pub error: Error,
    /// For the driver: what exactly it was.
    pub cause: Cause,
}

/// What a call failed of, more exactly than its kind tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It was not asked, because the cluster is left alone: see [`crate::breaker`].
    LeftAlone,
    /// It could not be asked as it is, or the answer cannot be read.
    Ours,
    /// It was cancelled by us.
    Cancelled,
    /// The connection failed, or nothing came before the deadline.
    Transport,
    /// The cluster does not know us (any more): credentials are to be renewed.
    AuthFailed,
    /// We are known and may not.
    Forbidden,
    /// A quota of the namespace is used up.
    Quota,
    /// The object is not there.
    ObjectMissing,
    /// This kind, version or verb is not served there.
    KindMissing,
    /// Its group is served there, and in no version that is known here. It was not asked.
    VersionStrange,
    /// An object of that name is there already.
    AlreadyExists,
    /// The object was changed since it was read.
    Changed,
    /// Others own fields that were applied.
    Owned(Vec<Owned>),
    /// The VM is in a state that does not allow it.
    WrongState(WrongState),
    /// The version or the page asked for is too old: list again.
    Gone {
        /// Goes on with the list, whose parts then do not fit together.
        next: Option<String>,
    },
    /// These fields are wrong, with the server's reason.
    Fields(Vec<(String, String)>),
    /// It was refused, by a check of the cluster or as a bad request.
    Refused,
    /// The cluster has too much to do (429, 503).
    Busy,
    /// One of the cluster's own servers does not answer.
    ServerDown,
    /// It failed there.
    Broken,
}

/// A field that somebody else applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Who, as they call themselves: `argocd-controller`, `kubectl-edit`.
    pub manager: String,
    /// Which: `.spec.runStrategy`.
    pub field: String,
}

/// States that do not allow something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongState {
    /// It runs already; for a start that is success.
    Running,
    /// It does not run; for a stop that is success.
    NotRunning,
    /// A migration of it is in progress.
    Migrating,
    /// An earlier start or stop was not done with yet.
    Underway,
    /// Somebody has its console.
    InUse,
    /// Another one.
    Other,
}

impl Failure {
    /// Whether it speaks against the cluster's health (X27): transport errors, 429
    /// and 5xx do, unless the 5xx only wraps a refusal. 4xx and 410 never do.
    pub const fn counts(&self) -> bool {
        matches!(self.cause, Cause::Transport | Cause::Busy | Cause::ServerDown | Cause::Broken)
    }

    /// Whether what was asked for is too old, in any of its three forms.
    pub const fn is_gone(&self) -> bool {
        matches!(self.cause, Cause::Gone { .. })
    }

    pub(crate) fn new(cause: Cause, error: Error) -> Self {
        Self { error, cause }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

/// Sorts an answer that is no success. `doing` says what failed and on what.
pub fn classify(answer: &Answer<'_>, verb: Verb, doing: &str) -> Failure {
    let status = Status::of_body(answer.body);
    let text = match &status {
        Some(status) => status.message.clone(),
        None => raw(answer.body),
    };
    let seen = Seen { answer, verb, text: &text, is_document: status.is_some() };
    let status = status.unwrap_or_default();
    let sorted = by_words(&seen).unwrap_or_else(|| by_status(&seen, &status));
    finish(sorted, answer, &status, verb, doing)
}

/// Sorts the failure that a watch tells in an event, with HTTP 200 around it.
pub fn classify_event(status: &Status, doing: &str) -> Failure {
    let answer = Answer { status: status.code, retry_after: None, body: b"", from_virt_api: false };
    let seen =
        Seen { answer: &answer, verb: Verb::Watch, text: &status.message, is_document: true };
    finish(by_status(&seen, status), &answer, status, Verb::Watch, doing)
}

/// An answer as it is looked at.
struct Seen<'a> {
    answer: &'a Answer<'a>,
    verb: Verb,
    text: &'a str,
    is_document: bool,
}

impl Seen<'_> {
    fn has(&self, words: &str) -> bool {
        self.text.contains(words)
    }
}

/// What an answer is, before it is put into words for the caller.
struct Sorted {
    kind: Kind,
    cause: Cause,
    message: String,
    /// Nothing happened there, whatever the verb.
    harmless: bool,
}

fn sorted(kind: Kind, cause: Cause, message: impl Into<String>) -> Sorted {
    Sorted { kind, cause, message: message.into(), harmless: true }
}

fn unclear(kind: Kind, cause: Cause, message: impl Into<String>) -> Sorted {
    Sorted { harmless: false, ..sorted(kind, cause, message) }
}

/// What is told by words only, under whatever status.
fn by_words(seen: &Seen<'_>) -> Option<Sorted> {
    if seen.has("admission webhook") && seen.has("denied the request") {
        // With causes it is the plain case of wrong fields.
        return (seen.answer.status != 422).then(|| denied_by_a_check(seen));
    }
    if seen.has("failed calling webhook") {
        let remedy = "a server that the cluster asks first does not answer; is virt-api running?";
        return Some(sorted(Kind::Unavailable, Cause::ServerDown, remedy));
    }
    if seen.has("No virt-handler on node") {
        let message = "virt-handler does not run on the node of this VM";
        return Some(sorted(Kind::Unavailable, Cause::Refused, message));
    }
    if let Some(told) = console::by_words(seen) {
        return Some(told);
    }
    if !matches!(seen.answer.status, 400 | 409 | 500) {
        return None;
    }
    state_of(seen.text).map(wrong_state)
}

/// KubeVirt's words for a VM that is in another state.
fn state_of(text: &str) -> Option<WrongState> {
    let has = |words: &str| text.contains(words);
    if has("is already running") {
        Some(WrongState::Running)
    } else if has("VM is not running") || has("VMI is not running") {
        Some(WrongState::NotRunning)
    } else if has("in-flight migration") || has("migration is already in progress") {
        Some(WrongState::Migrating)
    } else if has("stop/start already underway") {
        Some(WrongState::Underway)
    } else {
        None
    }
}

fn wrong_state(state: WrongState) -> Sorted {
    let message = match state {
        WrongState::Running => "it is running already",
        WrongState::NotRunning => "it is not running",
        WrongState::Migrating => "a migration of it is in progress",
        WrongState::Underway => "an earlier start or stop of it is still under way",
        WrongState::InUse => "somebody uses it; take it over, or try again when they are done",
        WrongState::Other => "it is not in a state that allows this",
    };
    sorted(Kind::Conflict, Cause::WrongState(state), message)
}

fn denied_by_a_check(seen: &Seen<'_>) -> Sorted {
    if let Some(state) = state_of(seen.text) {
        return wrong_state(state);
    }
    if seen.has("is restricted") || seen.has("in progress") || seen.has("in-flight") {
        return wrong_state(WrongState::Other);
    }
    sorted(Kind::Invalid, Cause::Refused, "a check of the cluster refuses this")
}

fn by_status(seen: &Seen<'_>, status: &Status) -> Sorted {
    match (seen.answer.status, status.reason.as_str()) {
        (410, _) | (_, "Expired" | "Gone") => {
            let next = Some(status.metadata.next.clone()).filter(|token| !token.is_empty());
            let message = "the cluster has forgotten this version; it is listed anew";
            sorted(Kind::Unavailable, Cause::Gone { next }, message)
        }
        (401, _) => unauthorized(seen),
        (403, _) => forbidden(seen, status),
        (404, _) => missing(seen, status),
        (409, _) => conflict(seen, status),
        (422, _) => wrong_fields(seen, status),
        (413, _) => sorted(Kind::Invalid, Cause::Refused, "it is too large for the cluster"),
        (405 | 406 | 415 | 501, _) => {
            sorted(Kind::Unsupported, Cause::KindMissing, "this cluster cannot do that")
        }
        (429, _) if is_disruption(status) => {
            let message = "a disruption budget does not allow this now";
            sorted(Kind::Conflict, Cause::WrongState(WrongState::Other), message)
        }
        // Told before anything is done.
        (429, _) => sorted(Kind::Unavailable, Cause::Busy, "the cluster has too much to do"),
        (400..=499, _) => sorted(Kind::Invalid, Cause::Refused, "the cluster refuses this"),
        (503, _) => {
            unclear(Kind::Unavailable, Cause::Busy, "the cluster cannot answer this at present")
        }
        (504, _) => {
            unclear(Kind::Timeout, Cause::Broken, "the cluster did not get it done in time")
        }
        (500..=599, _) => unclear(Kind::Unavailable, Cause::Broken, "it failed in the cluster"),
        // A login page, a redirect: whatever answers there is no API server.
        (..) => unclear(Kind::Bug, Cause::Ours, "what answers there is no Kubernetes API"),
    }
}

fn unauthorized(seen: &Seen<'_>) -> Sorted {
    if !seen.is_document && seen.answer.from_virt_api {
        let message = "this version of KubeVirt cannot do that";
        return sorted(Kind::Unsupported, Cause::KindMissing, message);
    }
    let remedy = "the cluster does not accept our credentials; renew the token or certificate";
    sorted(Kind::Denied, Cause::AuthFailed, remedy)
}

fn forbidden(seen: &Seen<'_>, status: &Status) -> Sorted {
    if seen.has("exceeded quota") {
        return sorted(Kind::Exhausted, Cause::Quota, "a quota of the namespace is used up");
    }
    if status.details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating") {
        let message = "the namespace is being deleted";
        return sorted(Kind::Conflict, Cause::WrongState(WrongState::Other), message);
    }
    let kind = word(&status.details.kind);
    let message = match (kind.is_empty(), seen.verb.changes()) {
        _ if seen.verb == Verb::Stream => {
            "our account may not open consoles; grant it get of virtualmachineinstances/console \
             and /vnc in subresources.kubevirt.io"
                .to_owned()
        }
        (true, _) => "our account may not do this; grant it the role".to_owned(),
        (false, true) => format!("our account may not change {kind}; grant it the role"),
        (false, false) => format!("our account may not look at {kind}; grant it the role"),
    };
    sorted(Kind::Denied, Cause::Forbidden, message)
}

fn missing(seen: &Seen<'_>, status: &Status) -> Sorted {
    let details = &status.details;
    if seen.is_document && !details.name.is_empty() {
        let message = match details.kind.as_str() {
            "namespaces" => format!("there is no namespace {:?}", word(&details.name)),
            _ => "it is not there".to_owned(),
        };
        return sorted(Kind::NotFound, Cause::ObjectMissing, message);
    }
    let message = match seen.answer.from_virt_api {
        true => "this version of KubeVirt cannot do that",
        false => "the cluster does not serve this kind of object; is KubeVirt installed?",
    };
    sorted(Kind::Unsupported, Cause::KindMissing, message)
}

fn conflict(seen: &Seen<'_>, status: &Status) -> Sorted {
    if status.reason == "AlreadyExists" {
        let message = "an object of that name exists already";
        return sorted(Kind::Conflict, Cause::AlreadyExists, message);
    }
    let owned = owners(status);
    if !owned.is_empty() {
        let message = format!("others manage these fields: {}", listed(&owned));
        return sorted(Kind::Conflict, Cause::Owned(owned), message);
    }
    // Kubernetes names the kind in the plural, virt-api in the singular.
    let of_virt_api = seen.answer.from_virt_api || status.details.kind == "virtualmachine";
    if of_virt_api && !seen.has("has been modified") {
        return wrong_state(WrongState::Other);
    }
    sorted(Kind::Conflict, Cause::Changed, "it was changed meanwhile")
}

/// Who owns the fields that were applied. The manager's name stands in the
/// message only: `conflict with "argocd" using kubevirt.io/v1`.
fn owners(status: &Status) -> Vec<Owned> {
    let conflicts =
        status.details.causes.iter().filter(|cause| cause.reason == "FieldManagerConflict");
    let owner = |cause: &StatusCause| {
        let manager = cause.message.split('"').nth(1).unwrap_or("somebody");
        Owned { manager: word(manager), field: word(&cause.field) }
    };
    conflicts.map(owner).collect()
}

fn listed(owned: &[Owned]) -> String {
    let named = owned.iter().take(NAMED).map(|it| format!("{} ({})", it.field, it.manager));
    more(named.collect(), owned.len())
}

fn more(mut named: Vec<String>, all: usize) -> String {
    if all > NAMED {
        named.push(format!("and {} more", all - NAMED));
    }
    named.join(", ")
}

fn wrong_fields(seen: &Seen<'_>, status: &Status) -> Sorted {
    let causes = &status.details.causes;
    if causes.is_empty() && seen.verb == Verb::JsonPatch {
        return sorted(Kind::Conflict, Cause::Changed, "it was changed meanwhile");
    }
    let fields: Vec<(String, String)> = causes
        .iter()
        // `<nil>` is what the server writes where it means no field.
        .filter(|cause| !cause.field.is_empty() && cause.field != "<nil>")
        .map(|cause| (word(&cause.field), sentence(&cause.message)))
        .collect();
    if fields.is_empty() {
        return sorted(Kind::Invalid, Cause::Refused, "the cluster refuses this");
    }
    let told = |(field, why): &(String, String)| match why.as_str() {
        "" => field.clone(),
        why => format!("{field} ({why})"),
    };
    let named = fields.iter().take(NAMED).map(told).collect();
    let message = format!("the cluster refuses these fields: {}", more(named, fields.len()));
    sorted(Kind::Invalid, Cause::Fields(fields), message)
}

/// An eviction that would take too many pods at once.
fn is_disruption(status: &Status) -> bool {
    status.details.causes.iter().any(|cause| cause.reason == "DisruptionBudget")
}

fn finish(
    sorted: Sorted,
    answer: &Answer<'_>,
    status: &Status,
    verb: Verb,
    doing: &str,
) -> Failure {
    let Sorted { kind, cause, message, harmless } = sorted;
    let mut error = Error::new(kind, format!("{doing}: {message}"));
    let said = match (status.message.as_str(), answer.body) {
        ("", body) => raw(body),
        (message, _) => raw(message.as_bytes()),
    };
    error = error.with_raw(format!("HTTP {} {}: {said}", answer.status, status.reason));
    let wished = match status.details.retry_after_seconds {
        0 => answer.retry_after,
        seconds => Some(answer.retry_after.unwrap_or_default().max(Duration::from_secs(seconds))),
    };
    if let Some(after) = wished {
        error = error.with_retry_after(after.min(MAX_RETRY_AFTER));
    }
    if !harmless && verb.changes() {
        error = error.with_unknown_effect();
    }
    Failure::new(cause, error)
}
