//! Statements about templates and their versions.

super::statements! {
    TEMPLATES =
        "SELECT id, project, name, description, labels, generation, created_by, created_at,
             updated_at
         FROM templates ORDER BY project, name";
    TEMPLATE =
        "SELECT id, project, name, description, labels, generation, created_by, created_at,
             updated_at
         FROM templates WHERE id = $1";
    TEMPLATE_COUNT = "SELECT COUNT(*) AS count FROM templates";
    /// The name is taken by whoever is first; zero rows tell the loser.
    TEMPLATE_INSERT =
        "INSERT INTO templates (id, project, name, description, labels, generation, created_by,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $7)
         ON CONFLICT (project, name) DO NOTHING";
    TEMPLATE_OWNER = "SELECT id FROM templates WHERE project = $1 AND name = $2";
    TEMPLATE_UPDATE =
        "UPDATE templates SET name = $3, description = $4, labels = $5,
             generation = generation + 1, updated_at = $6
         WHERE id = $1 AND generation = $2";
    TEMPLATE_DELETE = "DELETE FROM templates WHERE id = $1";

    TEMPLATE_VERSION_HEADS =
        "SELECT template_id, number, state, generation, created_by, created_at, activated_at,
             deprecated_at, archived_at
         FROM template_versions ORDER BY template_id, number";
    TEMPLATE_VERSION_HEADS_OF =
        "SELECT template_id, number, state, generation, created_by, created_at, activated_at,
             deprecated_at, archived_at
         FROM template_versions WHERE template_id = $1 ORDER BY number";
    TEMPLATE_VERSION =
        "SELECT template_id, number, state, generation, content, made_from, created_by, created_at,
             activated_at, deprecated_at, archived_at
         FROM template_versions WHERE template_id = $1 AND number = $2";
    TEMPLATE_VERSION_LAST =
        "SELECT COALESCE(MAX(number), 0) AS last FROM template_versions WHERE template_id = $1";
    TEMPLATE_VERSION_INSERT =
        "INSERT INTO template_versions (template_id, number, state, generation, content, made_from,
             created_by, created_at)
         VALUES ($1, $2, 'draft', 1, $3, $4, $5, $6)";
    /// Nobody has changed it since it was read, or zero rows.
    TEMPLATE_VERSION_UPDATE =
        "UPDATE template_versions SET state = $4, content = $5, generation = generation + 1,
             activated_at = $6, deprecated_at = $7, archived_at = $8
         WHERE template_id = $1 AND number = $2 AND generation = $3";
    TEMPLATE_VERSIONS_ACTIVE =
        "SELECT COUNT(*) AS count FROM template_versions
         WHERE template_id = $1 AND state = 'active'";
}
