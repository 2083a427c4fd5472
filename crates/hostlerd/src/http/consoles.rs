//! Consoles: a ticket first, then a WebSocket.
//!
//! Browsers let any page open a WebSocket and cannot give it a header, so the
//! ticket is the credential. It is asked for by a request that pages of others
//! cannot make, opens one console once, and never stands in an address, where
//! logs and histories would keep it (A15, A16).

mod holders;
mod proxy;
mod tickets;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::response::Response;
use hostler_api::{CONSOLE_PROTOCOL, TICKET_PROTOCOL_PREFIX, Time, v1};
use hostler_core::id::VmId;
use hostler_core::{Code, Error, Kind};
use hostler_provider::ConsoleStream;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::request::Parts;

use super::error::{Refusal, Result};
use super::{Api, Call, Reply, ids};
use crate::app::App;

use holders::Held;
pub use holders::Holders;
use tickets::Bound;
pub use tickets::Tickets;

/// Where consoles are connected to.
const PATH: &str = "/api/v1/consoles";
/// The largest message of a client.
pub(super) const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Closes a page's console that somebody else has: 4000 and the status (RFC 6455
/// leaves these to applications).
const TAKEN: u16 = 4409;
/// The longest reason that a close frame has room for.
const REASON_BYTES_MAX: usize = 123;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::ConsoleOpen, open).stream(v1::ConsoleConnect, connect)
}

async fn open(app: App, call: Call<v1::ConsoleOpen>) -> Result<Reply<v1::ConsoleTicket>> {
    let vm: VmId = ids::of_path(&call.path.vm)?;
    let (kind, actor) = (call.body.kind.into(), call.caller.actor.clone());
    app.engine.vms().admit_console(&actor, vm, kind)?;
    // Told now, while there is an answer that everybody can read; what counts is
    // who is there when the console is connected.
    if !call.body.take_over {
        app.holders.refuse(vm, kind)?;
    }
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
    // Before the upgrade, so that a refusal is an answer that says why.
    let (guest, held) = match occupy(&app, &bound).await {
        Ok(opened) => opened,
        Err(error) if error.kind() == Kind::Conflict && call.source.origin().is_some() => {
            return Ok(upgrade.protocols([CONSOLE_PROTOCOL]).on_upgrade(move |socket| {
                let frame = CloseFrame { code: TAKEN, reason: reason(error.message()).into() };
                close_at_once(socket, frame)
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let Bound { actor, vm, kind, take_over, .. } = bound;
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
            let ending = proxy::run(&app, &caller, socket, guest, &held).await;
            tracing::info!(%actor, vm_id = %vm, kind = kind.as_str(), ?ending, "console closed");
            drop((held, permit));
        })
    }))
}

/// Connects to the guest, and stands as the one who uses the console.
async fn occupy(app: &App, bound: &Bound) -> Result<(Box<dyn ConsoleStream>, Held), Error> {
    let Bound { actor, vm, kind, take_over, .. } = bound;
    let contest = match take_over {
        true => Some(app.holders.contest(*vm, *kind)),
        false => {
            app.holders.refuse(*vm, *kind)?;
            None
        }
    };
    match app.engine.vms().open_console(actor, *vm, *kind, *take_over).await {
        Ok(guest) => Ok((guest, app.holders.hold(*vm, *kind, &actor.name, app.clock.now()))),
        Err(error) => {
            if let Some(contest) = contest {
                contest.lost();
            }
            // Two at once: whoever was quicker is there by now.
            if error.kind() == Kind::Conflict {
                app.holders.refuse(*vm, *kind)?;
            }
            Err(error)
        }
    }
}

async fn close_at_once(mut socket: WebSocket, frame: CloseFrame) {
    let close = socket.send(Message::Close(Some(frame)));
    // A client that does not take it finds the connection closed all the same.
    let _ = tokio::time::timeout(proxy::FAREWELL, close).await;
}

/// As much of a message as fits into a close frame.
fn reason(message: &str) -> String {
    let mut end = message.len().min(REASON_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default().to_owned()
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
