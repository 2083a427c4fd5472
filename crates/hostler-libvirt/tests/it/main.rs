//! The driver against real daemons (module `real`, needs root), and against
//! none at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod offline;
mod real;
