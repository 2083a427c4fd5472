//! Error codes, generated from `catalog/errors.toml` by `cargo xtask codegen`;
//! change the catalogue, not this file.

use super::Kind;

/// What went wrong, finer than [`Kind`]; a contract with every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The request body is not what this endpoint reads.
    BodyMalformed,
    /// The description of the resource has faults.
    SpecInvalid,
    /// The query of the URL has faults.
    QueryInvalid,
    /// The cursor was not made by this server for this list.
    CursorInvalid,
    /// The id in the URL is not an id.
    IdInvalid,
    /// The image refers to files outside itself or lies about its format.
    ImageUnsafe,
    /// The provider refused the request as wrong.
    ProviderRefused,
    /// No credentials were given.
    CredentialsMissing,
    /// The credentials are not valid (any more).
    CredentialsInvalid,
    /// The console ticket is unknown, used or expired.
    TicketInvalid,
    /// You may not do this.
    PermissionDenied,
    /// The request comes from a page of another site.
    OriginDenied,
    /// There is nothing at this address.
    EndpointNotFound,
    /// There is no such VM.
    VmNotFound,
    /// There is no such host.
    HostNotFound,
    /// There is no such provider.
    ProviderNotFound,
    /// There is no such storage pool.
    PoolNotFound,
    /// There is no such volume.
    VolumeNotFound,
    /// There is no such network.
    NetworkNotFound,
    /// There is no such image.
    ImageNotFound,
    /// There is no such operation.
    OperationNotFound,
    /// There is no such token.
    TokenNotFound,
    /// Another operation is working on this VM.
    VmBusy,
    /// A VM with this name exists in the project.
    VmExists,
    /// The VM's state does not allow this.
    VmWrongState,
    /// The VM's present state is not known.
    VmStateUnknown,
    /// Hostler only observes this VM.
    VmNotManaged,
    /// An image with this name exists.
    ImageExists,
    /// VMs depend on this image.
    ImageInUse,
    /// A volume with this name exists in the pool.
    VolumeExists,
    /// The volume belongs to a VM.
    VolumeInUse,
    /// Another operation is working on this volume.
    VolumeBusy,
    /// This Idempotency-Key was used for a different request.
    IdempotencyMismatch,
    /// The resource changed since you read it.
    PreconditionFailed,
    /// This change needs an If-Match header.
    PreconditionRequired,
    /// The operation has ended.
    OperationFinished,
    /// The operation has passed the point of no return.
    OperationNotCancellable,
    /// The operation does not need attention.
    OperationNotStuck,
    /// Somebody else uses the console, and it is for one at a time.
    ConsoleBusy,
    /// The provider says that the resource is in another state or in use.
    ProviderConflict,
    /// Events that old are no longer kept.
    EventsExpired,
    /// This provider cannot do that.
    CapabilityMissing,
    /// The request exceeds a limit of the provider or of the API.
    LimitExceeded,
    /// The request body is too large.
    BodyTooLarge,
    /// The content type is not one this endpoint reads.
    MediaTypeUnsupported,
    /// The answer comes in no form that the client takes.
    NotAcceptable,
    /// This address does not take that method.
    MethodNotAllowed,
    /// No host can take this VM.
    NoHostFits,
    /// The provider has no room left.
    ProviderExhausted,
    /// Hostler's own disk is full.
    StoreFull,
    /// Too many requests at once.
    RateLimited,
    /// The provider cannot be reached.
    ProviderUnavailable,
    /// The provider refused Hostler's credentials.
    ProviderDenied,
    /// The server is stopping.
    ServerDraining,
    /// Hostler's database does not answer.
    StoreUnavailable,
    /// The provider did not answer in time.
    ProviderTimeout,
    /// The operation was cancelled.
    OperationCancelled,
    /// Hostler made a mistake.
    InternalError,
    /// The provider answered something that makes no sense.
    ProviderBug,
}

