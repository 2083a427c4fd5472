//! libvirt's errors sorted into the boundary's kinds (C31).
//!
//! Two questions are answered for every failure: what can be done about it, and
//! whether it may have happened all the same. libvirt's own words go only into
//! `raw`, since they hold paths, addresses and versions of the host.

use hostler_libvirt_rpc::{
    Error as RpcError, ErrorCode, Obstacle, Procedure, RemoteError, Role, procedure,
};
use hostler_provider::{Error, Kind};

/// Whether a call changes anything, which decides what a lost reply means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Only looks: a failure has no effect.
    Look,
    /// Changes something: after a lost reply nobody knows.
    Change,
}

/// What is said of a file of the host that is not there.
pub(crate) const FILE_MISSING: &str = "a file it needs is not there";

/// What is asked of one volume: when its file is not there, the volume is not.
/// Anywhere else a missing file is not what the call is about.
const OF_A_VOLUME: [Procedure; 9] = [
    procedure::STORAGE_VOL_LOOKUP_BY_NAME,
    procedure::STORAGE_VOL_GET_INFO,
    procedure::STORAGE_VOL_GET_PATH,
    procedure::STORAGE_VOL_GET_XML_DESC,
    procedure::STORAGE_VOL_DELETE,
    procedure::STORAGE_VOL_RESIZE,
    procedure::STORAGE_VOL_DOWNLOAD,
    procedure::STORAGE_VOL_UPLOAD,
    procedure::STORAGE_VOL_WIPE,
];

/// What makes a volume: when a file is not there, it is the pool's folder.
const IN_A_POOL: [Procedure; 2] =
    [procedure::STORAGE_VOL_CREATE_XML, procedure::STORAGE_VOL_CREATE_XML_FROM];

/// Sorts a failure. `doing` says what failed and on what, for people.
pub(crate) fn translate(error: &RpcError, intent: Intent, doing: &str) -> Error {
    let (kind, message) = match error.remote() {
        Some(remote) if is_missing_file(remote) => match error.procedure() {
            Some(procedure) if OF_A_VOLUME.contains(&procedure) => {
                (Kind::NotFound, "there is no such volume")
            }
            // No conflict: that would say that something of this name is there already.
            Some(procedure) if IN_A_POOL.contains(&procedure) => {
                (Kind::NotFound, "the folder of the pool is not there")
            }
            _ => (Kind::Conflict, FILE_MISSING),
        },
        Some(remote) => remote_kind(remote),
        None => local_kind(error),
    };
    let lost = error.outcome_unknown() || error.remote().is_some_and(half_done);
    let sorted = Error::new(kind, format!("{doing}: {message}")).with_raw(chain(error));
    if lost && intent == Intent::Change { sorted.with_unknown_effect() } else { sorted }
}

/// The failure with its causes, in one line.
fn chain(error: &RpcError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Failures of the connection, before the daemon could say anything.
fn local_kind(error: &RpcError) -> (Kind, &'static str) {
    match error {
        RpcError::Timeout { .. } => (Kind::Timeout, "libvirt did not answer in time"),
        RpcError::Closed { .. } => (Kind::Unavailable, "the connection to libvirt was lost"),
        RpcError::PoolExhausted { role: Role::Stream, .. } => {
            (Kind::Unavailable, "too many consoles and transfers are open on this host")
        }
        RpcError::QueueFull { .. } | RpcError::PoolExhausted { .. } => {
            (Kind::Unavailable, "too many calls to this host are waiting for an answer")
        }
        RpcError::TooManyStreams { .. } => {
            (Kind::Exhausted, "too many consoles and transfers are open on this host")
        }
        RpcError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            let remedy = "we may not use libvirt's socket; run hostlerd as root, or add its user \
                          to the group libvirt";
            (Kind::Denied, remedy)
        }
        RpcError::Io { .. } => (Kind::Unavailable, "libvirt cannot be reached"),
        RpcError::Tls { obstacle, .. } => tls_kind(*obstacle),
        RpcError::Ssh { obstacle, .. } => ssh_kind(*obstacle),
        RpcError::Auth { .. } => (Kind::Denied, "libvirt did not accept our credentials"),
        RpcError::Uri { .. } | RpcError::Argument { .. } => {
            (Kind::Invalid, "libvirt cannot be asked this")
        }
        RpcError::Unsupported { .. } => (Kind::Unsupported, "this connection cannot do that"),
        RpcError::StreamOverflow { .. } | RpcError::StreamEnded { .. } => {
            (Kind::Unavailable, "the transfer was interrupted")
        }
        _ => (Kind::Bug, "libvirt gave an answer that makes no sense"),
    }
}

