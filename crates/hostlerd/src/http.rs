//! The glue between endpoints and handlers. One place authenticates, checks the
//! permission, reads the request by the endpoint's types and writes the answer;
//! a handler with other types does not compile, and cannot forget a check.
//!
//! ```text
//!  request ► who? ► may they? ► from our pages? ► path, query, body ► seen before? ► handler
//!     any refusal ────────────────────────────────────► problem document (`error`)
//! ```

mod accept;
mod adoptions;
mod agents;
mod alert_rules;
mod alerts;
mod authority;
mod changes;
mod clones;
mod clusters;
mod compress;
mod conditions;
pub mod consoles;
mod cursor;
mod custom_metrics;
mod disks;
pub(crate) mod docs;
pub mod error;
mod events;
mod facts;
mod fields;
mod headers;
mod health;
mod hosts;
mod ids;
mod images;
mod instance_types;
mod lists;
pub mod live;
mod local;
mod measured;
mod metrics;
mod migrations;
mod networks;
mod observe;
mod operations;
mod outlook;
mod outputs;
mod pools;
mod problems;
mod providers;
mod read;
mod replays;
mod reply;
mod server;
mod session;
mod silences;
mod snapshots;
mod streams;
mod templates;
mod tokens;
mod ui;
mod vms;
mod volumes;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use hostler_api::{BodyKind, Endpoint, ReplyKind};
use hostler_core::access::{Permission, may};
use hostler_core::{Code, Error};
use hostler_engine::IdempotencyKey;
use http::request::Parts;
use http::{Method, StatusCode};
use tracing::Instrument;

use crate::app::App;
use crate::auth::{Caller, Source};
use crate::listen::Peer;
use conditions::Conditions;
use error::{Refusal, Result};
use reply::Written;

pub use cursor::Cursors;
pub use health::Checkup;
pub use metrics::Meters;
pub use replays::Replays;
pub use reply::Reply;

/// A request, read by its endpoint's types.
pub struct Call<E: Endpoint> {
    /// Who asks.
    pub caller: Caller,
    /// The parameters in the path.
    pub path: E::Path,
    /// The parameters in the query.
    pub query: E::Query,
    /// The document in the body.
    pub body: E::Body,
    /// Where the request comes from.
    pub peer: Peer,
    /// What a browser says about where it comes from.
    pub source: Source,
    conditions: Conditions,
}

impl<E: Endpoint> Call<E> {
    /// The generation that a change is meant for, from `If-Match`.
    pub fn generation(&self) -> Result<u64> {
        self.conditions.generation()
    }

    /// The same where a change may do without.
    pub fn generation_if_given(&self) -> Result<Option<u64>> {
        self.conditions.has_if_match().then(|| self.conditions.generation()).transpose()
    }

    /// How long the caller would like to wait for the end, from `Prefer`.
    pub const fn wait(&self) -> Option<Duration> {
        self.conditions.wait
    }

    /// What makes the request safe to repeat, from `Idempotency-Key`.
    pub fn key(&self) -> Result<Option<IdempotencyKey>> {
        let Some(key) = self.conditions.key.clone() else { return Ok(None) };
        let body_hash = conditions::fingerprint::<E>(&self.path, &self.query, &self.body)?;
        Ok(Some(IdempotencyKey { key, body_hash }))
    }
}

/// Routes of endpoints.
pub struct Api {
    paths: BTreeMap<&'static str, MethodRouter<App>>,
    routed: Vec<&'static str>,
}

impl Api {
    /// Without any route.
    pub const fn new() -> Self {
        Self { paths: BTreeMap::new(), routed: Vec::new() }
    }

