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
    /// There is no such agent.
    AgentNotFound,
    /// There is no such provider.
    ProviderNotFound,
    /// There is no such cluster.
    ClusterNotFound,
    /// There is no such storage pool.
    PoolNotFound,
    /// There is no such volume.
    VolumeNotFound,
    /// The VM has no such snapshot.
    SnapshotNotFound,
    /// There is no such instance type.
    InstanceTypeNotFound,
    /// There is no such preference.
    PreferenceNotFound,
    /// The VM has no such disk.
    DiskNotFound,
    /// There is no such network.
    NetworkNotFound,
    /// There is no such image.
    ImageNotFound,
    /// There is no such template.
    TemplateNotFound,
    /// The template has no such version.
    TemplateVersionNotFound,
    /// There is no such operation.
    OperationNotFound,
    /// There is no such token.
    TokenNotFound,
    /// No such alert is pending or fires.
    AlertNotFound,
    /// There is no such silence.
    SilenceNotFound,
    /// The alert does not fire yet.
    AlertNotFiring,
    /// A metric that is pushed now does not go with this name.
    MetricConflict,
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
    /// Hostler only watches over this VM.
    VmReadOnly,
    /// Others manage fields of the VM that would change.
    VmFieldsManaged,
    /// This VM cannot be adopted as it is.
    VmNotAdoptable,
    /// A token with this name is in use.
    TokenExists,
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
    /// A template with this name exists in the project.
    TemplateExists,
    /// The state of the template's version does not allow this.
    TemplateWrongState,
    /// There are as many templates, or versions of this one, as are kept.
    TemplateLimitReached,
    /// The place lacks what the template requires.
    TemplateIncompatible,
    /// The VM has a snapshot with this name.
    SnapshotExists,
    /// The VM has as many snapshots as its provider allows.
    SnapshotLimitReached,
    /// The VM has a disk with this name.
    DiskExists,
    /// The VM needs this disk as it is.
    DiskNeeded,
    /// The volume was not made for this VM.
    VolumeNotItsOwn,
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
    /// The provider is being listed anew, and nothing is changed by an older picture.
    ClusterRebuilding,
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
    /// The provider sent an object that is not shaped as its kind must be.
    IncompatibleSchema,
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
        Self::AgentNotFound,
        Self::ProviderNotFound,
        Self::ClusterNotFound,
        Self::PoolNotFound,
        Self::VolumeNotFound,
        Self::SnapshotNotFound,
        Self::InstanceTypeNotFound,
        Self::PreferenceNotFound,
        Self::DiskNotFound,
        Self::NetworkNotFound,
        Self::ImageNotFound,
        Self::TemplateNotFound,
        Self::TemplateVersionNotFound,
        Self::OperationNotFound,
        Self::TokenNotFound,
        Self::AlertNotFound,
        Self::SilenceNotFound,
        Self::AlertNotFiring,
        Self::MetricConflict,
        Self::VmBusy,
        Self::VmExists,
        Self::VmWrongState,
        Self::VmStateUnknown,
        Self::VmNotManaged,
        Self::VmReadOnly,
        Self::VmFieldsManaged,
        Self::VmNotAdoptable,
        Self::TokenExists,
        Self::ImageExists,
        Self::ImageInUse,
        Self::VolumeExists,
        Self::VolumeInUse,
        Self::VolumeBusy,
        Self::TemplateExists,
        Self::TemplateWrongState,
        Self::TemplateLimitReached,
        Self::TemplateIncompatible,
        Self::SnapshotExists,
        Self::SnapshotLimitReached,
        Self::DiskExists,
        Self::DiskNeeded,
        Self::VolumeNotItsOwn,
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
        Self::ClusterRebuilding,
        Self::ProviderDenied,
        Self::ServerDraining,
        Self::StoreUnavailable,
        Self::ProviderTimeout,
        Self::OperationCancelled,
        Self::InternalError,
        Self::IncompatibleSchema,
        Self::ProviderBug,
    ];

    /// The word used on the wire and in the documentation.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
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
            Self::AgentNotFound => "agent_not_found",
            Self::ProviderNotFound => "provider_not_found",
            Self::ClusterNotFound => "cluster_not_found",
            Self::PoolNotFound => "pool_not_found",
            Self::VolumeNotFound => "volume_not_found",
            Self::SnapshotNotFound => "snapshot_not_found",
            Self::InstanceTypeNotFound => "instance_type_not_found",
            Self::PreferenceNotFound => "preference_not_found",
            Self::DiskNotFound => "disk_not_found",
            Self::NetworkNotFound => "network_not_found",
            Self::ImageNotFound => "image_not_found",
            Self::TemplateNotFound => "template_not_found",
            Self::TemplateVersionNotFound => "template_version_not_found",
            Self::OperationNotFound => "operation_not_found",
            Self::TokenNotFound => "token_not_found",
            Self::AlertNotFound => "alert_not_found",
            Self::SilenceNotFound => "silence_not_found",
            Self::AlertNotFiring => "alert_not_firing",
            Self::MetricConflict => "metric_conflict",
            Self::VmBusy => "vm_busy",
            Self::VmExists => "vm_exists",
            Self::VmWrongState => "vm_wrong_state",
            Self::VmStateUnknown => "vm_state_unknown",
            Self::VmNotManaged => "vm_not_managed",
            Self::VmReadOnly => "vm_read_only",
            Self::VmFieldsManaged => "vm_fields_managed",
            Self::VmNotAdoptable => "vm_not_adoptable",
            Self::TokenExists => "token_exists",
            Self::ImageExists => "image_exists",
            Self::ImageInUse => "image_in_use",
            Self::VolumeExists => "volume_exists",
            Self::VolumeInUse => "volume_in_use",
            Self::VolumeBusy => "volume_busy",
            Self::TemplateExists => "template_exists",
            Self::TemplateWrongState => "template_wrong_state",
            Self::TemplateLimitReached => "template_limit_reached",
            Self::TemplateIncompatible => "template_incompatible",
            Self::SnapshotExists => "snapshot_exists",
            Self::SnapshotLimitReached => "snapshot_limit_reached",
            Self::DiskExists => "disk_exists",
            Self::DiskNeeded => "disk_needed",
            Self::VolumeNotItsOwn => "volume_not_its_own",
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
            Self::ClusterRebuilding => "cluster_rebuilding",
            Self::ProviderDenied => "provider_denied",
            Self::ServerDraining => "server_draining",
            Self::StoreUnavailable => "store_unavailable",
            Self::ProviderTimeout => "provider_timeout",
            Self::OperationCancelled => "operation_cancelled",
            Self::InternalError => "internal_error",
            Self::IncompatibleSchema => "incompatible_schema",
            Self::ProviderBug => "provider_bug",
        }
    }

    /// What the caller can do about it.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
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
            | Self::AgentNotFound
            | Self::ProviderNotFound
            | Self::ClusterNotFound
            | Self::PoolNotFound
            | Self::VolumeNotFound
            | Self::SnapshotNotFound
            | Self::InstanceTypeNotFound
            | Self::PreferenceNotFound
            | Self::DiskNotFound
            | Self::NetworkNotFound
            | Self::ImageNotFound
            | Self::TemplateNotFound
            | Self::TemplateVersionNotFound
            | Self::OperationNotFound
            | Self::TokenNotFound
            | Self::AlertNotFound
            | Self::SilenceNotFound => Kind::NotFound,
            Self::AlertNotFiring
            | Self::MetricConflict
            | Self::VmBusy
            | Self::VmExists
            | Self::VmWrongState
            | Self::VmStateUnknown
            | Self::VmNotManaged
            | Self::VmReadOnly
            | Self::VmFieldsManaged
            | Self::VmNotAdoptable
            | Self::TokenExists
            | Self::ImageExists
            | Self::ImageInUse
            | Self::VolumeExists
            | Self::VolumeInUse
            | Self::VolumeBusy
            | Self::TemplateExists
            | Self::TemplateWrongState
            | Self::TemplateLimitReached
            | Self::SnapshotExists
            | Self::SnapshotLimitReached
            | Self::DiskExists
            | Self::DiskNeeded
            | Self::VolumeNotItsOwn
            | Self::IdempotencyMismatch
            | Self::PreconditionFailed
            | Self::PreconditionRequired
            | Self::OperationFinished
            | Self::OperationNotCancellable
            | Self::OperationNotStuck
            | Self::ConsoleBusy
            | Self::ProviderConflict
            | Self::EventsExpired => Kind::Conflict,
            Self::TemplateIncompatible
            | Self::CapabilityMissing
            | Self::LimitExceeded
            | Self::BodyTooLarge
            | Self::MediaTypeUnsupported
            | Self::NotAcceptable
            | Self::MethodNotAllowed => Kind::Unsupported,
            Self::NoHostFits | Self::ProviderExhausted | Self::StoreFull | Self::RateLimited => {
                Kind::Exhausted
            }
            Self::ProviderUnavailable
            | Self::ClusterRebuilding
            | Self::ProviderDenied
            | Self::ServerDraining
            | Self::StoreUnavailable => Kind::Unavailable,
            Self::ProviderTimeout => Kind::Timeout,
            Self::OperationCancelled => Kind::Cancelled,
            Self::InternalError | Self::IncompatibleSchema | Self::ProviderBug => Kind::Bug,
        }
    }
}
