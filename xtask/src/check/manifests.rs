//! What is applied to a Kubernetes cluster, checked without one: a manifest with a fault is
//! refused, or worse, accepted and without effect, on somebody's cluster and not here.
//!
//! ```text
//!  deploy/kubernetes/overlays/*/kustomization.yaml
//!        │ overlay: resources, components, patches, generators, as kustomize puts them together
//!        ▼
//!  objects of one overlay ──► objects   kinds, fields, what a container may do
//!                         ├─► links     selectors, ports, accounts, volumes, bindings
//!                         ├─► programs  flags, variables and keys that the programs know
//!                         └─► rights    the rules are those that the code lists
//! ```
//!
//! Where `kubectl` is there, it puts the same overlays together and has to come to the same
//! objects; where `kubeconform` is there, it judges them, too.

mod links;
mod objects;
mod overlay;
mod programs;
mod rights;
mod tools;

use serde_json::Value;

use hostler_lab::Result;

use crate::files::{self, SourceFile};
use crate::paths;

use super::{Finding, outcome};

/// Where the manifests are.
const FOLDER: &str = "deploy/kubernetes/";

/// One object of an overlay.
#[derive(Debug, Clone, PartialEq)]
struct Object {
    /// The file that it is from.
    path: String,
    value: Value,
}

impl Object {
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer)
    }

    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn kind(&self) -> &str {
        self.text("/kind")
    }

    fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    fn list(&self, pointer: &str) -> &[Value] {
        list(&self.value, pointer)
    }

    /// `Kind name`, for people.
    fn title(&self) -> String {
        format!("{} {}", self.kind(), self.name())
    }

    /// Whether it runs pods.
    fn is_workload(&self) -> bool {
        matches!(self.kind(), "StatefulSet" | "DaemonSet" | "Deployment" | "Job")
    }

    fn finding(&self, what: impl Into<String>, remedy: &'static str) -> Finding {
        let what = format!("{}: {}", self.title(), what.into());
        Finding { place: self.path.clone(), what, remedy }
    }
}

/// The items of a list; none where there is no such list.
fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text of a member; empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Every container of a workload, those that run before the others among them.
fn containers(workload: &Object) -> impl Iterator<Item = &Value> {
    let of = |kind: &str| workload.list(&format!("/spec/template/spec/{kind}"));
    of("initContainers").iter().chain(of("containers"))
}

/// Checks every overlay.
pub(super) fn check() -> Result<()> {
    let root = paths::root();
    let files = files::all(&root)?;
    outcome(findings(&files))?;
    tools::check(&root, &overlay::all(&files))
}

fn findings(files: &[SourceFile]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut used = Vec::new();
    let known = programs::Known::of(files);
    for folder in overlay::all(files) {
        match overlay::build(files, &folder, &mut used) {
            Err(finding) => found.push(finding),
            Ok(objects) => {
                found.extend(objects::findings(&objects));
                found.extend(links::findings(&objects));
                found.extend(programs::findings(&objects, &known));
                found.extend(rights::findings(&objects, files));
            }
        }
    }
    found.extend(overlay::unused(files, &used));
    if used.is_empty() {
        found.push(Finding {
            place: FOLDER.to_owned(),
            what: "there is no overlay".to_owned(),
            remedy: "what nobody can apply is not checked either: write overlays/*/kustomization.yaml",
        });
    }
    // A base is in several overlays.
    let mut once = Vec::new();
    for finding in found {
        if !once.contains(&finding) {
            once.push(finding);
        }
    }
    once
}

#[cfg(test)]
mod tests;
