//! Every SQL statement of this crate, each with its name, in one register.
//!
//! A statement can be run only through a [`Statement`], and [`Statement`]s can
//! be made only by the macro below, which also lists them: so none can be
//! forgotten by the test that prepares all of them on SQLite and on PostgreSQL.
//!
//! What keeps one text good for both: `$1` placeholders; `CAST($1 AS TEXT) IS
//! NULL`, since PostgreSQL can't tell the type of a bare `$1 IS NULL`; no JSON
//! operators, no dates, no booleans; `ON CONFLICT` and `RETURNING`, which both
//! know.

mod access;
mod alerts;
mod inventory;
mod migrations;
mod operations;
mod templates;

pub(crate) use access::*;
pub(crate) use alerts::*;
pub(crate) use inventory::*;
pub(crate) use migrations::*;
pub(crate) use operations::*;
pub(crate) use templates::*;

/// A statement of the register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    name: &'static str,
    sql: &'static str,
}

impl Statement {
    /// Its text.
    pub(crate) const fn sql(self) -> &'static str {
        self.sql
    }
}

/// Makes the constants and the list of them.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: $crate::statements::Statement =
            $crate::statements::Statement { name: stringify!($name), sql: $sql };)*

        /// The statements of this file.
        pub(super) const ALL: &[$crate::statements::Statement] = &[$($name),*];
    };
}
pub(crate) use statements;

/// Name and text of every statement that runs on SQLite and PostgreSQL alike.
///
/// For tests; the few statements that only SQLite knows (pragmas, `VACUUM INTO`)
/// are not among them.
pub fn portable_statements() -> impl Iterator<Item = (&'static str, &'static str)> {
    [access::ALL, alerts::ALL, inventory::ALL, migrations::ALL, operations::ALL, templates::ALL]
        .into_iter()
        .flatten()
        .map(|statement| (statement.name, statement.sql))
}
