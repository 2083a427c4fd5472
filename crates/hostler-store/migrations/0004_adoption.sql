-- How a VM came into care that was made elsewhere; NULL for those made here.
ALTER TABLE vms ADD COLUMN adopted TEXT;

-- VMs that somebody decided to leave alone.
CREATE TABLE ignored_vms (
    id           TEXT    NOT NULL PRIMARY KEY,
    provider_id  TEXT    NOT NULL,
    external_ref TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    ignored_by   TEXT    NOT NULL,
    ignored_at   INTEGER NOT NULL,
    reason       TEXT    NOT NULL
) STRICT;
