//! `hostlerd dashboards`: the dashboards for Grafana that fit this server's metrics, as files.

use std::path::Path;

use super::print;
use crate::arguments::DashboardsFlags;
use crate::failure::{Failure, Result};

/// Each by the name of its file. They are made by `cargo xtask codegen`.
pub(super) const ALL: [(&str, &str); 10] = [
    ("fleet.json", include_str!("../../../../catalog/dashboards/fleet.json")),
    ("hosts.json", include_str!("../../../../catalog/dashboards/hosts.json")),
    ("host.json", include_str!("../../../../catalog/dashboards/host.json")),
    ("vms.json", include_str!("../../../../catalog/dashboards/vms.json")),
    ("vm.json", include_str!("../../../../catalog/dashboards/vm.json")),
    ("storage.json", include_str!("../../../../catalog/dashboards/storage.json")),
    ("migrations.json", include_str!("../../../../catalog/dashboards/migrations.json")),
    ("control-plane.json", include_str!("../../../../catalog/dashboards/control-plane.json")),
    ("alerts.json", include_str!("../../../../catalog/dashboards/alerts.json")),
    ("capacity.json", include_str!("../../../../catalog/dashboards/capacity.json")),
];

/// Writes them, and says which.
pub(super) fn run(flags: &DashboardsFlags) -> Result<()> {
    write(&flags.out)?;
    let paths = ALL.map(|(name, _)| format!("{}\n", flags.out.join(name).display()));
    print(&paths.concat())
}

fn write(folder: &Path) -> Result<()> {
    let failed =
        |path: &Path, error| Failure::new(format!("cannot write {}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, text) in ALL {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn dashboards() -> impl Iterator<Item = (&'static str, Value)> {
        ALL.into_iter().map(|(name, text)| (name, serde_json::from_str(text).unwrap()))
    }

    fn panels(dashboard: &Value) -> &[Value] {
        dashboard["panels"].as_array().unwrap()
    }

    fn text<'a>(of: &'a Value, key: &str) -> &'a str {
        of[key].as_str().unwrap_or_else(|| panic!("no {key}: {of}"))
    }

    /// Where a panel is: its left, top, right and lower edge.
    fn edges(panel: &Value) -> [u64; 4] {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(w > 0 && h > 0 && x + w <= 24, "{panel}");
        [x, y, x + w, y + h]
    }

    #[test]
    fn all_that_are_made_are_shipped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/dashboards");
        let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
        let made: BTreeSet<String> = files
            .filter_map(|name| name.into_string().ok())
            .filter(|it| it.ends_with(".json"))
            .collect();
        assert_eq!(made, ALL.iter().map(|(name, _)| (*name).to_owned()).collect());
    }

    #[test]
    fn each_has_an_id_of_its_own_that_links_can_rely_on() {
        let uids: BTreeSet<String> =
            dashboards().map(|(_, it)| text(&it, "uid").to_owned()).collect();
        assert_eq!(uids.len(), ALL.len());
        for (name, dashboard) in dashboards() {
            // A stable one, of what Grafana takes.
            let uid = text(&dashboard, "uid");
            assert_eq!(uid, format!("hostler-{}", name.trim_end_matches(".json")));
            assert!(uid.len() <= 40, "{uid}");
            assert!(dashboard.get("id").is_none(), "{name}: Grafana gives numbers itself");
            assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36, "{name}");
            assert!(!text(&dashboard, "description").is_empty());
            let (_, text) = ALL.iter().find(|(file, _)| *file == name).unwrap();
            for after in text.split("\"url\": \"/d/").skip(1) {
                let to = after.split('?').next().unwrap();
                assert!(uids.contains(to), "{name} links to {to}");
            }
        }
    }

    #[test]
    fn panels_have_ids_of_their_own_and_do_not_lie_on_each_other() {
        for (name, dashboard) in dashboards() {
            let panels = panels(&dashboard);
            let ids: BTreeSet<u64> = panels.iter().map(|it| it["id"].as_u64().unwrap()).collect();
            assert_eq!((ids.len(), ids.contains(&0)), (panels.len(), false), "{name}");
            for (at, one) in panels.iter().enumerate() {
                let [left, top, right, bottom] = edges(one);
                for other in &panels[at + 1..] {
                    let [l, t, r, b] = edges(other);
                    let is_apart = right <= l || r <= left || bottom <= t || b <= top;
                    assert!(is_apart, "{name}: {} and {}", one["title"], other["title"]);
                }
            }
        }
    }

    #[test]
    fn d4_what_a_panel_shows_is_explained_and_gaps_stay_gaps() {
        for (name, dashboard) in dashboards() {
            for panel in panels(&dashboard).iter().filter(|panel| panel["type"] != "row") {
                let at = format!("{name}: {}", panel["title"]);
                assert!(!text(panel, "description").is_empty(), "{at}");
                let config = &panel["fieldConfig"]["defaults"];
                if ["timeseries", "state-timeline"].contains(&text(panel, "type")) {
                    assert_eq!(config["custom"]["spanNulls"], false, "{at}");
                }
                // No value is invented for what is not there.
                assert!(config.get("mappings").is_none(), "{at}");
                let references: BTreeSet<&str> = panel["targets"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|it| text(it, "refId"))
                    .collect();
                assert_eq!(references.len(), panel["targets"].as_array().unwrap().len(), "{at}");
                for asks in panel["targets"].as_array().unwrap().iter().chain([panel]) {
                    assert_eq!(asks["datasource"]["uid"], "${datasource}", "{at}");
                }
            }
        }
    }

    #[test]
    fn variables_are_there_and_used() {
        for (name, dashboard) in dashboards() {
            let variables = dashboard["templating"]["list"].as_array().unwrap();
            assert_eq!(variables[0]["type"], "datasource", "{name}");
            let (_, whole) = ALL.iter().find(|(file, _)| *file == name).unwrap();
            let (mut known, mut exprs) = (BTreeSet::new(), String::new());
            for variable in variables {
                let is_new = known.insert(text(variable, "name"));
                assert!(is_new, "{name}: {variable}");
            }
            for asks in whole.lines().filter(|line| line.contains("\"expr\": ")) {
                exprs.push_str(asks);
            }
            for variable in known.iter().filter(|it| **it != "datasource") {
                assert!(exprs.contains(&format!("${variable}")), "{name}: nobody uses {variable}");
            }
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            for after in exprs.split('$').skip(1) {
                let used = after.split(|c| !is_word(c)).next().unwrap();
                let is_grafanas = ["__rate_interval", "__range"].contains(&used);
                assert!(is_grafanas || known.contains(used), "{name}: {used}");
            }
        }
    }

    #[test]
    fn files_are_written_over_and_a_folder_that_cannot_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/dashboards");
        write(&out).unwrap();
        std::fs::write(out.join("vm.json"), "old").unwrap();
        write(&out).unwrap();
        for (name, text) in ALL {
            assert_eq!(std::fs::read_to_string(out.join(name)).unwrap(), text);
        }
        let file = out.join("vm.json");
        let error = write(&file).unwrap_err().to_string();
        assert!(error.contains("vm.json"), "{error}");
    }
}
