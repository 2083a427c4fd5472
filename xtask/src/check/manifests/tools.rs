//! The tools that others use on manifests, where they are there.

use std::path::Path;
use std::process::Command;

use hostler_lab::{Error, Result, find_program, run_quietly};
use serde_json::Value;

use super::{Object, overlay};
use crate::{files, say};

/// How kubeconform says that it could not get what it checks against.
const NO_SCHEMAS: &[&str] =
    &["failed downloading schema", "no such host", "dial tcp", "i/o timeout"];

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

/// Whether both came to the same objects, but for the hashes in generated names.
fn same(folder: &str, ours: &[Object], theirs: &[Value]) -> Result<()> {
    let title = |object: &Object| {
        let generated = object.kind() == "ConfigMap";
        let name = object.name();
        let name =
            if generated { name.rsplit_once('-').map_or(name, |(name, _)| name) } else { name };
        format!("{} {}/{name}", object.kind(), object.namespace())
    };
    let hashed = |object: &Object| {
        let mut object = object.clone();
        if object.kind() == "ConfigMap" {
            object.value["metadata"]["name"] = format!("{}-hash", object.name()).into();
        }
        object
    };
    let theirs = theirs.iter().map(|value| Object { path: String::new(), value: value.clone() });
    let mut theirs: Vec<String> = theirs.map(|object| title(&object)).collect();
    let mut ours: Vec<String> = ours.iter().map(|object| title(&hashed(object))).collect();
    theirs.sort();
    ours.sort();
    if ours == theirs {
        return Ok(());
    }
    Err(Error::new(format!(
        "{folder}: kustomize makes {theirs:?} of it, and this check looked at {ours:?}; correct \
         xtask/src/check/manifests/overlay.rs"
    )))
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