/// What TLS says. Only an unreachable host may come back by itself.
fn tls_kind(obstacle: Obstacle) -> (Kind, &'static str) {
    match obstacle {
        Obstacle::UntrustedHost => (
            Kind::Denied,
            "the host's TLS certificate is not to be believed: it is for another name, of another \
             authority, or out of date; compare it with cacert.pem and with the name in the URI",
        ),
        Obstacle::Rejected => (
            Kind::Denied,
            "the host does not accept our TLS certificate; have clientcert.pem signed by the \
             authority that the host trusts",
        ),
        Obstacle::Credentials => (
            Kind::Denied,
            "our TLS certificate, its key or the authority cannot be used; check cacert.pem, \
             clientcert.pem and clientkey.pem",
        ),
        _ => (Kind::Unavailable, "the TLS connection to libvirt failed"),
    }
}

/// What ssh says. Only an unreachable host may come back by itself.
fn ssh_kind(obstacle: Obstacle) -> (Kind, &'static str) {
    match obstacle {
        Obstacle::UntrustedHost => (
            Kind::Denied,
            "the host's SSH key is not the known one, or none is known; compare it, then put it \
             into known_hosts",
        ),
        Obstacle::Rejected => (
            Kind::Denied,
            "the host does not let us in by SSH; add our public key to authorized_keys of a user \
             that may use libvirt there",
        ),
        Obstacle::Credentials => (
            Kind::Denied,
            "our SSH key cannot be used; check the file that keyfile names and who may read it",
        ),
        Obstacle::Helper => (
            Kind::Unsupported,
            "the host has no virt-ssh-helper that answers; install libvirt 6.8 or later there, \
             and let the login shell write nothing",
        ),
        Obstacle::Forwarding => (
            Kind::Unsupported,
            "the host's SSH server forwards nothing to there; allow AllowTcpForwarding and \
             AllowStreamLocalForwarding, and log in as a user that may reach it",
        ),
        _ => (Kind::Unavailable, "the SSH connection to libvirt failed"),
    }
}

/// What the daemon says.
fn remote_kind(remote: &RemoteError) -> (Kind, &'static str) {
    type C = ErrorCode;
    match remote.code {
        C::NO_DOMAIN | C::INVALID_DOMAIN => (Kind::NotFound, "the VM is not there"),
        C::NO_STORAGE_POOL | C::INVALID_STORAGE_POOL => {
            (Kind::NotFound, "there is no such storage pool")
        }
        C::NO_STORAGE_VOL | C::INVALID_STORAGE_VOL => (Kind::NotFound, "there is no such volume"),
        C::NO_NETWORK | C::INVALID_NETWORK => (Kind::NotFound, "there is no such network"),
        C::NO_DOMAIN_SNAPSHOT
        | C::NO_DOMAIN_CHECKPOINT
        | C::NO_NODE_DEVICE
        | C::NO_INTERFACE
        | C::NO_NWFILTER
        | C::NO_SECRET
        | C::NO_DOMAIN_METADATA
        | C::NO_SOURCE => (Kind::NotFound, "what it refers to is not there"),
        C::DOM_EXIST => (Kind::Conflict, "a VM of that name or identity exists already"),
        C::STORAGE_VOL_EXIST => (Kind::Conflict, "a volume of that name exists already"),
        C::NETWORK_EXIST => (Kind::Conflict, "a network of that name exists already"),
        C::OPERATION_INVALID => (Kind::Conflict, "it is not in a state that allows this"),
        C::RESOURCE_BUSY | C::BLOCK_COPY_ACTIVE => (Kind::Conflict, "it is in use"),
        C::MIGRATE_UNSAFE => (Kind::Conflict, "libvirt holds this migration to be unsafe"),
        // The job lock of the domain: the call never began.
        C::OPERATION_TIMEOUT => (Kind::Timeout, "another job of the VM did not end in time"),
        C::AGENT_UNRESPONSIVE | C::AGENT_UNSYNCED => {
            (Kind::Unavailable, "the guest agent does not answer")
        }
        C::AGENT_COMMAND_TIMEOUT => (Kind::Timeout, "the guest agent did not answer in time"),
        C::AGENT_COMMAND_FAILED => (Kind::Conflict, "the guest agent refused"),
        C::XML_ERROR
        | C::XML_DETAIL
        | C::XML_INVALID_SCHEMA
        | C::INVALID_ARG
        | C::OS_TYPE
        | C::PARSE_FAILED
        | C::OVERFLOW
        | C::NO_NAME => (Kind::Invalid, "libvirt refuses this configuration"),
        C::NO_SUPPORT
        | C::CONFIG_UNSUPPORTED
        | C::OPERATION_UNSUPPORTED
        | C::ARGUMENT_UNSUPPORTED
        | C::CPU_INCOMPATIBLE => (Kind::Unsupported, "this host or its libvirt cannot do that"),
        C::OPERATION_DENIED | C::ACCESS_DENIED => {
            (Kind::Denied, "libvirt does not allow this to us")
        }
        C::AUTH_FAILED | C::AUTH_CANCELLED | C::AUTH_UNAVAILABLE => {
            (Kind::Denied, "libvirt did not accept our credentials")
        }
        C::NO_MEMORY => (Kind::Exhausted, "the host has not enough memory"),
        C::SYSTEM_ERROR => system_kind(remote),
        C::NO_CONNECT | C::INVALID_CONN | C::RPC | C::CALL_FAILED | C::NO_SERVER => {
            (Kind::Unavailable, "libvirt cannot do this at present")
        }
        C::OPERATION_ABORTED => (Kind::Cancelled, "it was aborted"),
        _ => by_text(remote),
    }
}

