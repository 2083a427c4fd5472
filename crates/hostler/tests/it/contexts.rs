//! Contexts: kept privately, used as told.

use std::os::unix::fs::PermissionsExt;

use expect_test::expect_file;
use hostler_client::testing::{Reply, TestServer};

use crate::rig::{Ended, fleet, program, run, run_with};

#[test]
fn contexts_are_added_used_shown_renamed_and_forgotten() {
    let server = TestServer::start(|_| Reply::Drop);
    let mut shown = String::new();
    for line in [
        "context list",
        "context add lab --url https://lab:7443",
        "context add here --socket /run/x.sock",
        "context add bad --url http://lab",
        "context add ../bad --url https://lab",
        "context add nowhere",
        "context use here",
        "context list",
        "context rename lab work",
        "context show work",
        "context use lba",
        "context delete here",
        "context list -o json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        shown.push_str(&format!("$ hostler {line}\n{}", run(&server, &words).all()));
    }
    expect_file!["golden/contexts.txt"].assert_eq(&shown);
}

#[test]
fn the_context_in_use_decides_and_its_token_is_kept_privately() {
    let server = TestServer::start(fleet);
    let socket = server.socket().display().to_string();
    let add = ["context", "add", "lab", "--socket", &socket, "--token-stdin"];
    let ended = run_with(&server, &add, b"hst_hunter2\n");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let file = server.directory().join("hostler/config.toml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let shown = run(&server, &["context", "show", "-o", "json"]);
    assert!(!shown.all().contains("hunter2") && shown.out.contains("kept here"), "{}", shown.out);

    let list = |variable: Option<(&str, &str)>| {
        let mut command = program(&server, &["ls", "-q"]);
        command.env_remove("HOSTLER_SOCKET");
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(list(None).0, 0);
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer hst_hunter2"));
    let (code, err) = list(Some(("HOSTLER_CONTEXT", "absent")));
    assert_eq!((code, err.contains("there is lab")), (4, true), "{err}");
    let (code, err) = list(Some(("HOSTLER_SOCKET", "/nonexistent/s")));
    assert_eq!((code, err.contains("/nonexistent/s")), (8, true), "{err}");

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, err) = list(None);
    assert_eq!((code, err.contains("chmod 600")), (2, true), "{err}");
}

#[test]
fn a_token_in_a_shared_file_is_not_even_added() {
    let server = TestServer::start(|_| Reply::Drop);
    let file = server.directory().join("token");
    std::fs::write(&file, "hst_1").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = file.display().to_string();
    let add = ["context", "add", "lab", "--url", "https://lab", "--token-file", &file];
    let ended: Ended = run(&server, &add);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(!server.directory().join("hostler/config.toml").exists());
}
