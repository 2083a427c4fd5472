//! Creating VMs, images, operations, providers, tokens, volumes, raw requests.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{failed, id, operation, run, run_with};

fn named(kind: &str, number: u32, name: &str) -> Value {
    match kind {
        "provider" => json!({
            "id": id(number), "name": name, "kind": "libvirt", "uri": "qemu:///system",
            "simulated": false, "state": "connecting", "reason": null, "product": null,
            "observed_at": null, "inventory_seconds": null, "groups": [], "vm_count": null,
            "from_config": false,
        }),
        "image" => json!({
            "id": id(number), "name": name, "description": "", "format": "qcow2", "file_bytes": 5,
            "virtual_bytes": 1024, "sha256": "00", "created_at": "2026-11-21T04:00:00Z",
        }),
        "token" => json!({
            "id": id(number), "name": name, "role": "reader", "created_at": "2026-11-21T04:00:00Z",
            "created_by": "local:root", "expires_at": null, "last_used_at": null,
        }),
        other => panic!("{other}"),
    }
}

#[test]
fn c1_a_vm_is_made_from_flags_with_names_turned_into_ids() {
    let server = TestServer::start(|seen| match seen.line().as_str() {
        "GET /api/v1/providers" => {
            Reply::page(vec![named("provider", 900, "lab"), named("provider", 901, "other")])
        }
        "POST /api/v1/vms" => Reply::Json(202, operation("vm.create", "succeeded", 1)),
        other => panic!("{other}"),
    });
    let line = [
        "vm",
        "create",
        "web",
        "--image",
        "debian-13",
        "--memory",
        "2G",
        "--provider",
        "other",
        "--network",
        "default",
        "--no-start",
    ];
    let ended = run(&server, &line);
    assert_eq!((ended.code, ended.err.as_str()), (0, "vm \"web\" created\n"));
    let body = server.seen().last().unwrap().json();
    assert_eq!(body["provider"], json!(id(901)));
    assert_eq!((&body["start"], &body["host"]), (&json!(false), &Value::Null));
    assert_eq!(body["spec"]["disks"][0]["source"]["image"]["image"], "debian-13");
}

#[test]
fn c1_a_wrong_description_is_told_whole_before_anything_is_sent() {
    let server = TestServer::start(|seen| panic!("{}", seen.line()));
    let line = ["vm", "create", "a/b", "--memory", "1K", "--network", "default,mac=x"];
    expect![[r#"
        error: /name may contain only A-Z, a-z, 0-9, '.', '_' and '-' (and 2 more) [spec_invalid]
          /name: may contain only A-Z, a-z, 0-9, '.', '_' and '-'
          /memory/bytes: must be at least 1048576
          /nics/0/mac: is not an address like 52:54:00:12:34:56 (unicast)
        exit 2
    "#]]
    .assert_eq(&run(&server, &line).all());
}

#[test]
fn a_plan_is_made_here_or_by_the_server() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.line(), "POST /api/v1/vms/plan");
        let host = |name: &str| json!({"id": id(800), "name": name});
        Reply::Json(
            200,
            json!({
                "host": host("h1"), "provider": host("lab"), "alternatives": [host("h2")],
                "refused": [{"host": host("h3"), "reasons": ["it is closed", "no room"]}],
                "steps": ["place", "make_disks", "make_vm"],
                "changes": ["+ volume default/web-root (20 GiB)", "+ vm web"],
            }),
        )
    });
    let line = ["vm", "create", "web", "--disk", "20G"];
    let here = run(&server, &[&line as &[&str], &["--dry-run=client"]].concat());
    assert_eq!(here.json()["spec"]["disks"][0]["source"]["empty"]["size_bytes"], 21474836480_u64);
    assert!(server.seen().is_empty());
    let there = run(&server, &[&line as &[&str], &["--dry-run"]].concat());
    expect![[r#"
        vm "web" would go to host h1 (provider lab)
          + volume default/web-root (20 GiB)
          + vm web
        steps: place, make_disks, make_vm
        also possible: h2
        not h3: it is closed; no room
        nothing was done
        exit 0
    "#]]
    .assert_eq(&there.all());
}

#[test]
fn an_image_is_imported_from_a_file_or_stdin() {
    let server = TestServer::start(|seen| {
        assert_eq!((seen.param("name"), seen.param("format")), (Some("debian"), Some("qcow2")));
        assert_eq!(seen.body, b"bytes");
        Reply::Json(201, named("image", 1, "debian"))
    });
    let file = server.directory().join("debian.qcow2");
    std::fs::write(&file, "bytes").unwrap();
    let path = file.display().to_string();
    let ended = run(&server, &["image", "import", &path]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "image \"debian\" imported\n"));
    let line = ["image", "import", "-", "--name", "debian", "--format", "qcow2", "-o", "json"];
    let ended = run_with(&server, &line, b"bytes");
    assert_eq!((ended.code, ended.json()["name"].clone()), (0, json!("debian")));

    let untold = server.directory().join("debian.img");
    std::fs::write(&untold, "bytes").unwrap();
    let ended = run(&server, &["image", "import", &untold.display().to_string()]);
    assert_eq!((ended.code, ended.err.contains("--format raw")), (2, true), "{}", ended.err);
}

