//! Browser sessions.

use hostler_api::{Nothing, Time, v1};
use hostler_core::Code;
use hostler_core::access::{Permission, may};
use http::{HeaderName, HeaderValue};

use super::error::{Refusal, Result};
use super::{Api, Call, Reply};
use crate::app::App;
use crate::auth::{Caller, Standing, Via, attempts};

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

pub(super) fn route(api: Api) -> Api {
    api.route(v1::SessionOpen, open).route(v1::SessionShow, show).route(v1::SessionClose, close)
}

async fn open(app: App, call: Call<v1::SessionOpen>) -> Result<Reply<v1::Session>> {
    let Some(standing) = app.auth.count_attempt(call.peer) else {
        let (caller, cookie) = app.auth.open_session(&call.body.code).await?;
        return Ok(Reply::of(session(&caller)).cookie(&cookie).secret());
    };
    // Told with every answer, so that nobody has to run into the limit to know it.
    let [policy, limit] = told(standing);
    let refused = |refusal: Refusal| {
        refusal
            .with_header(RATE_LIMIT_POLICY, policy.clone())
            .with_header(RATE_LIMIT, limit.clone())
    };
    if !standing.is_allowed {
        let message = "too many attempts to log in from this address";
        let refusal = Refusal::new(Code::RateLimited, message);
        return Err(refused(refusal.retry_after(standing.reset_seconds)));
    }
    let opened = app.auth.open_session(&call.body.code).await;
    let (caller, cookie) = opened.map_err(|error| refused(error.into()))?;
    let reply = Reply::of(session(&caller)).cookie(&cookie).secret();
    Ok(reply.with_value(RATE_LIMIT_POLICY, policy).with_value(RATE_LIMIT, limit))
}

/// The limit, and what is left of it, in the words of the IETF's draft on
/// `RateLimit` header fields.
fn told(standing: Standing) -> [HeaderValue; 2] {
    let (quota, window) = (attempts::PER_ADDRESS, attempts::WINDOW.as_secs());
    let Standing { remaining, reset_seconds, .. } = standing;
    [
        format!("\"login\";q={quota};w={window}"),
        format!("\"login\";r={remaining};t={reset_seconds}"),
    ]
    .map(|text| HeaderValue::try_from(text).expect("letters and numbers of our own"))
}

async fn show(_: App, call: Call<v1::SessionShow>) -> Result<Reply<v1::Session>> {
    Ok(Reply::of(session(&call.caller)))
}

async fn close(app: App, call: Call<v1::SessionClose>) -> Result<Reply<Nothing>> {
    let cookie = app.auth.close_session(&call.caller).await?;
    Ok(Reply::of(Nothing {}).cookie(&cookie))
}

fn session(caller: &Caller) -> v1::Session {
    let has = |permission: &&Permission| may(&caller.actor, **permission).is_ok();
    let permissions = Permission::ALL.iter().filter(has).map(|one| one.as_str().to_owned());
    v1::Session {
        actor: caller.actor.name.clone(),
        role: caller.actor.role.as_str().to_owned(),
        permissions: permissions.collect(),
        expires_at: match caller.via {
            Via::Session { expires_at, .. } => Some(Time(expires_at)),
            Via::Nothing | Via::Token { .. } | Via::Socket => None,
        },
    }
}
