-- Alerts that are pending or fire. That they are, the history says; kept is what
-- cannot be computed again: since when, and how much time was watched.
CREATE TABLE alerts (
    rule     TEXT NOT NULL,
    identity TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (rule, identity)
) STRICT;

-- Alerts that are over and of which a receiver may still believe that they fire.
CREATE TABLE alerts_ended (
    identity TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

-- What happened to alerts, for people.
CREATE TABLE alert_changes (
    seq      INTEGER NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    alert_id TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    change   TEXT    NOT NULL,
    document TEXT    NOT NULL
) STRICT;

CREATE INDEX alert_changes_by_alert ON alert_changes (alert_id, seq);

CREATE TABLE alert_acknowledgements (
    identity TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE silences (
    id       TEXT    NOT NULL PRIMARY KEY,
    ends_at  INTEGER NOT NULL,
    document TEXT    NOT NULL
) STRICT;

-- What the receiver of a group was told, and when.
CREATE TABLE alert_groups (
    name  TEXT NOT NULL PRIMARY KEY,
    key   TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;

-- Notices that were not delivered yet: at least once each, those of a group one
-- after the other.
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

CREATE INDEX alert_notices_by_receiver ON alert_notices (receiver, seq);
CREATE INDEX alert_notices_by_group ON alert_notices (group_name, seq);

INSERT INTO counters (name, value) VALUES ('alert_change', 0), ('alert_notice', 0);
