//! Building and testing the web user interface in `ui/`, skipping what is up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use hostler_lab::{Error, Fingerprint, Result, find_program, is_root, run};

use crate::arguments::{Arguments, Grammar, Words};
use crate::both::Both;
use crate::node::Node;
use crate::product::{DEMO_VMS, Programs};
use crate::{needs, paths, say};

/// `ui [build|test|bench|lint|npm …]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &[], options: &[], words: Words::ThenAnything };

/// Not inputs of a build: made by npm, by the build or by its tests.
const NOT_INPUTS: &[&str] = &["node_modules", "dist", "test-results", "playwright-report"];

/// Part of the user interface, which shows them.
const RUNBOOKS: &str = "docs/runbooks";

/// As many VMs as the user interface promises to do well with.
const BENCH_VMS: usize = 10_000;

/// Stories that need the processor: they look with axe at all there is.
const WITH_AXE: [&str; 3] = ["e2e/accessibility.e2e.ts", "e2e/dialogs.e2e.ts", "e2e/reach.e2e.ts"];

/// Stories that mostly wait, for what is measured next or for a guest that moves.
const WAITING: [&str; 4] =
    ["e2e/metrics.e2e.ts", "e2e/migrations.e2e.ts", "e2e/outlook.e2e.ts", "e2e/alerts.e2e.ts"];

/// The API's types in TypeScript, made from the checked-in description.
const API_TYPES: &str = "src/api/generated/schema.ts";

/// Does what the first word says; any other is an npm command.
///
/// # Errors
/// When npm fails.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    match arguments.words() {
        [] => build().map(drop),
        [word] if word == "build" => build().map(drop),
        [word] if word == "test" => test(&Programs::build()?),
        [word] if word == "bench" => {
            build()?;
            bench(&Programs::build()?)
        }
        [word] if word == "lint" => script(&installed()?, "lint"),
        words => run(installed()?.npm(&directory())?.args(words)),
    }
}

/// The folder of the user interface.
pub(crate) fn directory() -> PathBuf {
    paths::root().join("ui")
}

/// Builds `ui/dist`, unless nothing it is made of changed. Gives whether it was built.
///
/// # Errors
/// When npm or the build fails.
pub(crate) fn build() -> Result<bool> {
    let ui = directory();
    if !ui.join("package.json").is_file() {
        return Err(Error::new("ui/package.json is missing: this checkout has no user interface"));
    }
    let mut inputs = Fingerprint::new();
    inputs.add_tree(&ui, NOT_INPUTS)?;
    // Runbooks are pages of it.
    inputs.add_tree(&paths::root().join(RUNBOOKS), &[])?;
    let stamp = Stamp::new("ui-dist", &inputs);
    if stamp.is_current() && ui.join("dist/index.html").is_file() {
        return Ok(false);
    }
    let node = installed()?;
    say::step(&format!("building the user interface with Node.js {}", node.version()));
    script(&node, "build")?;
    stamp.write()?;
    Ok(true)
}

/// Runs the unit tests and, in a browser against the real server, the stories.
///
/// # Errors
/// When a test fails.
pub(crate) fn test(programs: &Programs) -> Result<()> {
    let node = installed()?;
    script(&node, "test")?;
    needs::browser()?;
    // Three parts of about the same length, each with a server and a browser of its own: while some
    // wait, others use the processor.
    let others = WITH_AXE.iter().chain(&WAITING).flat_map(|file| ["--exclude", *file]).collect();
    let parts: [Vec<&str>; 3] = [WITH_AXE.to_vec(), WAITING.to_vec(), others];
    // One after the other: each looks for a port that is free.
    let demos = [
        programs.running_demo(DEMO_VMS)?,
        programs.running_demo(DEMO_VMS)?,
        programs.running_demo(DEMO_VMS)?,
    ];
    let mut telling = Vec::new();
    for (words, demo) in parts.into_iter().zip(&demos) {
        let mut stories = prepared(&node, "e2e")?;
        stories.arg("--").args(words);
        stories.env("HOSTLER_LOGIN", demo.login()).env("HOSTLER_CLI", programs.hostler());
        telling.push(thread::spawn(move || run(&mut stories)));
    }
    // All to their ends: what fails in one says nothing of the other.
    let told: Vec<_> = telling.into_iter().map(thread::JoinHandle::join).collect();
    told.into_iter().try_for_each(|part| part.map_err(|_| Error::new("a thread panicked"))?)?;
    drop(demos);
    both_places(&node, programs)
}

/// The story of a host and a cluster behind one server, which takes a real libvirtd.
fn both_places(node: &Node, programs: &Programs) -> Result<()> {
    if !is_root() {
        say::step("not told: a host and a cluster in one table; its libvirtd needs root");
        return Ok(());
    }
    needs::lab()?;
    let both = Both::start(programs)?;
    run(prepared(node, "e2e:both")?.env("HOSTLER_LOGIN", both.login()?))
}

