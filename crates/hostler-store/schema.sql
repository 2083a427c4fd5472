-- What the migrations add up to; written by a test.

CREATE TABLE alert_acknowledgements (
    identity TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE alert_changes (
    seq      INTEGER NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    alert_id TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    change   TEXT    NOT NULL,
    document TEXT    NOT NULL
) STRICT;

CREATE TABLE alert_groups (
    name  TEXT NOT NULL PRIMARY KEY,
    key   TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;

CREATE TABLE alert_notices (
    seq         INTEGER NOT NULL PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    receiver    TEXT    NOT NULL,
    group_name  TEXT    NOT NULL,
    document    TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    failure     TEXT
) STRICT;

CREATE TABLE alerts (
    rule     TEXT NOT NULL,
    identity TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (rule, identity)
) STRICT;

CREATE TABLE alerts_ended (
    identity TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE claims (
    resource     TEXT NOT NULL PRIMARY KEY,
    operation_id TEXT NOT NULL REFERENCES operations (id)
) STRICT;

CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE declared_hardware (
    provider_id TEXT    NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    is_there    INTEGER NOT NULL CHECK (is_there IN (0, 1)),
    PRIMARY KEY (provider_id, name)
) STRICT;

CREATE TABLE events (
    seq           INTEGER NOT NULL PRIMARY KEY,
    at            INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    resource_kind TEXT,
    resource_id   TEXT,
    resource_name TEXT,
    message       TEXT    NOT NULL,
    data          TEXT    NOT NULL
) STRICT;

CREATE TABLE idempotency (
    actor           TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    body_hash       BLOB    NOT NULL CHECK (length(body_hash) = 32),
    operation_id    TEXT    REFERENCES operations (id) ON DELETE CASCADE,
    status          INTEGER,
    body            TEXT,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (actor, idempotency_key),
    CHECK ((operation_id IS NULL) = (status IS NOT NULL)),
    CHECK ((status IS NULL) = (body IS NULL))
) STRICT;

CREATE TABLE ignored_vms (
    id           TEXT    NOT NULL PRIMARY KEY,
    provider_id  TEXT    NOT NULL,
    external_ref TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    ignored_by   TEXT    NOT NULL,
    ignored_at   INTEGER NOT NULL,
    reason       TEXT    NOT NULL
) STRICT;

CREATE TABLE images (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    description   TEXT    NOT NULL,
    format        TEXT    NOT NULL,
    file_bytes    INTEGER NOT NULL,
    virtual_bytes INTEGER NOT NULL,
    sha256        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE journal (
    operation_id TEXT    NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    event        TEXT    NOT NULL,
    PRIMARY KEY (operation_id, seq)
) STRICT;

CREATE TABLE login_codes (
    sha256     BLOB    NOT NULL PRIMARY KEY CHECK (length(sha256) = 32),
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE TABLE operation_resources (
    resource     TEXT NOT NULL,
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    PRIMARY KEY (resource, operation_id)
) STRICT;

CREATE TABLE operations (
    id               TEXT    NOT NULL PRIMARY KEY,
    kind             TEXT    NOT NULL,
    params           TEXT    NOT NULL,
    actor            TEXT    NOT NULL,
    resources        TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'cancelling',
                     'succeeded', 'failed', 'cancelled', 'needs_attention')),
    note             TEXT,
    journal_len      INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    finished_at      INTEGER,
    lease_holder     TEXT,
    lease_epoch      INTEGER NOT NULL,
    lease_expires_at INTEGER, provider_id TEXT,
    CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))),
    CHECK ((lease_holder IS NULL) = (lease_expires_at IS NULL))
) STRICT;

CREATE TABLE provider_secrets (
    provider_id TEXT    NOT NULL PRIMARY KEY REFERENCES providers (id) ON DELETE CASCADE,
    key_id      TEXT    NOT NULL,
    sealed      BLOB    NOT NULL,
    given_by    TEXT    NOT NULL,
    given_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE providers (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    uri         TEXT    NOT NULL,
    from_config INTEGER NOT NULL CHECK (from_config IN (0, 1)),
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE resources (
    kind          TEXT    NOT NULL CHECK (kind IN ('vm', 'host', 'pool', 'network')),
    provider_id   TEXT    NOT NULL,
    external_ref  TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL, absent_ms INTEGER NOT NULL DEFAULT 0, absent_inventories INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, provider_id, external_ref)
) STRICT;

CREATE TABLE schema_migrations (
    version INTEGER NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    sha256  TEXT    NOT NULL
) STRICT;

CREATE TABLE sessions (
    id_sha256  BLOB    NOT NULL PRIMARY KEY CHECK (length(id_sha256) = 32),
    actor      TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE silences (
    id       TEXT    NOT NULL PRIMARY KEY,
    ends_at  INTEGER NOT NULL,
    document TEXT    NOT NULL
) STRICT;

CREATE TABLE template_versions (
    template_id   TEXT    NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL CHECK (number > 0),
    state         TEXT    NOT NULL CHECK (state IN ('draft', 'active', 'deprecated', 'archived')),
    generation    INTEGER NOT NULL,
    content       TEXT    NOT NULL,
    made_from     TEXT,
    created_by    TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    activated_at  INTEGER,
    deprecated_at INTEGER,
    archived_at   INTEGER,
    PRIMARY KEY (template_id, number)
) STRICT;

CREATE TABLE templates (
    id          TEXT    NOT NULL PRIMARY KEY,
    project     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    labels      TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (project, name)
) STRICT;

CREATE TABLE tokens (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    secret_sha256 BLOB    NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    expires_at    INTEGER,
    last_used_at  INTEGER,
    revoked       INTEGER NOT NULL CHECK (revoked IN (0, 1))
) STRICT;

CREATE TABLE vm_migrations (
    provider_id  TEXT    NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    external_ref TEXT    NOT NULL,
    vm_id        TEXT    NOT NULL,
    vm_ref       TEXT    NOT NULL,
    told_at      INTEGER NOT NULL,
    ended_at     INTEGER,
    document     TEXT    NOT NULL,
    PRIMARY KEY (provider_id, external_ref)
) STRICT;

CREATE TABLE vms (
    id           TEXT    NOT NULL PRIMARY KEY,
    provider_id  TEXT    REFERENCES providers (id),
    host_id      TEXT,
    external_ref TEXT,
    project      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    phase        TEXT    NOT NULL CHECK (phase IN ('creating', 'ready', 'deleting')),
    spec         TEXT    NOT NULL,
    bindings     TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL, adopted TEXT, template TEXT,
    UNIQUE (project, name)
) STRICT;

CREATE INDEX alert_changes_by_alert ON alert_changes (alert_id, seq);

CREATE INDEX alert_notices_by_group ON alert_notices (group_name, seq);

CREATE INDEX alert_notices_by_receiver ON alert_notices (receiver, seq);

CREATE INDEX claims_by_operation ON claims (operation_id);

CREATE INDEX events_by_resource ON events (resource_id, seq);

CREATE INDEX idempotency_by_operation ON idempotency (operation_id);

CREATE INDEX operation_resources_by_operation ON operation_resources (operation_id);

CREATE INDEX operations_by_end ON operations (finished_at);

CREATE INDEX operations_by_state ON operations (state, id);

CREATE INDEX operations_by_turn ON operations (state, provider_id, id);

CREATE INDEX resources_by_provider ON resources (provider_id);

CREATE INDEX vm_migrations_of_vm ON vm_migrations (provider_id, vm_ref);

CREATE INDEX vms_by_provider ON vms (provider_id);
