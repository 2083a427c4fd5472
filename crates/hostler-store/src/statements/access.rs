//! Statements about who may come in, the settings, and the schema itself.

super::statements! {
    TOKENS =
        "SELECT id, name, role, secret_sha256, created_at, created_by, expires_at, last_used_at,
             revoked
         FROM tokens ORDER BY id";
    TOKEN_BY_HASH =
        "SELECT id, name, role, secret_sha256, created_at, created_by, expires_at, last_used_at,
             revoked
         FROM tokens WHERE secret_sha256 = $1";
    /// `$2`: now. Whoever was revoked or has ended leaves its name to others.
    TOKEN_BY_NAME =
        "SELECT id FROM tokens
         WHERE name = $1 AND revoked = 0 AND (expires_at IS NULL OR expires_at > $2)";
    TOKEN_INSERT =
        "INSERT INTO tokens (id, name, role, secret_sha256, created_at, created_by, expires_at,
             last_used_at, revoked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// `$3`: uses after this time need no new note.
    TOKEN_TOUCH =
        "UPDATE tokens SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)";
    TOKEN_REVOKE = "UPDATE tokens SET revoked = 1 WHERE id = $1 AND revoked = 0";

    SESSION =
        "SELECT id_sha256, actor, role, created_at, expires_at
         FROM sessions WHERE id_sha256 = $1 AND expires_at > $2";
    SESSION_INSERT =
        "INSERT INTO sessions (id_sha256, actor, role, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)";
    SESSION_EXTEND = "UPDATE sessions SET expires_at = $2 WHERE id_sha256 = $1";
    SESSION_DELETE = "DELETE FROM sessions WHERE id_sha256 = $1";
    SESSIONS_EXPIRE = "DELETE FROM sessions WHERE expires_at <= $1";

    LOGIN_CODE_INSERT = "INSERT INTO login_codes (sha256, expires_at) VALUES ($1, $2)";
    LOGIN_CODE_CONSUME =
        "UPDATE login_codes SET used_at = $2
         WHERE sha256 = $1 AND used_at IS NULL AND expires_at > $2";
    LOGIN_CODES_EXPIRE = "DELETE FROM login_codes WHERE expires_at <= $1";

    SETTING = "SELECT value FROM settings WHERE name = $1";
    SETTING_SET =
        "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    SETTING_INSERT =
        "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO NOTHING";

    MIGRATIONS = "SELECT version, name, sha256 FROM schema_migrations ORDER BY version";
    MIGRATION_INSERT =
        "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)";
}
