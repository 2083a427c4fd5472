//! The shipped alert rules as the Prometheus Operator takes them: the same text, one object.

use std::fs;
use std::path::Path;

use hostler_lab::{Error, Result};

/// Where rules are.
const RULES: &str = "catalog/alerts";
/// What is made of them.
const FILE: &str = "deploy/kubernetes/components/server-monitoring/prometheusrule.yaml";

const HEAD: &str = "\
# Made from catalog/alerts by `cargo xtask codegen`; change the catalogue, not this file.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: hostler
  namespace: hostler
  labels:
    app.kubernetes.io/name: hostlerd
spec:
  groups:
";

/// The file's path in the checkout, and its text.
pub(super) fn made(root: &Path) -> Result<(&'static str, String)> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(RULES))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            names.push(path);
        }
    }
    names.sort();
    let mut text = HEAD.to_owned();
    for path in names {
        let rules = fs::read_to_string(&path)?;
        let groups = groups(&rules).ok_or_else(|| {
            Error::new(format!("{}: has no line `groups:` before its rules", path.display()))
        })?;
        text.push_str(&groups);
    }
    Ok((FILE, text))
}

/// What follows the line `groups:`, two columns further in.
fn groups(rules: &str) -> Option<String> {
    let (_, groups) = rules
        .split_once("groups:\n")
        .filter(|(before, _)| before.is_empty() || before.ends_with('\n'))?;
    let line = |line: &str| if line.is_empty() { "\n".into() } else { format!("  {line}\n") };
    Some(groups.lines().map(line).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_object_holds_the_very_groups_of_the_catalogue() {
        let root = crate::paths::root();
        let (_, text) = made(&root).unwrap();
        let made: Value = serde_saphyr::from_str(&text).unwrap();
        let mut wanted = Vec::new();
        let mut files: Vec<_> =
            fs::read_dir(root.join(RULES)).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        for path in files.iter().filter(|path| path.extension().is_some_and(|it| it == "yaml")) {
            let rules: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            wanted.extend(rules["groups"].as_array().unwrap().clone());
        }
        assert!(wanted.len() > 3);
        assert_eq!(made["spec"]["groups"], Value::Array(wanted));
    }

    #[test]
    fn a_file_without_groups_is_no_file_of_rules() {
        assert_eq!(
            groups("# a\ngroups:\n  - name: a\n\n    rules: []\n").unwrap(),
            "    - name: a\n\n      rules: []\n"
        );
        assert_eq!(groups("groups: []\n"), None);
    }
}
