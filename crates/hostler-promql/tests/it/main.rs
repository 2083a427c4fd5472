//! The evaluator from outside: against the real Prometheus.

#![expect(clippy::unwrap_used, reason = "in a test program, what fails must end the test")]

mod dashboards;
mod real;
