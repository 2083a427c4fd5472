//! `cargo xtask codegen`: code and documents made from the facts in `catalog/`.
//!
//! | from | to |
//! |---|---|
//! | `catalog/errors.toml` | `crates/hostler-core/src/error/codes.rs` and `texts.rs`, `docs/reference/errors.md`, `ui/src/api/generated/errors.ts` |
//! | `catalog/metrics/*.toml` | `crates/hostler-core/src/metrics/catalog.rs`, `docs/reference/metrics.md`, `ui/src/api/generated/metrics.ts` |
//! | `catalog/dashboards/*.toml` | `catalog/dashboards/*.json` |
//! | `catalog/alerts/*.yaml` | `deploy/kubernetes/components/server-monitoring/prometheusrule.yaml` |
//!
//! What is made is checked in, so that it can be read and compiled without this command; `--check`
//! fails when it is not what would be made now.

mod dashboards;
mod kubernetes;
mod metrics;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hostler_lab::{Error, Result};
use toml::{Table, Value};

use crate::arguments::{Arguments, Grammar};
use crate::{paths, say};

/// `codegen [--check]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["check"], options: &[], words: crate::arguments::Words::None };

const CATALOG: &str = "catalog/errors.toml";

/// Writes what is made, or checks it.
///
/// # Errors
/// When the catalogue has a fault, or with `--check` when a file is not as it would be made.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    if arguments.has("check") {
        return check();
    }
    for (path, text) in made()? {
        if fs::read_to_string(&path).is_ok_and(|now| now == text) {
            continue;
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&path, text)?;
        say::line(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Fails when a file is not as it would be made now.
///
/// # Errors
/// Names the first such file.
pub(crate) fn check() -> Result<()> {
    for (path, text) in made()? {
        if fs::read_to_string(&path).unwrap_or_default() != text {
            return Err(Error::new(format!(
                "{} is not what catalog/ says: change the catalogue, not the file, and run \
                 `cargo xtask codegen`",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The metrics of the catalogue: each name with its Rust variant.
///
/// # Errors
/// When the catalogue has a fault.
pub(crate) fn metric_variants(root: &std::path::Path) -> Result<Vec<(String, String)>> {
    Ok(metrics::read(root)?.iter().map(metrics::Metric::names).collect())
}

/// Every file, with what should be in it.
fn made() -> Result<Vec<(PathBuf, String)>> {
    let root = paths::root();
    let codes = codes(&fs::read_to_string(root.join(CATALOG))?)?;
    let metrics = metrics::read(&root)?;
    let mut files = vec![
        (
            root.join("crates/hostler-core/src/metrics/catalog.rs"),
            rustfmt(&metrics::rust(&metrics))?,
        ),
        (root.join("docs/reference/metrics.md"), metrics::markdown(&metrics)),
        (root.join("crates/hostler-core/src/error/codes.rs"), rustfmt(&rust(CODES, &codes))?),
        (root.join("crates/hostler-core/src/error/texts.rs"), rustfmt(&rust(TEXTS, &codes))?),
        (root.join("docs/reference/errors.md"), markdown(&codes)),
    ];
    let dashboards = dashboards::made(&root)?.into_iter();
    files.extend(dashboards.map(|(path, text)| (root.join(path), text)));
    let (path, text) = kubernetes::made(&root)?;
    files.push((root.join(path), text));
    if root.join("ui/package.json").is_file() {
        files.push((root.join("ui/src/api/generated/errors.ts"), typescript(&codes)));
        files.push((root.join("ui/src/api/generated/metrics.ts"), metrics::typescript(&metrics)));
    }
    Ok(files)
}

/// One error code of the catalogue.
#[derive(Debug)]
struct Code {
    /// `vm_busy`.
    name: String,
    /// `not_found`.
    kind: String,
    title: String,
    help: String,
}

impl Code {
    fn variant(&self) -> String {
        camel(&self.name)
    }
}

/// `vm_busy` is `VmBusy`.
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    name.split('_').map(capital).collect()
}

fn codes(text: &str) -> Result<Vec<Code>> {
    let catalog: Table = text.parse().map_err(|error| Error::new(format!("{CATALOG}: {error}")))?;
    let mut codes = Vec::new();
    for (name, entry) in &catalog {
        let field = |key: &str| match entry.get(key).and_then(Value::as_str) {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(Error::new(format!("{CATALOG}: {name} has no {key}"))),
        };
        let known = ["kind", "title", "help"];
        let keys = entry.as_table().into_iter().flat_map(Table::keys);
        if let Some(key) = keys.into_iter().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::new(format!("{CATALOG}: {name} has an unknown key {key}")));
        }
        let good = |c: char| c.is_ascii_lowercase() || c == '_';
        if !name.chars().all(good) {
            return Err(Error::new(format!("{CATALOG}: {name}: use small letters and `_`")));
        }
        let (kind, title, help) = (field("kind")?, field("title")?, field("help")?);
        codes.push(Code { name: name.clone(), kind, title, help });
    }
    Ok(codes)
}

/// The kinds in the order in which the catalogue first uses them, with their codes.
fn by_kind(codes: &[Code]) -> Vec<(&str, Vec<&Code>)> {
    let mut groups: Vec<(&str, Vec<&Code>)> = Vec::new();
    for code in codes {
        match groups.iter_mut().find(|(kind, _)| *kind == code.kind) {
            Some((_, group)) => group.push(code),
            None => groups.push((&code.kind, vec![code])),
        }
    }
    groups
}

/// A template with what the codes are in its places.
fn rust(template: &str, codes: &[Code]) -> String {
    let each = |line: &dyn Fn(&Code) -> String| codes.iter().map(line).collect::<String>();
    let variants = each(&|code| {
        let (first, rest) = code.title.split_at_checked(1).unwrap_or((&code.title, ""));
        format!("/// {}{rest}.\n{},\n", first.to_ascii_uppercase(), code.variant())
    });
    let all = each(&|code| format!("Self::{},\n", code.variant()));
    let words = each(&|code| format!("Self::{} => {:?},\n", code.variant(), code.name));
    let titles = each(&|code| format!("Self::{} => {:?},\n", code.variant(), code.title));
    let helps = each(&|code| format!("Self::{} => {:?},\n", code.variant(), code.help));
    let kinds: String = by_kind(codes)
        .into_iter()
        .map(|(kind, group)| {
            let names: Vec<String> =
                group.iter().map(|code| format!("Self::{}", code.variant())).collect();
            format!("{} => Kind::{},\n", names.join(" | "), camel(kind))
        })
        .collect();
    template
        .replace("@VARIANTS", &variants)
        .replace("@ALL", &all)
        .replace("@WORDS", &words)
        .replace("@KINDS", &kinds)
        .replace("@TITLES", &titles)
        .replace("@HELPS", &helps)
}

const CODES: &str = r#"//! Error codes, generated from `catalog/errors.toml` by `cargo xtask codegen`;
//! change the catalogue, not this file.

use super::Kind;

/// What went wrong, finer than [`Kind`]; a contract with every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
@VARIANTS}

impl Code {
    /// Every code, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
@ALL];

    /// The word used on the wire and in the documentation.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
    pub const fn as_str(self) -> &'static str {
        match self {
@WORDS}
    }

    /// What the caller can do about it.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
    pub const fn kind(self) -> Kind {
        match self {
@KINDS}
    }
}
"#;

const TEXTS: &str = r#"//! What error codes say to people, generated from `catalog/errors.toml` by
//! `cargo xtask codegen`; change the catalogue, not this file.

use super::Code;

impl Code {
    /// One line, the same for every occurrence.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
    pub const fn title(self) -> &'static str {
        match self {
@TITLES}
    }

    /// What to do next.
    #[expect(clippy::too_many_lines, reason = "generated, one line a code")]
    pub const fn help(self) -> &'static str {
        match self {
@HELPS}
    }
}
"#;

