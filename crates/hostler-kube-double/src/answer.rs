//! One request: read, counted, met by faults, authorised, answered.
//!
//! ```text
//!   path ─► counted ─► fault? ─► who asks ─► may they ─► handler ─► (answer lost?)
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::access::Asked;
use crate::counts::Seen;
use crate::discovery;
use crate::faults::What;
use crate::json;
use crate::list;
use crate::objects::{APPLY, Asking, header};
use crate::query::Query;
use crate::respond::{self, Aborted, Body};
use crate::route::{self, Target};
use crate::rules;
use crate::shape::Shape;
use crate::shared::Shared;
use crate::status::Refused;
use crate::verbs;
use crate::watch;

/// What a request has in it: as it comes in, or read already.
pub(crate) trait Content:
    hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
    + Send
    + Sync
    + 'static
{
}

impl Content for Incoming {}
impl Content for Full<Bytes> {}

/// The most that a body may have, as etcd has it behind a real server.
const BODY: usize = 3 << 20;

/// Answers a request.
///
/// # Errors
/// When the connection is to break off.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Aborted> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let (target, verb, met) = begin(&shared, &request, &query);
    match &met {
        Some(What::Answer(refused)) => return Ok(respond::refused(refused)),
        Some(What::Slow(time)) => tokio::time::sleep(*time).await,
        Some(What::Silence) => {
            shared.stop.cancelled().await;
            return Err(Aborted);
        }
        Some(What::Drop) => return Err(Aborted),
        Some(What::Late(time)) => return late(shared, target, verb, query, request, *time).await,
        Some(What::LoseAnswer) | None => {}
    }
    let answered = handle(&shared, &target, &verb, &query, request).await;
    if met == Some(What::LoseAnswer) {
        return Err(Aborted);
    }
    Ok(answered.unwrap_or_else(|refused| respond::refused(&refused)))
}

/// Does what is asked a while later, whatever becomes of the connection meanwhile.
async fn late(
    shared: Arc<Shared>,
    target: Target,
    verb: String,
    query: Query,
    request: Request<Incoming>,
    time: Duration,
) -> Result<Response<Body>, Aborted> {
    let (parts, body) = request.into_parts();
    let Ok(body) = read(body).await else { return Err(Aborted) };
    let request = Request::from_parts(parts, Full::new(body));
    let tasks = shared.tasks.clone();
    let done = tasks.spawn(async move {
        tokio::time::sleep(time).await;
        let answered = handle(&shared, &target, &verb, &query, request).await;
        answered.unwrap_or_else(|refused| respond::refused(&refused))
    });
    done.await.map_err(|_| Aborted)
}

/// Reads what is asked for, counts it, and meets it with a fault.
fn begin(
    shared: &Shared,
    request: &Request<Incoming>,
    query: &Query,
) -> (Target, String, Option<What>) {
    let mut state = shared.lock();
    let target = route::target(request.uri().path(), &state.world.catalog);
    let is_apply = header(request.headers(), "content-type").starts_with(APPLY);
    let verb = target.verb(request.method(), query.flag("watch"), is_apply);
    let class = target.class();
    let looks = matches!(&*verb, "get" | "list" | "watch") || query.is_dry().is_ok_and(|dry| dry);
    let reviews = matches!(target, Target::AccessReview | Target::RulesReview);
    let met = state.faults.meet(&verb, &class, !looks && !reviews);
    state.counts.add(Seen {
        method: request.method().to_string(),
        path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        verb: verb.clone(),
        class,
    });
    (target, verb, met)
}

