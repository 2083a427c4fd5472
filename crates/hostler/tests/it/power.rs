//! Doing things to one VM: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{Ended, failed, fleet_and, id, operation, run, run_with, vm};

/// A server on which every POST or DELETE gives an operation in `state`.
fn answering(state: &'static str) -> TestServer {
    fleet_and(move |_| Reply::Json(202, operation("vm.x", state, 1)))
}

fn change(server: &TestServer) -> (String, Value) {
    let seen = server.seen();
    let change = seen.iter().find(|seen| seen.method != "GET").expect("something was changed");
    (change.line(), change.json())
}

#[test]
fn c4_every_verb_sends_its_request() {
    let path = |verb: &str| format!("POST /api/v1/vms/{}/{verb}", id(1));
    let stop = |mode: &str, seconds: u32| json!({"mode": mode, "timeout_seconds": seconds});
    let cases: &[(&[&str], String, Value)] = &[
        (&["vm", "start", "web-1"], path("start"), Value::Null),
        (&["start", "web-1"], path("start"), Value::Null),
        (&["vm", "stop", "web-1"], path("stop"), stop("graceful", 90)),
        (&["stop", "--force", "web-1"], path("stop"), stop("force", 90)),
        (
            &["stop", "web-1", "--then-force", "--grace", "5m"],
            path("stop"),
            stop("graceful_then_force", 300),
        ),
        (&["shutdown", "web-1"], path("stop"), stop("graceful", 90)),
        (&["vm", "restart", "web-1"], path("reboot"), Value::Null),
        (&["restart", "--reset", "web-1"], path("reset"), Value::Null),
        (&["vm", "reset", "web-1"], path("reset"), Value::Null),
        (&["vm", "pause", "web-1"], path("pause"), Value::Null),
        (&["suspend", "web-1"], path("pause"), Value::Null),
        (&["vm", "resume", "web-1"], path("resume"), Value::Null),
        (&["vm", "save", "web-1"], path("save"), Value::Null),
        (&["rm", "-y", "web-1"], format!("DELETE /api/v1/vms/{}", id(1)), Value::Null),
    ];
    for (arguments, line, body) in cases {
        let server = answering("succeeded");
        let ended = run(&server, arguments);
        assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{arguments:?}: {}", ended.err);
        assert_eq!(change(&server), (line.clone(), body.clone()), "{arguments:?}");
    }
}

#[test]
fn the_outcome_is_told_on_stderr_and_documents_go_to_stdout() {
    let server = answering("succeeded");
    assert_eq!(run(&server, &["start", "web-1"]).err, "vm \"web-1\" started\n");
    let ended = run(&server, &["start", "web-1", "-o", "json"]);
    assert_eq!(ended.json(), operation("vm.x", "succeeded", 1), "one name, one document");
    let ended = run(&server, &["start", "web-1*", "-o", "json"]);
    assert_eq!(ended.json(), json!([operation("vm.x", "succeeded", 1)]), "a pattern, a list");
    assert_eq!(run(&server, &["start", "web-1", "-q"]).out, format!("{}\n", id(1)));
    assert_eq!(run(&server, &["start", "web-1", "-o", "name"]).out, "vm-1\n");
}

#[test]
fn x25_what_a_tool_will_turn_back_is_said_before_it_is_done() {
    let server = TestServer::start(|seen| {
        if seen.method != "GET" {
            return Reply::Json(202, operation("vm.stop", "succeeded", 1));
        }
        let mut kept = vm(1, "web-1", "running");
        kept["actions"]["stop"]["warning"] = json!("it is kept by argocd");
        Reply::page(vec![kept])
    });
    let ended = run(&server, &["stop", "web-1"]);
    let said = "warning: vm \"web-1\": it is kept by argocd\nvm \"web-1\" stopped\n";
    assert_eq!((ended.code, ended.err.as_str()), (0, said));
    let planned = run(&server, &["stop", "web-1", "--dry-run"]);
    assert!(planned.out.contains("it is kept by argocd"), "{}", planned.out);
    assert!(!run(&server, &["restart", "web-1"]).err.contains("argocd"), "only where it is so");
}

