//! What a disk is called: by people, and in the cluster. The one place that knows both, so that
//! whatever tells of disks tells the name under which they were asked for.
//!
//! ```text
//!   "data" asked for under the mark 5f6a7b8c9d0e ─► volume "data-5f6a7b8c9d0e", hotpluggable
//!   a volume that is hotpluggable and ends with a mark ─► what is before it; any other ─► its name
//! ```

use hostler_core::disk::DiskMark;
use serde_json::Value;

/// The name of a disk with its mark, as KubeVirt knows it.
pub(super) fn name_of(disk: &str, mark: &DiskMark) -> String {
    format!("{disk}-{mark}")
}

/// A name with its mark, where it was plugged in and ends with one.
pub(super) fn marked(name: &str, is_plugged: bool) -> (&str, Option<DiskMark>) {
    let parts = name.rsplit_once('-').filter(|(disk, _)| is_plugged && !disk.is_empty());
    match parts.and_then(|(disk, mark)| Some((disk, DiskMark::parse(mark)?))) {
        Some((disk, mark)) => (disk, Some(mark)),
        None => (name, None),
    }
}

/// Under which name the disk of a volume of a template was asked for. KubeVirt keeps the name and
/// `hotpluggable` of a volume when it puts a VM back or clones it.
pub(crate) fn asked_name(volume: &Value) -> Option<&str> {
    let name = volume.get("name").and_then(Value::as_str)?;
    let is_plugged = ["persistentVolumeClaim", "dataVolume"].iter().any(|kind| {
        volume.get(kind).and_then(|source| source.get("hotpluggable")) == Some(&Value::Bool(true))
    });
    Some(marked(name, is_plugged).0)
}

/// The same of a volume that was plugged in, by its name alone.
pub(crate) fn plain_name(volume: &str) -> &str {
    marked(volume, true).0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f30_a_mark_is_taken_off_what_was_plugged_in_and_off_nothing_else() {
        let volume = |name: &str, kind: &str, hotpluggable: bool| json!({ "name": name, kind: { "claimName": "c", "hotpluggable": hotpluggable } });
        let claim = "persistentVolumeClaim";
        for (volume, name) in [
            (volume("data-5f6a7b8c9d0e", claim, true), "data"),
            (volume("data-5f6a7b8c9d0e", "dataVolume", true), "data"),
            (volume("data-5f6a7b8c9d0e", claim, false), "data-5f6a7b8c9d0e"),
            (volume("data-2", claim, true), "data-2"),
            (volume("root", claim, false), "root"),
        ] {
            assert_eq!(asked_name(&volume), Some(name), "{volume}");
        }
        assert_eq!(asked_name(&json!({})), None);
    }
}
