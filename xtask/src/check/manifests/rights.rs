//! Rights: exactly those that the code lists. One too few is a feature that fails on somebody's
//! cluster; one too many is a door.

use std::collections::BTreeSet;

use super::{Finding, Object, list};
use crate::files::SourceFile;

/// Where the code lists what our account has to be allowed to do.
pub(super) const LIST: &str = "crates/hostler-kubevirt/src/health/ask.rs";
/// The lists there, and the role of each.
const ROLES: &[(&[&str], &str)] = &[
    (&["IN_NAMESPACES", "HELPS_IN_NAMESPACES"], "hostler-kubevirt-vms"),
    (&["OF_THE_CLUSTER", "HELPS_OF_THE_CLUSTER"], "hostler-kubevirt-cluster"),
    (&["SEEDS_IN_NAMESPACES"], CHOSEN),
];
/// The role with the right to read secrets: bound in namespaces that somebody chose, or in none.
pub(super) const CHOSEN: &str = "hostler-kubevirt-seeds";
const REMEDY: &str = "change base/server/roles.yaml and the lists in \
                      crates/hostler-kubevirt/src/health/ask.rs together";

/// One right: group, resource, verb.
type Right = (String, String, String);

pub(super) fn findings(objects: &[Object], files: &[SourceFile]) -> Vec<Finding> {
    let source = files.iter().find(|file| file.path == LIST).map_or("", |file| &file.text);
    let mut found = Vec::new();
    for object in objects.iter().filter(|it| matches!(it.kind(), "ClusterRole" | "Role")) {
        let listed = ROLES.iter().find(|(_, role)| *role == object.name());
        let Some((constants, _)) = listed else {
            found.push(object.finding("no list in the code says what it is for", REMEDY));
            continue;
        };
        let mut wanted = BTreeSet::new();
        for constant in *constants {
            let listed = rights_of_code(source, constant);
            if listed.is_empty() {
                found.push(object.finding(format!("{LIST} has no list {constant}"), REMEDY));
            }
            wanted.extend(listed);
        }
        let given = rights_of_role(object);
        let too_few = wanted.difference(&given).map(|right| ("is missing", right));
        let too_many = given.difference(&wanted).map(|right| ("nobody asks for it", right));
        for (what, (group, resource, verb)) in too_few.chain(too_many) {
            let what = format!("{verb} of {resource} in {group:?}: {what}");
            found.push(object.finding(what, REMEDY));
        }
    }
    for binding in objects.iter().filter(|it| it.kind() == "ClusterRoleBinding") {
        if binding.text("/roleRef/name") == CHOSEN {
            let what = "it opens the secrets of all namespaces";
            found.push(binding.finding(what, "bind it by a RoleBinding, where it is needed"));
        }
    }
    for (_, role) in ROLES {
        let serves = |it: &&Object| it.is_workload() && it.name() == "hostlerd";
        let is_there = objects.iter().any(|it| it.name() == *role && it.kind() == "ClusterRole");
        if let Some(server) = objects.iter().find(serves).filter(|_| !is_there) {
            found.push(server.finding(format!("there is no ClusterRole {role}"), REMEDY));
        }
    }
    found
}

fn rights_of_role(role: &Object) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for rule in role.list("/rules") {
        let words = |key: &str| list(rule, key).iter().filter_map(|it| it.as_str());
        for group in words("/apiGroups") {
            for resource in words("/resources") {
                for verb in words("/verbs") {
                    rights.insert((group.to_owned(), resource.to_owned(), verb.to_owned()));
                }
            }
        }
    }
    rights
}

/// The rows `("group", "resource", &["verb", …], …)` of a constant in Rust.
fn rights_of_code(source: &str, constant: &str) -> BTreeSet<Right> {
    let declared = source.split_once(&format!("const {constant}:"));
    let rows = declared.and_then(|(_, rest)| rest.split_once('=')?.1.split_once("];\n"));
    let mut rights = BTreeSet::new();
    for row in rows.map_or("", |(rows, _)| rows).split('(').skip(1) {
        let mut words = row.split('"').skip(1).step_by(2);
        let (Some(group), Some(resource)) = (words.next(), words.next()) else { continue };
        rights.extend(words.map(|verb| (group.into(), resource.into(), verb.into())));
    }
    rights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_code_are_read_however_they_are_broken() {
        let source = "const A: &[Row] = &[\n    (\"g\", \"r\", &[\"list\", \"watch\"]),\n    (\n        \
                      \"\",\n        \"s/t\",\n        &[\"get\"],\n    ),\n];\nconst B: &[Row] = \
                      &[(\"\", \"n\", &[\"list\"])];\n";
        let told = |constant: &str| {
            let rights = rights_of_code(source, constant);
            let row = |(group, resource, verb): Right| format!("{group} {resource} {verb}");
            rights.into_iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(told("A"), [" s/t get", "g r list", "g r watch"]);
        assert_eq!(told("B"), [" n list"]);
        assert_eq!(told("C"), Vec::<String>::new());
        let with_purpose = "const D: &[HelpRow] = &[(\"g\", \"r\", &[\"get\"], Purpose::One)];\n";
        assert_eq!(rights_of_code(with_purpose, "D").len(), 1);
    }
}
