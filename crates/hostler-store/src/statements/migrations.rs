//! Statements about live migrations that are over. (Those about the schema's own migrations
//! are with those about access.)

super::statements! {
    /// What was kept stays as it was told first; only where the end was lacking, a word that
    /// has it takes its place.
    VM_MIGRATION_KEEP =
        "INSERT INTO vm_migrations (provider_id, external_ref, vm_id, vm_ref, told_at, ended_at,
             document)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (provider_id, external_ref) DO UPDATE
         SET told_at = excluded.told_at, ended_at = excluded.ended_at, document = excluded.document
         WHERE vm_migrations.ended_at IS NULL AND excluded.ended_at IS NOT NULL";
    /// `$1`: of this VM, or of what is called `$3` at the provider `$2`; all where it is NULL.
    VM_MIGRATIONS =
        "SELECT provider_id, external_ref, vm_id, vm_ref, told_at, ended_at, document
         FROM vm_migrations
         WHERE CAST($1 AS TEXT) IS NULL OR vm_id = $1 OR (provider_id = $2 AND vm_ref = $3)
         ORDER BY COALESCE(ended_at, told_at) DESC, provider_id, external_ref";
    /// `$3`: so many of one VM stay, the latest.
    VM_MIGRATIONS_TRIM_VM =
        "DELETE FROM vm_migrations
         WHERE provider_id = $1 AND vm_ref = $2 AND external_ref NOT IN (
             SELECT external_ref FROM vm_migrations WHERE provider_id = $1 AND vm_ref = $2
             ORDER BY COALESCE(ended_at, told_at) DESC, external_ref LIMIT $3)";
    /// `$1`: so many stay, the latest.
    VM_MIGRATIONS_TRIM =
        "DELETE FROM vm_migrations WHERE (provider_id, external_ref) IN (
             SELECT provider_id, external_ref FROM vm_migrations
             ORDER BY COALESCE(ended_at, told_at) DESC, provider_id, external_ref
             LIMIT 1000000000 OFFSET $1)";
    VM_MIGRATIONS_DELETE_BEFORE =
        "DELETE FROM vm_migrations WHERE COALESCE(ended_at, told_at) < $1";
}
