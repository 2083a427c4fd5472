//! Operations: from the engine's view to the wire.

use hostler_api::v1::{Operation, OperationProgress, OperationStep, ResourceRef};
use hostler_api::{Problem, Time, status_of};
use hostler_core::Error;
use hostler_core::operation::Failure;
use hostler_engine::{OperationView, StepState, StepView};

/// `admin`: whether the caller may see the provider's own words.
pub(super) fn operation(view: &OperationView, admin: bool) -> Operation {
    let (row, journal) = (&view.row, &view.journal);
    let failure = view.error();
    Operation {
        id: row.id.to_string(),
        kind: row.kind.clone(),
        state: view.state().as_str().to_owned(),
        phase: view.phase(),
        progress: progress(view),
        steps: view.steps().into_iter().map(step).collect(),
        resources: resources(view),
        created_by: row.actor.clone(),
        cancellable: journal.can_cancel(),
        error: failure.map(problem),
        error_raw: failure.and_then(|failure| failure.internal.clone()).filter(|_| admin),
        note: row.note.clone(),
        created_at: Time(row.created_at),
        updated_at: Time(row.updated_at),
        finished_at: row.finished_at.map(Time),
    }
}

fn progress(view: &OperationView) -> OperationProgress {
    let steps = view.steps();
    let done = steps.iter().filter(|step| step.state == StepState::Done).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // Of a step that ended nothing is left to tell.
    let now = view.progress.as_ref().filter(|_| !view.state().is_final());
    OperationProgress {
        steps_done: count(done),
        steps_total: count(steps.len()),
        fraction: now.and_then(|progress| progress.fraction),
        note: now.map(|progress| progress.note.clone()),
        bytes_done: now.and_then(|progress| progress.bytes_done),
        bytes_total: now.and_then(|progress| progress.bytes_total),
    }
}

fn step(step: StepView) -> OperationStep {
    OperationStep { name: step.name, state: step.state.as_str().to_owned(), note: step.note }
}

fn resources(view: &OperationView) -> Vec<ResourceRef> {
    let names = view.resource_names.iter().cloned().chain(std::iter::repeat(None));
    let named = view.row.resources.iter().zip(names);
    named
        .map(|(resource, name)| ResourceRef {
            kind: resource.kind().to_owned(),
            id: resource.id(),
            name,
        })
        .collect()
}

fn problem(failure: &Failure) -> Problem {
    let error = Error::from(failure);
    let mut problem = Problem::new(&error, status_of(error.code()).as_u16());
    if problem.code != failure.code {
        // Written by another version: its own word is truer than what we make of it.
        problem.code.clone_from(&failure.code);
        problem.detail.clone_from(&failure.message);
    }
    problem
}
