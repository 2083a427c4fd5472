//! The schema and how it comes to be: migrations, each applied once, in order,
//! in a transaction of its own together with the note that it was applied.
//!
//! Killed in the middle, the next start goes on where it stopped. A file that a
//! newer Hostler has migrated is refused, since an older one can't know what
//! its rows mean.

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, SqlSafeStr};

use crate::connection::query;
use crate::error::{Error, Result};
use crate::{row, statements};

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

/// Every migration, in order. One that has been released is never edited.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        sql: include_str!("../migrations/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "fair_turns",
        sql: include_str!("../migrations/0002_fair_turns.sql"),
    },
    Migration { version: 3, name: "alerts", sql: include_str!("../migrations/0003_alerts.sql") },
    Migration {
        version: 4,
        name: "adoption",
        sql: include_str!("../migrations/0004_adoption.sql"),
    },
    Migration {
        version: 5,
        name: "clusters",
        sql: include_str!("../migrations/0005_clusters.sql"),
    },
    Migration {
        version: 6,
        name: "templates",
        sql: include_str!("../migrations/0006_templates.sql"),
    },
    Migration {
        version: 7,
        name: "vm_migrations",
        sql: include_str!("../migrations/0007_vm_migrations.sql"),
    },
];

/// The schema of this version.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

impl Migration {
    fn sha256(&self) -> String {
        use std::fmt::Write as _;
        Sha256::digest(self.sql).iter().fold(String::new(), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Brings the schema up to date.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    let applied = check(connection).await?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > applied) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(migration.sql.into_sql_str()).execute(&mut *transaction).await?;
        query(statements::MIGRATION_INSERT)
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.sha256())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Tells the version of the schema, 0 for an empty file, and refuses what this
/// version of Hostler can't understand.
pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<i64> {
    let tables = sqlx::query("SELECT name FROM sqlite_schema WHERE name = 'schema_migrations'");
    if tables.fetch_optional(&mut *connection).await?.is_none() {
        let any = sqlx::query("SELECT name FROM sqlite_schema LIMIT 1");
        if any.fetch_optional(&mut *connection).await?.is_some() {
            return Err(Error::refused("it is a database, but not one of Hostler's"));
        }
        return Ok(0);
    }
    let rows = query(statements::MIGRATIONS).fetch_all(&mut *connection).await?;
    let mut version = 0;
    for row in &rows {
        version = row::int(row, "version")?;
        let (name, sha256) = (row::text(row, "name")?, row::text(row, "sha256")?);
        let Some(known) = MIGRATIONS.iter().find(|known| known.version == version) else {
            return Err(Error::refused(format!(
                "it was written by a newer version of Hostler: its schema is {version} ({name}), \
                 this version knows up to {}; start the newer version, or restore a backup made \
                 before the upgrade",
                newest()
            )));
        };
        if known.sha256() != sha256 {
            return Err(Error::refused(format!(
                "its migration {version} ({name}) is not the one this version of Hostler knows; \
                 start the version that wrote it"
            )));
        }
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, i64::try_from(index).unwrap() + 1);
        }
    }

    #[test]
    fn a_released_migration_is_never_edited() {
        // A change here breaks every database that exists: add a migration instead.
        let hashes: Vec<_> = MIGRATIONS.iter().map(Migration::sha256).collect();
        expect_test::expect![[r#"
            be33e9de3d080707bd752078639c33d2f669b5c3e004e2778a52004b0f857f64
            aa85331278b848c3f3a4cbef771e38689524e852562305f0347f0e05bfc2447d
            4693cb2d4e7a2e4bc95cd973f4a32e464a27b8279a3a88513b8cbd09c7f66540
            2911f2c6f865d8b7fd7205b1458501316e48ce0f479a18272b23788022d05e8f
            4fcac3766e3cfbabbe446adf8048fb294cdc7ecae903f56b5cd45994bea0b76e
            dd3c84e38da1ac19abfd050df32a857f1bc601790739255b9a82dd302acda2f5
            4fbb905e8ab9c7725f0bc9a7f6089561f6ec5f5cc6c741be05841f0cfaeb1056"#]]
        .assert_eq(&hashes.join("\n"));
    }
}
