//! Statements about operations: their rows, journals, claims, leases and keys.

super::statements! {
    /// The columns are those of `operations::row::read`.
    OPERATION_INSERT =
        "INSERT INTO operations (id, kind, params, actor, resources, state, note, journal_len,
             created_at, updated_at, lease_epoch, provider_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, 0, $9)";
    OPERATION =
        "SELECT id, kind, params, actor, resources, state, note, journal_len, created_at,
             updated_at, finished_at, lease_holder, lease_epoch, lease_expires_at, provider_id
         FROM operations WHERE id = $1";
    /// States are given as `,pending,running,`; the id is the position in the list.
    OPERATIONS =
        "SELECT o.id, o.kind, o.params, o.actor, o.resources, o.state, o.note, o.journal_len,
             o.created_at, o.updated_at, o.finished_at, o.lease_holder, o.lease_epoch,
             o.lease_expires_at, o.provider_id
         FROM operations o
         WHERE (CAST($1 AS TEXT) IS NULL OR CAST($1 AS TEXT) LIKE '%,' || o.state || ',%')
           AND (CAST($2 AS TEXT) IS NULL OR o.kind = $2)
           AND (CAST($3 AS TEXT) IS NULL OR o.actor = $3)
           AND (CAST($4 AS TEXT) IS NULL OR EXISTS (
                 SELECT 1 FROM operation_resources r
                 WHERE r.operation_id = o.id AND r.resource = $4))
           AND (CAST($5 AS TEXT) IS NULL OR o.id < $5)
         ORDER BY o.id DESC LIMIT $6";
    OPERATIONS_COUNT =
        "SELECT COUNT(*) AS count
         FROM operations o
         WHERE (CAST($1 AS TEXT) IS NULL OR CAST($1 AS TEXT) LIKE '%,' || o.state || ',%')
           AND (CAST($2 AS TEXT) IS NULL OR o.kind = $2)
           AND (CAST($3 AS TEXT) IS NULL OR o.actor = $3)
           AND (CAST($4 AS TEXT) IS NULL OR EXISTS (
                 SELECT 1 FROM operation_resources r
                 WHERE r.operation_id = o.id AND r.resource = $4))";
    /// Oldest first: who waits longest is served first.
    OPERATIONS_UNFINISHED =
        "SELECT id, kind, params, actor, resources, state, note, journal_len, created_at,
             updated_at, finished_at, lease_holder, lease_epoch, lease_expires_at, provider_id
         FROM operations WHERE state IN ('pending', 'running', 'cancelling')
         ORDER BY id LIMIT $1";
    /// The first in each provider's queue, then the second in each, and so on: a
    /// long queue at one provider hides nobody else's.
    OPERATIONS_QUEUED =
        "SELECT o.id, o.kind, o.params, o.actor, o.resources, o.state, o.note, o.journal_len,
             o.created_at, o.updated_at, o.finished_at, o.lease_holder, o.lease_epoch,
             o.lease_expires_at, o.provider_id
         FROM operations o JOIN (
             SELECT id AS queued_id,
                    ROW_NUMBER() OVER (PARTITION BY provider_id ORDER BY id) AS turn
             FROM operations WHERE state IN ('pending', 'running', 'cancelling')) q
             ON q.queued_id = o.id
         WHERE q.turn <= $1 ORDER BY q.turn, o.id LIMIT $2";
    /// From here on it works there.
    OPERATION_SET_PROVIDER = "UPDATE operations SET provider_id = $2 WHERE id = $1";
    OPERATION_RESOURCE_INSERT =
        "INSERT INTO operation_resources (resource, operation_id) VALUES ($1, $2)
         ON CONFLICT (resource, operation_id) DO NOTHING";

    /// Makes room in the journal, if the writer's epoch is the present one.
    JOURNAL_GROW_LEASED =
        "UPDATE operations SET journal_len = journal_len + $3
         WHERE id = $1 AND lease_epoch = $2 AND lease_holder IS NOT NULL AND finished_at IS NULL
         RETURNING journal_len";
    /// Makes room in the journal for somebody who does not drive the operation.
    JOURNAL_GROW_UNLEASED =
        "UPDATE operations SET journal_len = journal_len + $2
         WHERE id = $1 AND finished_at IS NULL
         RETURNING journal_len";
    OPERATION_MOVE =
        "UPDATE operations SET state = $2, updated_at = $3 WHERE id = $1";
    OPERATION_FINISH =
        "UPDATE operations SET state = $2, updated_at = $3, finished_at = $3,
             lease_holder = NULL, lease_expires_at = NULL
         WHERE id = $1";
    JOURNAL_INSERT =
        "INSERT INTO journal (operation_id, seq, at, event) VALUES ($1, $2, $3, $4)";
    JOURNAL =
        "SELECT operation_id, seq, at, event FROM journal WHERE operation_id = $1 ORDER BY seq";
    /// Sixteen at a time; a shorter list repeats its last id.
    JOURNALS =
        "SELECT operation_id, seq, at, event FROM journal
         WHERE operation_id IN ($1, $2, $3, $4, $5, $6, $7, $8,
                                $9, $10, $11, $12, $13, $14, $15, $16)
         ORDER BY operation_id, seq";

    CLAIM_TAKE =
        "INSERT INTO claims (resource, operation_id) VALUES ($1, $2)
         ON CONFLICT (resource) DO NOTHING";
    CLAIM_HOLDER = "SELECT operation_id FROM claims WHERE resource = $1";
    CLAIMS = "SELECT resource, operation_id FROM claims";
    CLAIMS_RELEASE = "DELETE FROM claims WHERE operation_id = $1";

    /// `$4`: now. `$5`: the latest end that a lease given now could have had, twice over; one
    /// that ends later was given by a clock that has been put back since.
    LEASE_ACQUIRE =
        "UPDATE operations
         SET lease_holder = $2, lease_epoch = lease_epoch + 1, lease_expires_at = $3
         WHERE id = $1 AND finished_at IS NULL
           AND (lease_holder IS NULL OR lease_holder = $2
                OR lease_expires_at <= $4 OR lease_expires_at > $5)
         RETURNING lease_epoch";
    LEASE_RENEW =
        "UPDATE operations SET lease_expires_at = $4
         WHERE id = $1 AND lease_holder = $2 AND lease_epoch = $3 AND finished_at IS NULL";
    LEASE_RELEASE =
        "UPDATE operations SET lease_holder = NULL, lease_expires_at = NULL
         WHERE id = $1 AND lease_epoch = $2";
    /// When a file is opened: whoever held a lease in it is dead.
    LEASES_END =
        "UPDATE operations SET lease_holder = NULL, lease_expires_at = NULL
         WHERE lease_holder IS NOT NULL";

    /// A bounded number at a time, so that other writers get their turn.
    OPERATIONS_FORGET =
        "DELETE FROM operations WHERE id IN (
             SELECT id FROM operations WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";

    IDEMPOTENCY =
        "SELECT body_hash, operation_id, status, body FROM idempotency
         WHERE actor = $1 AND idempotency_key = $2";
    IDEMPOTENCY_OPERATION_INSERT =
        "INSERT INTO idempotency (actor, idempotency_key, body_hash, operation_id, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (actor, idempotency_key) DO NOTHING";
    IDEMPOTENCY_REPLY_INSERT =
        "INSERT INTO idempotency (actor, idempotency_key, body_hash, status, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (actor, idempotency_key) DO NOTHING";
    IDEMPOTENCY_REPLIES_FORGET =
        "DELETE FROM idempotency WHERE operation_id IS NULL AND created_at < $1";
}
