//! What error codes say to people, generated from `catalog/errors.toml` by
//! `cargo xtask codegen`; change the catalogue, not this file.

use super::Code;

impl Code {
    /// One line, the same for every occurrence.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
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
            Self::AgentNotFound => "there is no such agent",
            Self::ProviderNotFound => "there is no such provider",
            Self::ClusterNotFound => "there is no such cluster",
            Self::PoolNotFound => "there is no such storage pool",
            Self::VolumeNotFound => "there is no such volume",
            Self::SnapshotNotFound => "the VM has no such snapshot",
            Self::InstanceTypeNotFound => "there is no such instance type",
            Self::PreferenceNotFound => "there is no such preference",
            Self::DiskNotFound => "the VM has no such disk",
            Self::NetworkNotFound => "there is no such network",
            Self::ImageNotFound => "there is no such image",
            Self::TemplateNotFound => "there is no such template",
            Self::TemplateVersionNotFound => "the template has no such version",
            Self::OperationNotFound => "there is no such operation",
            Self::TokenNotFound => "there is no such token",
            Self::AlertNotFound => "no such alert is pending or fires",
            Self::SilenceNotFound => "there is no such silence",
            Self::AlertNotFiring => "the alert does not fire yet",
            Self::MetricConflict => "a metric that is pushed now does not go with this name",
            Self::VmBusy => "another operation is working on this VM",
            Self::VmExists => "a VM with this name exists in the project",
            Self::VmWrongState => "the VM's state does not allow this",
            Self::VmStateUnknown => "the VM's present state is not known",
            Self::VmNotManaged => "Hostler only observes this VM",
            Self::VmReadOnly => "Hostler only watches over this VM",
            Self::VmFieldsManaged => "others manage fields of the VM that would change",
            Self::VmNotAdoptable => "this VM cannot be adopted as it is",
            Self::TokenExists => "a token with this name is in use",
            Self::ImageExists => "an image with this name exists",
            Self::ImageInUse => "VMs depend on this image",
            Self::VolumeExists => "a volume with this name exists in the pool",
            Self::VolumeInUse => "the volume belongs to a VM",
            Self::VolumeBusy => "another operation is working on this volume",
            Self::TemplateExists => "a template with this name exists in the project",
            Self::TemplateWrongState => "the state of the template's version does not allow this",
            Self::TemplateLimitReached => {
                "there are as many templates, or versions of this one, as are kept"
            }
            Self::TemplateIncompatible => "the place lacks what the template requires",
            Self::SnapshotExists => "the VM has a snapshot with this name",
            Self::SnapshotLimitReached => "the VM has as many snapshots as its provider allows",
            Self::DiskExists => "the VM has a disk with this name",
            Self::DiskNeeded => "the VM needs this disk as it is",
            Self::VolumeNotItsOwn => "the volume was not made for this VM",
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
            Self::ClusterRebuilding => {
                "the provider is being listed anew, and nothing is changed by an older picture"
            }
            Self::ProviderDenied => "the provider refused Hostler's credentials",
            Self::ServerDraining => "the server is stopping",
            Self::StoreUnavailable => "Hostler's database does not answer",
            Self::ProviderTimeout => "the provider did not answer in time",
            Self::OperationCancelled => "the operation was cancelled",
            Self::InternalError => "Hostler made a mistake",
            Self::IncompatibleSchema => {
                "the provider sent an object that is not shaped as its kind must be"
            }
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
            Self::AgentNotFound => "`hostler agent list` shows those there are.",
            Self::ProviderNotFound => "`hostler provider list` shows those there are.",
            Self::ClusterNotFound => {
                "`hostler cluster list` shows those there are; a provider that is no cluster is in `hostler provider list`."
            }
            Self::PoolNotFound => "`hostler pool list` shows those there are.",
            Self::VolumeNotFound => "`hostler volume list POOL` shows those there are.",
            Self::SnapshotNotFound => "`hostler snapshot list VM` shows those there are.",
            Self::InstanceTypeNotFound => "`hostler instance-type list` shows those there are.",
            Self::PreferenceNotFound => "`hostler preference list` shows those there are.",
            Self::DiskNotFound => "`hostler disk list VM` shows those there are.",
            Self::NetworkNotFound => "`hostler network list` shows those there are.",
            Self::ImageNotFound => "`hostler image list` shows those there are.",
            Self::TemplateNotFound => "`hostler template list` shows those there are.",
            Self::TemplateVersionNotFound => "`hostler template show TEMPLATE` lists its versions.",
            Self::OperationNotFound => {
                "`hostler op list` shows those there are; ended ones are kept for 30 days."
            }
            Self::TokenNotFound => "`hostler token list` shows those there are.",
            Self::AlertNotFound => {
                "`hostler alert list` shows those there are; `hostler alert history` what happened to others."
            }
            Self::SilenceNotFound => {
                "`hostler silence list` shows those there are; ended ones are kept for 30 days."
            }
            Self::AlertNotFiring => "Wait until it fires: a pending alert is told to nobody.",
            Self::MetricConflict => {
                "Choose another name, or wait until the other one is gone; `hostler metric list` shows those there are."
            }
            Self::VmBusy => "Wait for the operation that `details.operation` names, or cancel it.",
            Self::VmExists => "Choose another name.",
            Self::VmWrongState => "The message says the state and what is possible from it.",
            Self::VmStateUnknown => {
                "Wait until its host answers again; nothing is decided on a guess."
            }
            Self::VmNotManaged => "It was made elsewhere; adopt it before changing it.",
            Self::VmReadOnly => {
                "It was adopted for reading only; release it and adopt it again to change it."
            }
            Self::VmFieldsManaged => {
                "`errors` names each field and who manages it. Change it there; or, to take the fields over, send them back in `take_over`, with `from_gitops` where `details.kept_by` names a tool."
            }
            Self::VmNotAdoptable => {
                "The report of its adoption names what stands in the way, and what to do about it."
            }
            Self::TokenExists => {
                "Choose another name, or revoke the other token first: what is done with a token is told by its name."
            }
            Self::ImageExists => "Choose another name, or delete the other image first.",
            Self::ImageInUse => "Delete them first, or keep the image.",
            Self::VolumeExists => "Choose another name.",
            Self::VolumeInUse => "Detach it or delete the VM first.",
            Self::VolumeBusy => {
                "Wait for the operation that `details.operation` names, or cancel it."
            }
            Self::TemplateExists => "Choose another name, or make a new version of that template.",
            Self::TemplateWrongState => {
                "A draft is edited and activated; an active or deprecated version is deployed; a new draft changes what an active one is. `hostler template show TEMPLATE` tells the states."
            }
            Self::TemplateLimitReached => {
                "Delete templates that nobody deploys; a template whose versions are used up is replaced by a new one."
            }
            Self::TemplateIncompatible => {
                "`hostler cluster list --compatible-with-template TEMPLATE` shows clusters that have it; `hostler cluster show CLUSTER --template TEMPLATE` tells what one lacks."
            }
            Self::SnapshotExists => {
                "Choose another name; where two have the same one, name the snapshot by its `reference`."
            }
            Self::SnapshotLimitReached => {
                "Delete one first: `hostler snapshot delete VM SNAPSHOT`."
            }
            Self::DiskExists => {
                "Choose another name, or detach that disk first: `hostler disk detach VM DISK`."
            }
            Self::DiskNeeded => {
                "The message says what for. A disk that the VM runs from can be detached while it is stopped."
            }
            Self::VolumeNotItsOwn => {
                "Detach the disk without deleting its volume; delete the volume itself if nothing else needs it."
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
            Self::ClusterRebuilding => {
                "Wait for Retry-After and try again; what is shown of it is marked stale until then."
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
            Self::IncompatibleSchema => {
                "The message names the kind and what is missing; compare the provider's version with those that Hostler knows, and report it."
            }
            Self::ProviderBug => {
                "Please report it with the request id and the server's log lines for it."
            }
        }
    }
}
