//! Rules of style that neither rustfmt nor clippy knows.
//!
//! A rule is a function from a file to findings. Every message says why the rule is there and what
//! to do, because whoever meets it has usually not read this file.

use hostler_lab::Result;

use crate::files::{self, SourceFile};
use crate::paths;

use super::exceptions::{self, Exceptions};
use super::{Finding, outcome};

/// The most lines of a Rust file outside its tests.
const RUST_LINES: usize = 500;
/// The most lines of a file of the user interface.
const UI_LINES: usize = 250;

/// A rule on one file: its name in the list of exceptions, and what it finds.
struct Rule {
    name: &'static str,
    find: fn(&SourceFile) -> Vec<Broken>,
}

/// A rule broken in one place.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    /// 1 is the first; 0 is the file as a whole.
    line: usize,
    what: String,
    /// What the rule measures, if it does.
    size: usize,
    remedy: &'static str,
}

const RULES: &[Rule] = &[
    Rule { name: "no-doc", find: no_doc },
    Rule { name: "long-file", find: long_file },
    Rule { name: "open-end", find: open_ends },
    Rule { name: "bare-attribute", find: bare_attributes },
    Rule { name: "manifest", find: manifest },
    Rule { name: "foreign-script", find: foreign_scripts },
    Rule { name: "test-binary", find: test_binaries },
];

/// Checks the whole checkout.
pub(super) fn check() -> Result<()> {
    let files = files::all(&paths::root())?;
    let list = files.iter().find(|file| file.path == exceptions::PATH);
    let mut exceptions = Exceptions::parse(list.map_or("", |file| &file.text))?;
    let mut findings = Vec::new();
    for file in &files {
        for rule in RULES {
            for broken in (rule.find)(file) {
                if !exceptions.allow(rule.name, &file.path, broken.size) {
                    findings.push(finding(rule, file, broken));
                }
            }
        }
    }
    findings.extend(operations_without_proofs(&files));
    findings.extend(exceptions.unused());
    outcome(findings)
}

fn finding(rule: &Rule, file: &SourceFile, broken: Broken) -> Finding {
    let place = match broken.line {
        0 => file.path.clone(),
        line => format!("{}:{line}", file.path),
    };
    Finding { place, what: format!("{} [{}]", broken.what, rule.name), remedy: broken.remedy }
}

fn no_doc(file: &SourceFile) -> Vec<Broken> {
    if !file.has_extension("rs") || file.text.starts_with("//!") {
        return Vec::new();
    }
    // A fuzz target has to begin with an attribute; its note comes right after.
    let first = file.text.lines().find(|line| !line.starts_with("#![") && !line.is_empty());
    if first.is_some_and(|line| line.starts_with("//!")) {
        return Vec::new();
    }
    vec![Broken {
        line: 1,
        what: "the file does not begin with `//!`".into(),
        size: 0,
        remedy: "a newcomer reads the first line to learn why the file exists: say it there",
    }]
}

fn long_file(file: &SourceFile) -> Vec<Broken> {
    let (most, remedy) = if is_ui_source(file) {
        (UI_LINES, "a page that long holds several components: move one to a file of its own")
    } else if file.has_extension("rs") && !is_test_file(&file.path) && !is_made(file) {
        (RUST_LINES, "a file is read from the top and should have one subject: split it by subject")
    } else {
        return Vec::new();
    };
    let lines = lines_outside_tests(&file.text);
    if lines <= most {
        return Vec::new();
    }
    let what = format!("{lines} lines outside tests, and {most} are the most");
    vec![Broken { line: 0, what, size: lines, remedy }]
}

fn is_ui_source(file: &SourceFile) -> bool {
    file.path.starts_with("ui/src/")
        && !file.path.contains("/generated/")
        && !file.path.contains(".test.")
        && (file.has_extension("ts") || file.has_extension("tsx"))
}

/// Whether a file is made from the catalogue; that it says so truly `codegen` checks.
fn is_made(file: &SourceFile) -> bool {
    let head = file.text.lines().take(2);
    head.filter(|line| line.starts_with("//!"))
        .any(|line| line.contains("generated from `catalog/"))
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("e2e/")
}

