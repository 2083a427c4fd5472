//! The live stream: figures and events as they come, for as many clients as look (D6).
//!
//! ```text
//!  passes that end ─┐                             ┌─ session ─ WebSocket
//!                   ├─ hub ── ring of frames ─────┼─ session ─ WebSocket
//!  stored events ───┘  (each written once)        └─ session ─ server-sent events
//! ```
//!
//! A frame is written once, whatever the number of clients, and kept once (D16, D17): a
//! client's session holds a place in the ring, not a queue of its own. Whoever is so
//! slow that the ring passes them is told what they lost and goes on with what is new;
//! nobody else notices. Frames that nobody wants are not made.

mod entries;
mod figures;
mod frame;
mod hub;
mod pump;
mod session;
mod topics;

use axum::response::Response;
use hostler_api::v1::{self, LiveQuery};
use hostler_core::{Code, Error};
use http::request::Parts;

use super::error::Result;
use super::streams::{socket, sse};
use super::{Api, Call};
use crate::app::App;
use session::Session;

pub use hub::Live;
pub(crate) use pump::run;

pub(super) fn route(api: Api) -> Api {
    api.stream(v1::LiveStream, stream).stream(v1::LiveSocket, follow)
}

async fn stream(app: App, call: Call<v1::LiveStream>, _: Parts) -> Result<Response> {
    let Some(wanted) = selection(&call.query)? else {
        return Err(Error::new(Code::QueryInvalid, "`topics` has to name what is followed").into());
    };
    let mut session = Session::begin(app, call.caller)?;
    session.subscribe(&wanted)?;
    Ok(sse::answer(session))
}

async fn follow(app: App, call: Call<v1::LiveSocket>, mut parts: Parts) -> Result<Response> {
    let upgrade = socket::upgrade(&app, &mut parts).await?;
    let wanted = selection(&call.query)?;
    let mut session = Session::begin(app.clone(), call.caller)?;
    if let Some(wanted) = wanted {
        session.subscribe(&wanted)?;
    }
    Ok(socket::answer(&app, upgrade, session))
}

fn selection(query: &LiveQuery) -> Result<Option<v1::LiveSelection>> {
    query.selection().map_err(|why| Error::new(Code::QueryInvalid, why).into())
}
