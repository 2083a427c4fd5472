//! Disks of VMs that exist: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use serde_json::{Value, json};

use crate::rig::{fleet, id, operation, run};

fn disk(name: &str, own_volume: bool, detach: &Value) -> Value {
    json!({
        "name": name, "reference": format!("{name}@5f6a7b8c9d0e"), "asked": true,
        "state": "attached", "message": null, "device": "disk", "bus": "scsi",
        "pool": "default", "volume": format!("web-{name}.qcow2"), "source": null,
        "capacity_bytes": 1_u64 << 30, "read_only": false, "own_volume": own_volume,
        "detach": detach,
    })
}

/// A fleet whose VM `web-1` has the disks `root`, `data` and `logs`.
fn answering(change: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> TestServer {
    let list = format!("GET /api/v1/vms/{}/disks", id(1));
    TestServer::start(move |seen| match seen.method.as_str() {
        "GET" if seen.line() == list => {
            let reason = "the VM boots from it and may not go on without it; stop it first";
            let stays = json!({"allowed": false, "code": "disk_needed", "reason": reason});
            let goes = json!({"allowed": true});
            let lacks = "its provider cannot change disks";
            let never = json!({"allowed": false, "code": "capability_missing", "reason": lacks});
            let all = [disk("root", true, &stays), disk("data", true, &goes)];
            let more = [disk("logs", false, &goes), disk("keep", true, &never)];
            Reply::page(all.into_iter().chain(more).collect())
        }
        "GET" if seen.path.starts_with("/api/v1/vms") => fleet(seen),
        _ => change(seen),
    })
}

#[test]
fn e8_a_list_tells_which_disks_can_be_detached() {
    let server = answering(|seen| panic!("{seen:?}"));
    let columns = ["--columns", "name,state,size,bus,volume,detach,own-volume"];
    let ended = run(&server, &[&["disk", "list", "web-1"] as &[&str], &columns].concat());
    expect![[r"
        NAME  STATE     SIZE   BUS   VOLUME                  DETACH  OWN-VOLUME
        root  attached  1 GiB  scsi  default/web-root.qcow2  no      yes
        data  attached  1 GiB  scsi  default/web-data.qcow2  yes     yes
        logs  attached  1 GiB  scsi  default/web-logs.qcow2  yes     no
        keep  attached  1 GiB  scsi  default/web-keep.qcow2  no      yes
        exit 0
    "]]
    .assert_eq(&ended.all());
}

#[test]
fn e8_every_source_of_a_disk_is_sent_as_it_was_asked_for() {
    let body = |source: Value| {
        json!({
            "name": "more", "device": "disk", "bus": null, "source": source, "read_only": false,
            "cache": null, "discard": false, "serial": null,
        })
    };
    let two: u64 = 2 << 30;
    for (arguments, source) in [
        (
            &["--size", "2G", "--pool", "fast"] as &[&str],
            json!({"empty": {"size_bytes": two, "pool": "fast", "format": null}}),
        ),
        (
            &["--volume", "default/logs.raw"],
            json!({"volume": {"pool": "default", "volume": "logs.raw"}}),
        ),
        (
            &["--image", "tools", "--format", "raw"],
            json!({"image": {"image": "tools", "size_bytes": null, "pool": null, "format": "raw"}}),
        ),
    ] {
        let server = answering(|_| Reply::Json(202, operation("disk.attach", "succeeded", 1)));
        let ended = run(&server, &[&["disk", "attach", "web-1", "more"], arguments].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        let seen = server.seen();
        let change = seen.iter().find(|seen| seen.method != "GET").unwrap();
        let line = format!("POST /api/v1/vms/{}/disks", id(1));
        assert_eq!((change.line(), change.json()), (line, body(source)), "{arguments:?}");
    }
}

#[test]
fn e8_a_source_has_to_be_named_once() {
    let server = answering(|seen| panic!("{seen:?}"));
    let attach: &[&str] = &["disk", "attach", "web-1", "more"];
    for wrong in [
        &[] as &[&str],
        &["--volume", "default"],
        &["--volume", "default/a", "--size", "1G"],
        &["--volume", "default/a", "--image", "tools"],
    ] {
        let ended = run(&server, &[attach, wrong].concat());
        assert_eq!(ended.code, 2, "{wrong:?}: {}", ended.all());
    }
}

#[test]
fn e8_detaching_keeps_the_volume_unless_its_end_is_asked_for() {
    let all = format!("DELETE /api/v1/vms/{}/disks/data", id(1));
    for (more, deletes) in [(None, "false"), (Some("--delete-volume"), "true")] {
        let server = answering(|_| Reply::Json(202, operation("disk.detach", "succeeded", 1)));
        let mut arguments = vec!["disk", "detach", "web-1", "data", "--yes"];
        arguments.extend(more);
        let ended = run(&server, &arguments);
        assert_eq!(ended.code, 0, "{}", ended.err);
        let seen = server.seen();
        let change = seen.iter().find(|seen| seen.method != "GET").unwrap();
        assert!(change.line().starts_with(&all), "{}", change.line());
        assert_eq!(change.param("delete_volume").unwrap_or("false"), deletes);
    }
    let server = answering(|seen| panic!("{seen:?}"));
    let unasked = run(&server, &["disk", "detach", "web-1", "data", "--delete-volume"]);
    assert_eq!(unasked.code, 2, "{}", unasked.err);
    assert!(unasked.err.contains("its volume and all data on it"), "{}", unasked.err);
}

#[test]
fn e8_a_dry_run_of_detaching_tells_why_not() {
    let server = answering(|seen| panic!("{seen:?}"));
    let dry = |name: &'static str, more: &'static [&'static str]| {
        let all = [&["disk", "detach", "web-1", name, "--dry-run"] as &[&str], more].concat();
        run(&server, &all).all()
    };
    let refused = dry("root", &[]);
    assert!(refused.contains("the VM boots from it"), "{refused}");
    assert!(refused.ends_with("exit 5\n"), "{refused}");
    // It ends as doing it would end.
    let exit = hostler_core::Code::CapabilityMissing.kind().exit_code();
    assert_ne!(exit, 5);
    let lacking = dry("keep", &[]);
    assert!(lacking.ends_with(&format!("exit {exit}\n")), "{lacking}");
    assert!(dry("data", &["--delete-volume"]).contains("and all data on it"));
    assert!(dry("logs", &["--delete-volume"]).contains("was not made for this VM"));
    assert!(dry("logs", &[]).contains("stays"));
}
