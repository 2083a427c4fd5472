//! `hostler vm edit`: what can be changed of a VM, in the person's editor.
//!
//! ```text
//! read VM ─► write file ─► editor ─┬─ unchanged ──────────────► nothing to do
//!    ▲                   ▲         ├─ wrong, or refused ─► error at the top ─┐
//!    │                   └─────────┼──────── the editor again ◄──────────────┘
//!    └── changed by another ───────┤
//!                                  └─ accepted ──────────────► changed
//! ```
//!
//! What was written is never lost: who leaves the text as it is after an error
//! is told in which file it is kept.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use clap::Args as ClapArgs;
use hostler_api::{Nothing, v1};
use hostler_client::{Answer, Client, Item, Terms};
use hostler_core::{Code, Kind};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::select::{called, one_vm};
use crate::text::parse_yaml;

/// The editor of those who named none.
const EDITOR: &str = "vi";
/// The lines above the text, without an error.
const HEAD_LINES: usize = 2;
/// The largest text that is read back, in bytes.
const TEXT_MAX_BYTES: u64 = 1024 * 1024;

/// Which VM.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = examples!(
    "hostler vm edit web",
    "EDITOR=nano hostler vm edit web"
))]
pub(crate) struct Args {
    /// Its name or id.
    #[arg(add = Names::Vm)]
    vm: String,
}

/// What can be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Editable {
    #[serde(default)]
    description: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Editable {
    fn of(vm: &v1::Vm) -> Self {
        Self { description: vm.description.clone(), labels: vm.summary.labels.clone() }
    }

    /// What turns this into `wanted`; nothing when they are the same.
    fn patch_to(&self, wanted: &Self) -> Option<v1::VmPatch> {
        let description =
            (self.description != wanted.description).then(|| wanted.description.clone());
        let set = wanted
            .labels
            .iter()
            .filter(|(key, value)| self.labels.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), Some(value.clone())));
        let removed = self.labels.keys().filter(|key| !wanted.labels.contains_key(*key));
        let labels: BTreeMap<_, _> = set.chain(removed.map(|key| (key.clone(), None))).collect();
        let patch = v1::VmPatch { description, labels };
        (patch != v1::VmPatch::default()).then_some(patch)
    }
}

pub(crate) async fn run(app: &App, args: Args) -> Result {
    let client = app.client()?;
    let id = one_vm(&client, &args.vm).await?.value.id;
    let path = v1::VmPath { vm: id };
    let mut shown = client.show::<v1::VmShow>(&path).await?;
    let name = called(&shown.value.summary);
    let mut text = document(&Editable::of(&shown.value))?;
    let mut trouble: Option<Failure> = None;
    loop {
        let offered = with_head(&name, trouble.as_ref(), &text);
        let (file, edited) = edit(app, &offered)?;
        if strip(&edited) == strip(&offered) {
            let Some(failure) = trouble else {
                app.say(format!("{name}: nothing was changed"));
                return Ok(());
            };
            return Err(abandoned(failure, file));
        }
        text = strip(&edited);
        trouble = match attempt(&client, &path, &shown, &text).await {
            Ok(None) => {
                app.say(format!("{name}: nothing was changed"));
                return Ok(());
            }
            Ok(Some(answer)) => return changed(app, &name, answer),
            Err(failure) if !can_be_mended(&failure) => return Err(abandoned(failure, file)),
            Err(failure) => Some(failure),
        };
        if trouble.as_ref().is_some_and(is_outdated) {
            // The next attempt is made against what is there now.
            shown = client.show::<v1::VmShow>(&path).await?;
        }
    }
}

/// Sends what `text` changes of what was shown; nothing when that is nothing.
async fn attempt(
    client: &Client,
    path: &v1::VmPath,
    shown: &Answer<v1::Vm>,
    text: &str,
) -> Result<Option<Answer<v1::Vm>>> {
    // So that a fault's line is that of the file as it is shown with the fault.
    let placed = "\n".repeat(HEAD_LINES + 1) + text;
    let wanted: Editable = parse_yaml(&placed).map_err(Failure::usage)?;
    let Some(patch) = Editable::of(&shown.value).patch_to(&wanted) else { return Ok(None) };
    let terms = Terms { if_match: shown.etag().map(str::to_owned), ..Terms::default() };
    Ok(Some(client.ask::<v1::VmUpdate>(path, &Nothing {}, &patch, &terms).await?))
}

/// Whether another text, or another attempt, may do.
fn can_be_mended(failure: &Failure) -> bool {
    failure.exit_code() == Kind::Invalid.exit_code() || is_outdated(failure)
}

