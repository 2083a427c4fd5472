//! The double against what real servers were recorded to answer: each statement is a test, and the
//! bodies in them are the recorded ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod applies;
mod claims;
mod client;
mod clones;
mod consoles;
mod controllers;
mod discovery;
mod expired;
mod faults;
mod lists;
mod restores;
mod verbs;
mod watches;
mod writes;
