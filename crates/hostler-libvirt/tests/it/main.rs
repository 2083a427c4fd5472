//! The driver against real daemons (module `real`, needs root), and against
//! none at all.

mod offline;
mod real;
