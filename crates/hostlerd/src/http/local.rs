//! What only users of this machine may ask, on the unix socket: for the
//! commands of the server's own program. Not part of the API.

use std::path::PathBuf;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hostler_core::access::Permission;
use hostler_core::{Code, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use super::compress::Secret;
use super::error::{Refusal, Result};
use super::{admit, peer_of, read};
use crate::app::App;
use crate::listen::Peer;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/local/login-code", post(login_code)).route("/local/backup", post(backup))
}

async fn login_code(State(app): State<App>, request: Request) -> Response {
    let made = async {
        let _: Value = local(&app, request).await?.1;
        let code = app.auth.make_login_code().await?;
        Ok::<_, Refusal>(json!({ "code": code, "base_url": app.base_url.get() }))
    };
    answer(made.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    file: PathBuf,
}

async fn backup(State(app): State<App>, request: Request) -> Response {
    let made = async {
        let (peer, Backup { file }) = local(&app, request).await?;
        // The server writes where its own user may: more than its administrators may.
        if !peer.is_servers_user() {
            let message = "only root and the server's own user may back it up";
            return Err(Refusal::new(Code::PermissionDenied, message));
        }
        app.store.backup(&file).await.map_err(Error::from)?;
        Ok(json!({ "file": file }))
    };
    answer(made.await)
}

/// Who asks, if by the socket, and what they say.
async fn local<T: serde::de::DeserializeOwned>(app: &App, request: Request) -> Result<(Peer, T)> {
    let (parts, body) = request.into_parts();
    let peer = peer_of(&parts)?;
    if !matches!(peer, Peer::Local { .. }) {
        let message = format!("there is nothing at {}", parts.uri.path());
        return Err(Refusal::new(Code::EndpointNotFound, message));
    }
    admit(app, &parts, peer, Permission::TokenManage).await?;
    Ok((peer, read::any_document(&parts.headers, body).await?))
}

fn answer(made: Result<Value>) -> Response {
    match made {
        Ok(value) => (axum::Extension(Secret), axum::Json(value)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