#[test]
fn images_providers_and_tokens_are_deleted_by_name() {
    for (noun, path) in [("image", "images"), ("provider", "providers"), ("token", "tokens")] {
        let server = TestServer::start(move |seen| match seen.method.as_str() {
            "GET" => Reply::page(vec![named(noun, 7, "a"), named(noun, 8, "b")]),
            _ => Reply::Json(204, Value::Null),
        });
        assert_eq!(run(&server, &[noun, "delete", "b"]).code, 2, "nobody can be asked");
        assert_eq!(run(&server, &[noun, "delete", "c", "-y"]).code, 4);
        assert_eq!(run(&server, &[noun, "delete", "c", "-y", "--if-exists"]).code, 0);
        let ended = run(&server, &[noun, "delete", "b", "-y"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        let deleted: Vec<_> =
            server.lines().into_iter().filter(|line| line.starts_with("DELETE")).collect();
        assert_eq!(deleted, [format!("DELETE /api/v1/{path}/{}", id(8))]);
    }
}

#[test]
fn a_new_tokens_secret_is_all_that_goes_to_stdout() {
    let server = TestServer::start(|seen| {
        assert_eq!(
            seen.json(),
            json!({"name": "ci", "role": "reader", "expires_in_seconds": 2592000})
        );
        Reply::Json(201, json!({"token": named("token", 1, "ci"), "secret": "hst_new"}))
    });
    let ended = run(&server, &["token", "create", "ci", "--role", "reader", "--expires", "30d"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "hst_new\n"));
}

#[test]
fn waiting_for_an_operation_mirrors_its_outcome() {
    let server = TestServer::start(|seen| match seen.path.rsplit('/').next().unwrap() {
        "good" => Reply::Json(200, operation("vm.start", "succeeded", 1)),
        "bad" => {
            Reply::Json(200, failed("vm.start", "failed", 1, Code::NoHostFits, "no host fits"))
        }
        _ => Reply::problem(Code::OperationNotFound, "there is no such operation"),
    });
    assert_eq!(run(&server, &["op", "wait", "good"]).code, 0);
    let ended = run(&server, &["op", "wait", "bad", "-o", "json"]);
    assert_eq!((ended.code, ended.json()["state"].clone()), (7, json!("failed")));
    assert_eq!(run(&server, &["op", "wait", "absent"]).code, 4);
}

#[test]
fn operations_are_listed_shown_cancelled_retried_and_resolved() {
    let server = TestServer::start(|seen| match seen.line().as_str() {
        "GET /api/v1/operations" => {
            assert_eq!(seen.param("filter"), Some("state=failed"));
            assert_eq!(seen.param("limit"), Some("100"));
            Reply::page(vec![failed("vm.start", "failed", 1, Code::NoHostFits, "no host fits")])
        }
        line if line.ends_with("/op-1") => Reply::Json(200, operation("vm.start", "cancelled", 1)),
        line if line.ends_with("/resolve") => {
            assert_eq!(seen.json(), json!({"note": "removed by hand"}));
            Reply::Json(202, operation("vm.start", "failed", 1))
        }
        _ => Reply::Json(202, operation("vm.start", "cancelling", 1)),
    });
    let listed =
        run(&server, &["op", "list", "--state", "failed", "--columns", "kind,target,state"]);
    assert_eq!(listed.out, "KIND      TARGET   STATE\nvm.start  vm vm-1  failed\n");
    let shown = run(&server, &["op", "show", "op-1"]);
    assert!(shown.out.contains("Steps\n  done      prepare\n  running   act\n"), "{}", shown.out);
    assert_eq!(run(&server, &["op", "cancel", "op-1"]).code, 0, "cancelled is what was wanted");
    assert_eq!(run(&server, &["op", "retry", "op-1"]).code, 9);
    let resolved = run(&server, &["op", "resolve", "op-1", "--note", "removed by hand"]);
    assert_eq!(resolved.code, 0, "{}", resolved.err);
}

#[test]
fn a_raw_request_goes_as_it_is() {
    let server = TestServer::start(|seen| match seen.method.as_str() {
        "POST" => {
            assert_eq!(seen.header("idempotency-key"), Some("mine"));
            assert_eq!(seen.json(), json!({"a": 1}));
            Reply::Json(201, json!({"made": true}))
        }
        _ => Reply::problem(Code::VmNotFound, "there is no such VM"),
    });
    let post = ["api", "post", "/api/v1/x", "--data", "-", "--idempotency-key", "mine"];
    let ended = run_with(&server, &post, b"{\"a\": 1}");
    assert_eq!((ended.code, ended.out.as_str()), (0, "{\"made\":true}"));
    let ended = run(&server, &["api", "GET", "/api/v1/vms/1"]);
    assert_eq!((ended.code, ended.json()["code"].clone()), (4, json!("vm_not_found")));
    assert!(ended.err.starts_with("error: there is no such VM [vm_not_found]"), "{}", ended.err);
}

#[test]
fn the_versions_are_told() {
    let server = TestServer::start(|seen| match seen.path.as_str() {
        "/api/v1" => Reply::Json(
            200,
            json!({"name": "hostler", "version": "0.1.0", "features": [], "simulated": true,
                "now": "2026-11-21T04:00:00Z"}),
        ),
        _ => Reply::problem(Code::CredentialsMissing, "who are you?"),
    });
    let ended = run(&server, &["version"]);
    assert!(ended.out.starts_with("hostler 0."), "{}", ended.out);
    assert!(ended.out.contains("not logged in, a demo"), "{}", ended.out);
}
