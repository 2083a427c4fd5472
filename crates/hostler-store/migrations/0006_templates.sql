-- What VMs are made from again and again.
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

-- Their versions. The content of one that was activated never changes.
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

-- Which version of which template a VM was made from; the template may be gone since.
ALTER TABLE vms ADD COLUMN template TEXT;
