// Error codes, generated from catalog/errors.toml by `cargo xtask codegen`;
// change the catalogue, not this file.

/** What went wrong; a contract with the server. */
export type ErrorCode =
  | 'body_malformed'
  | 'spec_invalid'
  | 'query_invalid'
  | 'cursor_invalid'
  | 'id_invalid'
  | 'image_unsafe'
  | 'provider_refused'
  | 'credentials_missing'
  | 'credentials_invalid'
  | 'ticket_invalid'
  | 'permission_denied'
  | 'origin_denied'
  | 'endpoint_not_found'
  | 'vm_not_found'
  | 'host_not_found'
  | 'agent_not_found'
  | 'provider_not_found'
  | 'cluster_not_found'
  | 'pool_not_found'
  | 'volume_not_found'
  | 'snapshot_not_found'
  | 'instance_type_not_found'
  | 'preference_not_found'
  | 'disk_not_found'
  | 'network_not_found'
  | 'image_not_found'
  | 'template_not_found'
  | 'template_version_not_found'
  | 'operation_not_found'
  | 'token_not_found'
  | 'alert_not_found'
  | 'silence_not_found'
  | 'alert_not_firing'
  | 'metric_conflict'
  | 'vm_busy'
  | 'vm_exists'
  | 'vm_wrong_state'
  | 'vm_state_unknown'
  | 'vm_not_managed'
  | 'vm_read_only'
  | 'vm_fields_managed'
  | 'vm_not_adoptable'
  | 'token_exists'
  | 'image_exists'
  | 'image_in_use'
  | 'volume_exists'
  | 'volume_in_use'
  | 'volume_busy'
  | 'template_exists'
  | 'template_wrong_state'
  | 'template_limit_reached'
  | 'template_incompatible'
  | 'snapshot_exists'
  | 'snapshot_limit_reached'
  | 'disk_exists'
  | 'disk_needed'
  | 'volume_not_its_own'
  | 'idempotency_mismatch'
  | 'precondition_failed'
  | 'precondition_required'
  | 'operation_finished'
  | 'operation_not_cancellable'
  | 'operation_not_stuck'
  | 'console_busy'
  | 'provider_conflict'
  | 'events_expired'
  | 'capability_missing'
  | 'limit_exceeded'
  | 'body_too_large'
  | 'media_type_unsupported'
  | 'not_acceptable'
  | 'method_not_allowed'
  | 'no_host_fits'
  | 'provider_exhausted'
  | 'store_full'
  | 'rate_limited'
  | 'provider_unavailable'
  | 'cluster_rebuilding'
  | 'provider_denied'
  | 'server_draining'
  | 'store_unavailable'
  | 'provider_timeout'
  | 'operation_cancelled'
  | 'internal_error'
  | 'incompatible_schema'
  | 'provider_bug';

