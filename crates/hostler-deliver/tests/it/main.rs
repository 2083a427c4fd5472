//! Receivers from outside: what they are sent, what they may answer, and what is told
//! of it. They are played by scripts, and by the real programs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod bodies;
mod mails;
mod notices;
mod postbox;
mod real;
mod scripted;
