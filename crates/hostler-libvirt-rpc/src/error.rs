//! Everything that can go wrong, told so that a caller can act on it: was the request sent, is the
//! connection lost, which code did the daemon give.
//!
//! The question that matters after a failure is whether the change was made. [`Error::Remote`]
//! says no (the daemon answered). [`Error::Timeout`] and [`Error::Closed`] with `sent: false` say
//! no as well; with `sent: true` nobody knows, and the caller has to look.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::pool::Role;
use crate::procedure::Procedure;
use crate::types::{Domain, Network};
use crate::xdr::{Decode, Decoder, Encode, Encoder, XdrError};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of this client or of the daemon.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The daemon answered with an error.
    #[error("{procedure} failed: {error}")]
    Remote {
        /// What was called.
        procedure: Procedure,
        /// What the daemon says.
        error: Box<RemoteError>,
    },
    /// No answer came before the deadline. The connection stays usable.
    #[error("{procedure} had no answer within {after:?}{}", unsent(*sent))]
    Timeout {
        /// What was called.
        procedure: Procedure,
        /// The deadline, counted from the call.
        after: Duration,
        /// Whether the request may have reached the daemon; if not, it was certainly not done.
        sent: bool,
    },
    /// The connection was closed, before or during the call.
    #[error("{}the connection is closed: {reason}", during(procedure.as_ref()))]
    Closed {
        /// What was called, if anything.
        procedure: Option<Procedure>,
        /// Why it was closed.
        reason: CloseReason,
        /// Whether the request may have reached the daemon.
        sent: bool,
    },
    /// Too many calls already wait for one of the connection's slots.
    #[error("{procedure} refused: {limit} calls already wait on this connection")]
    QueueFull {
        /// What was called.
        procedure: Procedure,
        /// How many may wait.
        limit: usize,
    },
    /// The daemon's bytes do not follow the protocol.
    #[error("{}the daemon broke the protocol: {detail}", during(procedure.as_ref()))]
    Protocol {
        /// What was called, if anything.
        procedure: Option<Procedure>,
        /// What is wrong with the bytes.
        detail: String,
    },
    /// The arguments cannot be sent; nothing was.
    #[error("{procedure} has an argument that cannot be sent: {detail}")]
    Argument {
        /// What was called.
        procedure: Procedure,
        /// What is wrong.
        detail: String,
    },
    /// The operating system refused something.
    #[error("cannot {action}")]
    Io {
        /// What was tried, such as `connect to /run/libvirt/libvirt-sock`.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// TLS could not be set up or the certificates were not accepted.
    #[error("TLS with {host}: {detail}")]
    Tls {
        /// The other side.
        host: String,
        /// Who can mend it.
        obstacle: Obstacle,
        /// What failed.
        detail: String,
    },
    /// ssh did not log in, what it was to run there failed, or its arguments are unsafe.
    #[error("SSH to {host}: {detail}")]
    Ssh {
        /// The other side.
        host: String,
        /// Who can mend it.
        obstacle: Obstacle,
        /// What failed.
        detail: String,
    },
    /// The daemon did not accept who we are.
    #[error("authentication failed: {detail}")]
    Auth {
        /// What failed.
        detail: String,
    },
    /// The URI cannot be used.
    #[error("connection URI {uri:?}: {detail}")]
    Uri {
        /// The URI as given.
        uri: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Something that exists but that this client cannot do.
    #[error("{what} is not supported; {remedy}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What to do instead.
        remedy: String,
    },
    /// A stream's reader was too slow for its buffer, so the stream was given up.
    #[error("stream of {procedure} given up: its reader left {limit_bytes} bytes unread")]
    StreamOverflow {
        /// What opened the stream.
        procedure: Procedure,
        /// The buffer's size.
        limit_bytes: usize,
    },
    /// Too many streams are open on this connection.
    #[error("{procedure} refused: {limit} streams are already open on this connection")]
    TooManyStreams {
        /// What was called.
        procedure: Procedure,
        /// How many may be open.
        limit: usize,
    },
    /// The stream has ended, so nothing can be sent on it.
    #[error("stream of {procedure} has already ended")]
    StreamEnded {
        /// What opened the stream.
        procedure: Procedure,
    },
    /// The pool has as many connections as it may have, and none of them is of use: calls that had
    /// no answer hold them, or streams that are still open.
    #[error("all {limit} connections that there may be to the daemon are taken")]
    PoolExhausted {
        /// What another one was wanted for.
        role: Role,
        /// How many connections there may be, of the role or in all.
        limit: usize,
    },
}

/// What stands in the way of a secured connection, by who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Obstacle {
    /// The other side has not proven to be the host that is meant: its host key is unknown or
    /// another, or its certificate is for another name, of another authority, or out of date.
    UntrustedHost,
    /// The host does not let us in.
    Rejected,
    /// Our own key, certificate or authority cannot be used.
    Credentials,
    /// The host cannot be reached or does not answer. It may pass.
    Unreachable,
    /// We are let in, but the host has not what speaks libvirt's protocol.
    Helper,
    /// We are let in, but nothing is forwarded to where we want.
    Forwarding,
}

