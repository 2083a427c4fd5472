//! Consoles: a ticket first, then a WebSocket.
//!
//! Browsers let any page open a WebSocket and cannot give it a header, so the
//! ticket is the credential. It is asked for by a request that pages of others
//! cannot make, opens one console once, and never stands in an address, where
//! logs and histories would keep it (A15, A16).

mod proxy;
mod tickets;

use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::response::Response;
use hostler_api::{CONSOLE_PROTOCOL, TICKET_PROTOCOL_PREFIX, Time, v1};
use hostler_core::Code;
use hostler_core::id::VmId;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::request::Parts;

use super::error::{Refusal, Result};
use super::{Api, Call, Reply, ids};
use crate::app::App;

use tickets::Bound;
pub use tickets::Tickets;

/// Where consoles are connected to.
const PATH: &str = "/api/v1/consoles";
/// The largest message of a client.
pub(super) const MESSAGE_BYTES_MAX: usize = 1 << 20;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::ConsoleOpen, open).stream(v1::ConsoleConnect, connect)
}

async fn open(app: App, call: Call<v1::ConsoleOpen>) -> Result<Reply<v1::ConsoleTicket>> {
    let vm: VmId = ids::of_path(&call.path.vm)?;
    let (kind, actor) = (call.body.kind.into(), call.caller.actor.clone());
    app.engine.vms().admit_console(&actor, vm, kind)?;
    let origin = call.source.origin().map(str::to_owned);
    let bound = Bound { actor, vm, kind, take_over: call.body.take_over, origin };
    let ticket = app.tickets.issue(&app.ids, bound)?;
    let expires_at = Time(app.clock.now().plus(tickets::LIFE));
    let protocols = vec![CONSOLE_PROTOCOL.to_owned(), format!("{TICKET_PROTOCOL_PREFIX}{ticket}")];
    let path = PATH.to_owned();
    Ok(Reply::of(v1::ConsoleTicket { ticket, expires_at, path, protocols }).secret())
}

async fn connect(app: App, call: Call<v1::ConsoleConnect>, mut parts: Parts) -> Result<Response> {
    let ticket = ticket_of(&parts).ok_or_else(|| {
        let message = format!("ask for the subprotocols {CONSOLE_PROTOCOL} and the ticket's");
        Refusal::new(Code::TicketInvalid, message)
    })?;
    let bound = app.tickets.redeem(&ticket, &call.caller, call.source.origin())?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app)
        .await
        .map_err(|error| Refusal::new(Code::BodyMalformed, error.to_string()))?;
    let permit = app.streams.consoles.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(Code::RateLimited, "too many consoles are open").retry_after(30)
    })?;
    let Bound { actor, vm, kind, take_over, .. } = bound;
    // Before the upgrade, so that a refusal is an answer that says why.
    let guest = app.engine.vms().open_console(&actor, vm, kind, take_over).await?;
    tracing::info!(%actor, vm_id = %vm, kind = kind.as_str(), take_over, "console opened");
    let upgrade = upgrade
        .protocols([CONSOLE_PROTOCOL])
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MESSAGE_BYTES_MAX);
    let (tasks, caller) = (app.tasks.clone(), call.caller);
    Ok(upgrade.on_upgrade(move |socket| {
        tasks.track_future(async move {
            let ending = proxy::run(&app, &caller, socket, guest).await;
            tracing::info!(%actor, vm_id = %vm, kind = kind.as_str(), ?ending, "console closed");
            drop(permit);
        })
    }))
}

/// The ticket among the subprotocols that the client asks for.
fn ticket_of(parts: &Parts) -> Option<String> {
    let asked = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut words = asked
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    words.find_map(|word| word.strip_prefix(TICKET_PROTOCOL_PREFIX)).map(str::to_owned)
}
