//! One way to ask a cluster: within the deadline of the call, with the breaker
//! asked first and told afterwards, with a limit on every body, and with every
//! answer sorted by [`crate::error`].

mod guest;
mod question;
mod spoken;
mod stream;
pub(crate) mod transport;
mod turn;
mod write;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hostler_provider::{Cx, Error, Kind};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::breaker::{Breakers, Class, Permit, Shown};
use crate::config::MAX_CONCURRENT;
use crate::error::{Answer, Cause, Failure, Verb, classify};
use crate::resource::{ObjectKey, Resource, is_virt_api};
use crate::versions;
pub(crate) use question::Question;
pub use question::{Dependents, Page, Selection, WriteOptions};
use question::{collection, document, page, retry_after, warnings};
pub(crate) use stream::Socket;

/// A result with this crate's [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The name under which fields are applied.
pub const FIELD_MANAGER: &str = "hostler";
/// The name under which an object is made, and which gives all up at once: what it
/// alone has set is nobody's from then on (X25).
pub const CREATION_MANAGER: &str = "hostler-create";
/// Objects of a page. A VM takes some ten KiB, so a page stays well below the limit.
pub const PAGE: usize = 250;
/// The largest answer with one object; etcd holds none larger than 1.5 MiB.
const MAX_OBJECT: usize = 4 << 20;
/// The largest page of a list.
const MAX_PAGE: usize = 64 << 20;
/// The largest explanation of a failure that is read.
const MAX_REFUSAL: usize = 1 << 20;
/// The most objects of one kind that are listed.
pub const MAX_OBJECTS: usize = 200_000;
/// What virt-api has done by virt-handler, on the node of the instance.
const ON_NODES: [&str; 4] = ["pause", "unpause", "softreboot", "reset"];
/// How often a list is begun anew because its pages expired while it was read.
const LIST_ATTEMPTS: u32 = 3;

/// Asks one cluster.
pub struct Caller {
    client: kube::Client,
    breakers: Mutex<Breakers>,
    /// A permit for each question that is being answered (F4).
    turns: Semaphore,
    /// Which versions are spoken, where that is found out.
    spoken: Option<spoken::Spoken>,
}

/// An answer that is a success.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// What the server warns of: unknown fields, deprecated versions.
    pub warnings: Vec<String>,
    /// The body; empty after most subresources.
    pub body: Bytes,
}

impl Caller {
    /// Asks by this client, as [`crate::connect::connect`] makes it; of each group in the
    /// best version that is known.
    pub fn new(client: kube::Client) -> Self {
        let (breakers, turns) = (Mutex::default(), Semaphore::new(MAX_CONCURRENT));
        Self { client, breakers, turns, spoken: None }
    }

    /// The same, in the versions that the cluster prefers among those that are known: its first
    /// question asks for them.
    #[must_use]
    pub fn in_its_versions(mut self) -> Self {
        self.spoken = Some(spoken::Spoken::default());
        self
    }

    /// The same, with at most `most` questions at once.
    #[must_use]
    pub fn asking_at_once(mut self, most: usize) -> Self {
        self.turns = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        self
    }

    /// The namespace that the kubeconfig's context names; `default` where it names none.
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Where the breakers stand.
    pub fn breakers<T>(&self, look: impl FnOnce(&Breakers) -> T) -> T {
        look(&self.lock())
    }

    /// One object.
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn get(&self, cx: &Cx, resource: Resource, key: &ObjectKey) -> Result<Value> {
        let doing = format!("cannot look at {} {key}", resource.full_name());
        let resource = self.spoken(cx, resource, &doing).await?;
        let question = Question::get(resource.object(key).map_err(ours)?);
        document(self.ask(cx, question, &doing).await?, Verb::Read, &doing)
    }

    /// A document that is no object: `/version`, `healthz`.
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn get_path(&self, cx: &Cx, path: &str) -> Result<Reply> {
        let doing = format!("cannot look at {path}");
        self.ask(cx, Question::get(path.to_owned()), &doing).await
    }