/// Measures the table of VMs in a browser, with ten thousand of them.
fn bench(programs: &Programs) -> Result<()> {
    let node = installed()?;
    needs::browser()?;
    say::step(&format!("making a fleet of {BENCH_VMS} VMs"));
    let demo = programs.running_demo(BENCH_VMS)?;
    run(prepared(&node, "bench")?.env("HOSTLER_LOGIN", demo.login()))
}

/// Makes the pictures in `docs/images` from a server that `login` logs in to: those of a demo, or
/// those of a real VM of that name.
///
/// # Errors
/// When the browser does not find there what is to be seen.
pub(crate) fn screenshots(login: &str, real: Option<&str>) -> Result<()> {
    let mut pictures = prepared(&installed()?, "screenshots")?;
    pictures.env("HOSTLER_LOGIN", login);
    if let Some(vm) = real {
        pictures.env("HOSTLER_REAL", vm);
    }
    run(&mut pictures)
}

/// Makes the API's types from the checked-in description.
///
/// # Errors
/// When npm fails.
pub(crate) fn generate_types() -> Result<()> {
    if has_script("codegen")? { script(&installed()?, "codegen") } else { Ok(()) }
}

/// The user interface's own checks: its linter, its types, and that the API's types it was compiled
/// with are those of the checked-in description.
///
/// # Errors
/// When one of them finds something.
pub(crate) fn check() -> Result<()> {
    let node = installed()?;
    let path = directory().join(API_TYPES);
    let before = fs::read(&path).unwrap_or_default();
    generate_types()?;
    if fs::read(&path).unwrap_or_default() != before {
        return Err(Error::new(format!(
            "ui/{API_TYPES} was not what openapi/hostler-latest.json says; it is now: look at the \
             difference and commit it"
        )));
    }
    for name in ["lint", "types"] {
        if has_script(name)? {
            script(&node, name)?;
        }
    }
    Ok(())
}

fn has_script(name: &str) -> Result<bool> {
    let text = fs::read_to_string(directory().join("package.json"))?;
    let package: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Error::new(format!("ui/package.json: {error}")))?;
    Ok(package.pointer(&format!("/scripts/{name}")).is_some())
}

fn script(node: &Node, name: &str) -> Result<()> {
    run(&mut prepared(node, name)?)
}

fn prepared(node: &Node, name: &str) -> Result<std::process::Command> {
    let mut command = node.npm(&directory())?;
    command.args(["run", "--silent", name]);
    if let Some(browser) =
        ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| find_program(name))
    {
        command.env("CHROMIUM", browser);
    }
    Ok(command)
}

/// Node.js, with the packages of `package-lock.json` installed.
fn installed() -> Result<Node> {
    let node = Node::ensure()?;
    let ui = directory();
    let mut inputs = Fingerprint::new();
    inputs.add(node.version()).add_tree(&ui.join("package-lock.json"), &[])?;
    let stamp = Stamp::new("ui-packages", &inputs);
    if stamp.is_current() && ui.join("node_modules").is_dir() {
        return Ok(node);
    }
    say::step("installing the user interface's packages: npm ci");
    run(node.npm(&ui)?.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    stamp.write()?;
    Ok(node)
}

/// Remembers in `build/` what something was last made of.
struct Stamp {
    path: PathBuf,
    inputs: String,
}

impl Stamp {
    fn new(name: &str, inputs: &Fingerprint) -> Stamp {
        Stamp::in_directory(&paths::build(), name, inputs)
    }

    fn in_directory(directory: &Path, name: &str, inputs: &Fingerprint) -> Stamp {
        Stamp { path: directory.join(format!("{name}.stamp")), inputs: inputs.to_string() }
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.inputs)
    }

    fn write(&self) -> Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        Ok(fs::write(&self.path, &self.inputs)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_that_look_with_axe_are_in_one_part() {
        let mut looking = Vec::new();
        for entry in fs::read_dir(directory().join("e2e")).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("e2e/{}", path.file_name().unwrap().to_string_lossy());
            let is_story = name.ends_with(".e2e.ts");
            if is_story && fs::read_to_string(&path).unwrap().contains("from \"./axe\"") {
                looking.push(name);
            }
        }
        looking.sort_unstable();
        assert_eq!(looking, WITH_AXE);
    }

    #[test]
    fn a_stamp_is_current_until_the_inputs_change() {
        let directory = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let mut inputs = Fingerprint::new();
        let stamp = |inputs: &Fingerprint| Stamp::in_directory(&directory, "ui", inputs);
        assert!(!stamp(&inputs).is_current(), "nothing was built yet");
        stamp(&inputs).write().unwrap();
        assert!(stamp(&inputs).is_current());
        inputs.add("a change");
        assert!(!stamp(&inputs).is_current());
        fs::remove_dir_all(directory).unwrap();
    }
}
