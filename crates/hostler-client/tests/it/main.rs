//! The client against a scripted server: what it sends, what it repeats, and
//! what it makes of answers, good and bad.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on stops the test")]

mod calls;
mod retry;
mod streams;
mod tls;
mod waiting;
