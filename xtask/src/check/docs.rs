//! Links in documents: each must lead to a file, and to a heading where it names one.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use hostler_lab::Result;

use crate::files::{self, SourceFile};
use crate::paths;

use super::{Finding, outcome};

/// Checks every Markdown document of the checkout, and the ADRs that Rust comments name.
pub(super) fn check() -> Result<()> {
    let root = paths::root();
    let files = files::all(&root)?;
    let exists = |path: &Path| root.join(path).exists();
    outcome(findings(&files, &exists))
}

fn findings(files: &[SourceFile], exists: &dyn Fn(&Path) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        for (line, target) in links(file) {
            if let Some(what) = fault(&file.path, &target, files, exists) {
                found.push(Finding {
                    place: format!("{}:{line}", file.path),
                    what,
                    remedy: "a reader who follows it ends nowhere: correct the link, or write what \
                             it should lead to",
                });
            }
        }
    }
    found
}

/// What a file points to: Markdown links, and in Rust the paths of ADRs.
fn links(file: &SourceFile) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if file.has_extension("md") {
            in_code ^= line.trim_start().starts_with("```");
            if !in_code {
                let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
                found.extend(targets.map(|target| (index + 1, target.to_owned())));
            }
        } else if file.has_extension("rs")
            && let Some((_, comment)) = line.split_once("//")
        {
            let names = comment.split(|c: char| c.is_whitespace() || "`()[]<>,;".contains(c));
            let names = names.map(|name| name.trim_end_matches('.'));
            let adrs = names.filter(|name| name.starts_with("docs/adr/") && name.ends_with(".md"));
            found.extend(adrs.map(|name| (index + 1, format!("/{name}"))));
        }
    }
    found
}

fn fault(
    from: &str,
    target: &str,
    files: &[SourceFile],
    exists: &dyn Fn(&Path) -> bool,
) -> Option<String> {
    let target = target.split_whitespace().next().unwrap_or_default(); // without a title
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    if path.contains("://") || path.starts_with("mailto:") {
        return None; // outside; nobody's check may depend on another's server
    }
    let resolved = match path {
        "" => PathBuf::from(from),
        path => match resolve(from, path) {
            Some(resolved) => resolved,
            None => return Some(format!("{target} leads out of the checkout")),
        },
    };
    if !exists(&resolved) {
        return Some(format!("{target} leads to nothing"));
    }
    let document = files.iter().find(|file| Path::new(&file.path) == resolved)?;
    if heading.is_empty() || !document.has_extension("md") {
        return None;
    }
    let known = headings(&document.text).contains(heading);
    (!known).then(|| format!("{} has no heading #{heading}", document.path))
}

/// The path a link means, from the checkout's root.
fn resolve(from: &str, path: &str) -> Option<PathBuf> {
    let base = match path.strip_prefix('/') {
        Some(rest) => PathBuf::from(rest),
        None => Path::new(from).parent()?.join(path),
    };
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for component in base.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => drop(parts.pop()?),
            _ => {}
        }
    }
    Some(parts.iter().collect())
}

/// The names by which a document's headings can be linked to, as GitHub and others make them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code && line.starts_with('#') {
            found.insert(anchor(line.trim_start_matches('#').trim()));
        }
    }
    found
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let files = [
            file(path, text),
            file("docs/guide/start.md", "# Start here\n## Two: words, `code`\n"),
        ];
        let exists = |path: &Path| {
            ["docs/guide/start.md", "docs/a.md", "docs", "README.md", "docs/adr/0001-x.md"]
                .iter()
                .any(|known| Path::new(known) == path)
        };
        findings(&files, &exists).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn links_to_files_and_headings_are_followed() {
        let good = "[a](guide/start.md) [b](/docs/guide/start.md#start-here) [c](../README.md) \
                    [d](https://example.org/x) [e](guide/start.md#two-words-code)";
        assert_eq!(faults("docs/a.md", good), Vec::<String>::new());
    }

    #[test]
    fn dead_links_are_found() {
        assert_eq!(faults("docs/a.md", "[a](nowhere.md)"), ["nowhere.md leads to nothing"]);
        assert_eq!(
            faults("docs/a.md", "[a](guide/start.md#end)"),
            ["docs/guide/start.md has no heading #end"]
        );
        assert_eq!(
            faults("docs/a.md", "[a](../../x.md)"),
            ["../../x.md leads out of the checkout"]
        );
    }

    #[test]
    fn code_blocks_are_not_links() {
        assert!(faults("docs/a.md", "```\n[a](nowhere.md)\n```\n").is_empty());
    }

    #[test]
    fn a_comment_that_names_a_missing_adr_is_found() {
        assert!(faults("crates/x/src/a.rs", "//! See docs/adr/0001-x.md.\n").is_empty());
        assert_eq!(
            // Cut in two, so that this file does not itself name a missing document.
            faults("crates/x/src/a.rs", concat!("//! See `docs/", "adr/0002-y.md`.\n")),
            ["/docs/adr/0002-y.md leads to nothing"]
        );
    }
}