/// `ENOENT`.
fn is_missing_file(remote: &RemoteError) -> bool {
    remote.code == ErrorCode::SYSTEM_ERROR && remote.int1 == 2
}

/// Errors of the operating system; `int1` is the `errno`.
fn system_kind(remote: &RemoteError) -> (Kind, &'static str) {
    match remote.int1 {
        1 | 13 => (Kind::Denied, "libvirt has no permission for this on its host"),
        12 => (Kind::Exhausted, "the host has not enough memory"),
        16 | 17 | 26 => (Kind::Conflict, "it is in use or exists already"),
        27 | 28 | 122 => (Kind::Exhausted, "there is not enough room in the storage"),
        23 | 24 => (Kind::Exhausted, "the host has too many open files"),
        110 => (Kind::Timeout, "the host did not answer in time"),
        32 | 104 | 111 => (Kind::Unavailable, "libvirt lost one of its own connections"),
        _ => by_text(remote),
    }
}

/// Codes that libvirt uses for everything: the words are all there is. What
/// they do not tell is a refusal, since the daemon did answer.
fn by_text(remote: &RemoteError) -> (Kind, &'static str) {
    let has = |words: &str| remote.message.contains(words);
    if has("No space left") || has("Disk quota exceeded") {
        (Kind::Exhausted, "there is not enough room in the storage")
    } else if has("Cannot allocate memory") || has("cannot set up guest memory") {
        (Kind::Exhausted, "the host has not enough memory")
    } else if lost_a_peer(remote) {
        (Kind::Unavailable, "libvirt lost one of its own connections")
    } else if has("\"write\" lock") || has("\"consistent read\" lock") {
        (Kind::Conflict, "a disk is in use by another VM")
    } else if has("already exists with uuid") || has("already defined with uuid") {
        (Kind::Conflict, "a VM of that name or identity exists already")
    } else if has("Active console session") {
        (Kind::Conflict, "somebody else is connected to this console")
    } else if has("has asynchronous jobs running") {
        (Kind::Unavailable, "the pool is busy with other volumes")
    } else {
        (Kind::Invalid, "libvirt refuses this")
    }
}

/// Codes after which a change may be there all the same.
fn half_done(remote: &RemoteError) -> bool {
    type C = ErrorCode;
    match remote.code {
        C::AGENT_COMMAND_TIMEOUT | C::RPC | C::CALL_FAILED | C::OPERATION_ABORTED => true,
        // The daemon had asked somebody, such as the hypervisor, and lost the answer.
        C::SYSTEM_ERROR => matches!(remote.int1, 32 | 104 | 110),
        _ => lost_a_peer(remote),
    }
}

