//! Statements about VMs, providers, resources' identities, images and events.

super::statements! {
    /// The name is taken by whoever is first; zero rows tell the loser.
    VM_INSERT =
        "INSERT INTO vms (id, provider_id, host_id, external_ref, project, name, phase, spec,
             bindings, generation, created_at, updated_at, template)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $11)
         ON CONFLICT (project, name) DO NOTHING";
    VM_ADOPT =
        "INSERT INTO vms (id, provider_id, host_id, external_ref, project, name, phase, spec,
             bindings, generation, created_at, updated_at, adopted)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $11)
         ON CONFLICT (project, name) DO NOTHING";
    VM =
        "SELECT id, provider_id, host_id, external_ref, project, name, phase, spec, bindings,
             generation, created_at, updated_at, adopted, template
         FROM vms WHERE id = $1";
    VMS =
        "SELECT id, provider_id, host_id, external_ref, project, name, phase, spec, bindings,
             generation, created_at, updated_at, adopted, template
         FROM vms ORDER BY id";
    VM_NAME_OWNER = "SELECT id FROM vms WHERE project = $1 AND name = $2";
    VM_SET_SPEC =
        "UPDATE vms SET spec = $2, project = $3, name = $4, generation = generation + 1,
             updated_at = $5
         WHERE id = $1";
    VM_SET_PLACEMENT =
        "UPDATE vms SET provider_id = $2, host_id = $3, external_ref = $4, updated_at = $5
         WHERE id = $1";
    VM_SET_BINDINGS = "UPDATE vms SET bindings = $2, updated_at = $3 WHERE id = $1";
    VM_SET_PHASE = "UPDATE vms SET phase = $2, updated_at = $3 WHERE id = $1";
    VM_DELETE = "DELETE FROM vms WHERE id = $1";
    /// One that Hostler made is not let go: its volumes would be nobody's.
    VM_RELEASE = "DELETE FROM vms WHERE id = $1 AND adopted IS NOT NULL";
    VMS_OF_PROVIDER = "SELECT COUNT(*) AS count FROM vms WHERE provider_id = $1";

    IGNORED_VMS =
        "SELECT id, provider_id, external_ref, name, ignored_by, ignored_at, reason
         FROM ignored_vms ORDER BY id";
    /// The latest word counts.
    IGNORED_VM_SET =
        "INSERT INTO ignored_vms (id, provider_id, external_ref, name, ignored_by, ignored_at,
             reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE
             SET name = excluded.name, ignored_by = excluded.ignored_by,
                 ignored_at = excluded.ignored_at, reason = excluded.reason";
    IGNORED_VM_DELETE = "DELETE FROM ignored_vms WHERE id = $1";
    /// What has no identity any more is never seen as that VM again.
    IGNORED_VMS_TIDY = "DELETE FROM ignored_vms WHERE id NOT IN (SELECT id FROM resources)";

    PROVIDERS =
        "SELECT id, name, uri, from_config, created_at FROM providers ORDER BY name";
    PROVIDER = "SELECT id, name, uri, from_config, created_at FROM providers WHERE id = $1";
    PROVIDER_BY_NAME =
        "SELECT id, name, uri, from_config, created_at FROM providers WHERE name = $1";
    PROVIDER_INSERT =
        "INSERT INTO providers (id, name, uri, from_config, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO NOTHING";
    PROVIDER_UPSERT =
        "INSERT INTO providers (id, name, uri, from_config, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO UPDATE
             SET uri = excluded.uri, from_config = excluded.from_config
         RETURNING id, name, uri, from_config, created_at";
    PROVIDER_SET_URI = "UPDATE providers SET uri = $2 WHERE id = $1";
    /// Its secret and what is said of its hardware go with it.
    PROVIDER_DELETE = "DELETE FROM providers WHERE id = $1";

    PROVIDER_SECRET =
        "SELECT key_id, sealed, given_by, given_at FROM provider_secrets WHERE provider_id = $1";
    PROVIDER_SECRET_KEYS = "SELECT DISTINCT key_id FROM provider_secrets ORDER BY key_id";
    PROVIDER_SECRET_SET =
        "INSERT INTO provider_secrets (provider_id, key_id, sealed, given_by, given_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (provider_id) DO UPDATE
             SET key_id = excluded.key_id, sealed = excluded.sealed,
                 given_by = excluded.given_by, given_at = excluded.given_at";

    DECLARED_HARDWARE = "SELECT provider_id, name, is_there FROM declared_hardware";
    HARDWARE_DECLARE =
        "INSERT INTO declared_hardware (provider_id, name, is_there) VALUES ($1, $2, $3)";
    HARDWARE_FORGET = "DELETE FROM declared_hardware WHERE provider_id = $1";

    RESOURCES_OF_PROVIDER =
        "SELECT kind, provider_id, external_ref, id, first_seen_at, absent_ms, absent_inventories
         FROM resources WHERE provider_id = $1";
    /// The first id stays; the pointless update is what makes RETURNING tell it.
    RESOURCE_REMEMBER =
        "INSERT INTO resources (kind, provider_id, external_ref, id, first_seen_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (kind, provider_id, external_ref) DO UPDATE
             SET external_ref = excluded.external_ref
         RETURNING id";
    RESOURCE_SET_ABSENCE =
        "UPDATE resources SET absent_ms = $4, absent_inventories = $5
         WHERE kind = $1 AND provider_id = $2 AND external_ref = $3";
    /// Only what is not there, and what no VM of ours is or is on: whoever asks
    /// may have looked a moment too early.
    RESOURCE_FORGET_ABSENT =
        "DELETE FROM resources
         WHERE kind = $1 AND provider_id = $2 AND external_ref = $3 AND absent_ms > 0
           AND id NOT IN (SELECT id FROM vms)
           AND id NOT IN (SELECT host_id FROM vms WHERE host_id IS NOT NULL)
           AND NOT EXISTS (
               SELECT 1 FROM vms v
               WHERE v.provider_id = resources.provider_id
                 AND v.external_ref = resources.external_ref AND resources.kind = 'vm')";
    RESOURCES_FORGET = "DELETE FROM resources WHERE provider_id = $1";

    IMAGES =
        "SELECT id, name, description, format, file_bytes, virtual_bytes, sha256, created_at
         FROM images ORDER BY name";
    IMAGE =
        "SELECT id, name, description, format, file_bytes, virtual_bytes, sha256, created_at
         FROM images WHERE id = $1";
    IMAGE_BY_NAME =
        "SELECT id, name, description, format, file_bytes, virtual_bytes, sha256, created_at
         FROM images WHERE name = $1";
    IMAGE_INSERT =
        "INSERT INTO images (id, name, description, format, file_bytes, virtual_bytes, sha256,
             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (name) DO NOTHING";
    IMAGE_DELETE = "DELETE FROM images WHERE id = $1";

    /// Takes the next `$2` numbers of a counter and tells the last of them.
    COUNTER_TAKE =
        "UPDATE counters SET value = value + $2 WHERE name = $1 RETURNING value";
    COUNTER = "SELECT value FROM counters WHERE name = $1";
    COUNTER_SET = "UPDATE counters SET value = $2 WHERE name = $1";
    EVENT_INSERT =
        "INSERT INTO events (seq, at, kind, resource_kind, resource_id, resource_name, message,
             data)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    EVENTS_AFTER =
        "SELECT seq, at, kind, resource_kind, resource_id, resource_name, message, data
         FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";
    /// `$2` is a whole kind, `$3` the beginning of one.
    EVENTS_BEFORE =
        "SELECT seq, at, kind, resource_kind, resource_id, resource_name, message, data
         FROM events
         WHERE seq < $1
           AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
           AND (CAST($3 AS TEXT) IS NULL
                OR substr(kind, 1, length(CAST($3 AS TEXT))) = $3)
           AND (CAST($4 AS TEXT) IS NULL OR resource_id = $4)
         ORDER BY seq DESC LIMIT $5";
    EVENT_FIRST_AND_LAST =
        "SELECT (SELECT value FROM counters WHERE name = 'event') AS issued,
                (SELECT value FROM counters WHERE name = 'event_floor') AS floor,
                (SELECT MIN(seq) FROM events) AS oldest";
    EVENTS_TRIM = "DELETE FROM events WHERE seq <= $1";
}
