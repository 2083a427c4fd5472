//! What is sent, and what of it is there: against real servers, and against one that says
//! whatever a test wants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod real;
