//! `vm edit`, with editors that are scripts.

use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use hostler_core::error::Fault;
use serde_json::{Value, json};

use crate::rig::{Ended, ended, fleet_and, program, whole_vm};

/// Runs `vm edit web-1` with an editor that does `script` to the file `$1`. It
/// may count its runs in the file `runs`.
fn edit(server: &TestServer, script: &str, arguments: &[&str]) -> Ended {
    let editor = server.directory().join("editor");
    let runs = server.directory().join("runs");
    let whole = format!("#!/bin/sh\necho >> {0}\nruns=$(wc -l < {0})\n{script}\n", runs.display());
    std::fs::write(&editor, whole).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = program(server, &[&["vm", "edit", "web-1"], arguments].concat());
    command.env("EDITOR", &editor).env("TMPDIR", server.directory()).env("PATH", "/usr/bin:/bin");
    ended(&command.output().unwrap())
}

fn patches(server: &TestServer) -> Vec<Value> {
    let seen = server.seen();
    seen.iter().filter(|seen| seen.method == "PATCH").map(Seen::json).collect()
}

fn accepting() -> TestServer {
    fleet_and(|_| Reply::Json(200, whole_vm(1, "web-1", "running")))
}

/// Files that were left for the person.
fn left(server: &TestServer) -> Vec<String> {
    let files = std::fs::read_dir(server.directory()).unwrap();
    files
        .map(|file| file.unwrap().path().display().to_string())
        .filter(|path| path.contains("hostler-edit-"))
        .collect()
}

#[test]
fn what_was_changed_is_sent_for_the_version_that_was_shown() {
    let server = accepting();
    let script = "sed -i -e 's/the web server/the new one/' -e 's/tier: web/stage: live/' $1";
    let ended = edit(&server, script, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web-1\" changed\n"));
    let wanted = json!({"description": "the new one", "labels": {"stage": "live", "tier": null}});
    assert_eq!(patches(&server), [wanted]);
    let seen = server.seen();
    assert_eq!(seen.last().unwrap().header("if-match"), Some("\"3\""));
    assert_eq!(left(&server), Vec::<String>::new());
}

#[test]
fn an_unchanged_text_changes_nothing() {
    let server = accepting();
    let ended = edit(&server, "echo '# a remark' >> $1", &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web-1\": nothing was changed\n"));
    assert_eq!(patches(&server), Vec::<Value>::new());
}

#[test]
fn a_refused_text_comes_back_with_the_error_at_the_top() {
    let attempts = Mutex::new(0);
    let server = fleet_and(move |_| {
        let mut attempts = attempts.lock().unwrap();
        *attempts += 1;
        match *attempts {
            1 => {
                let faults = vec![Fault::new("/labels", "too_long", "is too long")];
                let error = hostler_core::Error::faults(Code::SpecInvalid, faults);
                let problem = hostler_api::Problem::new(&error, 400);
                Reply::Json(400, serde_json::to_value(problem).unwrap())
            }
            2 => Reply::problem(Code::PreconditionFailed, "it was changed"),
            _ => Reply::Json(200, whole_vm(1, "web-1", "running")),
        }
    });
    // Each time another text; what was shown is kept to be looked at.
    let script = format!(
        "cp $1 {}/shown-$runs; sed -i \"s/^description:.*/description: try $runs/\" $1",
        server.directory().display()
    );
    let ended = edit(&server, &script, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web-1\" changed\n"));
    let shown = |run: u32| {
        std::fs::read_to_string(server.directory().join(format!("shown-{run}"))).unwrap()
    };
    assert!(!shown(1).contains("error:"), "{}", shown(1));
    assert!(shown(2).contains("# error: /labels is too long [spec_invalid]"), "{}", shown(2));
    assert!(shown(2).contains("description: try 1"), "what was written stays: {}", shown(2));
    assert!(shown(3).contains("# error: it was changed [precondition_failed]"), "{}", shown(3));
    let texts: Vec<Value> =
        patches(&server).into_iter().map(|patch| patch["description"].clone()).collect();
    assert_eq!(texts, [json!("try 1"), json!("try 2"), json!("try 3")]);
}

#[test]
fn who_gives_up_keeps_the_text() {
    let server = accepting();
    // A text that is no YAML, and the second time it is left as it is.
    let ended = edit(&server, "[ $runs -gt 1 ] || echo 'nonsense: [' > $1", &[]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    let left = left(&server);
    assert_eq!(left.len(), 1);
    assert!(
        ended.err.contains(&format!("hint: what you wrote is in {}", left[0])),
        "{}",
        ended.err
    );
    let text = std::fs::read_to_string(&left[0]).unwrap();
    assert!(text.starts_with("# vm \"web-1\"") && text.ends_with("nonsense: [\n"), "{text}");
    assert_eq!(patches(&server), Vec::<Value>::new());
}

#[test]
fn a_fault_names_the_line_at_which_it_is_shown() {
    let server = accepting();
    let write = "printf 'description: x\\nlabels: 5\\n' > $1";
    let ended = edit(&server, &format!("[ $runs -gt 1 ] || {write}"), &[]);
    let text = std::fs::read_to_string(&left(&server)[0]).unwrap();
    let line = 1 + text.lines().position(|line| line == "labels: 5").unwrap();
    assert!(ended.err.contains(&format!("error: line {line} column ")), "{} {text}", ended.err);
}

#[test]
fn what_no_other_text_can_mend_ends_it() {
    let server = fleet_and(|_| Reply::problem(Code::PermissionDenied, "you may only look"));
    let ended = edit(&server, "sed -i 's/the web/a web/' $1", &[]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert_eq!((patches(&server).len(), left(&server).len()), (1, 1));
}

#[test]
fn an_editor_that_fails_is_named() {
    let server = accepting();
    let ended = edit(&server, "exit 3", &[]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("editor` ended with exit status: 3"), "{}", ended.err);
    assert!(ended.err.contains("hint: set VISUAL or EDITOR"), "{}", ended.err);
    assert_eq!(left(&server), Vec::<String>::new());
}

#[test]
fn the_changed_vm_is_shown_to_programs() {
    let server = accepting();
    let ended = edit(&server, "sed -i 's/the web/a web/' $1", &["-o", "name"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "web-1\n"), "{}", ended.err);
}
