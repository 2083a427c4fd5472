//! What is shipped beside the code and has to agree with it: the alert rules,
//! their tests and their runbooks.

#![expect(clippy::unwrap_used, reason = "a helper that fails has to fail its test")]

mod real;
mod shipped;
mod shipped_rules;