    /// Answers an endpoint by `handler`, whose types have to be the endpoint's.
    #[must_use]
    pub fn route<E, F, Fut>(self, _: E, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call<E>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<E::Reply>>> + Send + 'static,
    {
        const {
            assert!(!matches!(E::REPLY, ReplyKind::EventStream | ReplyKind::WebSocket));
            assert!(!matches!(E::BODY, BodyKind::Bytes));
        }
        self.add::<E, _, _>(move |app: App, request: Request| {
            let handler = handler.clone();
            async move {
                let uri = request.uri().clone();
                let (call, _) = open::<E>(&app, request).await?;
                let (key, actor) = (replay_key(&call)?, call.caller.actor.name.clone());
                let work = {
                    let app = app.clone();
                    async move { Written::of::<E>(handler(app, call).await?, &uri) }
                };
                let written = match E::METHOD == Method::GET {
                    true => work.await?,
                    false => to_its_end(&app, actor, key, work).await?,
                };
                Ok(written.into_response())
            }
        })
    }

    /// Answers an endpoint whose request is a stream of bytes.
    #[must_use]
    pub fn upload<E, F, Fut>(self, _: E, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call<E>, Body) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<E::Reply>>> + Send + 'static,
    {
        const { assert!(matches!(E::BODY, BodyKind::Bytes)) }
        self.add::<E, _, _>(move |app: App, request: Request| {
            let handler = handler.clone();
            async move {
                let (mut parts, body) = request.into_parts();
                let call = read_parts::<E>(&app, &mut parts, Body::empty()).await?;
                let (key, actor) = (replay_key(&call)?, call.caller.actor.name.clone());
                let work = {
                    let app = app.clone();
                    async move { Written::of::<E>(handler(app, call, body).await?, &parts.uri) }
                };
                let written = to_its_end(&app, actor, key, work).await?;
                Ok(written.into_response())
            }
        })
    }

    /// Answers an endpoint whose answer is a stream.
    #[must_use]
    pub fn stream<E, F, Fut>(self, _: E, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call<E>, Parts) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response>> + Send + 'static,
    {
        const { assert!(matches!(E::REPLY, ReplyKind::EventStream | ReplyKind::WebSocket)) }
        self.add::<E, _, _>(move |app: App, request: Request| {
            let handler = handler.clone();
            async move {
                let (call, parts) = open::<E>(&app, request).await?;
                handler(app, call, parts).await
            }
        })
    }

    fn add<E, F, Fut>(mut self, serve: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response>> + Send,
    {
        let filter = MethodFilter::try_from(E::METHOD).expect("endpoints use standard methods");
        let service = move |axum::extract::State(app): axum::extract::State<App>,
                            request: Request| {
            let serve = serve.clone();
            async move { serve(app, request).await.unwrap_or_else(IntoResponse::into_response) }
        };
        let router = self.paths.remove(E::PATH).unwrap_or_default();
        self.paths.insert(E::PATH, router.merge(on(filter, service)));
        self.routed.push(E::ID);
        self
    }

    /// The ids of the endpoints that have a route.
    pub fn routed(&self) -> &[&'static str] {
        &self.routed
    }

    fn into_router(self) -> Router<App> {
        let router = Router::new();
        self.paths.into_iter().fold(router, |router, (path, methods)| router.route(path, methods))
    }
}

impl Default for Api {
    fn default() -> Self {
        Self::new()
    }
}

/// Every endpoint with its handler.
pub fn api() -> Api {
    let api = Api::new();
    let api = vms::route(consoles::route(session::route(tokens::route(server::route(api)))));
    let api = outlook::route(custom_metrics::route(measured::route(api)));
    let api = live::route(outputs::route(agents::route(api)));
    let api = silences::route(alert_rules::route(alerts::route(api)));
    let api = instance_types::route(disks::route(api));
    let api = clones::route(changes::route(migrations::route(snapshots::route(clusters::route(
        adoptions::route(api),
    )))));
    let api = volumes::route(pools::route(networks::route(hosts::route(providers::route(api)))));
    events::route(operations::route(templates::route(images::route(api))))
}

/// Everything the server answers.
pub fn router(app: App) -> Router {
    let everything = api()
        .into_router()
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(docs::routes())
        .merge(local::routes())
        .merge(authority::routes())
        .merge(problems::routes())
        .fallback(ui::serve)
        .method_not_allowed_fallback(wrong_method);
    observe::wrap(everything, &app).with_state(app)
}

/// What is served without credentials on the loopback interface: metrics and health.
pub fn metrics_router(app: App) -> Router {
    let some = metrics::open_routes().merge(health::routes()).fallback(nothing_here);
    observe::wrap(some, &app).with_state(app)
}

/// The key under which an answer is kept. Operations keep their keys themselves, in
/// the transaction that takes them on; what is done to one later is kept here.
fn replay_key<E: Endpoint>(call: &Call<E>) -> Result<Option<IdempotencyKey>> {
    let takes_on = E::STATUS == StatusCode::ACCEPTED && E::TAG != "operations";
    match matches!(E::METHOD, Method::POST | Method::DELETE) && !takes_on {
        true => call.key(),
        false => Ok(None),
    }
}

/// Runs a change to its end, whether its client waits for it or hangs up: what
/// was begun is done, remembered and told, never left half way.
async fn to_its_end(
    app: &App,
    actor: String,
    key: Option<IdempotencyKey>,
    work: impl Future<Output = Result<Written>> + Send + 'static,
) -> Result<Written> {
    let serving = app.clone();
    let whole = async move {
        match key {
            Some(key) => serving.replays.once(&serving, &actor, &key, work).await,
            None => work.await,
        }
    };
    let ended = app.tasks.spawn(whole.in_current_span()).await;
    ended.unwrap_or_else(|error| Err(Error::bug(format!("a handler ended: {error}")).into()))
}

async fn wrong_method(request: Request) -> Response {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    Refusal::new(Code::MethodNotAllowed, message).into_response()
}

async fn nothing_here(request: Request) -> Response {
    let message = format!("there is nothing at {}", request.uri().path());
    Refusal::new(Code::EndpointNotFound, message).into_response()
}

async fn open<E: Endpoint>(app: &App, request: Request) -> Result<(Call<E>, Parts)> {
    let (mut parts, body) = request.into_parts();
    let call = read_parts::<E>(app, &mut parts, body).await?;
    Ok((call, parts))
}

async fn read_parts<E: Endpoint>(app: &App, parts: &mut Parts, body: Body) -> Result<Call<E>> {
    let peer = peer_of(parts)?;
    let caller = admit(app, parts, peer, E::NEEDS).await?;
    let source = Source::read(&parts.uri, &parts.headers);
    match E::REPLY {
        ReplyKind::WebSocket => source.check_socket(caller.has_cookie())?,
        _ => source.check_change(&parts.method, caller.has_cookie())?,
    }
    accept::check(&parts.headers, E::REPLY)?;
    if !E::METHOD.is_safe() && !E::ERRORS.contains(&Code::PreconditionFailed) {
        conditions::refuse_if_match(&parts.headers)?;
    }
    let params = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|error| Refusal::new(Code::IdInvalid, error.to_string()))?;
    let path = read::path(&params)?;
    let query = read::query(&parts.uri)?;
    let conditions = Conditions::read(&parts.headers)?;
    let body = read::document::<E>(&parts.headers, body).await?;
    Ok(Call { caller, path, query, body, peer, source, conditions })
}

/// Who asks, if they have the permission.
async fn admit(app: &App, parts: &Parts, peer: Peer, needs: Permission) -> Result<Caller> {
    let caller = match (app.auth.identify(&parts.headers, peer).await, needs) {
        (Ok(caller), _) => caller,
        // Whoever comes with an old cookie has to be able to log in again.
        (Err(error), Permission::Public) if error.code() == Code::CredentialsInvalid => {
            Caller::nobody()
        }
        (Err(error), _) => return Err(error.into()),
    };
    if needs != Permission::Public && !caller.is_known() {
        return Err(Refusal::new(Code::CredentialsMissing, "no credentials were given"));
    }
    tracing::Span::current().record("user", tracing::field::display(&caller.actor));
    may(&caller.actor, needs)?;
    Ok(caller)
}

fn peer_of(parts: &Parts) -> Result<Peer> {
    let peer = parts.extensions.get::<Peer>().copied();
    peer.ok_or_else(|| Error::bug("a request without a peer").into())
}
