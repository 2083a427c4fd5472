//! Several VMs at once: which they are, and how it ends when some fail.

use std::collections::BTreeSet;

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;

use crate::rig::{failed, fleet_and, id, operation, run, run_with};

fn starting() -> TestServer {
    fleet_and(|seen| {
        let number = seen.path.split('/').nth(4).unwrap()[30..].parse().unwrap();
        Reply::Json(202, operation("vm.start", "succeeded", number))
    })
}

fn started(server: &TestServer) -> BTreeSet<String> {
    let seen = server.seen();
    let started = seen.iter().filter(|seen| seen.method == "POST");
    started.map(|seen| seen.path.split('/').nth(4).unwrap().to_owned()).collect()
}

fn ids(numbers: &[u32]) -> BTreeSet<String> {
    numbers.iter().map(|number| id(*number)).collect()
}

#[test]
fn vms_are_selected_by_name_id_pattern_label_all_and_stdin() {
    let three = id(3);
    let cases: &[(&[&str], &[u32])] = &[
        (&["start", "web-1", "db", "web-1"], &[1, 3]),
        (&["start", three.as_str()], &[3]),
        (&["start", "web-*"], &[1, 2]),
        (&["start", "web-*", "web-2", "db"], &[1, 2, 3]),
        (&["start", "--all"], &[1, 2, 3, 4, 5]),
        (&["start", "-l", "tier=web"], &[1, 2, 3, 4, 5]),
        (&["start", "--filter", "state=stopped"], &[1, 2, 3, 4, 5]),
    ];
    for (arguments, numbers) in cases {
        let server = starting();
        let ended = run(&server, arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        assert_eq!(started(&server), ids(numbers), "{arguments:?}");
    }
    let server = starting();
    assert_eq!(run_with(&server, &["start", "-"], b"web-1\n\n  db \n").code, 0);
    assert_eq!(started(&server), ids(&[1, 3]));
}

#[test]
fn a_label_narrows_names_too() {
    let server = starting();
    run(&server, &["start", "web-1", "-l", "tier=web", "--filter", "host=h1"]);
    let seen = server.seen();
    assert_eq!(seen[0].param("filter"), Some(r#"name="web-1" AND label.tier="web" AND host=h1"#));
}

#[test]
fn nothing_is_done_when_one_name_is_wrong_or_means_several() {
    let server = starting();
    let mut shown = String::new();
    for arguments in [
        &["start", "web-1", "wbe-2"] as &[&str],
        &["start", "twin"],
        &["start", "mail-*"],
        &["start", "frontend"],
        &["start"],
        &["start", "--all", "web-1"],
        &["vm", "show", "web-*"],
    ] {
        shown.push_str(&format!("$ {}\n{}", arguments.join(" "), run(&server, arguments).all()));
    }
    expect![[r#"
        $ start web-1 wbe-2
        error: there is no vm `wbe-2`
        hint: did you mean web-2?
        exit 4
        $ start twin
        error: `twin` names several: 0192d0c4-0000-7000-8000-000000000004 (provider lab, host h1, project default), 0192d0c4-0000-7000-8000-000000000005 (provider lab, host none, project none)
        hint: name the vm by its id, or say more with --filter host=HOST
        exit 2
        $ start mail-*
        error: no VM fits `mail-*`
        hint: `hostler vm list` shows those there are
        exit 4
        $ start frontend
        error: there is no vm `frontend`
        hint: `hostler vm list` shows those there are
        exit 4
        $ start
        error: no VM is named
        hint: give names, a pattern like 'web-*', -l KEY=VALUE, --filter or --all
        exit 2
        $ start --all web-1
        error: names and --all exclude each other
        exit 2
        $ vm show web-*
        error: `web-*` is a pattern; this takes one VM
        exit 2
    "#]].assert_eq(&shown);
    assert_eq!(started(&server), ids(&[]));
}

#[test]
fn a_filter_that_fits_nothing_is_an_answer() {
    let server = TestServer::start(|_| Reply::page(vec![]));
    let ended = run(&server, &["start", "--filter", "state=crashed"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "no VM fits\n"));
}

#[test]
fn each_failure_is_told_and_partial_success_has_a_code_of_its_own() {
    let of = |is_failing: fn(u32) -> bool| {
        fleet_and(move |seen| {
            let number: u32 = seen.path.split('/').nth(4).unwrap()[30..].parse().unwrap();
            match is_failing(number) {
                true if number == 2 => Reply::problem(Code::VmBusy, "it is being saved"),
                true => {
                    let code = Code::VmWrongState;
                    Reply::Json(202, failed("vm.start", "failed", number, code, "it is paused"))
                }
                false => Reply::Json(202, operation("vm.start", "succeeded", number)),
            }
        })
    };
    let ended = run(&of(|number| number == 2), &["start", "web-1", "web-2", "db"]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("error: cannot start vm \"web-2\": it is being saved [vm_busy]"));
    assert!(
        ended.err.contains("vm \"web-1\" started\n") && ended.err.contains("vm \"db\" started")
    );
    assert!(ended.err.ends_with("error: 1 of 3 failed\n"), "{}", ended.err);

    let ended = run(&of(|_| true), &["start", "web-1", "web-2", "-o", "json"]);
    assert_eq!(ended.code, 5, "all failed for reasons of one kind");
    assert_eq!(ended.json().as_array().unwrap().len(), 1, "the operation that was made");
}
