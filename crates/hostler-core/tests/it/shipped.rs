//! Reads what is shipped.

use std::path::{Path, PathBuf};

use hostler_core::alert::rule::{CheckedGroup, Rule, RuleFile, check};

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The files of a directory with this ending, sorted.
pub(crate) fn files(directory: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(directory)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    found.sort();
    assert!(!found.is_empty(), "there is no .{ending} in {directory}");
    found
}

/// A file's name without its ending.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().into()
}

/// The rule files as they are written.
pub(crate) fn rule_files() -> Vec<(String, RuleFile)> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: RuleFile = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (stem(&path), file)
    };
    files("catalog/alerts", "yaml").into_iter().map(read).collect()
}

/// All rules, each with its file.
pub(crate) fn rules() -> Vec<(String, Rule)> {
    let of_file = |(name, file): (String, RuleFile)| {
        let rules = file.groups.into_iter().flat_map(|group| group.rules);
        rules.map(move |rule| (name.clone(), rule)).collect::<Vec<_>>()
    };
    rule_files().into_iter().flat_map(of_file).collect()
}

/// The rules as our own check understands them.
pub(crate) fn checked() -> Vec<CheckedGroup> {
    let understood = |(name, file): (String, RuleFile)| {
        check(&file, &|_| Ok(())).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"))
    };
    rule_files().into_iter().flat_map(understood).collect()
}
