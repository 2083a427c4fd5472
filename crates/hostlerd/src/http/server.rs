//! What this server is and can do.

use hostler_api::{Time, v1};

use super::error::Result;
use super::{Api, Call, Reply};
use crate::app::App;

/// What clients may ask for by name instead of comparing versions.
const FEATURES: &[&str] = &[
    "console.serial",
    "console.vnc",
    "cursors",
    "events.sse",
    "events.websocket",
    "idempotency-key",
    "images",
    "prefer-wait",
    "vm.plan",
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::ServerShow, show)
}

async fn show(app: App, _: Call<v1::ServerShow>) -> Result<Reply<v1::Server>> {
    Ok(Reply::of(v1::Server {
        name: "hostler".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
        simulated: app.is_demo,
        now: Time(app.clock.now()),
    }))
}
