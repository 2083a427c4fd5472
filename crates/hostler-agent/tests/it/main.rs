//! The agent from outside: what it serves, to whom, and that nothing that hangs
//! delays anybody.

mod program;
mod reader;
mod real;
mod serving;
mod world;