/** What to do next, by code. */
export const errorHelp: Record<ErrorCode, string> = {
  body_malformed: "Compare the body with the endpoint's schema in /api/docs; `errors` names the place.",
  spec_invalid: "`errors` lists every fault with a pointer to its field.",
  query_invalid: "`errors` names the parameter; /api/docs lists the allowed ones.",
  cursor_invalid: "Start again without `cursor`, and keep filter and sort the same while paging.",
  id_invalid: "Ids look like 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e; look the resource up by name in its list.",
  image_unsafe: "Flatten it on the machine that made it, for example with `qemu-img convert`, and import the result.",
  provider_refused: "The message is the provider's; correct the field it names.",
  credentials_missing: "Open the login link that `hostlerd admin-link` prints, or send `Authorization: Bearer hst_…`.",
  credentials_invalid: "Make a new token, or a new login link with `hostlerd admin-link`.",
  ticket_invalid: "Ask for a new one; a ticket opens one console once, within 30 seconds.",
  permission_denied: "Ask an administrator for the permission that the message names.",
  origin_denied: "Use Hostler's own pages, or an API token without cookies.",
  endpoint_not_found: "/api/docs lists every endpoint.",
  vm_not_found: "`hostler vm list` shows those there are.",
  host_not_found: "`hostler host list` shows those there are.",
  agent_not_found: "`hostler agent list` shows those there are.",
  provider_not_found: "`hostler provider list` shows those there are.",
  cluster_not_found: "`hostler cluster list` shows those there are; a provider that is no cluster is in `hostler provider list`.",
  pool_not_found: "`hostler pool list` shows those there are.",
  volume_not_found: "`hostler volume list POOL` shows those there are.",
  snapshot_not_found: "`hostler snapshot list VM` shows those there are.",
  instance_type_not_found: "`hostler instance-type list` shows those there are.",
  preference_not_found: "`hostler preference list` shows those there are.",
  disk_not_found: "`hostler disk list VM` shows those there are.",
  network_not_found: "`hostler network list` shows those there are.",
  image_not_found: "`hostler image list` shows those there are.",
  template_not_found: "`hostler template list` shows those there are.",
  template_version_not_found: "`hostler template show TEMPLATE` lists its versions.",
  operation_not_found: "`hostler op list` shows those there are; ended ones are kept for 30 days.",
  token_not_found: "`hostler token list` shows those there are.",
  alert_not_found: "`hostler alert list` shows those there are; `hostler alert history` what happened to others.",
  silence_not_found: "`hostler silence list` shows those there are; ended ones are kept for 30 days.",
  alert_not_firing: "Wait until it fires: a pending alert is told to nobody.",
  metric_conflict: "Choose another name, or wait until the other one is gone; `hostler metric list` shows those there are.",
  vm_busy: "Wait for the operation that `details.operation` names, or cancel it.",
  vm_exists: "Choose another name.",
  vm_wrong_state: "The message says the state and what is possible from it.",
  vm_state_unknown: "Wait until its host answers again; nothing is decided on a guess.",
  vm_not_managed: "It was made elsewhere; adopt it before changing it.",
  vm_read_only: "It was adopted for reading only; release it and adopt it again to change it.",
  vm_fields_managed: "`errors` names each field and who manages it. Change it there; or, to take the fields over, send them back in `take_over`, with `from_gitops` where `details.kept_by` names a tool.",
  vm_not_adoptable: "The report of its adoption names what stands in the way, and what to do about it.",
  token_exists: "Choose another name, or revoke the other token first: what is done with a token is told by its name.",
  image_exists: "Choose another name, or delete the other image first.",
  image_in_use: "Delete them first, or keep the image.",
  volume_exists: "Choose another name.",
  volume_in_use: "Detach it or delete the VM first.",
  volume_busy: "Wait for the operation that `details.operation` names, or cancel it.",
  template_exists: "Choose another name, or make a new version of that template.",
  template_wrong_state: "A draft is edited and activated; an active or deprecated version is deployed; a new draft changes what an active one is. `hostler template show TEMPLATE` tells the states.",
  template_limit_reached: "Delete templates that nobody deploys; a template whose versions are used up is replaced by a new one.",
  template_incompatible: "`hostler cluster list --compatible-with-template TEMPLATE` shows clusters that have it; `hostler cluster show CLUSTER --template TEMPLATE` tells what one lacks.",
  snapshot_exists: "Choose another name; where two have the same one, name the snapshot by its `reference`.",
  snapshot_limit_reached: "Delete one first: `hostler snapshot delete VM SNAPSHOT`.",
  disk_exists: "Choose another name, or detach that disk first: `hostler disk detach VM DISK`.",
  disk_needed: "The message says what for. A disk that the VM runs from can be detached while it is stopped.",
  volume_not_its_own: "Detach the disk without deleting its volume; delete the volume itself if nothing else needs it.",
  idempotency_mismatch: "Use a new key for a new request.",
  precondition_failed: "Read it again, look at what changed, and send the new ETag in If-Match.",
  precondition_required: "Read the resource and send its ETag in If-Match, so that nobody's change is lost.",
  operation_finished: "There is nothing left to cancel or retry.",
  operation_not_cancellable: "Let it end; what it has removed cannot be put back.",
  operation_not_stuck: "Only operations in state needs_attention can be retried or resolved by hand.",
  console_busy: "Wait until they have left, or ask again with `take_over`, which disconnects them; `details` says who and since when, where that is known.",
  provider_conflict: "Look at the resource again; somebody else may have changed it.",
  events_expired: "Read the lists again and subscribe from the present.",
  capability_missing: "`hostler provider show` lists what it can do.",
  limit_exceeded: "The message names the limit.",
  body_too_large: "The message names the limit.",
  media_type_unsupported: "Send `Content-Type: application/json`, or what the endpoint's documentation names.",
  not_acceptable: "Leave `Accept` out, or name the type that the endpoint's documentation names.",
  method_not_allowed: "/api/docs lists the methods of each address.",
  no_host_fits: "The message says for each host why not.",
  provider_exhausted: "Free memory, disk or addresses there; the message says which.",
  store_full: "Free space below the data directory; reading and consoles go on meanwhile.",
  rate_limited: "Wait for Retry-After, then go on more slowly.",
  provider_unavailable: "`hostler provider show` says since when and why; what is shown of it is stale until it answers.",
  cluster_rebuilding: "Wait for Retry-After and try again; what is shown of it is marked stale until then.",
  provider_denied: "Give the user that runs hostlerd access to the provider.",
  server_draining: "Try again in a few seconds.",
  store_unavailable: "Look at the server's log and at the disk below its data directory.",
  provider_timeout: "It may still be working; look at the resource before you try again.",
  operation_cancelled: "What it had done has been undone, as far as it can be; its steps say what cannot.",
  internal_error: "Please report it with the request id and the server's log lines for it.",
  incompatible_schema: "The message names the kind and what is missing; compare the provider's version with those that Hostler knows, and report it.",
  provider_bug: "Please report it with the request id and the server's log lines for it.",
};