/// Whether another has changed the VM since it was shown.
fn is_outdated(failure: &Failure) -> bool {
    failure.has_code(Code::PreconditionFailed)
}

fn changed(app: &App, name: &str, answer: Answer<v1::Vm>) -> Result {
    app.say(format!("{name} changed"));
    if app.view()?.is_for_people() {
        return Ok(());
    }
    super::view_one(app, &Item { value: answer.value, json: answer.json })
}

/// The failure, with the place of the text.
fn abandoned(failure: Failure, file: tempfile::NamedTempFile) -> Failure {
    match file.keep() {
        Ok((_, path)) => failure.with_hint(format!("what you wrote is in {}", path.display())),
        Err(_) => failure,
    }
}

fn document(editable: &Editable) -> Result<String> {
    serde_saphyr::to_string(editable)
        .map_err(|error| Failure::new(70, format!("the VM cannot be shown: {error}")))
}

/// The text with what the person has to know above it.
fn with_head(name: &str, trouble: Option<&Failure>, text: &str) -> String {
    let mut head = format!("# {}\n", crate::text::printable(name));
    head.push_str("# Lines that begin with # are left out. An unchanged text changes nothing.\n");
    for (word, line) in trouble.map(Failure::lines).unwrap_or_default() {
        head.push_str(&format!("# {word}: {}\n", line.replace('\n', "\n# ")));
    }
    head + text
}

/// The text without its comments.
fn strip(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Lets the person edit `text`; the file is private and kept until it is dropped.
fn edit(app: &App, text: &str) -> Result<(tempfile::NamedTempFile, String)> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(1, format!("cannot {what} the file for the editor: {error}"))
    };
    let mut file = tempfile::Builder::new()
        .prefix("hostler-edit-")
        .suffix(".yaml")
        .tempfile()
        .map_err(|error| failed("make", error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.flush())
        .map_err(|error| failed("write", error))?;
    let editor = app.environment.editor.as_deref().unwrap_or(EDITOR);
    open(editor, file.path())?;
    // Many editors replace the file, so it is read by its name.
    let size = std::fs::metadata(file.path()).map_err(|error| failed("read", error))?.len();
    if size > TEXT_MAX_BYTES {
        return Err(Failure::usage(format!("the text is larger than {TEXT_MAX_BYTES} bytes")));
    }
    let edited = std::fs::read_to_string(file.path()).map_err(|error| failed("read", error))?;
    Ok((file, edited))
}

/// Runs the editor. Its name may have arguments: `code --wait`.
fn open(editor: &str, file: &Path) -> Result {
    let hint = "set VISUAL or EDITOR to your editor, or use `hostler vm set`";
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("editor")
        .arg(file)
        .status()
        .map_err(|error| {
            Failure::usage(format!("cannot start `{editor}`: {error}")).with_hint(hint)
        })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::usage(format!("`{editor}` ended with {status}")).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn editable(description: &str, labels: &[(&str, &str)]) -> Editable {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Editable { description: description.into(), labels }
    }

    #[test]
    fn only_what_differs_is_sent() {
        let before = editable("a", &[("tier", "web"), ("old", "1")]);
        assert_eq!(before.patch_to(&before), None);
        let after = editable("a", &[("tier", "db"), ("new", "2")]);
        let patch = before.patch_to(&after).unwrap();
        assert_eq!(
            serde_json::to_value(patch).unwrap(),
            serde_json::json!({"labels": {"tier": "db", "new": "2", "old": null}})
        );
        let patch = before.patch_to(&editable("", &[("tier", "web"), ("old", "1")])).unwrap();
        assert_eq!(serde_json::to_value(patch).unwrap(), serde_json::json!({"description": ""}));
    }

    #[test]
    fn the_error_stands_above_the_text_and_is_no_part_of_it() {
        let failure = Failure::usage("line 2: no\nsecond").with_hint("do that");
        let text = with_head("vm \"a\"", Some(&failure), "description: x\n");
        assert!(text.contains("# error: line 2: no") && text.contains("# hint: do that"), "{text}");
        assert_eq!(strip(&text), "description: x\n");
    }

    proptest! {
        #[test]
        fn a_text_that_is_not_touched_says_what_it_was_made_from(
            description in "\\PC{0,30}|#.*\n#[a-z]*|: \\|\n",
            labels in proptest::collection::btree_map("[a-z]{1,5}", "\\PC{0,10}", 0..4),
        ) {
            let editable = Editable { description, labels };
            let text = strip(&with_head("vm \"a\"", None, &document(&editable).unwrap()));
            prop_assert_eq!(serde_saphyr::from_str::<Editable>(&text).unwrap(), editable);
        }
    }
}
