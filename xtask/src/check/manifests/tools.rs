//! The tools that others use on manifests, where they are there.

use std::path::Path;
use std::process::Command;

use hostler_lab::{Error, Result, find_program, run_quietly};
use serde_json::Value;

use super::{Object, overlay, text};
use crate::{files, say};

/// How kubeconform says that it could not get what it checks against.
const NO_SCHEMAS: &[&str] =
    &["failed downloading schema", "no such host", "dial tcp", "i/o timeout"];

/// The length of the hashes in names of what is generated.
const HASH: usize = 10;

/// Puts each overlay together with them.
pub(super) fn check(root: &Path, overlays: &[String]) -> Result<()> {
    let Some(kubectl) = find_program("kubectl") else {
        say::line("manifests: no kubectl here, so that kustomize has not put them together");
        return Ok(());
    };
    let files = files::all(root)?;
    for folder in overlays {
        let mut command = Command::new(&kubectl);
        // It would look for a cluster of whoever runs this; none is asked here.
        let made = run_quietly(command.args(["kustomize", folder]).current_dir(root))?.stdout;
        let made = String::from_utf8_lossy(&made).into_owned();
        let theirs = serde_saphyr::from_multiple::<Value>(&made)
            .map_err(|error| Error::new(format!("kubectl kustomize {folder}: {error}")))?;
        let ours = overlay::build(&files, folder, &mut Vec::new())
            .map_err(|finding| Error::new(finding.what))?;
        same(folder, &ours, &theirs)?;
        judge(root, folder, &made)?;
    }
    Ok(())
}

/// Whether both came to the same objects with the same values, but for the hashes in the names of
/// generated ones.
fn same(folder: &str, ours: &[Object], theirs: &[Value]) -> Result<()> {
    let hashes = hashes(ours, theirs);
    let theirs = theirs.iter().cloned().map(|mut value| {
        unhash(&mut value, &hashes);
        Object { path: String::new(), value }
    });
    let (mut ours, mut theirs) = (ours.to_vec(), theirs.collect::<Vec<_>>());
    ours.sort_by_key(title);
    theirs.sort_by_key(title);
    let titles = |objects: &[Object]| objects.iter().map(title).collect::<Vec<_>>();
    let remedy = "correct xtask/src/check/manifests/overlay.rs";
    if titles(&ours) != titles(&theirs) {
        let (ours, theirs) = (titles(&ours), titles(&theirs));
        return Err(Error::new(format!(
            "{folder}: kustomize makes {theirs:?} of it, and this check looked at {ours:?}; {remedy}"
        )));
    }
    for (ours, theirs) in ours.iter().zip(&theirs) {
        if let Some(place) = difference(&ours.value, &theirs.value) {
            let title = title(ours);
            return Err(Error::new(format!(
                "{folder}: {title} is not what kustomize makes of it at {place}; {remedy}"
            )));
        }
    }
    Ok(())
}

fn title(object: &Object) -> String {
    format!("{} {}/{}", object.kind(), object.namespace(), object.name())
}

/// The names that kustomize gave to what is generated, with those that stand in the manifests.
fn hashes(ours: &[Object], theirs: &[Value]) -> Vec<(String, String)> {
    let theirs = theirs.iter().filter(|value| text(value, "/kind") == "ConfigMap");
    let named = theirs.filter_map(|value| {
        let hashed = text(value, "/metadata/name");
        let (name, hash) = hashed.rsplit_once('-')?;
        let is_it = |it: &Object| {
            let is_there = it.namespace() == text(value, "/metadata/namespace");
            it.kind() == "ConfigMap" && it.name() == name && is_there
        };
        let is_hash = hash.len() == HASH && hash.chars().all(|c| c.is_ascii_alphanumeric());
        (is_hash && ours.iter().any(is_it)).then(|| (hashed.to_owned(), name.to_owned()))
    });
    named.collect()
}

/// Gives what is generated, and what names it, the name that stands in the manifests.
fn unhash(value: &mut Value, hashes: &[(String, String)]) {
    match value {
        Value::String(text) => {
            if let Some((_, name)) = hashes.iter().find(|(hashed, _)| hashed == text) {
                text.clone_from(name);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| unhash(item, hashes)),
        Value::Object(fields) => fields.values_mut().for_each(|field| unhash(field, hashes)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The pointer to the first place where both differ.
fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(two)) => {
            let mut keys = one.keys().chain(two.keys());
            let differs = |key: &String| match (one.get(key), two.get(key)) {
                (Some(one), Some(two)) => Some(format!("/{key}{}", difference(one, two)?)),
                _ => Some(format!("/{key}")),
            };
            keys.find_map(differs)
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            let mut pairs = one.iter().zip(two).enumerate();
            pairs.find_map(|(at, (one, two))| Some(format!("/{at}{}", difference(one, two)?)))
        }
        (one, two) => (one != two).then(String::new),
    }
}

/// Lets kubeconform look at it.
fn judge(root: &Path, folder: &str, made: &str) -> Result<()> {
    let Some(kubeconform) = find_program("kubeconform") else {
        say::line(&format!("manifests: no kubeconform here to judge {folder}"));
        return Ok(());
    };
    let file = root.join("build/manifests.yaml");
    std::fs::create_dir_all(root.join("build"))?;
    std::fs::write(&file, made)?;
    let mut command = Command::new(kubeconform);
    let judged = command.args(["-strict", "-ignore-missing-schemas"]).arg(&file).output()?;
    let said = String::from_utf8_lossy(&judged.stdout).into_owned()
        + &String::from_utf8_lossy(&judged.stderr);
    if judged.status.success() {
        return Ok(());
    }
    if NO_SCHEMAS.iter().any(|words| said.contains(words)) {
        say::line(
            "manifests: kubeconform cannot get its schemas here, so that it has judged nothing",
        );
        return Ok(());
    }
    Err(Error::new(format!("{folder}: kubeconform says: {}", said.trim())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(name: &str, data: &str) -> Value {
        json!({
            "kind": "ConfigMap", "data": { "a.toml": data },
            "metadata": { "name": name, "namespace": "n" },
        })
    }

    fn workload(config: &str, port: u16) -> Value {
        let volume = json!({ "name": "config", "configMap": { "name": config } });
        json!({
            "kind": "StatefulSet", "metadata": { "name": "s", "namespace": "n" },
            "spec": { "volumes": [volume], "ports": [80, port] },
        })
    }

    fn compared(theirs: &[Value]) -> Result<()> {
        let ours = [config("c", "x"), workload("c", 81)];
        let ours = ours.map(|value| Object { path: String::new(), value });
        same("overlay", &ours, theirs)
    }

    #[test]
    fn what_kustomize_makes_otherwise_is_found_by_its_place() {
        let (config_made, hashed) = (config("c-0123456789", "x"), "c-0123456789");
        // In whatever order, and under a name with a hash.
        compared(&[workload(hashed, 81), config_made.clone()]).unwrap();
        for (theirs, place) in [
            (vec![config_made.clone(), workload(hashed, 82)], "at /spec/ports/1"),
            (vec![config_made.clone(), workload("d", 81)], "at /spec/volumes/0/configMap/name"),
            (vec![config(hashed, "y"), workload(hashed, 81)], "at /data/a.toml"),
            (vec![config_made.clone()], "kustomize makes"),
            (vec![config("c", "x"), config_made, workload(hashed, 81)], "kustomize makes"),
        ] {
            let error = compared(&theirs).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
    }
}
