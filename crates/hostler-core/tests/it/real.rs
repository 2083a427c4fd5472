//! The shipped rules before the judge whose format they are in: promtool, of
//! Debian's package `prometheus`. And the commands in the runbooks before virsh.

use std::collections::BTreeSet;
use std::process::Command;

use hostler_core::alert::preset::{Preset, Thresholds};
use hostler_core::alert::rule::RuleFile;

use crate::shipped::{files, rule_files};

/// What it printed, once it succeeded.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

#[test]
fn c25c_promtool_finds_nothing_in_the_shipped_rules() {
    let said = run(Command::new("promtool")
        .args(["check", "rules"])
        .args(files("catalog/alerts", "yaml")));
    assert_eq!(said.matches("SUCCESS").count(), rule_files().len(), "{said}");
    assert!(!said.contains("duplicate"), "{said}");
}

#[test]
fn c25c_the_shipped_rules_fire_when_they_should_and_not_when_not() {
    let tests = files("catalog/alerts/tests", "yaml");
    assert_eq!(tests.len(), rule_files().len());
    run(Command::new("promtool").args(["test", "rules"]).args(tests));
}

#[test]
fn c25b_promtool_takes_what_we_write() {
    let scratch = std::env::temp_dir().join(format!("hostler-rules-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let presets = RuleFile { groups: vec![Thresholds::default().group(Preset::ALL)] };
    let mut written = Vec::new();
    for (name, file) in rule_files().into_iter().chain([("presets".into(), presets)]) {
        let text = serde_saphyr::to_string(&file).unwrap();
        assert_eq!(serde_saphyr::from_str::<RuleFile>(&text).unwrap(), file, "{text}");
        let path = scratch.join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        written.push(path);
    }
    run(Command::new("promtool").args(["check", "rules"]).args(written));
    std::fs::remove_dir_all(scratch).unwrap();
}

#[test]
fn every_virsh_command_of_a_runbook_is_one() {
    let mut commands: BTreeSet<String> = BTreeSet::new();
    for page in files("docs/runbooks", "md") {
        let text = std::fs::read_to_string(page).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for after in text.split("virsh -c URI").skip(1) {
            // `URI1`, where there are two.
            let after = after.trim_start_matches(|it: char| it.is_ascii_digit());
            let word = after.split_whitespace().next().unwrap();
            commands.insert(word.trim_matches(|it: char| "`,.)".contains(it)).into());
        }
    }
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        run(Command::new("virsh").args(["help", &command]));
    }
}