    /// One page of a list. Without a token it is the first, and as new as can be.
    ///
    /// # Errors
    /// See [`crate::error`]; [`Cause::Gone`] for a token that has expired.
    pub async fn list_page(
        &self,
        cx: &Cx,
        selection: &Selection,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page> {
        let doing = format!("cannot list {}", selection.resource.full_name());
        let resource = self.spoken(cx, selection.resource, &doing).await?;
        let mut question = collection(resource, selection)?.with("limit", &limit.to_string());
        question.limit = MAX_PAGE;
        // No resourceVersion: "0" may be answered from the past (X26), and together
        // with a token any is refused.
        if let Some(token) = token {
            question = question.with("continue", token);
        }
        let reply = self.ask(cx, question, &doing).await?;
        page(document(reply, Verb::Read, &doing)?, &doing)
    }

    /// All objects, page by page; all of one version. Pages that expire while they
    /// are read make it begin anew, because a list of two versions is a list of none.
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn list(&self, cx: &Cx, selection: &Selection) -> Result<Page> {
        self.list_as(cx, selection, |document| document).await
    }

    /// The same, with what is made of each object as its page comes: ten thousand documents
    /// take a hundred times the memory of what is kept of them.
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn list_as<T>(
        &self,
        cx: &Cx,
        selection: &Selection,
        make: impl Fn(Value) -> T,
    ) -> Result<Page<T>> {
        let mut attempt = 1;
        loop {
            match self.list_once(cx, selection, &make).await {
                Err(failure) if failure.is_gone() && attempt < LIST_ATTEMPTS => attempt += 1,
                ended => return ended,
            }
        }
    }

    /// The same without beginning anew: pages that expire are [`Cause::Gone`].
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn list_once<T>(
        &self,
        cx: &Cx,
        selection: &Selection,
        make: impl Fn(Value) -> T,
    ) -> Result<Page<T>> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self.list_page(cx, selection, PAGE, token.as_deref()).await?;
            let (next, resource_version) = (page.next, page.resource_version);
            if next.is_some() && next == token {
                return Err(garbled("the list goes round in circles", Verb::Read));
            }
            items.extend(page.items.into_iter().map(&make));
            if items.len() > MAX_OBJECTS {
                let message = format!("more than {MAX_OBJECTS} {}", selection.resource);
                return Err(Failure::new(Cause::Ours, Error::new(Kind::Exhausted, message)));
            }
            if next.is_none() {
                return Ok(Page { items, next, resource_version });
            }
            token = next;
        }
    }

    /// Asks virt-api to do something with a VM or an instance: `start`, `migrate`.
    /// That it was accepted says nothing of its end.
    ///
    /// # Errors
    /// See [`crate::error`]; a VM in another state is [`Cause::WrongState`].
    pub async fn subresource(
        &self,
        cx: &Cx,
        resource: Resource,
        key: &ObjectKey,
        verb: &str,
        body: Option<&Value>,
    ) -> Result<()> {
        let doing = format!("cannot {verb} {key}");
        let version = self.version(cx, &versions::SUBRESOURCES, &doing).await?;
        let path = resource.subresource(version, key, verb).map_err(ours)?;
        let mut question = Question::new(Method::PUT, path, Verb::Subresource);
        question.goes_to_node = resource == Resource::VMIS && ON_NODES.contains(&verb);
        if let Some(body) = body {
            question = question.with_json("application/json", body);
        }
        self.ask(cx, question, &doing).await.map(drop)
    }

    /// Begins to follow changes after a version. The answer is a stream of lines; the
    /// server ends it after `timeout`. That it began is what the breaker is told.
    pub(crate) async fn watch(
        &self,
        cx: &Cx,
        selection: &Selection,
        version: &str,
        timeout: Duration,
    ) -> Result<http::Response<Body>> {
        let doing = format!("cannot watch {}", selection.resource.full_name());
        let resource = self.spoken(cx, selection.resource, &doing).await?;
        let mut question = collection(resource, selection)?
            .with("watch", "1")
            .with("allowWatchBookmarks", "true")
            .with("resourceVersion", version)
            .with("timeoutSeconds", &timeout.as_secs().max(1).to_string());
        question.verb = Verb::Watch;
        let leave = self.admit(Class::Watch, &doing)?;
        let began = self.begin(question, http::StatusCode::OK, &doing);
        let began = within(cx, Verb::Watch, &doing, began).await;
        leave.tell(&began);
        self.heard(&began);
        began
    }

    /// The answer that a stream begins with, its body unread.
    async fn begin(
        &self,
        question: Question,
        wanted: http::StatusCode,
        doing: &str,
    ) -> Result<http::Response<Body>> {
        let (verb, from_virt_api) = (question.verb, is_virt_api(&question.path));
        let response = self.send(question, doing).await?;
        if response.status() == wanted {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_REFUSAL).collect().await;
        let body = body.map(|collected| collected.to_bytes()).unwrap_or_default();
        let (status, retry_after) = (parts.status.as_u16(), retry_after(&parts.headers));
        Err(classify(&Answer { status, retry_after, body: &body, from_virt_api }, verb, doing))
    }

    /// What our account may do, by one of the reviews; changes nothing, though it is a POST.
    pub(crate) async fn review(&self, cx: &Cx, what: &str, review: &Value) -> Result<Value> {
        let doing = "cannot ask for our rights";
        let path = format!("/apis/authorization.k8s.io/v1/{what}");
        let question =
            Question::new(Method::POST, path, Verb::Read).with_json("application/json", review);
        document(self.ask(cx, question, doing).await?, Verb::Read, doing)
    }

    /// Sends a question and reads all of the answer.
    pub(crate) async fn ask(&self, cx: &Cx, question: Question, doing: &str) -> Result<Reply> {
        // Before the breaker is asked: whoever waits for a turn must not be the one call of a
        // half-open breaker, and one that opened meanwhile spares the call.
        let _turn = self.turn(cx, doing).await?;
        let leave = self.admit(Class::of(question.verb), doing)?;
        let goes_to_node = question.goes_to_node;
        let ended = within(cx, question.verb, doing, self.exchange(question, doing)).await;
        if goes_to_node {
            leave.tell_of_node(&ended);
        } else {
            leave.tell(&ended);
        }
        self.heard(&ended);
        ended
    }

    /// Asks the breaker. What is returned tells it how the call ended, at the latest
    /// when it is dropped.
    fn admit(&self, class: Class, doing: &str) -> Result<Leave<'_>> {
        match self.lock().of_mut(class).admit(Instant::now()) {
            Ok(permit) => Ok(Leave { caller: self, class, permit: Some(permit) }),
            Err(wait) => {
                let message = format!(
                    "{doing}: the cluster does not answer; it is asked again in {} s",
                    wait.as_secs() + 1
                );
                let error = Error::new(Kind::Unavailable, message).with_retry_after(wait);
                Err(Failure::new(Cause::LeftAlone, error))
            }
        }
    }

    async fn exchange(&self, question: Question, doing: &str) -> Result<Reply> {
        let (verb, limit) = (question.verb, question.limit);
        let from_virt_api = is_virt_api(&question.path);
        let response = self.send(question, doing).await?;
        let (parts, body) = response.into_parts();
        let fine = parts.status.is_success();
        let limit = if fine { limit } else { MAX_REFUSAL };
        let read = Limited::new(body, limit).collect().await;
        let body = match read {
            Ok(collected) => collected.to_bytes(),
            // Why not is told by the status, if need be.
            Err(_) if !fine => Bytes::new(),
            Err(error) => return Err(transport::body_failure(&*error, limit, verb, doing)),
        };
        if fine {
            let warnings = warnings(&parts.headers);
            return Ok(Reply { status: parts.status.as_u16(), warnings, body });
        }
        let retry_after = retry_after(&parts.headers);
        let status = parts.status.as_u16();
        Err(classify(&Answer { status, retry_after, body: &body, from_virt_api }, verb, doing))
    }

    /// Sends a question and gives the answer with its body unread.
    async fn send(&self, question: Question, doing: &str) -> Result<http::Response<Body>> {
        let Question { method, path, query, content_type, body, verb, socket, .. } = question;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{path}{query}"))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("hostler/", env!("CARGO_PKG_VERSION")));
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(key) = socket {
            request = stream::offer(request, &key);
        }
        let request = request.body(Body::from(body)).map_err(|error| {
            let message = format!("{doing}: the request cannot be written");
            ours(Error::new(Kind::Bug, message).with_raw(error))
        })?;
        let sent = self.client.send(request).await;
        sent.map_err(|error| transport::failure(&error, verb, doing))
    }

    fn lock(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The leave of a breaker, which is told the end of the call in any case: a call
/// whose future is dropped must not stay the one call of a half-open breaker.
struct Leave<'a> {
    caller: &'a Caller,
    class: Class,
    permit: Option<Permit>,
}

