-- What a provider is reached by and nobody may read here: sealed by a key that is not in
-- this database.
CREATE TABLE provider_secrets (
    provider_id TEXT    NOT NULL PRIMARY KEY REFERENCES providers (id) ON DELETE CASCADE,
    key_id      TEXT    NOT NULL,
    sealed      BLOB    NOT NULL,
    given_by    TEXT    NOT NULL,
    given_at    INTEGER NOT NULL
) STRICT;

-- Hardware that an administrator says a cluster has or lacks.
CREATE TABLE declared_hardware (
    provider_id TEXT    NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    is_there    INTEGER NOT NULL CHECK (is_there IN (0, 1)),
    PRIMARY KEY (provider_id, name)
) STRICT;
