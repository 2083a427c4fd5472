//! Events over a WebSocket.

use axum::response::Response;
use hostler_api::v1;
use http::request::Parts;

use super::follow::Follower;
use crate::app::App;
use crate::http::Call;
use crate::http::error::Result;
use crate::http::streams::socket;

pub(super) async fn follow(
    app: App,
    call: Call<v1::EventSocket>,
    mut parts: Parts,
) -> Result<Response> {
    let upgrade = socket::upgrade(&app, &mut parts).await?;
    let since = call.query.since;
    let follower = Follower::begin(app.clone(), call.caller, &call.query, since).await?;
    Ok(socket::answer(&app, upgrade, follower))
}