impl Leave<'_> {
    fn tell<T>(mut self, ended: &Result<T>) {
        self.pass_on(ended.as_ref().map_or_else(Shown::by, |_| Shown::Answers));
    }

    /// The same for what virt-api passes on to the node of a VM. That nothing came in time
    /// may be that node's fault alone, and shows nothing of virt-api: else some clicks on the
    /// console of a VM whose node is down would close all changes in the whole cluster.
    fn tell_of_node<T>(self, ended: &Result<T>) {
        match ended {
            Err(failure) if failure.error.kind() == Kind::Timeout => drop(self),
            _ => self.tell(ended),
        }
    }

    fn pass_on(&mut self, shown: Shown) {
        if let Some(permit) = self.permit.take() {
            let jitter = transport::jitter();
            let mut breakers = self.caller.lock();
            breakers.of_mut(self.class).tell(permit, shown, Instant::now(), jitter);
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.pass_on(Shown::Nothing);
    }
}

/// Runs a call within its context, and sorts the ends that the context makes.
async fn within<T>(
    cx: &Cx,
    verb: Verb,
    doing: &str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    // The context knows one type of error only: ours travels beside it.
    let mut failed = None;
    let ran = cx.run(doing, async {
        call.await.map_err(|failure| {
            let plain = Error::new(failure.error.kind(), "");
            failed = Some(failure);
            plain
        })
    });
    match ran.await {
        Ok(value) => Ok(value),
        Err(error) => Err(match failed {
            Some(failure) => failure,
            None => {
                let cause = match error.kind() {
                    Kind::Cancelled => Cause::Cancelled,
                    _ => Cause::Transport,
                };
                let sure = error.is_unknown() && !verb.changes();
                let error = if sure { Error::new(error.kind(), error.message()) } else { error };
                Failure::new(cause, error)
            }
        }),
    }
}

pub(crate) fn ours(error: Error) -> Failure {
    Failure::new(Cause::Ours, error)
}

/// An answer that is a success and cannot be read: what it was about is done.
pub(crate) fn garbled(what: &str, verb: Verb) -> Failure {
    let error = Error::new(Kind::Bug, what.to_owned());
    ours(if verb.changes() { error.with_unknown_effect() } else { error })
}

#[cfg(test)]
mod tests;