/// Whether the daemon lost a connection of its own, as its words tell.
fn lost_a_peer(remote: &RemoteError) -> bool {
    ["client socket is closed", "End of file while reading"]
        .iter()
        .any(|words| remote.message.contains(words))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hostler_libvirt_rpc::CloseReason;

    use super::*;

    fn remote(code: i32, message: &str, errno: i32) -> RpcError {
        let error = RemoteError {
            code: ErrorCode(code),
            domain: 10,
            level: 2,
            message: message.into(),
            str1: None,
            str2: None,
            str3: None,
            int1: errno,
            int2: -1,
        };
        RpcError::Remote { procedure: procedure::DOMAIN_CREATE_WITH_FLAGS, error: Box::new(error) }
    }

    #[test]
    fn c31_every_code_of_the_table_has_its_kind() {
        let table = [
            (42, Kind::NotFound),
            (28, Kind::Conflict),
            (55, Kind::Conflict),
            (68, Kind::Timeout),
            (39, Kind::Unavailable),
            (86, Kind::Unavailable),
            (87, Kind::Conflict),
            (88, Kind::Denied),
            (45, Kind::Denied),
            (81, Kind::Conflict),
            (84, Kind::Unsupported),
            (3, Kind::Unsupported),
            (67, Kind::Unsupported),
            (72, Kind::NotFound),
            (49, Kind::NotFound),
            (50, Kind::NotFound),
            (43, Kind::NotFound),
            (83, Kind::Conflict),
            (27, Kind::Invalid),
            (2, Kind::Exhausted),
            (9999, Kind::Invalid),
        ];
        for (code, kind) in table {
            let sorted = translate(&remote(code, "words", 0), Intent::Change, "x");
            assert_eq!(sorted.kind(), kind, "code {code}");
        }
    }

    #[test]
    fn c31_the_words_decide_where_the_code_says_nothing() {
        let sorted =
            |code, words, errno| translate(&remote(code, words, errno), Intent::Change, "x").kind();
        assert_eq!(sorted(38, "cannot write", 28), Kind::Exhausted);
        assert_eq!(sorted(38, "cannot write", 13), Kind::Denied);
        assert_eq!(sorted(1, "qemu: cannot set up guest memory 'pc.ram'", 0), Kind::Exhausted);
        assert_eq!(sorted(1, "internal error: client socket is closed", 0), Kind::Unavailable);
        assert_eq!(sorted(1, "Failed to get \"write\" lock", 0), Kind::Conflict);
    }

    #[test]
    fn c31_a_missing_file_is_no_missing_vm() {
        let missing = remote(38, "Cannot access storage file '/p/v'", 2);
        assert_eq!(translate(&missing, Intent::Change, "x").kind(), Kind::Conflict);
        let RpcError::Remote { error, .. } = missing else { panic!("it is the daemon's") };
        let read = RpcError::Remote { procedure: procedure::STORAGE_VOL_GET_XML_DESC, error };
        assert_eq!(translate(&read, Intent::Look, "x").kind(), Kind::NotFound);
    }

    #[test]
    fn c31_libvirts_own_words_stay_in_the_internal_half() {
        let words = "Cannot open /var/lib/secret/disk";
        let sorted = translate(&remote(1, words, 0), Intent::Change, "cannot start \"web\"");
        assert_eq!(sorted.message(), "cannot start \"web\": libvirt refuses this");
        assert!(sorted.raw().unwrap().contains(words));
    }

    #[test]
    fn c31_who_has_to_mend_a_transport_is_told() {
        let ssh = |obstacle| {
            let error = RpcError::Ssh { host: "h".into(), obstacle, detail: "/secret".into() };
            let sorted = translate(&error, Intent::Look, "x");
            assert!(!sorted.message().contains("secret") && sorted.raw().is_some());
            (sorted.kind(), sorted.message().to_owned())
        };
        assert_eq!(ssh(Obstacle::Unreachable).0, Kind::Unavailable);
        let (kind, message) = ssh(Obstacle::Rejected);
        assert!(kind == Kind::Denied && message.contains("authorized_keys"), "{message}");
        let (kind, message) = ssh(Obstacle::UntrustedHost);
        assert!(kind == Kind::Denied && message.contains("known_hosts"), "{message}");
        let (kind, message) = ssh(Obstacle::Helper);
        assert!(kind == Kind::Unsupported && message.contains("virt-ssh-helper"), "{message}");
        let source = std::io::ErrorKind::PermissionDenied.into();
        let socket = RpcError::Io { action: "connect".into(), source };
        let sorted = translate(&socket, Intent::Look, "x");
        assert!(sorted.kind() == Kind::Denied && sorted.message().contains("group libvirt"));
    }

    #[test]
    fn f6_a_lost_reply_is_unknown_for_changes_only() {
        let procedure = procedure::DOMAIN_CREATE_WITH_FLAGS;
        let late = RpcError::Timeout { procedure, after: Duration::from_secs(1), sent: true };
        assert!(translate(&late, Intent::Change, "x").is_unknown());
        assert!(!translate(&late, Intent::Look, "x").is_unknown());
        let unsent = RpcError::Timeout { procedure, after: Duration::from_secs(1), sent: false };
        assert!(!translate(&unsent, Intent::Change, "x").is_unknown());
        let closed = RpcError::Closed {
            procedure: Some(procedure),
            reason: CloseReason::KeepAlive { unanswered: 3 },
            sent: true,
        };
        let sorted = translate(&closed, Intent::Change, "x");
        assert!(sorted.is_unknown() && sorted.kind() == Kind::Unavailable);
        // The daemon asked its hypervisor, or another daemon, and lost the answer.
        for lost in [
            remote(38, "Unable to read from monitor: Connection reset by peer", 104),
            remote(1, "End of file while reading data: Input/output error", 0),
        ] {
            assert!(translate(&lost, Intent::Change, "x").is_unknown(), "{lost}");
        }
        // The daemon's job lock timed out: the change certainly did not begin.
        assert!(!translate(&remote(68, "job", 0), Intent::Change, "x").is_unknown());
    }
}
