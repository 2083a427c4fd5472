//! `--dry-run` of small changes, choosing images, and the project of new VMs.

use expect_test::expect_file;
use hostler_client::testing::{Reply, Seen, TestServer};
use serde_json::{Value, json};

use crate::rig::{fleet, id, operation, program, run, run_with};

fn image(number: u32, name: &str) -> Value {
    json!({
        "id": id(number), "name": name, "description": "", "format": "qcow2", "file_bytes": 5,
        "virtual_bytes": 1024, "sha256": "00", "created_at": "2026-11-21T04:00:00Z",
    })
}

/// Something of everything; whoever changes any of it fails the test.
fn untouchable(seen: &Seen) -> Reply {
    assert_eq!(seen.method, "GET", "{}", seen.line());
    match seen.path.strip_prefix("/api/v1/").unwrap() {
        "images" => {
            Reply::page(vec![image(1, "debian-12"), image(2, "debian-13"), image(3, "win")])
        }
        "providers" => Reply::page(vec![json!({
            "id": id(900), "name": "lab", "kind": "libvirt", "uri": "qemu:///system",
            "simulated": false, "state": "healthy", "reason": null, "product": null,
            "observed_at": null, "inventory_seconds": null, "groups": [], "vm_count": 1,
            "from_config": false,
        })]),
        "tokens" => Reply::page(vec![json!({
            "id": id(5), "name": "ci", "role": "reader", "created_at": "2026-11-21T04:00:00Z",
            "created_by": "x", "expires_at": null, "last_used_at": null,
        })]),
        "operations/op-1" => Reply::Json(200, operation("vm.start", "needs_attention", 1)),
        _ => fleet(seen),
    }
}

#[test]
fn a_dry_run_of_a_small_change_says_what_would_be_done() {
    let server = TestServer::start(untouchable);
    let mut shown = String::new();
    for line in [
        "vm set web-1 db --label tier=db --remove-label old --dry-run",
        "image import disk.raw --dry-run",
        "image delete debian-* --dry-run=client",
        "provider add h2 qemu+ssh://root@h2/system --dry-run",
        "provider delete lab --dry-run",
        "token create ci --role admin --expires 30d --dry-run",
        "token delete ci --dry-run",
        "op cancel op-1 --dry-run",
        "op retry op-1 --dry-run",
        "op resolve op-1 --note done --dry-run",
        "image delete debian-11 --dry-run",
        "provider delete lab --dry-run=server",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        shown.push_str(&format!("$ hostler {line}\n{}", run(&server, &words).all()));
    }
    expect_file!["golden/dry-run.txt"].assert_eq(&shown);
}

#[test]
fn images_are_deleted_by_name_id_pattern_and_stdin() {
    let numbers = |arguments: &[&str], input: &[u8]| {
        let server = TestServer::start(|seen| match seen.method.as_str() {
            "GET" => untouchable(seen),
            _ => Reply::Json(204, Value::Null),
        });
        let line = [&["image", "delete", "--yes"], arguments].concat();
        let ended = run_with(&server, &line, input);
        let seen = server.seen();
        let deleted = seen.iter().filter(|seen| seen.method == "DELETE");
        let deleted = deleted.map(|seen| seen.path[seen.path.len() - 1..].to_owned());
        (ended.code, deleted.collect::<String>())
    };
    let two = id(2);
    assert_eq!(numbers(&["win", "debian-*", "win"], b""), (0, "123".into()));
    assert_eq!(numbers(&[&two], b""), (0, "2".into()));
    assert_eq!(numbers(&["-"], b"win\n\n debian-12 \n"), (0, "13".into()));
    assert_eq!(numbers(&["win", "suse-*"], b""), (4, String::new()), "all or none");
    assert_eq!(numbers(&["win", "suse-*", "--if-exists"], b""), (0, "3".into()));
}

#[test]
fn the_project_of_a_new_vm_comes_from_flag_file_or_environment() {
    let project = |arguments: &[&str]| {
        let server = TestServer::start(|seen| panic!("{}", seen.line()));
        let file = server.directory().join("vm.yaml");
        std::fs::write(&file, "project: filed\nname: web\n").unwrap();
        let file = file.display().to_string();
        let arguments: Vec<&str> = arguments
            .iter()
            .map(|word| if *word == "FILE" { file.as_str() } else { word })
            .collect();
        let line = [&["vm", "create", "--dry-run=client"], arguments.as_slice()].concat();
        let output = program(&server, &line).env("HOSTLER_PROJECT", "mine").output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        json["spec"]["project"].as_str().unwrap().to_owned()
    };
    assert_eq!(project(&["web"]), "mine");
    assert_eq!(project(&["web", "--project", "yours"]), "yours");
    assert_eq!(project(&["--file", "FILE"]), "filed");
}
