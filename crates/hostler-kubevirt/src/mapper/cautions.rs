//! What will become of starting and stopping a VM that somebody keeps as it is written down
//! elsewhere (X25). KubeVirt's verbs are used, and of two of them it makes another run strategy:
//!
//! | run strategy | verb | becomes | once put back |
//! |---|---|---|---|
//! | Always | stop | Halted | it starts again |
//! | Halted | start | Always | it stops again |
//!
//! The others change nothing that anybody could put back. Whether and when it is put back is
//! the tool's own affair, and not seen from here.

use hostler_core::vm::change::Keeper;
use hostler_core::vm::observed::Caution;
use hostler_core::vm::{Action, PowerState};

use super::state::RunStrategy;

/// What to know before each of these actions; none of an action that its state answers already.
pub(super) fn cautions(
    strategy: Option<RunStrategy>,
    power: PowerState,
    kept_by: &[Keeper],
) -> Vec<Caution> {
    let Some(keeper) = kept_by.first() else { return Vec::new() };
    let (actions, becomes, was, then): (&[Action], _, _, _) = match (strategy, power.is_live()) {
        (Some(RunStrategy::Always), true) => {
            (&[Action::Stop, Action::ForceStop], "Halted", "Always", "starts again")
        }
        (Some(RunStrategy::Halted), false) => (&[Action::Start], "Always", "Halted", "stops again"),
        _ => return Vec::new(),
    };
    let text = format!(
        "it is kept by {keeper}, by its {}: this makes its run strategy {becomes}, and once {} puts \
         back what is written down there it is {was} and {then}; change it there",
        keeper.evidence, keeper.tool
    );
    actions.iter().map(|action| Caution { action: *action, text: text.clone() }).collect()
}
