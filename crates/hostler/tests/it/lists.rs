//! Lists and single resources, in every format.

use expect_test::{expect, expect_file};
use hostler_client::testing::{Reply, TestServer};
use serde_json::{Value, json};

use crate::rig::{fleet, fleet_and, id, run, vm};

#[test]
fn c10_vms_are_listed_for_people() {
    let server = TestServer::start(fleet);
    expect![[r#"
        NAME   STATE    HOST  CPUS  MEMORY  ADDRESSES
        web-1  running  h1    2     2 GiB   10.0.0.5
        web-2  stopped  h1    2     2 GiB   -
        db     stopped  h1    2     2 GiB   -
        twin   running  h1    2     2 GiB   10.0.0.5
        twin   running  -     2     2 GiB   10.0.0.5
        exit 0
    "#]]
    .assert_eq(&run(&server, &["vm", "list"]).all());
    let seen = server.seen().remove(0);
    assert_eq!((seen.param("sort"), seen.param("limit")), (Some("name"), Some("1000")));
    assert_eq!(seen.param("filter"), None);
}

#[test]
fn x17_what_is_not_known_is_a_dash_and_what_is_old_is_marked() {
    let server = TestServer::start(|_| {
        let mut gone = vm(1, "gone", "unknown");
        gone["status"] = json!({"state": "unknown", "reason": "host_unreachable",
            "quality": "stale", "observed_at": null, "last_seen": "running"});
        for field in ["cpu_count", "memory_bytes", "host", "provider", "project"] {
            gone[field] = Value::Null;
        }
        gone["addresses"] = json!([]);
        let Reply::Json(status, mut page) = Reply::page(vec![gone]) else { unreachable!("JSON") };
        page["stale"] = json!(true);
        Reply::Json(status, page)
    });
    expect![[r#"
        NAME  STATE                  HOST  CPUS  MEMORY  ADDRESSES
        gone  unknown (was running)  -     -     -       -
        note: a provider does not answer; part of this is old
        exit 0
    "#]]
    .assert_eq(&run(&server, &["ls"]).all());
}

#[test]
fn c10_filters_labels_and_sort_are_the_servers_business() {
    let server = TestServer::start(fleet);
    let line = [
        "vm",
        "ls",
        "web-*",
        "-l",
        "tier=web",
        "-l",
        "env!=a b",
        "--filter",
        "state=running",
        "--sort",
        "-memory_bytes",
        "--search",
        "x",
        "--limit",
        "2",
    ];
    let ended = run(&server, &line);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let seen = server.seen().remove(0);
    assert_eq!(
        seen.param("filter"),
        Some(r#"name="web-*" AND label.tier="web" AND label.env!="a b" AND state=running"#)
    );
    assert_eq!(seen.param("sort"), Some("-memory_bytes"));
    assert_eq!((seen.param("limit"), seen.param("search")), (Some("2"), Some("x")));
}

#[test]
fn json_is_the_servers_own_document() {
    let server = TestServer::start(fleet);
    let ended = run(&server, &["vm", "list", "-o", "json"]);
    let Reply::Json(_, page) = Reply::page(vec![]) else { unreachable!("JSON") };
    assert!(page["items"].is_array());
    assert_eq!(ended.json()[0], vm(1, "web-1", "running"));
    assert_eq!(ended.json().as_array().unwrap().len(), 5);
    assert_eq!(ended.err, "");
    let one = run(&server, &["vm", "show", "web-1", "-o", "json"]).json();
    assert_eq!((&one["id"], &one["generation"]), (&json!(id(1)), &json!(3)));
    assert_eq!(one["of_a_later_version"], json!([1, 2]));
}

#[test]
fn every_other_format_has_its_shape() {
    let server = TestServer::start(fleet);
    // CSV ends its lines with CRLF, which this file cannot hold.
    let shown = |arguments: &[&str]| run(&server, arguments).all().replace('\r', "");
    expect![[r#"
        name,memory,host
        web-1,2147483648,h1
        web-2,2147483648,h1
        exit 0
    "#]]
    .assert_eq(&shown(&["ls", "web-*", "-o", "csv", "--columns", "name,memory,host"]));
    expect![[r#"
        web-1
        web-2
        exit 0
    "#]]
    .assert_eq(&shown(&["ls", "web-*", "-o", "name"]));
    expect![[r#"
        0192d0c4-0000-7000-8000-000000000001
        0192d0c4-0000-7000-8000-000000000002
        exit 0
    "#]]
    .assert_eq(&shown(&["ls", "web-*", "-q"]));
    expect![[r#"
        0192d0c4-0000-7000-8000-000000000001  running
        0192d0c4-0000-7000-8000-000000000002  stopped
        exit 0
    "#]]
    .assert_eq(&shown(&["ls", "web-*", "--no-headers", "--columns", "id,state"]));
    expect![[r#"
        error: a vm has no column `colour`
        hint: there are name, state, host, cpus, memory, addresses, reason, quality, seen, provider, namespace, system, service, instance, project, managed, labels, operation, age, id
        exit 2
    "#]].assert_eq(&shown(&["ls", "web-*", "--columns", "colour"]));
    let yaml = shown(&["ls", "db", "-o", "yaml"]);
    assert!(yaml.starts_with("- id: ") && yaml.contains("\n  name: db\n"), "{yaml}");
}

#[test]
fn the_format_can_come_from_the_environment_and_a_flag_beats_it() {
    let server = TestServer::start(fleet);
    let with = |word: &str, arguments: &[&str]| {
        let output = crate::rig::program(&server, arguments).env("HOSTLER_OUTPUT", word).output();
        let output = output.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(with("name", &["ls", "db"]), (0, "db\n".to_owned()));
    assert_eq!(with("name", &["ls", "db", "-q"]), (0, format!("{}\n", id(3))));
    assert_eq!(with("nonsense", &["ls", "db"]).0, 2);
}

#[test]
fn c5_a_vm_is_shown_with_the_pedigree_of_what_was_seen() {
    let server = TestServer::start(fleet);
    let ended = run(&server, &["vm", "show", &id(1)]);
    // The ages depend on today.
    let steady: Vec<&str> = ended
        .out
        .lines()
        .filter(|line| !line.starts_with("seen ") && !line.starts_with("age "))
        .collect();
    expect![[r#"
        name           web-1
        id             0192d0c4-0000-7000-8000-000000000001
        state          running
        reason         booted
        message        -
        quality        ok
        operation      -
        host           h1
        provider       lab
        project        default
        managed        true
        description    the web server
        labels         tier=web
        cpus           2
        memory         2 GiB
        addresses      10.0.0.5
        primary        -
        machine        q35
        arch           x86_64
        hypervisor     -
        confidence     -
        firmware       uefi (stale)
        autostart      false
        persistent     true
        needs-restart  -
        consoles       serial,vnc
        actions        stop
        external-ref   uuid-1
        namespace      -
        system         -
        service        -
        instance       -
        generation     3

        Disks
          TARGET  DEVICE  BUS     SIZE    FORMAT  ACCESS      SOURCE
          vda     disk    virtio  20 GiB  qcow2   read-write  /pool/web-root.qcow2

        Network interfaces
          MAC                KIND     SOURCE   MODEL   HOST-DEVICE  ADDRESSES
          52:54:00:12:34:56  network  default  virtio  vnet0        10.0.0.5 (dhcp_lease)"#]]
    .assert_eq(&steady.join("\n"));
}

#[test]
fn an_empty_list_says_so_on_stderr_and_is_empty_on_stdout() {
    let server = TestServer::start(|_| Reply::page(vec![]));
    let ended = run(&server, &["vm", "list"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", "there is no vm\n"));
    assert_eq!(run(&server, &["vm", "list", "-o", "json"]).out, "[]\n");
}

#[test]
fn a_demo_is_marked_as_one() {
    let server = TestServer::start(|_| {
        let mut vm = vm(1, "a", "running");
        vm["simulated"] = json!(true);
        Reply::page(vec![vm])
    });
    let ended = run(&server, &["vm", "list"]);
    assert!(ended.err.contains("this is a demo"), "{}", ended.err);
}

#[test]
fn a_hostile_name_cannot_act_on_the_terminal() {
    let server =
        TestServer::start(|_| Reply::page(vec![vm(1, "\u{1b}]0;pwned\u{7}\u{9b}31m", "running")]));
    for format in ["table", "wide", "json", "yaml", "name", "id", "csv"] {
        let ended = run(&server, &["ls", "-o", format]);
        let is_safe = |c: char| !c.is_control() || matches!(c, '\n' | '\r');
        // CSV is for programs and whole; the others are looked at.
        assert!(format == "csv" || ended.out.chars().all(is_safe), "{format}: {:?}", ended.out);
    }
}

/// A host, a pool, a network, a provider and a volume.
fn one_of_each() -> [Value; 5] {
    let fact = |value: Value| json!({"value": value, "quality": "ok", "source": "x", "observed_at": null, "reason": null});
    let host = json!({
        "id": id(800), "name": "h1", "provider": {"id": id(900), "name": "lab"}, "simulated": false,
        "state": "degraded", "reason": "no answer", "observed_at": null, "arch": fact(json!("x86_64")),
        "cpu_model": fact(Value::Null), "cpu_count": fact(json!(8)),
        "memory_bytes": fact(json!(17179869184_u64)), "memory_free_bytes": fact(Value::Null),
        "hypervisor": fact(json!("QEMU 7.2")), "vm_count": 3, "vm_running_count": 1,
        "guests": fact(json!([{"arch": "x86_64", "hypervisors": ["kvm"], "machines": ["q35"]}])),
    });
    let pool = json!({
        "id": id(700), "name": "default", "provider": {"id": id(900), "name": "lab"},
        "host": {"id": id(800), "name": "h1"}, "simulated": false, "kind": "dir", "active": true,
        "capacity_bytes": fact(json!(1099511627776_u64)), "allocated_bytes": fact(json!(0)),
        "available_bytes": fact(Value::Null), "observed_at": "2026-11-21T04:00:00Z", "stale": true,
    });
    let network = json!({
        "id": id(600), "name": "default", "provider": {"id": id(900), "name": "lab"}, "host": null,
        "simulated": false, "forward": "nat", "bridge": "virbr0", "active": false,
        "autostart": true, "subnets": ["192.168.122.0/24"], "observed_at": "2026-11-21T04:00:00Z",
        "stale": false,
    });
    let provider = json!({
        "id": id(900), "name": "lab", "kind": "libvirt", "uri": "qemu:///system",
        "simulated": false, "state": "unreachable", "reason": "no socket", "product": null,
        "observed_at": null, "inventory_seconds": null, "groups": ["power"], "vm_count": null,
        "from_config": true,
    });
    let volume = json!({"name": "a.qcow2", "format": "qcow2", "capacity_bytes": 1024,
        "allocated_bytes": 0, "path": "/a", "backing": null, "used_by": null});
    [host, pool, network, provider, volume]
}

#[test]
fn the_other_nouns_are_listed_and_shown() {
    let [host, pool, network, provider, volume] = one_of_each();
    let (whole_host, pools) = (host.clone(), pool.clone());
    let server = TestServer::start(move |seen| match seen.line().as_str() {
        "GET /api/v1/hosts" => Reply::page(vec![host.clone()]),
        "GET /api/v1/hosts/0192d0c4-0000-7000-8000-000000000800" => {
            Reply::Json(200, whole_host.clone())
        }
        "GET /api/v1/pools" => Reply::page(vec![pools.clone()]),
        "GET /api/v1/pools/0192d0c4-0000-7000-8000-000000000700/volumes" => {
            Reply::page(vec![volume.clone()])
        }
        "GET /api/v1/networks" => Reply::page(vec![network.clone()]),
        "GET /api/v1/providers" => Reply::page(vec![provider.clone()]),
        other => panic!("{other}"),
    });
    let mut shown = String::new();
    for arguments in [
        &["host", "list"] as &[&str],
        &["host", "show", "h1"],
        &["pool", "list"],
        &["network", "list"],
        &["provider", "list"],
        &["volume", "list", "default"],
    ] {
        shown.push_str(&format!(
            "$ hostler {}\n{}",
            arguments.join(" "),
            run(&server, arguments).all()
        ));
    }
    expect_file!["golden/lists.txt"].assert_eq(&shown);
}

#[test]
fn equal_names_are_told_apart_by_their_place() {
    let fact =
        || json!({"value": 1, "quality": "ok", "source": "x", "observed_at": null, "reason": null});
    let pool = move |number: u32, host: &str| {
        json!({
            "id": id(number), "name": "default", "provider": {"id": id(900), "name": "lab"},
            "host": {"id": id(800), "name": host}, "simulated": false, "kind": "dir",
            "active": true, "capacity_bytes": fact(), "allocated_bytes": fact(),
            "available_bytes": fact(), "observed_at": "2026-11-21T04:00:00Z", "stale": false,
        })
    };
    let server = TestServer::start(move |seen| match seen.path.as_str() {
        "/api/v1/pools" => Reply::page(vec![pool(1, "h1"), pool(2, "h2")]),
        _ => Reply::page(vec![]),
    });
    expect![[r#"
        error: `default` names several: h1/default (0192d0c4-0000-7000-8000-000000000001), h2/default (0192d0c4-0000-7000-8000-000000000002)
        hint: name the pool in full, or by its id
        exit 2
    "#]].assert_eq(&run(&server, &["volume", "list", "default"]).all());
    for name in ["h2/default", &id(2)] {
        assert_eq!(run(&server, &["volume", "list", name]).code, 0, "{name}");
        assert!(server.lines().last().unwrap().ends_with(&format!("/pools/{}/volumes", id(2))));
    }
}

#[test]
fn the_definition_goes_through_unchanged() {
    let xml = "<domain>\r\n\t<name>a</name>\u{9b}</domain>\n";
    let server = fleet_and(move |seen| {
        assert_eq!(seen.line(), format!("GET /api/v1/vms/{}/definition", id(1)));
        Reply::Text(200, xml.into())
    });
    for command in [&["vm", "xml", "web-1"] as &[&str], &["dumpxml", "web-1"]] {
        assert_eq!(run(&server, command).out, xml);
    }
}

#[test]
fn two_vms_of_one_name_are_told_apart_by_what_they_belong_to() {
    let server = TestServer::start(|_| {
        let mut shop = vm(1, "web", "running");
        shop["namespace"] = json!("shop");
        shop["governance"] = json!({ "system": "store", "service": "front", "instance": "eu" });
        let mut test = vm(2, "web", "stopped");
        test["namespace"] = json!("test");
        Reply::page(vec![shop, test])
    });
    let columns = "name,namespace,system,service,instance,state";
    expect![[r#"
        NAME  NAMESPACE  SYSTEM  SERVICE  INSTANCE  STATE
        web   shop       store   front    eu        running
        web   test       -       -        -         stopped
        exit 0
    "#]]
    .assert_eq(&run(&server, &["vm", "list", "--columns", columns]).all());
}