fn markdown(codes: &[Code]) -> String {
    let mut text = String::from(
        "# Error codes\n\n\
         Made from `catalog/errors.toml` by `cargo xtask codegen`; do not edit.\n\n\
         Every error that the API answers, the command line prints or an operation ends with bears \
         one of these codes. A code is never renamed and never changes its kind; the kind says what \
         you can do about it.\n",
    );
    for (kind, group) in by_kind(codes) {
        text.push_str(&format!(
            "\n## {kind}\n\n| code | what happened | what to do |\n|---|---|---|\n"
        ));
        for code in group {
            let cell = |text: &str| text.replace('|', "\\|");
            let (title, help) = (cell(&code.title), cell(&code.help));
            text.push_str(&format!("| `{}` | {title} | {help} |\n", code.name));
        }
    }
    text
}

fn typescript(codes: &[Code]) -> String {
    let mut text = String::from(
        "// Error codes, generated from catalog/errors.toml by `cargo xtask codegen`;\n\
         // change the catalogue, not this file.\n\n\
         /** What went wrong; a contract with the server. */\nexport type ErrorCode =\n",
    );
    let words: Vec<String> = codes.iter().map(|code| format!("  | '{}'", code.name)).collect();
    text.push_str(&words.join("\n"));
    text.push_str(";\n\n/** What to do next, by code. */\n");
    text.push_str("export const errorHelp: Record<ErrorCode, string> = {\n");
    for code in codes {
        // JSON's strings are JavaScript's.
        text.push_str(&format!("  {}: {},\n", code.name, serde_json::json!(code.help)));
    }
    text.push_str("};\n");
    text
}