/// Says of an unanswered call that it was never sent.
fn unsent(sent: bool) -> &'static str {
    if sent { "" } else { " (it was never sent)" }
}

/// Names the call a failure belongs to.
fn during(procedure: Option<&Procedure>) -> String {
    procedure.map(|procedure| format!("{procedure}: ")).unwrap_or_default()
}

impl Error {
    /// The daemon's error code, when it gave one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.remote().map(|error| error.code)
    }

    /// The daemon's error, when it gave one.
    pub fn remote(&self) -> Option<&RemoteError> {
        match self {
            Self::Remote { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The procedure the error belongs to; opening a connection has none of its own.
    pub fn procedure(&self) -> Option<Procedure> {
        match self {
            Self::Remote { procedure, .. }
            | Self::Timeout { procedure, .. }
            | Self::QueueFull { procedure, .. }
            | Self::Argument { procedure, .. }
            | Self::StreamOverflow { procedure, .. }
            | Self::TooManyStreams { procedure, .. }
            | Self::StreamEnded { procedure } => Some(*procedure),
            Self::Closed { procedure, .. } | Self::Protocol { procedure, .. } => *procedure,
            _ => None,
        }
    }

    /// Whether the request may have been carried out although no answer says so.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Timeout { sent, .. } | Self::Closed { sent, .. } => *sent,
            // An answer came, but it cannot be read.
            Self::Protocol { procedure, .. } => procedure.is_some(),
            _ => false,
        }
    }

    /// Whether another connection is needed before anything else can be asked.
    pub fn is_connection_lost(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

/// Why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// By [`Connection::close`](crate::Connection::close).
    Requested,
    /// The last handle was dropped.
    Dropped,
    /// The daemon, or the ssh process before it, closed its side.
    EndOfStream {
        /// What the ssh process wrote to its error output.
        note: Option<String>,
    },
    /// The socket failed.
    Io {
        /// The operating system's words.
        detail: String,
    },
    /// The daemon left keepalive pings unanswered.
    KeepAlive {
        /// How many.
        unanswered: u32,
    },
    /// The daemon's bytes are not the protocol's.
    Protocol {
        /// What is wrong with them.
        detail: String,
    },
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => formatter.write_str("closed as requested"),
            Self::Dropped => formatter.write_str("no longer used"),
            Self::EndOfStream { note: None } => formatter.write_str("the daemon closed it"),
            Self::EndOfStream { note: Some(note) } => write!(formatter, "the peer ended: {note}"),
            Self::Io { detail } => formatter.write_str(detail),
            Self::KeepAlive { unanswered } => {
                write!(formatter, "the daemon left {unanswered} keepalive pings unanswered")
            }
            Self::Protocol { detail } => {
                write!(formatter, "the daemon broke the protocol: {detail}")
            }
        }
    }
}

/// An error as the daemon tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    /// What kind of failure.
    pub code: ErrorCode,
    /// Which part of libvirt raised it (`virErrorDomain`).
    pub domain: i32,
    /// 1 warning, 2 error.
    pub level: i32,
    /// The message, in the daemon's words.
    pub message: String,
    /// First further information; its meaning depends on the code.
    pub str1: Option<String>,
    /// Second further information.
    pub str2: Option<String>,
    /// Third further information.
    pub str3: Option<String>,
    /// First further number; the `errno` for [`ErrorCode::SYSTEM_ERROR`].
    pub int1: i32,
    /// Second further number.
    pub int2: i32,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl Encode for RemoteError {
    fn encode(&self, encoder: &mut Encoder) {
        (self.code.0, self.domain, Some(&self.message), self.level).encode(encoder);
        None::<Domain>.encode(encoder);
        (&self.str1, &self.str2, &self.str3, self.int1, self.int2).encode(encoder);
        None::<Network>.encode(encoder);
    }
}

impl Decode for RemoteError {
    fn decode(decoder: &mut Decoder<'_>) -> std::result::Result<Self, XdrError> {
        let (code, domain) = <(i32, i32)>::decode(decoder)?;
        let message = Option::<String>::decode(decoder)?.unwrap_or_default();
        let level = i32::decode(decoder)?;
        // The object concerned is on the wire for history's sake and no longer filled in.
        Option::<Domain>::decode(decoder)?;
        let (str1, str2, str3) = Decode::decode(decoder)?;
        let (int1, int2) = <(i32, i32)>::decode(decoder)?;
        Option::<Network>::decode(decoder)?;
        Ok(Self { code: ErrorCode(code), domain, level, message, str1, str2, str3, int1, int2 })
    }
}

/// libvirt's error number (`virErrorNumber`). Numbers unknown here are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i32);