/// Lines up to the tests at the end of the file.
fn lines_outside_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let mut pairs = lines.windows(2);
    let tests = pairs.position(|pair| {
        pair.first() == Some(&"#[cfg(test)]")
            && pair.last().is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    tests.unwrap_or(lines.len())
}

fn open_ends(file: &SourceFile) -> Vec<Broken> {
    if !(file.has_extension("rs") || file.has_extension("ts") || file.has_extension("tsx")) {
        return Vec::new();
    }
    // Written so that these rules do not find themselves.
    let word = concat!("TO", "DO");
    let macros = [concat!("to", "do!("), concat!("unimpl", "emented!(")];
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let comment = line.split_once("//").map_or("", |(_, comment)| comment);
        if let Some((_, after)) = comment.split_once(word)
            && !after.starts_with("(#")
        {
            found.push(Broken {
                line: index + 1,
                what: format!("a {word} without an issue"),
                size: 0,
                remedy: concat!(
                    "nobody looks for it here: name its issue, as in TO",
                    "DO(#123), or do it now"
                ),
            });
        }
        if macros.iter().any(|name| line.contains(name)) {
            found.push(Broken {
                line: index + 1,
                what: "code that is not there yet".into(),
                size: 0,
                remedy: "it would end a user's request: answer with an error, or leave it out",
            });
        }
    }
    found
}

fn bare_attributes(file: &SourceFile) -> Vec<Broken> {
    if !file.has_extension("rs") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let line_text = line.trim_start();
        if line_text == "#[ignore]" {
            found.push(Broken {
                line: index + 1,
                what: "a test that is left out without a reason".into(),
                size: 0,
                remedy: "a test nobody runs protects nobody: #[ignore = \"why\"], or delete it",
            });
        }
        let silences = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
        if silences.iter().any(|start| line_text.starts_with(start)) {
            let whole: String = file.text.lines().skip(index).take(6).collect();
            let attribute = whole.split(")]").next().unwrap_or_default();
            if !attribute.contains("reason =") {
                found.push(Broken {
                    line: index + 1,
                    what: "a lint is silenced without a reason".into(),
                    size: 0,
                    remedy: "the next reader cannot tell whether it still holds: add reason = \"…\"",
                });
            }
        }
    }
    found
}

fn manifest(file: &SourceFile) -> Vec<Broken> {
    let Some(directory) = file.path.strip_suffix("/Cargo.toml") else { return Vec::new() };
    if directory.ends_with("/fuzz") {
        return Vec::new(); // a workspace of its own, by cargo-fuzz's design
    }
    let folder = directory.rsplit('/').next().unwrap_or(directory);
    let text = &file.text;
    let mut found = Vec::new();
    let mut broken = |what: String, remedy| found.push(Broken { line: 0, what, size: 0, remedy });
    if !text.contains("[lints]\nworkspace = true") {
        broken(
            "the crate does not take part in the workspace's lints".into(),
            "its code would follow other rules than all other: add [lints] workspace = true",
        );
    }
    if !text.contains(&format!("name = \"{folder}\"")) {
        broken(
            format!("the crate's name is not that of its folder, {folder}"),
            "who knows the name must know the path: rename one of them",
        );
    }
    if !text.contains("\ndescription = ") {
        broken(
            "the crate does not say what it is".into(),
            "`cargo metadata` and the code map show it: add a description",
        );
    }
    for key in ["edition", "version", "license", "publish"] {
        if !text.contains(&format!("{key}.workspace = true")) {
            broken(
                format!("the crate sets its own {key}"),
                "the workspace decides it once for all: KEY.workspace = true",
            );
        }
    }
    found
}

fn foreign_scripts(file: &SourceFile) -> Vec<Broken> {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let is_script = name.ends_with(".sh") || ["Makefile", "justfile", "Justfile"].contains(&name);
    // What runs as process 1 of a namespace or a guest has no Rust around it.
    if !is_script || file.path.starts_with("crates/hostler-lab/files/") {
        return Vec::new();
    }
    vec![Broken {
        line: 0,
        what: "a script beside xtask".into(),
        size: 0,
        remedy: "cargo xtask is the only surface, tested and the same everywhere: make it a command",
    }]
}

fn test_binaries(file: &SourceFile) -> Vec<Broken> {
    let mut parts = file.path.split('/');
    let is_stray = parts.next() == Some("crates")
        && parts.nth(1) == Some("tests")
        && parts.next().is_some_and(|name| name.ends_with(".rs"));
    if !is_stray {
        return Vec::new();
    }
    vec![Broken {
        line: 0,
        what: "a test program of its own".into(),
        size: 0,
        remedy: "each is linked anew and slows every build: make it a module of tests/it/main.rs",
    }]
}

