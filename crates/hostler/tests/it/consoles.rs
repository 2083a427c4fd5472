//! The serial console in a pipe.

use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;
use serde_json::json;

use crate::rig::{fleet_and, id, run, run_with};

fn console(messages: &'static [&'static str], reason: Option<&'static str>) -> TestServer {
    fleet_and(move |seen| match seen.line().as_str() {
        "GET /api/v1/consoles" => {
            Reply::Console(messages.iter().map(|m| m.as_bytes().to_vec()).collect(), reason)
        }
        line => {
            assert_eq!(line, format!("POST /api/v1/vms/{}/consoles", id(1)));
            Reply::Json(
                201,
                json!({"ticket": "t", "expires_at": "2026-11-21T04:00:00Z",
                    "path": "/api/v1/consoles",
                    "protocols": ["hostler.console.v1", "hostler.ticket.t"]}),
            )
        }
    })
}

#[test]
fn c4_output_goes_to_stdout_until_the_console_ends() {
    let server = console(&["hello from ", "hostler\r\n"], Some("the VM was stopped"));
    let ended = run(&server, &["console", "web-1"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "hello from hostler\r\n"));
    assert_eq!(ended.err, "the console ended: the VM was stopped\n");
}

#[test]
fn input_goes_to_the_guest_and_a_text_can_be_waited_for() {
    let server = console(&["login: "], None);
    // The server echoes what it gets; the end of the input is not the end.
    let ended = run_with(&server, &["vm", "console", "web-1", "--until", "root"], b"root\n");
    assert_eq!((ended.code, ended.out.as_str()), (0, "login: root\n"), "{}", ended.err);
}

#[test]
fn a_text_that_does_not_come_is_an_error() {
    let server = console(&["boot"], None);
    let ended = run(&server, &["console", "web-1", "--until", "login:", "--for", "2s"]);
    assert_eq!((ended.code, ended.out.as_str()), (8, "boot"));
    assert!(ended.err.contains("`login:` did not come in time"), "{}", ended.err);
    let server = console(&["boot"], Some("gone"));
    let ended = run(&server, &["console", "web-1", "--until", "login:"]);
    assert_eq!((ended.code, ended.err.contains("before `login:` came: gone")), (8, true));
}

#[test]
fn a_time_limit_alone_is_no_error() {
    let server = console(&["boot"], None);
    let ended = run(&server, &["console", "web-1", "--for", "2s"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "boot", ""));
}

#[test]
fn a_refused_console_says_why() {
    let server = fleet_and(|_| Reply::problem(Code::ProviderConflict, "somebody is connected"));
    let ended = run(&server, &["console", "web-1"]);
    assert_eq!(ended.code, 5);
    assert!(
        ended
            .err
            .starts_with("error: cannot open the console of vm \"web-1\": somebody is connected"),
        "{}",
        ended.err
    );
}