async fn handle<B: Content>(
    shared: &Arc<Shared>,
    target: &Target,
    verb: &str,
    query: &Query,
    request: Request<B>,
) -> Result<Response<Body>, Refused> {
    let user = authorise(shared, target, verb, &request)?;
    match target {
        Target::Object(path) => {
            let shape = Shape::of(header(request.headers(), "accept"));
            match verb {
                "list" => list::answer(shared, path, query, shape).await,
                "watch" => watch::answer(Arc::clone(shared), path.clone(), query, shape),
                _ => {
                    let (parts, body) = request.into_parts();
                    let body = read(body).await?;
                    let asking =
                        Asking { path, query, headers: &parts.headers, body: &body, shape };
                    if parts.method == Method::GET {
                        return asking.get(&shared.lock());
                    }
                    shared.change(|state| match (parts.method, path.name.is_some()) {
                        (Method::POST, _) => asking.create(state),
                        (Method::PUT, true) => asking.replace(state),
                        (Method::PATCH, true) => asking.patch(state),
                        (Method::DELETE, true) => asking.delete(state),
                        (Method::DELETE, false) => asking.delete_all(state),
                        _ => Err(Refused::no_such_method()),
                    })
                }
            }
        }
        Target::Verb(path) => verbs::answer(shared, path, query, request).await,
        Target::AccessReview => {
            let body = read(request.into_body()).await?;
            review(shared, &user, &body)
        }
        Target::RulesReview => {
            let body = read(request.into_body()).await?;
            rules::review(shared, &user, &body)
        }
        Target::UnknownVerb => {
            let words = format!("unknown api endpoint: {}", request.uri().path());
            Err(Refused::text(401, words))
        }
        _ => about(shared, target),
    }
}

fn authorise(
    shared: &Shared,
    target: &Target,
    verb: &str,
    request: &Request<impl Content>,
) -> Result<String, Refused> {
    let state = shared.lock();
    let told = header(request.headers(), "authorization");
    let user = state.access.user(Some(told).filter(|told| !told.is_empty()))?;
    match target.asked(verb) {
        Some(asked) => state.access.check(&user, &asked)?,
        // These are told to anybody.
        None if matches!(target, Target::Healthz | Target::Version) => {}
        None => state.access.check_path(&user, verb, request.uri().path())?,
    }
    Ok(user)
}

/// Reads a body to its end.
pub(crate) async fn read(body: impl Content) -> Result<Bytes, Refused> {
    match Limited::new(body, BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => {
            let words = format!("Request entity too large: limit is {BODY}");
            Err(Refused::new(413, "RequestEntityTooLarge", words, Value::Null))
        }
    }
}

/// What the server tells of itself.
fn about(shared: &Shared, target: &Target) -> Result<Response<Body>, Refused> {
    let state = shared.lock();
    let catalog = &state.world.catalog;
    let found = match target {
        Target::Healthz => return Ok(respond::text(200, "ok")),
        Target::Version => Some(discovery::version()),
        Target::CoreVersions => Some(discovery::core_versions()),
        Target::Groups => Some(discovery::groups(catalog)),
        Target::Group(group) => discovery::group(catalog, group),
        Target::Resources(group, version) => {
            verbs::check_reachable(&state, group)?;
            discovery::resources(catalog, group, version)
        }
        Target::VirtApi(what) => {
            verbs::check_reachable(&state, route::VERBS)?;
            Some(match what.as_str() {
                "healthz" => json!({ "apiserver": { "connectivity": "ok" } }),
                _ => discovery::virt_api_version(&verbs::kubevirt_version(&state)),
            })
        }
        _ => None,
    };
    found.map(|body| respond::json(200, &body)).ok_or_else(Refused::no_such_page)
}

fn review(shared: &Shared, user: &str, body: &[u8]) -> Result<Response<Body>, Refused> {
    let mut review: Value = serde_json::from_slice(body)
        .map_err(|error| Refused::bad_request(format!("no access review: {error}")))?;
    let text =
        |name: &str| json::text(&review, &format!("/spec/resourceAttributes/{name}")).to_owned();
    let mut resource = text("resource");
    if !text("subresource").is_empty() {
        resource = format!("{resource}/{}", text("subresource"));
    }
    let asked = Asked {
        verb: text("verb"),
        group: text("group"),
        resource,
        namespace: text("namespace"),
        name: text("name"),
    };
    let allowed = shared.lock().access.allows(user, &asked);
    json::set(&mut review, "/status", json!({ "allowed": allowed }));
    Ok(respond::json(201, &review))
}
