//! Browser sessions.

use hostler_api::{Nothing, Time, v1};
use hostler_core::Code;
use hostler_core::access::{Permission, may};

use super::error::{Refusal, Result};
use super::{Api, Call, Reply};
use crate::app::App;
use crate::auth::{Caller, Via};

pub(super) fn route(api: Api) -> Api {
    api.route(v1::SessionOpen, open).route(v1::SessionShow, show).route(v1::SessionClose, close)
}

async fn open(app: App, call: Call<v1::SessionOpen>) -> Result<Reply<v1::Session>> {
    if let Err(seconds) = app.auth.count_attempt(call.peer) {
        let message = "too many attempts to log in from this address";
        return Err(Refusal::new(Code::RateLimited, message).retry_after(seconds));
    }
    let (caller, cookie) = app.auth.open_session(&call.body.code).await?;
    Ok(Reply::of(session(&caller)).cookie(&cookie).secret())
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
