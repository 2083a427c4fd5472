//! Consoles: a ticket first, then a WebSocket.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::Nothing;
use crate::value::Time;

endpoint! {
    /// Get a ticket for a VM's console.
    ///
    /// The ticket opens this console once within 30 seconds, for you only. A serial
    /// console is for one at a time: while somebody else uses it the answer is
    /// `console_busy` with `held_by` and `since`, unless `take_over` is true.
    ConsoleOpen {
        id: "console_open", tag: "consoles", POST "/api/v1/vms/{vm}/consoles",
        needs: VmConsole,
        path: super::VmPath,
        body: Json ConsoleRequest,
        reply: Json ConsoleTicket, status: CREATED,
        errors: [IdInvalid, VmNotFound, VmWrongState, VmStateUnknown, CapabilityMissing, ConsoleBusy],
    }
}

endpoint! {
    /// Connect to a console (WebSocket).
    ///
    /// Ask for the subprotocols `hostler.console.v1` and `hostler.ticket.TICKET`;
    /// the ticket is never part of the URL. Binary messages are the console's
    /// bytes, both ways: a serial line's, or RFB. Pages cannot read a refused handshake:
    /// for them a console in use opens, and closes at once with 4409 and the reason.
    /// Whoever is disconnected by `take_over` is closed with 4409 too, and so is whom somebody
    /// outside cut off: a page does not connect again by itself then.
    ConsoleConnect {
        id: "console_connect", tag: "consoles", GET "/api/v1/consoles",
        needs: Public,
        reply: WebSocket Nothing,
        errors: [TicketInvalid, OriginDenied, ConsoleBusy, ProviderConflict, ProviderUnavailable],
    }
}

/// Which console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleRequest {
    /// `serial` or `vnc`.
    pub kind: ConsoleKind,
    /// Whether to disconnect whoever is connected.
    #[serde(default)]
    pub take_over: bool,
}

/// A kind of console.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleKind {
    /// Bytes of a serial line.
    Serial,
    /// The screen, as RFB.
    Vnc,
    /// The screen, as SPICE.
    Spice,
}

/// What there is to know before a console is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleLimits {
    /// Which consoles whoever opens one takes from somebody else of whom the provider does not
    /// tell, so that nobody can be asked first.
    pub cuts_off_unseen: Vec<ConsoleKind>,
}

/// Opens one console once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleTicket {
    /// The secret.
    pub ticket: String,
    /// When it ends, used or not.
    pub expires_at: Time,
    /// Where to connect: the path of the WebSocket.
    pub path: String,
    /// The subprotocols to ask for, in this order.
    pub protocols: Vec<String>,
}
