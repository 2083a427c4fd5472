//! Against a real API server, where `KUBEBUILDER_ASSETS` names one; skipped with a line that says
//! so where it does not. `CONTRIBUTING.md` has the command.

mod conformance;
mod server;
