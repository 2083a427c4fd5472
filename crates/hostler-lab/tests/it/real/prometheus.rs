//! Prometheus, unpacked beside the machine's own.

use std::process::Command;

use hostler_lab::{prometheus, run_quietly};

#[test]
fn prometheus_is_unpacked_once_and_found() {
    let root = prometheus::fetch(&mut |line| eprintln!("{line}")).unwrap();
    let again = prometheus::fetch(&mut |line| panic!("it was there: {line}")).unwrap();
    assert_eq!(root, again);
    for program in ["prometheus", "promtool", "amtool"] {
        let found = prometheus::find(program).unwrap();
        assert!(found.starts_with(&root), "{}", found.display());
        run_quietly(Command::new(found).arg("--version")).unwrap();
    }
}
