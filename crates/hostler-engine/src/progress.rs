//! How far running steps have come: in memory only, since it is old news after
//! a restart.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hostler_core::id::OperationId;
use hostler_provider::Progress;

/// The latest progress report of each running operation.
#[derive(Default)]
pub(crate) struct ProgressBoard(Mutex<HashMap<OperationId, Progress>>);

impl ProgressBoard {
    /// Takes a report.
    pub(crate) fn set(&self, operation: OperationId, progress: Progress) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(operation, progress);
    }

    /// The latest report.
    pub(crate) fn get(&self, operation: OperationId) -> Option<Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&operation).cloned()
    }

    /// Forgets it, since the step ended.
    pub(crate) fn clear(&self, operation: OperationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&operation);
    }
}
