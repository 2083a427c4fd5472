//! The real programs, as Debian has them: `cargo xtask test real` fetches them.

mod alertmanager;
mod mail;
mod program;