macro_rules! codes {
    ($($name:ident = $number:literal),+ $(,)?) => {
        impl ErrorCode {
            $(
                #[doc = concat!("`VIR_ERR_", stringify!($name), "`.")]
                pub const $name: Self = Self($number);
            )+
            /// libvirt's name without `VIR_ERR_`, where it is known here.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}
codes! {
    OK = 0, INTERNAL_ERROR = 1, NO_MEMORY = 2, NO_SUPPORT = 3, UNKNOWN_HOST = 4, NO_CONNECT = 5,
    INVALID_CONN = 6, INVALID_DOMAIN = 7, INVALID_ARG = 8, OPERATION_FAILED = 9, OS_TYPE = 16,
    NO_SOURCE = 19, NO_NAME = 21, NO_DEVICE = 23, CALL_FAILED = 26, XML_ERROR = 27, DOM_EXIST = 28,
    OPERATION_DENIED = 29, OPEN_FAILED = 30, READ_FAILED = 31, PARSE_FAILED = 32,
    WRITE_FAILED = 34, XML_DETAIL = 35, INVALID_NETWORK = 36, NETWORK_EXIST = 37,
    SYSTEM_ERROR = 38, RPC = 39, GNUTLS_ERROR = 40, NO_DOMAIN = 42, NO_NETWORK = 43,
    AUTH_FAILED = 45, INVALID_STORAGE_POOL = 46, INVALID_STORAGE_VOL = 47, NO_STORAGE_POOL = 49,
    NO_STORAGE_VOL = 50, NO_NODE_DEVICE = 53, OPERATION_INVALID = 55, NO_INTERFACE = 57,
    NO_NWFILTER = 62, NO_SECRET = 66, CONFIG_UNSUPPORTED = 67, OPERATION_TIMEOUT = 68,
    MIGRATE_PERSIST_FAILED = 69, HOOK_SCRIPT_FAILED = 70, INVALID_DOMAIN_SNAPSHOT = 71,
    NO_DOMAIN_SNAPSHOT = 72, INVALID_STREAM = 73, ARGUMENT_UNSUPPORTED = 74,
    STORAGE_PROBE_FAILED = 75, STORAGE_POOL_BUILT = 76, SNAPSHOT_REVERT_RISKY = 77,
    OPERATION_ABORTED = 78, AUTH_CANCELLED = 79, NO_DOMAIN_METADATA = 80, MIGRATE_UNSAFE = 81,
    OVERFLOW = 82, BLOCK_COPY_ACTIVE = 83, OPERATION_UNSUPPORTED = 84, SSH = 85,
    AGENT_UNRESPONSIVE = 86, RESOURCE_BUSY = 87, ACCESS_DENIED = 88, STORAGE_VOL_EXIST = 90,
    CPU_INCOMPATIBLE = 91, XML_INVALID_SCHEMA = 92, MIGRATE_FINISH_OK = 93, AUTH_UNAVAILABLE = 94,
    NO_SERVER = 95, NO_CLIENT = 96, AGENT_UNSYNCED = 97, DEVICE_MISSING = 99,
    NO_DOMAIN_CHECKPOINT = 103, NO_DOMAIN_BACKUP = 104, NO_HOSTNAME = 108,
    CHECKPOINT_INCONSISTENT = 109, MULTIPLE_DOMAINS = 110, NO_NETWORK_METADATA = 111,
    AGENT_COMMAND_TIMEOUT = 112, AGENT_COMMAND_FAILED = 113,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "libvirt error {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure::{DOMAIN_CREATE_WITH_FLAGS, DOMAIN_LOOKUP_BY_NAME};
    use crate::xdr::{from_bytes, to_bytes};

    fn remote() -> RemoteError {
        RemoteError {
            code: ErrorCode::NO_DOMAIN,
            domain: 10,
            level: 2,
            message: "Domain not found".into(),
            str1: None,
            str2: Some("x".into()),
            str3: None,
            int1: -1,
            int2: 7,
        }
    }

    #[test]
    fn the_daemons_error_is_read_as_it_was_written() {
        assert_eq!(from_bytes::<RemoteError>(&to_bytes(&remote()).unwrap()).unwrap(), remote());
    }

    #[test]
    fn every_message_names_the_call_and_only_its_own_level() {
        let error = Box::new(remote());
        let error = Error::Remote { procedure: DOMAIN_LOOKUP_BY_NAME, error };
        let text = "DOMAIN_LOOKUP_BY_NAME failed: Domain not found (NO_DOMAIN)";
        assert_eq!(error.to_string(), text);
        assert_eq!(error.code(), Some(ErrorCode::NO_DOMAIN));
    }

    #[test]
    fn only_a_request_that_may_have_been_sent_has_an_unknown_outcome() {
        let (procedure, after) = (DOMAIN_CREATE_WITH_FLAGS, Duration::from_secs(1));
        assert!(Error::Timeout { procedure, after, sent: true }.outcome_unknown());
        assert!(!Error::Timeout { procedure, after, sent: false }.outcome_unknown());
        let error = Box::new(remote());
        assert!(!Error::Remote { procedure, error }.outcome_unknown());
    }
}