#[test]
fn what_is_so_already_is_a_success_with_a_note() {
    let server = fleet_and(|_| {
        let mut operation = operation("vm.start", "succeeded", 1);
        operation["note"] = json!("already running");
        Reply::Json(202, operation)
    });
    let ended = run(&server, &["start", "web-1"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web-1\": already running\n"));
    let ended = run(&server, &["start", "web-1", "--strict"]);
    expect![[r#"
        error: cannot start vm "web-1": already running
        exit 5
    "#]]
    .assert_eq(&ended.all());
    let server = fleet_and(|_| {
        let mut operation = operation("vm.delete", "succeeded", 2);
        operation["note"] = json!("keeps default/web-root");
        Reply::Json(202, operation)
    });
    let ended = run(&server, &["rm", "-y", "web-2"]);
    assert_eq!(ended.err, "vm \"web-2\" deleted (keeps default/web-root)\n");
}

#[test]
fn an_operation_is_waited_for_unless_nobody_wants_to() {
    let server = fleet_and(|seen| match seen.line().as_str() {
        line if line.starts_with("POST") => Reply::Json(202, operation("vm.start", "pending", 1)),
        _ => Reply::Json(200, operation("vm.start", "succeeded", 1)),
    });
    let ended = run(&server, &["start", "web-1", "--no-wait"]);
    assert_eq!((ended.code, ended.out), (0, format!("{}\n", id(501))));
    assert!(!server.lines().iter().any(|line| line.contains("operations")));
    let ended = run(&server, &["start", "web-1"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web-1\" started\n"));
    assert!(server.lines().contains(&format!("GET /api/v1/operations/{}", id(501))));
}

#[test]
fn the_exit_code_is_the_one_of_the_operations_error() {
    let cases = [
        (Code::VmWrongState, 5),
        (Code::ProviderUnavailable, 8),
        (Code::NoHostFits, 7),
        (Code::CapabilityMissing, 6),
        (Code::InternalError, 70),
        (Code::ProviderRefused, 2),
    ];
    for (code, exit) in cases {
        let server = fleet_and(move |_| {
            Reply::Json(202, failed("vm.start", "failed", 1, code, "it did not work"))
        });
        let ended = run(&server, &["start", "web-1"]);
        assert_eq!(ended.code, exit, "{code}: {}", ended.err);
        let start = format!("error: cannot start vm \"web-1\": it did not work [{code}] (request ");
        assert!(ended.err.starts_with(&start), "{}", ended.err);
        assert!(ended.err.contains("\nhint: "), "{}", ended.err);
    }
    let server = answering("cancelled");
    assert_eq!(run(&server, &["start", "web-1"]).code, 9);
}

#[test]
fn what_needs_attention_says_what_to_do() {
    let server = fleet_and(|_| {
        let code = Code::ProviderUnavailable;
        Reply::Json(202, failed("vm.start", "needs_attention", 1, code, "h1 is away"))
    });
    let ended = run(&server, &["start", "web-1"]);
    assert_eq!(ended.code, 8);
    assert!(ended.err.contains(&format!("hostler op retry {}", id(501))), "{}", ended.err);
}

#[test]
fn a_time_limit_leaves_the_operation_at_work() {
    let server = fleet_and(|seen| match seen.method.as_str() {
        "POST" => Reply::Json(202, operation("vm.start", "running", 1)),
        _ => Reply::Json(200, operation("vm.start", "running", 1)),
    });
    let ended = run(&server, &["start", "web-1", "--timeout", "10ms"]);
    assert_eq!(ended.code, 8);
    assert!(ended.err.contains("still at work") && ended.err.contains("hostler op wait"));
}

#[test]
fn ctrl_c_leaves_and_a_second_one_cancels() {
    let server = fleet_and(|seen| match seen.method.as_str() {
        "POST" if seen.path.ends_with("/cancel") => {
            Reply::Json(202, operation("vm.start", "cancelling", 1))
        }
        "POST" => Reply::Json(202, operation("vm.start", "running", 1)),
        _ => Reply::Hang,
    });
    let interrupted = |times: usize| -> Ended {
        let asked = || server.lines().iter().filter(|l| l.contains("/operations/")).count();
        let before = asked();
        let mut child = crate::rig::program(&server, &["start", "web-1"])
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        until(|| asked() > before);
        let pid = rustix::process::Pid::from_child(&child);
        let mut err = child.stderr.take().unwrap();
        let mut told = String::new();
        for _ in 0..times {
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            // The next one counts only after this one has been heard.
            while !told.contains("again to cancel\n") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut err, &mut byte).unwrap();
                told.push(char::from(byte[0]));
            }
        }
        std::io::Read::read_to_string(&mut err, &mut told).unwrap();
        Ended { code: child.wait().unwrap().code().unwrap(), out: String::new(), err: told }
    };
    let once = interrupted(1);
    assert_eq!(once.code, 130);
    assert!(once.err.contains(&format!("operation {} goes on", id(501))), "{}", once.err);
    assert!(!server.lines().iter().any(|line| line.ends_with("/cancel")));
    let twice = interrupted(2);
    assert_eq!(twice.code, 130);
    assert!(twice.err.contains("cancelling operation"), "{}", twice.err);
    assert!(server.lines().iter().any(|line| line.ends_with("/cancel")));
}

