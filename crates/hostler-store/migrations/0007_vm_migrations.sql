-- Live migrations that are over, as their providers told them: these remember few of them.
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
CREATE INDEX vm_migrations_of_vm ON vm_migrations (provider_id, vm_ref);
