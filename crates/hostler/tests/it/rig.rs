//! Runs the program, and the documents that the scripted server answers with.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn new(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Everything about it, for golden tests.
    pub(crate) fn all(&self) -> String {
        format!("{}{}exit {}\n", self.out, self.err, self.code)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}

/// The program with an environment of its own and nothing of the tester's.
pub(crate) fn program(server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command
        .args(arguments)
        .env_clear()
        .env("HOSTLER_SOCKET", server.socket())
        .env("XDG_CONFIG_HOME", server.directory())
        .env("XDG_CACHE_HOME", server.directory())
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// How a program that was run in another way ended.
pub(crate) fn ended(output: &Output) -> Ended {
    Ended::new(output)
}

pub(crate) fn run(server: &TestServer, arguments: &[&str]) -> Ended {
    Ended::new(&program(server, arguments).output().unwrap())
}

/// Runs the program with `input` on stdin.
pub(crate) fn run_with(server: &TestServer, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = program(server, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may end without reading all of it.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ended::new(&child.wait_with_output().unwrap())
}

/// A number as an id.
pub(crate) fn id(number: u32) -> String {
    format!("0192d0c4-0000-7000-8000-{number:012}")
}

/// A VM as lists show it.
pub(crate) fn vm(number: u32, name: &str, state: &str) -> Value {
    let running = state == "running";
    json!({
        "id": id(number), "name": name, "project": "default",
        "provider": {"id": id(900), "name": "lab"}, "host": {"id": id(800), "name": "h1"},
        "managed": true, "simulated": false,
        "status": {"state": state, "reason": "booted", "quality": "ok",
            "observed_at": "2026-11-21T04:00:00.000000Z", "last_seen": null},
        "cpu_count": 2, "memory_bytes": 2147483648_u64,
        "addresses": if running { json!(["10.0.0.5"]) } else { json!([]) },
        "labels": {"tier": "web"}, "operation": null,
        "actions": {
            "start": {"allowed": !running, "code": "vm_wrong_state", "reason": "it runs already"},
            "stop": {"allowed": running},
            "delete": {"allowed": !running, "code": "vm_wrong_state", "reason": "it runs; stop it"},
        },
        "created_at": "2026-11-20T04:00:00.000000Z",
        "of_a_later_version": [1, 2],
    })
}

/// A VM as it is shown by itself.
pub(crate) fn whole_vm(number: u32, name: &str, state: &str) -> Value {
    let fact = |value: Value| {
        json!({"value": value, "quality": "ok", "source": "libvirt",
            "observed_at": "2026-11-21T04:00:00.000000Z", "reason": null})
    };
    let mut vm = vm(number, name, state);
    let more = json!({
        "description": "the web server", "external_ref": "uuid-1", "generation": 3, "spec": null,
        "observed": {
            "name": name, "observed_at": "2026-11-21T04:00:00.000000Z",
            "persistent": fact(json!(true)), "autostart": fact(json!(false)),
            "cpu_count": fact(json!(2)), "cpu_max": fact(json!(2)),
            "memory_bytes": fact(json!(2147483648_u64)),
            "memory_max_bytes": fact(json!(2147483648_u64)),
            "arch": fact(json!("x86_64")), "machine": fact(json!("q35")),
            "hypervisor": {"value": null, "quality": "unavailable", "source": "libvirt",
                "observed_at": null, "reason": "not told"},
            "firmware": {"value": "uefi", "quality": "stale", "source": "libvirt",
                "observed_at": null, "reason": "old"},
            "disks": fact(json!([{"target": "vda", "device": "disk", "bus": "virtio",
                "source": "/pool/web-root.qcow2", "format": "qcow2",
                "capacity_bytes": 21474836480_u64, "read_only": false}])),
            "nics": fact(json!([{"mac": "52:54:00:12:34:56", "kind": "network", "source": "default",
                "model": "virtio", "host_device": "vnet0",
                "addresses": [{"address": "10.0.0.5", "source": "dhcp_lease"}]}])),
            "kept_by": [{"tool": "flux", "name": "apps", "evidence": "label x"}],
            "guest": {"value": {"system": "Debian GNU/Linux 12 (bookworm)", "os_id": "debian",
                "kernel_release": "6.1.0-31-amd64", "host_name": "web"}, "quality": "ok",
                "source": "guest_agent", "observed_at": null, "reason": null},
        },
        "consoles": ["serial", "vnc"],
    });
    for (key, value) in more.as_object().unwrap() {
        vm[key] = value.clone();
    }
    vm
}

/// An operation on the VM with that number.
pub(crate) fn operation(kind: &str, state: &str, number: u32) -> Value {
    json!({
        "id": id(500 + number), "kind": kind, "state": state,
        "phase": null,
        "progress": {"steps_done": 1, "steps_total": 2, "fraction": null, "note": null,
            "bytes_done": null, "bytes_total": null},
        "steps": [{"name": "prepare", "state": "done"}, {"name": "act", "state": "running"}],
        "resources": [{"kind": "vm", "id": id(number), "name": format!("vm-{number}")}],
        "created_by": "local:root", "cancellable": true, "error": null, "note": null,
        "created_at": "2026-11-21T04:00:00Z", "updated_at": "2026-11-21T04:00:00Z",
        "finished_at": null,
    })
}

/// An operation that ended with an error.
pub(crate) fn failed(kind: &str, state: &str, number: u32, code: Code, detail: &str) -> Value {
    let mut operation = operation(kind, state, number);
    let Reply::Json(_, problem) = Reply::problem(code, detail) else {
        unreachable!("a problem is JSON")
    };
    operation["error"] = problem;
    operation
}

/// Answers for a small fleet: `web-1` runs, `web-2` and `db` are stopped, and
/// there are two called `twin`.
/// What would go with a VM of the fleet that was put back once and has a disk of somebody's.
fn deletion(disks: bool) -> Value {
    let volume = |name: &str, disk: Value, kind: &str, goes: bool| {
        json!({
            "pool": "default", "volume": name, "disk": disk, "kind": kind, "goes": goes,
            "used_by": null,
        })
    };
    json!({
        "volumes": [
            volume("web-root", json!("root"), "disk", disks),
            volume("web-before", Value::Null, "left_behind", disks),
            volume("web-seed", json!("seed"), "seed", true),
            volume("given", json!("data"), "given", false),
        ],
        "others": ["/iso/tools.iso"],
        "ends_snapshots": disks,
    })
}

pub(crate) fn fleet(seen: &Seen) -> Reply {
    let mut all = vec![
        vm(1, "web-1", "running"),
        vm(2, "web-2", "stopped"),
        vm(3, "db", "stopped"),
        vm(4, "twin", "running"),
        vm(5, "twin", "running"),
    ];
    all[4]["host"] = Value::Null;
    all[4]["project"] = Value::Null;
    match seen.line().as_str() {
        "GET /api/v1/vms" => {
            let filter = seen.param("filter").unwrap_or_default();
            let wanted = filter.split(" AND ").find_map(|term| term.strip_prefix("name=\""));
            let wanted = wanted.map(|name| name.trim_end_matches('"').to_owned());
            all.retain(|vm| {
                let name = vm["name"].as_str().unwrap();
                match wanted.as_deref().map(|wanted| wanted.split_once('*').ok_or(wanted)) {
                    None => true,
                    Some(Ok((start, _))) => name.starts_with(start),
                    Some(Err(whole)) => name == whole,
                }
            });
            Reply::page(all)
        }
        line => {
            let Some(path) = line.strip_prefix("GET /api/v1/vms/") else {
                return Reply::problem(Code::EndpointNotFound, &format!("nothing at {line}"));
            };
            if let Some(vm) = path.strip_suffix("/deletion") {
                let is_there = all.iter().any(|one| one["id"] == vm);
                assert!(is_there, "nobody asks about another one: {line}");
                return Reply::Json(200, deletion(seen.param("disks") == Some("true")));
            }
            match all.iter().find(|vm| vm["id"] == path) {
                Some(vm) => {
                    let number: u32 = path[path.len() - 3..].parse().unwrap();
                    let shown = whole_vm(
                        number,
                        vm["name"].as_str().unwrap(),
                        vm["status"]["state"].as_str().unwrap(),
                    );
                    Reply::JsonWith(200, shown, vec![("etag", "\"3\"".into())])
                }
                None => Reply::problem(Code::VmNotFound, "there is no such VM"),
            }
        }
    }
}

/// The fleet, and `more` for everything that is not reading VMs.
pub(crate) fn fleet_and(more: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> TestServer {
    TestServer::start(move |seen| {
        let is_reading = seen.method == "GET"
            && seen.path.starts_with("/api/v1/vms")
            && !seen.path.ends_with("/definition");
        if is_reading { fleet(seen) } else { more(seen) }
    })
}