fn until(is_so: impl Fn() -> bool) {
    let deadline = std::time::Duration::from_secs(20);
    let began = tokio::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < deadline, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn a_dry_run_tells_the_servers_verdict_and_changes_nothing() {
    let server = fleet_and(|seen| panic!("{}", seen.line()));
    let mut shown = String::new();
    for arguments in [
        &["start", "--dry-run", "web-1", "web-2"] as &[&str],
        &["vm", "delete", "--dry-run=server", "web-2"],
        &["vm", "pause", "--dry-run=client", "web-2"],
    ] {
        shown.push_str(&run(&server, arguments).all());
    }
    expect![[r#"
        NAME   STATE    ACTION  POSSIBLE  REASON
        web-1  running  start   no        it runs already
        web-2  stopped  start   yes       it runs already
        exit 5
        NAME   STATE    ACTION  POSSIBLE  REASON
        web-2  stopped  delete  yes       it runs; stop it
        exit 0
        NAME   STATE    ACTION  POSSIBLE  REASON
        web-2  stopped  pause   no        the server does not know this action
        exit 5
    "#]]
    .assert_eq(&shown);
}

#[test]
fn c4_deleting_asks_where_somebody_can_answer_and_needs_yes_where_not() {
    let server = answering("succeeded");
    let ended = run_with(&server, &["vm", "delete", "web-2", "--disks"], b"y\n");
    expect![[r#"
        vm "web-2" (stopped at host h1) is deleted, with its firmware variables, TPM state, saved memory and snapshots
          ALL DATA is lost on: default/web-root (root), default/web-before (left behind)
          kept: default/given (data), /iso/tools.iso
        error: nobody can be asked here
        hint: --yes does it unasked
        exit 2
    "#]].assert_eq(&ended.all());
    assert!(server.seen().iter().all(|seen| seen.method == "GET"), "nothing was done");
    let ended = run_with(&server, &["vm", "delete", "web-2"], b"y\n");
    expect![[r#"
        vm "web-2" (stopped at host h1) is deleted, with its firmware variables, TPM state and saved memory; its snapshots stay
          kept: default/web-root (root), default/web-before (left behind), default/given (data), /iso/tools.iso
        error: nobody can be asked here
        hint: --yes does it unasked
        exit 2
    "#]].assert_eq(&ended.all());

    let ended = run(&server, &["vm", "delete", "web-2", "--disks", "--force", "--yes"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web-2\" deleted\n"));
    let seen = server.seen();
    let delete = seen.last().unwrap();
    assert_eq!(delete.line(), format!("DELETE /api/v1/vms/{}", id(2)));
    assert_eq!((delete.param("disks"), delete.param("force")), (Some("true"), Some("true")));
}

#[test]
fn deleting_what_is_not_there_can_be_a_success() {
    let server = answering("succeeded");
    assert_eq!(run(&server, &["rm", "-y", "nothing"]).code, 4);
    let ended = run(&server, &["rm", "-y", "--if-exists", "nothing"]);
    assert_eq!(ended.code, 0);
    let ended = run(&server, &["rm", "-y", "--if-exists", "nothing", "web-2", "web-2"]);
    assert_eq!((ended.code, ended.err.contains("there is no VM \"nothing\"")), (0, true));
    assert_eq!(server.seen().iter().filter(|seen| seen.method == "DELETE").count(), 1);
}

#[test]
fn setting_sends_only_the_changes_and_the_version_they_are_for() {
    let server = fleet_and(|seen| {
        assert_eq!(seen.header("if-match"), Some("\"3\""));
        assert_eq!(seen.header("content-type"), Some("application/merge-patch+json"));
        Reply::Json(200, crate::rig::whole_vm(1, "web-1", "running"))
    });
    let line =
        ["vm", "set", "web-1", "--label", "a=b=c", "--remove-label", "old", "--description", ""];
    assert_eq!(run(&server, &line).err, "vm \"web-1\" changed\n");
    assert_eq!(
        change(&server),
        (
            format!("PATCH /api/v1/vms/{}", id(1)),
            json!({"description": "", "labels": {"a": "b=c", "old": null}})
        )
    );
    assert_eq!(run(&server, &["vm", "set", "web-1"]).code, 2);
    let both = ["vm", "set", "web-1", "--label", "a=b", "--remove-label", "a"];
    assert_eq!(run(&server, &both).code, 2);
}