impl Code {
    /// Every code, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
        Self::BodyMalformed,
        Self::SpecInvalid,
        Self::QueryInvalid,
        Self::CursorInvalid,
        Self::IdInvalid,
        Self::ImageUnsafe,
        Self::ProviderRefused,
        Self::CredentialsMissing,
        Self::CredentialsInvalid,
        Self::TicketInvalid,
        Self::PermissionDenied,
        Self::OriginDenied,
        Self::EndpointNotFound,
        Self::VmNotFound,
        Self::HostNotFound,
        Self::ProviderNotFound,
        Self::PoolNotFound,
        Self::VolumeNotFound,
        Self::NetworkNotFound,
        Self::ImageNotFound,
        Self::OperationNotFound,
        Self::TokenNotFound,
        Self::VmBusy,
        Self::VmExists,
        Self::VmWrongState,
        Self::VmStateUnknown,
        Self::VmNotManaged,
        Self::ImageExists,
        Self::ImageInUse,
        Self::VolumeExists,
        Self::VolumeInUse,
        Self::VolumeBusy,
        Self::IdempotencyMismatch,
        Self::PreconditionFailed,
        Self::PreconditionRequired,
        Self::OperationFinished,
        Self::OperationNotCancellable,
        Self::OperationNotStuck,
        Self::ConsoleBusy,
        Self::ProviderConflict,
        Self::EventsExpired,
        Self::CapabilityMissing,
        Self::LimitExceeded,
        Self::BodyTooLarge,
        Self::MediaTypeUnsupported,
        Self::NotAcceptable,
        Self::MethodNotAllowed,
        Self::NoHostFits,
        Self::ProviderExhausted,
        Self::StoreFull,
        Self::RateLimited,
        Self::ProviderUnavailable,
        Self::ProviderDenied,
        Self::ServerDraining,
        Self::StoreUnavailable,
        Self::ProviderTimeout,
        Self::OperationCancelled,
        Self::InternalError,
        Self::ProviderBug,
    ];

    /// The word used on the wire and in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BodyMalformed => "body_malformed",
            Self::SpecInvalid => "spec_invalid",
            Self::QueryInvalid => "query_invalid",
            Self::CursorInvalid => "cursor_invalid",
            Self::IdInvalid => "id_invalid",
            Self::ImageUnsafe => "image_unsafe",
            Self::ProviderRefused => "provider_refused",
            Self::CredentialsMissing => "credentials_missing",
            Self::CredentialsInvalid => "credentials_invalid",
            Self::TicketInvalid => "ticket_invalid",
            Self::PermissionDenied => "permission_denied",
            Self::OriginDenied => "origin_denied",
            Self::EndpointNotFound => "endpoint_not_found",
            Self::VmNotFound => "vm_not_found",
            Self::HostNotFound => "host_not_found",
            Self::ProviderNotFound => "provider_not_found",
            Self::PoolNotFound => "pool_not_found",
            Self::VolumeNotFound => "volume_not_found",
            Self::NetworkNotFound => "network_not_found",
            Self::ImageNotFound => "image_not_found",
            Self::OperationNotFound => "operation_not_found",
            Self::TokenNotFound => "token_not_found",
            Self::VmBusy => "vm_busy",
            Self::VmExists => "vm_exists",
            Self::VmWrongState => "vm_wrong_state",
            Self::VmStateUnknown => "vm_state_unknown",
            Self::VmNotManaged => "vm_not_managed",
            Self::ImageExists => "image_exists",
            Self::ImageInUse => "image_in_use",
            Self::VolumeExists => "volume_exists",
            Self::VolumeInUse => "volume_in_use",
            Self::VolumeBusy => "volume_busy",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::PreconditionFailed => "precondition_failed",
            Self::PreconditionRequired => "precondition_required",
            Self::OperationFinished => "operation_finished",
            Self::OperationNotCancellable => "operation_not_cancellable",
            Self::OperationNotStuck => "operation_not_stuck",
            Self::ConsoleBusy => "console_busy",
            Self::ProviderConflict => "provider_conflict",
            Self::EventsExpired => "events_expired",
            Self::CapabilityMissing => "capability_missing",
            Self::LimitExceeded => "limit_exceeded",
            Self::BodyTooLarge => "body_too_large",
            Self::MediaTypeUnsupported => "media_type_unsupported",
            Self::NotAcceptable => "not_acceptable",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NoHostFits => "no_host_fits",
            Self::ProviderExhausted => "provider_exhausted",
            Self::StoreFull => "store_full",
            Self::RateLimited => "rate_limited",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderDenied => "provider_denied",
            Self::ServerDraining => "server_draining",
            Self::StoreUnavailable => "store_unavailable",
            Self::ProviderTimeout => "provider_timeout",
            Self::OperationCancelled => "operation_cancelled",
            Self::InternalError => "internal_error",
            Self::ProviderBug => "provider_bug",
        }
    }

    /// What the caller can do about it.
    pub const fn kind(self) -> Kind {
        match self {
            Self::BodyMalformed
            | Self::SpecInvalid
            | Self::QueryInvalid
            | Self::CursorInvalid
            | Self::IdInvalid
            | Self::ImageUnsafe
            | Self::ProviderRefused => Kind::Invalid,
            Self::CredentialsMissing | Self::CredentialsInvalid | Self::TicketInvalid => {
                Kind::Unauthenticated
            }
            Self::PermissionDenied | Self::OriginDenied => Kind::Denied,
            Self::EndpointNotFound
            | Self::VmNotFound
            | Self::HostNotFound
            | Self::ProviderNotFound
            | Self::PoolNotFound
            | Self::VolumeNotFound
            | Self::NetworkNotFound
            | Self::ImageNotFound
            | Self::OperationNotFound
            | Self::TokenNotFound => Kind::NotFound,
            Self::VmBusy
            | Self::VmExists
            | Self::VmWrongState
            | Self::VmStateUnknown
            | Self::VmNotManaged
            | Self::ImageExists
            | Self::ImageInUse
            | Self::VolumeExists
            | Self::VolumeInUse
            | Self::VolumeBusy
            | Self::IdempotencyMismatch
            | Self::PreconditionFailed
            | Self::PreconditionRequired
            | Self::OperationFinished
            | Self::OperationNotCancellable
            | Self::OperationNotStuck
            | Self::ConsoleBusy
            | Self::ProviderConflict
            | Self::EventsExpired => Kind::Conflict,
            Self::CapabilityMissing
            | Self::LimitExceeded
            | Self::BodyTooLarge
            | Self::MediaTypeUnsupported
            | Self::NotAcceptable
            | Self::MethodNotAllowed => Kind::Unsupported,
            Self::NoHostFits | Self::ProviderExhausted | Self::StoreFull | Self::RateLimited => {
                Kind::Exhausted
            }
            Self::ProviderUnavailable
            | Self::ProviderDenied
            | Self::ServerDraining
            | Self::StoreUnavailable => Kind::Unavailable,
            Self::ProviderTimeout => Kind::Timeout,
            Self::OperationCancelled => Kind::Cancelled,
            Self::InternalError | Self::ProviderBug => Kind::Bug,
        }
    }

    /// One line, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::BodyMalformed => "the request body is not what this endpoint reads",
            Self::SpecInvalid => "the description of the resource has faults",
            Self::QueryInvalid => "the query of the URL has faults",
            Self::CursorInvalid => "the cursor was not made by this server for this list",
            Self::IdInvalid => "the id in the URL is not an id",
            Self::ImageUnsafe => {
                "the image refers to files outside itself or lies about its format"
            }
            Self::ProviderRefused => "the provider refused the request as wrong",
            Self::CredentialsMissing => "no credentials were given",
            Self::CredentialsInvalid => "the credentials are not valid (any more)",
            Self::TicketInvalid => "the console ticket is unknown, used or expired",
            Self::PermissionDenied => "you may not do this",
            Self::OriginDenied => "the request comes from a page of another site",
            Self::EndpointNotFound => "there is nothing at this address",
            Self::VmNotFound => "there is no such VM",
            Self::HostNotFound => "there is no such host",
            Self::ProviderNotFound => "there is no such provider",
            Self::PoolNotFound => "there is no such storage pool",
            Self::VolumeNotFound => "there is no such volume",
            Self::NetworkNotFound => "there is no such network",
            Self::ImageNotFound => "there is no such image",
            Self::OperationNotFound => "there is no such operation",
            Self::TokenNotFound => "there is no such token",
            Self::VmBusy => "another operation is working on this VM",
            Self::VmExists => "a VM with this name exists in the project",
            Self::VmWrongState => "the VM's state does not allow this",
            Self::VmStateUnknown => "the VM's present state is not known",
            Self::VmNotManaged => "Hostler only observes this VM",
            Self::ImageExists => "an image with this name exists",
            Self::ImageInUse => "VMs depend on this image",
            Self::VolumeExists => "a volume with this name exists in the pool",
            Self::VolumeInUse => "the volume belongs to a VM",
            Self::VolumeBusy => "another operation is working on this volume",
            Self::IdempotencyMismatch => "this Idempotency-Key was used for a different request",
            Self::PreconditionFailed => "the resource changed since you read it",
            Self::PreconditionRequired => "this change needs an If-Match header",
            Self::OperationFinished => "the operation has ended",
            Self::OperationNotCancellable => "the operation has passed the point of no return",
            Self::OperationNotStuck => "the operation does not need attention",
            Self::ConsoleBusy => "somebody else uses the console, and it is for one at a time",
            Self::ProviderConflict => {
                "the provider says that the resource is in another state or in use"
            }
            Self::EventsExpired => "events that old are no longer kept",
            Self::CapabilityMissing => "this provider cannot do that",
            Self::LimitExceeded => "the request exceeds a limit of the provider or of the API",
            Self::BodyTooLarge => "the request body is too large",
            Self::MediaTypeUnsupported => "the content type is not one this endpoint reads",
            Self::NotAcceptable => "the answer comes in no form that the client takes",
            Self::MethodNotAllowed => "this address does not take that method",
            Self::NoHostFits => "no host can take this VM",
            Self::ProviderExhausted => "the provider has no room left",
            Self::StoreFull => "Hostler's own disk is full",
            Self::RateLimited => "too many requests at once",
            Self::ProviderUnavailable => "the provider cannot be reached",
            Self::ProviderDenied => "the provider refused Hostler's credentials",
            Self::ServerDraining => "the server is stopping",
            Self::StoreUnavailable => "Hostler's database does not answer",
            Self::ProviderTimeout => "the provider did not answer in time",
            Self::OperationCancelled => "the operation was cancelled",
            Self::InternalError => "Hostler made a mistake",
            Self::ProviderBug => "the provider answered something that makes no sense",
        }
    }

    /// What to do next.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
    pub const fn help(self) -> &'static str {
        match self {
            Self::BodyMalformed => {
                "Compare the body with the endpoint's schema in /api/docs; `errors` names the place."
            }
            Self::SpecInvalid => "`errors` lists every fault with a pointer to its field.",
            Self::QueryInvalid => "`errors` names the parameter; /api/docs lists the allowed ones.",
            Self::CursorInvalid => {
                "Start again without `cursor`, and keep filter and sort the same while paging."
            }
            Self::IdInvalid => {
                "Ids look like 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e; look the resource up by name in its list."
            }
            Self::ImageUnsafe => {
                "Flatten it on the machine that made it, for example with `qemu-img convert`, and import the result."
            }
            Self::ProviderRefused => "The message is the provider's; correct the field it names.",
            Self::CredentialsMissing => {
                "Open the login link that `hostlerd admin-link` prints, or send `Authorization: Bearer hst_…`."
            }
            Self::CredentialsInvalid => {
                "Make a new token, or a new login link with `hostlerd admin-link`."
            }
            Self::TicketInvalid => {
                "Ask for a new one; a ticket opens one console once, within 30 seconds."
            }
            Self::PermissionDenied => {
                "Ask an administrator for the permission that the message names."
            }
            Self::OriginDenied => "Use Hostler's own pages, or an API token without cookies.",
            Self::EndpointNotFound => "/api/docs lists every endpoint.",
            Self::VmNotFound => "`hostler vm list` shows those there are.",
            Self::HostNotFound => "`hostler host list` shows those there are.",
            Self::ProviderNotFound => "`hostler provider list` shows those there are.",
            Self::PoolNotFound => "`hostler pool list` shows those there are.",
            Self::VolumeNotFound => "`hostler volume list POOL` shows those there are.",
            Self::NetworkNotFound => "`hostler network list` shows those there are.",
            Self::ImageNotFound => "`hostler image list` shows those there are.",
            Self::OperationNotFound => {
                "`hostler op list` shows those there are; ended ones are kept for 30 days."
            }
            Self::TokenNotFound => "`hostler token list` shows those there are.",
            Self::VmBusy => "Wait for the operation that `details.operation` names, or cancel it.",
            Self::VmExists => "Choose another name.",
            Self::VmWrongState => "The message says the state and what is possible from it.",
            Self::VmStateUnknown => {
                "Wait until its host answers again; nothing is decided on a guess."
            }
            Self::VmNotManaged => "It was made elsewhere; adopt it before changing it.",
            Self::ImageExists => "Choose another name, or delete the other image first.",
            Self::ImageInUse => "Delete them first, or keep the image.",
            Self::VolumeExists => "Choose another name.",
            Self::VolumeInUse => "Detach it or delete the VM first.",
            Self::VolumeBusy => {
                "Wait for the operation that `details.operation` names, or cancel it."
            }
            Self::IdempotencyMismatch => "Use a new key for a new request.",
            Self::PreconditionFailed => {
                "Read it again, look at what changed, and send the new ETag in If-Match."
            }
            Self::PreconditionRequired => {
                "Read the resource and send its ETag in If-Match, so that nobody's change is lost."
            }
            Self::OperationFinished => "There is nothing left to cancel or retry.",
            Self::OperationNotCancellable => "Let it end; what it has removed cannot be put back.",
            Self::OperationNotStuck => {
                "Only operations in state needs_attention can be retried or resolved by hand."
            }
            Self::ConsoleBusy => {
                "Wait until they have left, or ask again with `take_over`, which disconnects them; `details` says who and since when, where that is known."
            }
            Self::ProviderConflict => {
                "Look at the resource again; somebody else may have changed it."
            }
            Self::EventsExpired => "Read the lists again and subscribe from the present.",
            Self::CapabilityMissing => "`hostler provider show` lists what it can do.",
            Self::LimitExceeded => "The message names the limit.",
            Self::BodyTooLarge => "The message names the limit.",
            Self::MediaTypeUnsupported => {
                "Send `Content-Type: application/json`, or what the endpoint's documentation names."
            }
            Self::NotAcceptable => {
                "Leave `Accept` out, or name the type that the endpoint's documentation names."
            }
            Self::MethodNotAllowed => "/api/docs lists the methods of each address.",
            Self::NoHostFits => "The message says for each host why not.",
            Self::ProviderExhausted => {
                "Free memory, disk or addresses there; the message says which."
            }
            Self::StoreFull => {
                "Free space below the data directory; reading and consoles go on meanwhile."
            }
            Self::RateLimited => "Wait for Retry-After, then go on more slowly.",
            Self::ProviderUnavailable => {
                "`hostler provider show` says since when and why; what is shown of it is stale until it answers."
            }
            Self::ProviderDenied => "Give the user that runs hostlerd access to the provider.",
            Self::ServerDraining => "Try again in a few seconds.",
            Self::StoreUnavailable => {
                "Look at the server's log and at the disk below its data directory."
            }
            Self::ProviderTimeout => {
                "It may still be working; look at the resource before you try again."
            }
            Self::OperationCancelled => {
                "What it had done has been undone, as far as it can be; its steps say what cannot."
            }
            Self::InternalError => {
                "Please report it with the request id and the server's log lines for it."
            }
            Self::ProviderBug => {
                "Please report it with the request id and the server's log lines for it."
            }
        }
    }
}