/// Operations that the four generic proofs are not run for.
fn operations_without_proofs(files: &[SourceFile]) -> Vec<Finding> {
    let engine: Vec<&SourceFile> =
        files.iter().filter(|file| file.path.starts_with("crates/hostler-engine/")).collect();
    let proofs: Vec<&&SourceFile> =
        engine.iter().filter(|file| file.text.contains("four_proofs")).collect();
    let mut found = Vec::new();
    for file in engine.iter().filter(|file| file.path.contains("/src/operations/")) {
        let names = file.text.lines().filter_map(|line| line.strip_prefix("impl Operation for "));
        for name in names.map(|rest| rest.trim_end_matches(" {")) {
            if !proofs.iter().any(|proof| proof.text.contains(name)) {
                found.push(Finding {
                    place: file.path.clone(),
                    what: format!("the operation {name} lacks the four proofs"),
                    remedy: "it would leave things behind after a crash or a cancel, and nobody \
                             would know: call four_proofs with it in the engine's tests",
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    /// The names of the rules that a file breaks.
    fn broken(path: &str, text: &str) -> Vec<&'static str> {
        let file = file(path, text);
        RULES.iter().filter(|rule| !(rule.find)(&file).is_empty()).map(|rule| rule.name).collect()
    }

    #[test]
    fn a_good_file_breaks_nothing() {
        assert_eq!(broken("crates/x/src/a.rs", "//! Why.\n\nfn main() {}\n"), Vec::<&str>::new());
    }

    #[test]
    fn a_file_says_why_it_exists() {
        assert_eq!(broken("crates/x/src/a.rs", "use std::fs;\n"), ["no-doc"]);
        assert!(broken("fuzz/a.rs", "#![no_main]\n//! Why.\n").is_empty());
    }

    #[test]
    fn only_lines_outside_tests_count() {
        let code = "//! Why.\n".to_owned() + &"x();\n".repeat(RUST_LINES);
        assert_eq!(broken("crates/x/src/a.rs", &code), ["long-file"]);
        assert!(broken("crates/x/src/tests.rs", &code).is_empty());
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"x();\n".repeat(RUST_LINES) + "}\n";
        assert!(broken("crates/x/src/a.rs", &format!("//! Why.\n{tests}")).is_empty());
        let page = "x();\n".repeat(UI_LINES + 1);
        assert_eq!(broken("ui/src/pages/A.tsx", &page), ["long-file"]);
        assert!(broken("ui/src/api/generated/schema.ts", &page).is_empty());
        let made = "//! Codes, generated from `catalog/errors.toml`.\n".to_owned() + &code;
        assert!(broken("crates/x/src/codes.rs", &made).is_empty());
    }

    #[test]
    fn open_ends_name_an_issue() {
        let word = concat!("TO", "DO");
        assert_eq!(broken("a.rs", &format!("//! Why.\n// {word}: later\n")), ["open-end"]);
        assert!(broken("a.rs", &format!("//! Why.\n// {word}(#12): later\n")).is_empty());
        let code = concat!("//! Why.\nfn a() { to", "do!() }\n");
        assert_eq!(broken("a.rs", code), ["open-end"]);
    }

    #[test]
    fn silencing_needs_a_reason() {
        let doc = "//! Why.\n";
        assert_eq!(broken("a.rs", &format!("{doc}#[ignore]\n")), ["bare-attribute"]);
        assert!(broken("a.rs", &format!("{doc}#[ignore = \"slow\"]\n")).is_empty());
        assert_eq!(broken("a.rs", &format!("{doc}#[allow(dead_code)]\n")), ["bare-attribute"]);
        let long = format!("{doc}#[expect(\n    dead_code,\n    reason = \"x\"\n)]\nfn a() {{}}\n");
        assert!(broken("a.rs", &long).is_empty());
    }

    #[test]
    fn a_manifest_follows_the_workspace() {
        let good = "[package]\nname = \"x\"\ndescription = \"d\"\nversion.workspace = true\n\
                    edition.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
                    [lints]\nworkspace = true\n";
        assert!(broken("crates/x/Cargo.toml", good).is_empty());
        assert_eq!(broken("crates/y/Cargo.toml", good), ["manifest"]);
        let own = good.replace("edition.workspace = true", "edition = \"2021\"");
        assert_eq!(broken("crates/x/Cargo.toml", &own), ["manifest"]);
    }

    #[test]
    fn scripts_and_stray_test_programs_are_found() {
        assert_eq!(broken("tools/build.sh", ""), ["foreign-script"]);
        assert!(broken("crates/hostler-lab/files/lab-init.sh", "").is_empty());
        assert_eq!(broken("crates/x/tests/more.rs", "//! Why.\n"), ["test-binary"]);
        assert!(broken("crates/x/tests/it/main.rs", "//! Why.\n").is_empty());
    }

    #[test]
    fn an_operation_without_proofs_is_found() {
        let operation =
            file("crates/hostler-engine/src/operations/a.rs", "impl Operation for VmGrow {\n");
        let proof = file("crates/hostler-engine/tests/it/a.rs", "four_proofs(VmGrow::sample());");
        assert_eq!(operations_without_proofs(std::slice::from_ref(&operation)).len(), 1);
        assert!(operations_without_proofs(&[operation, proof]).is_empty());
    }
}
