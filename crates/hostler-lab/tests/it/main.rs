//! The lab and the sample guest, tried for real.

#![expect(clippy::unwrap_used, reason = "in a test program, what fails must end the test")]

mod real;