/// Formats Rust as the checkout's own code is formatted.
fn rustfmt(text: &str) -> Result<String> {
    let mut command = Command::new("rustfmt");
    command.arg("--config-path").arg(paths::root()).args(["--edition", "2024"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    // The text is far smaller than a pipe's buffer plus what rustfmt reads before it writes.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(Error::new("rustfmt does not take what codegen made"));
    }
    String::from_utf8(output.stdout).map_err(|_| Error::new("rustfmt answered no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[vm_busy]\nkind = \"conflict\"\ntitle = \"it is \\\"busy\\\"\"\n\
                       help = \"wait | cancel\"\n\
                       [vm_not_found]\nkind = \"not_found\"\ntitle = \"no VM\"\nhelp = \"look\"\n";

    #[test]
    fn every_target_has_every_code() {
        let codes = codes(TWO).unwrap();
        let rust = rust(CODES, &codes);
        assert!(rust.contains("Self::VmBusy => \"vm_busy\""), "{rust}");
        assert!(rust.contains("Self::VmNotFound => Kind::NotFound"), "{rust}");
        assert!(rust.contains("/// It is \"busy\"."), "{rust}");
        assert!(markdown(&codes).contains("| `vm_busy` | it is \"busy\" | wait \\| cancel |"));
        assert!(typescript(&codes).contains("  | 'vm_busy'\n  | 'vm_not_found';"));
    }

    #[test]
    fn a_code_without_help_or_with_a_slip_is_refused() {
        assert!(codes("[a]\nkind = \"bug\"\ntitle = \"t\"\n").is_err());
        assert!(codes("[a]\nkind = \"bug\"\ntitle = \"t\"\nhelp = \"h\"\nhlep = \"h\"\n").is_err());
        assert!(codes("[VmBusy]\nkind = \"bug\"\ntitle = \"t\"\nhelp = \"h\"\n").is_err());
    }

    #[test]
    fn the_catalogues_order_is_kept() {
        let names: Vec<String> = codes(TWO).unwrap().iter().map(Code::variant).collect();
        assert_eq!(names, ["VmBusy", "VmNotFound"]);
    }
}
