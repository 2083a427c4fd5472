//! Statements about alerts, silences and notices.

super::statements! {
    ALERTS = "SELECT rule, document FROM alerts ORDER BY rule, identity";
    ALERT_PUT =
        "INSERT INTO alerts (rule, identity, document) VALUES ($1, $2, $3)
         ON CONFLICT (rule, identity) DO UPDATE SET document = excluded.document";
    ALERT_DELETE = "DELETE FROM alerts WHERE rule = $1 AND identity = $2";

    ALERTS_ENDED = "SELECT document FROM alerts_ended ORDER BY identity";
    ALERT_ENDED_PUT =
        "INSERT INTO alerts_ended (identity, document) VALUES ($1, $2)
         ON CONFLICT (identity) DO UPDATE SET document = excluded.document";
    ALERT_ENDED_DELETE = "DELETE FROM alerts_ended WHERE identity = $1";

    ALERT_CHANGE_INSERT =
        "INSERT INTO alert_changes (seq, at, alert_id, name, change, document)
         VALUES ($1, $2, $3, $4, $5, $6)";
    /// `$1`: before this number; `$2`, `$3` and `$4` where they are not NULL.
    ALERT_CHANGES =
        "SELECT seq, at, alert_id, name, change, document FROM alert_changes
         WHERE seq < $1
             AND (CAST($2 AS TEXT) IS NULL OR alert_id = $2)
             AND (CAST($3 AS TEXT) IS NULL OR name = $3)
             AND (CAST($4 AS TEXT) IS NULL OR change = $4)
         ORDER BY seq DESC LIMIT $5";
    ALERT_CHANGES_TRIM = "DELETE FROM alert_changes WHERE seq <= $1";

    ACKNOWLEDGEMENTS = "SELECT document FROM alert_acknowledgements ORDER BY identity";
    ACKNOWLEDGEMENT_PUT =
        "INSERT INTO alert_acknowledgements (identity, document) VALUES ($1, $2)
         ON CONFLICT (identity) DO UPDATE SET document = excluded.document";
    ACKNOWLEDGEMENT_DELETE = "DELETE FROM alert_acknowledgements WHERE identity = $1";

    SILENCES = "SELECT id, document FROM silences ORDER BY id";
    SILENCE_PUT =
        "INSERT INTO silences (id, ends_at, document) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, document = excluded.document";
    SILENCE_DELETE = "DELETE FROM silences WHERE id = $1";

    ALERT_GROUPS = "SELECT key, state FROM alert_groups ORDER BY name";
    ALERT_GROUP_PUT =
        "INSERT INTO alert_groups (name, key, state) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET state = excluded.state";
    ALERT_GROUP_DELETE = "DELETE FROM alert_groups WHERE name = $1";

    NOTICE_INSERT =
        "INSERT INTO alert_notices (seq, id, receiver, group_name, document, attempts, next_try_at,
             failure)
         VALUES ($1, $2, $3, $4, $5, 0, $6, NULL)
         ON CONFLICT (id) DO NOTHING";
    NOTICES_WAITING = "SELECT COUNT(*) AS count FROM alert_notices WHERE receiver = $1";
    NOTICE_OLDEST =
        "SELECT seq, id, receiver, group_name, document, attempts, next_try_at, failure
         FROM alert_notices WHERE receiver = $1 ORDER BY seq LIMIT 1";
    /// The oldest of each group, due or not, those that are due first.
    NOTICES_NEXT =
        "SELECT seq, id, receiver, group_name, document, attempts, next_try_at, failure
         FROM alert_notices AS one
         WHERE receiver = $1 AND NOT EXISTS (
             SELECT 1 FROM alert_notices AS other
             WHERE other.group_name = one.group_name AND other.seq < one.seq)
         ORDER BY next_try_at, seq LIMIT $2";
    NOTICE_RECEIVERS =
        "SELECT receiver, COUNT(*) AS count FROM alert_notices GROUP BY receiver ORDER BY receiver";
    NOTICE_DELETE = "DELETE FROM alert_notices WHERE seq = $1";
    NOTICE_FAILED =
        "UPDATE alert_notices SET attempts = attempts + 1, next_try_at = $2, failure = $3
         WHERE seq = $1";
}
