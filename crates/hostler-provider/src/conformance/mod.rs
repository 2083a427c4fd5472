//! The promises of this crate as tests: each one a named function, run against
//! every driver. Groups that a driver lacks are reported as skipped.
