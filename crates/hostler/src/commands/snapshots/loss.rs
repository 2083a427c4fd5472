//! What going back to a snapshot costs, told before anybody is asked whether to: all that the
//! web UI tells as well. What is not known is told as that.

use hostler_api::v1;

/// States in which no hypervisor process holds a VM, so that no power is cut.
const OFF: &[&str] = &["stopped", "saved", "failed"];
/// States that do not tell whether one does.
const UNTOLD: &[&str] = &["unknown", "missing"];

/// Whether the VM is on; `None` where its state does not tell.
pub(super) fn is_live(state: &str) -> Option<bool> {
    (!UNTOLD.contains(&state)).then(|| !OFF.contains(&state))
}

/// Whether the provider is known to refuse it while the VM is in this state.
pub(super) fn is_refused(vm: &v1::Vm) -> bool {
    let cuts = vm.snapshot_limits.as_ref().map(|limits| limits.reverts_live);
    is_live(&vm.summary.status.state) == Some(true) && cuts == Some(false)
}

/// What going back costs, a line each.
pub(super) fn losses(vm: &v1::Vm, called: &str, snapshot: &v1::Snapshot) -> Vec<String> {
    let since = snapshot.taken_at.value;
    let since = since.map_or_else(|| "it was taken".to_owned(), |at| at.0.to_string());
    let mut lines = vec![format!("VM \"{called}\" loses all that was written since {since}")];
    lines.extend(power(vm));
    lines.push(match snapshot.content.value {
        Some(v1::SnapshotContent::DisksAndMemory) => {
            "it goes on where it was then, with the memory of then".to_owned()
        }
        Some(v1::SnapshotContent::Disks) => "it is off afterwards".to_owned(),
        None => format!("whether it is off afterwards is not known: {}", why(&snapshot.content)),
    });
    match snapshot.disks_left_out.value.as_deref() {
        None => {
            let why = why(&snapshot.disks_left_out);
            lines.push(format!("which disks are not in the snapshot is not known: {why}"));
        }
        Some([]) => {}
        Some(left) => lines.push(format!(
            "not in the snapshot, so that they stay as they are or are empty afterwards, as the \
             provider has it: {}",
            left.join(", ")
        )),
    }
    lines.push(
        "where its provider keeps more than disks in it, its size, its devices and disks that were \
         attached since go back, too"
            .to_owned(),
    );
    lines
}

/// What becomes of its power; nothing where it is off.
fn power(vm: &v1::Vm) -> Option<String> {
    let state = &vm.summary.status.state;
    let cuts = vm.snapshot_limits.as_ref().map(|limits| limits.reverts_live);
    let what = match cuts {
        Some(true) => "its power is cut",
        Some(false) => "its provider puts back stopped VMs only",
        None => "its power is cut, or this is refused until it is stopped",
    };
    match is_live(state) {
        Some(false) => None,
        Some(true) => Some(format!("it is {state}: {what}")),
        None => Some(format!("whether it is on is not known; if it is, {what}")),
    }
}

fn why<T>(fact: &hostler_api::Fact<T>) -> &str {
    fact.reason.as_deref().unwrap_or(&fact.quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_for_inspection_is_on_and_what_failed_or_is_saved_is_off() {
        for on in ["running", "paused", "crashed", "suspended", "stopping"] {
            assert_eq!(is_live(on), Some(true), "{on}");
        }
        for off in ["stopped", "saved", "failed"] {
            assert_eq!(is_live(off), Some(false), "{off}");
        }
        assert_eq!((is_live("unknown"), is_live("missing")), (None, None));
    }
}
