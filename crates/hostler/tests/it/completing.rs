//! What the shell is offered: the protocol of the scripts, driven as they do.

use std::time::Duration;

use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::alerts::{alert, alert_id, silence};
use crate::rig::{fleet, id, operation, program, run, vm};

/// What a shell shows for `line`, whose last word is the one at the cursor.
fn offered(server: &TestServer, shell: &str, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = program(server, &[]);
    command
        .arg("--")
        .args(&words)
        .env("HOSTLER_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_IFS", "\n")
        // A busy machine must not look like a server that does not answer.
        .env("HOSTLER_COMPLETE_SECONDS", "30")
        .env("XDG_CACHE_HOME", server.directory().join("cache"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{line}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "Tab must say nothing: {line}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Only what is no flag.
fn names(server: &TestServer, line: &str) -> Vec<String> {
    offered(server, "bash", line).into_iter().filter(|word| !word.starts_with('-')).collect()
}

fn fact(value: Value) -> Value {
    json!({"value": value, "quality": "ok", "source": "x", "observed_at": null, "reason": null})
}

fn pool(number: u32, host: &str) -> Value {
    json!({
        "id": id(number), "name": "default", "provider": {"id": id(900), "name": "lab"},
        "host": {"id": id(800), "name": host}, "simulated": false, "kind": "dir",
        "active": true, "capacity_bytes": fact(json!(1)), "allocated_bytes": fact(json!(1)),
        "available_bytes": fact(json!(1)), "observed_at": "2026-11-21T04:00:00Z", "stale": false,
    })
}

/// One or two of everything.
fn world(seen: &Seen) -> Reply {
    let named = |more: Value| {
        let mut document = json!({"id": id(70), "name": "debian-13"});
        for (key, value) in more.as_object().unwrap() {
            document[key] = value.clone();
        }
        Reply::page(vec![document])
    };
    match seen.path.strip_prefix("/api/v1/").unwrap() {
        "hosts" => named(json!({
            "name": "h1", "provider": {"id": id(900), "name": "lab"}, "simulated": false,
            "state": "ready", "reason": null, "observed_at": null, "arch": fact(Value::Null),
            "cpu_model": fact(Value::Null), "cpu_count": fact(Value::Null),
            "memory_bytes": fact(Value::Null), "memory_free_bytes": fact(Value::Null),
            "hypervisor": fact(Value::Null), "vm_count": 0, "vm_running_count": 0,
            "guests": fact(Value::Null),
        })),
        "pools" => Reply::page(vec![pool(700, "h1"), pool(701, "h2")]),
        path if path == format!("pools/{}/volumes", id(701)) => Reply::page(vec![json!({
            "name": "a.qcow2", "format": "qcow2", "capacity_bytes": 1, "allocated_bytes": 0,
            "path": null, "backing": null, "used_by": null,
        })]),
        "images" => named(json!({
            "description": "stable", "format": "qcow2", "file_bytes": 1, "virtual_bytes": 1,
            "sha256": "00", "created_at": "2026-11-21T04:00:00Z",
        })),
        "networks" => named(json!({
            "name": "br0", "provider": {"id": id(900), "name": "lab"}, "host": null,
            "simulated": false, "forward": "bridge", "bridge": "br0", "active": true,
            "autostart": true, "subnets": [], "observed_at": "2026-11-21T04:00:00Z", "stale": false,
        })),
        "operations" => Reply::page(vec![operation("vm.start", "running", 1)]),
        "providers" => named(json!({
            "name": "lab", "kind": "libvirt", "uri": "qemu:///system", "simulated": false,
            "state": "healthy", "reason": null, "product": null, "observed_at": null,
            "inventory_seconds": null, "groups": [], "vm_count": 1, "from_config": false,
        })),
        "tokens" => named(json!({
            "name": "ci", "role": "reader", "created_at": "2026-11-21T04:00:00Z",
            "created_by": "x", "expires_at": null, "last_used_at": null,
        })),
        "alerts" => Reply::page(vec![alert(1, "HostDown"), alert(2, "Hot"), alert(3, "Hot")]),
        "silences" => Reply::page(vec![silence(1, "active")]),
        _ => fleet(seen),
    }
}

#[test]
fn the_script_of_every_shell_asks_the_program() {
    let server = TestServer::start(|_| Reply::Drop);
    for shell in ["bash", "zsh", "fish", "powershell", "pwsh", "elvish"] {
        let script = run(&server, &["completion", shell]);
        assert_eq!((script.code, script.err.as_str()), (0, ""), "{shell}");
        assert!(script.out.contains("HOSTLER_COMPLETE"), "{shell}: {}", script.out);
    }
    assert_eq!(run(&server, &["completions", "bash"]).code, 0, "as it was called before");
    assert_eq!(run(&server, &["completion", "tcsh"]).code, 2);
}

#[test]
fn commands_and_flags_are_offered_without_a_server() {
    let server = TestServer::start(|seen| panic!("{}", seen.line()));
    assert_eq!(names(&server, "hostler vm sta"), ["stats", "start"]);
    assert_eq!(offered(&server, "bash", "hostler vm create --secure"), ["--secure-boot"]);
    let formats = names(&server, "hostler ls -o ");
    assert!(formats.contains(&"json".to_owned()) && formats.contains(&"template=".to_owned()));
    assert_eq!(names(&server, "hostler explain vm.disks.b"), ["vm.disks.bus"]);
    let commands = names(&server, "hostler ");
    assert!(!commands.contains(&"destroy".to_owned()) && commands.contains(&"vm".to_owned()));
}

#[test]
fn names_of_everything_come_from_the_server() {
    let server = TestServer::start(world);
    let cases: &[(&str, &[&str])] = &[
        ("hostler vm start web", &["web-1", "web-2"]),
        ("hostler start web-1 d", &["db"]),
        ("hostler vm show web-1", &["web-1"]),
        ("hostler console db", &["db"]),
        ("hostler dominfo db", &["db"]),
        ("hostler op list --vm db", &["db"]),
        ("hostler host show ", &["h1"]),
        ("hostler pool show ", &["h1/default", "h2/default"]),
        ("hostler pool show h2", &["h2/default"]),
        ("hostler volume delete h2/default a", &["a.qcow2"]),
        ("hostler image show ", &["debian-13"]),
        ("hostler network show b", &["br0"]),
        ("hostler provider show ", &["lab"]),
        ("hostler token delete ", &["ci"]),
        ("hostler alert show Host", &["HostDown"]),
        ("hostler alert ack 2", &[&alert_id(2)]),
        ("hostler silence create --alert Host", &["HostDown"]),
        ("hostler silence expire 0", &[&id(1)]),
        ("hostler vm create web --image deb", &["debian-13"]),
        ("hostler vm create web --network b", &["br0"]),
        ("hostler vm create web --host h", &["h1"]),
        ("hostler vm create web --provider l", &["lab"]),
    ];
    for (line, expected) in cases {
        assert_eq!(names(&server, line), *expected, "{line}");
    }
    let operation = id(501);
    for verb in ["show", "wait", "cancel", "retry", "resolve"] {
        assert_eq!(names(&server, &format!("hostler op {verb} 0")), [operation.as_str()]);
    }
}

#[test]
fn zsh_and_fish_show_what_a_name_is() {
    let server = TestServer::start(world);
    let zsh = offered(&server, "zsh", "hostler vm start web");
    assert_eq!(zsh, ["web-1:running on h1", "web-2:stopped on h1"]);
    let fish = offered(&server, "fish", "hostler op show 0");
    assert_eq!(fish, [format!("{}\trunning vm.start vm-1", id(501))]);
}

#[test]
fn the_server_looks_for_the_vms_that_begin_so() {
    let server = TestServer::start(fleet);
    names(&server, "hostler vm start web");
    let seen = server.seen().remove(0);
    assert_eq!(seen.param("filter"), Some("name=\"web*\""));
    assert_eq!((seen.param("sort"), seen.param("limit")), (Some("name"), Some("500")));
}

/// Makes what is kept `age` old.
fn aged(server: &TestServer, age: Duration) {
    let then = SystemClock.now().minus(age).as_micros();
    for file in std::fs::read_dir(server.directory().join("cache/hostler/completion")).unwrap() {
        let path = file.unwrap().path();
        let mut entry: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        entry["at_micros"] = json!(then);
        std::fs::write(&path, entry.to_string()).unwrap();
    }
}

#[test]
fn the_second_press_costs_no_request() {
    let server = TestServer::start(fleet);
    names(&server, "hostler start ");
    for line in ["hostler start w", "hostler start web-2", "hostler vm stop d"] {
        // However long the press before it took.
        aged(&server, Duration::ZERO);
        names(&server, line);
    }
    assert_eq!(server.seen().len(), 1, "{:?}", server.lines());
}

#[test]
fn the_line_says_which_server_is_asked() {
    let asked = TestServer::start(fleet);
    let other = TestServer::start(|seen| panic!("{}", seen.line()));
    let socket = asked.socket().display().to_string();
    assert_eq!(names(&other, &format!("hostler --socket {socket} start d")), ["db"]);
    assert_eq!(names(&other, &format!("hostler start --socket={socket} d")), ["db"]);
    let add = run(&other, &["context", "add", "lab", "--socket", &socket]);
    assert_eq!(add.code, 0, "{}", add.err);
    assert_eq!(names(&other, "hostler --context lab start d"), ["db"]);
    assert_eq!(names(&other, "hostler --context la"), ["lab"]);
    assert_eq!(names(&other, "hostler context use "), ["lab"]);
    assert_eq!(names(&other, "hostler --context absent start d"), Vec::<String>::new());
}

#[test]
fn a_server_that_does_not_answer_offers_nothing_and_says_nothing() {
    let hanging = TestServer::start(|_| Reply::Hang);
    assert_eq!(names(&hanging, "hostler start "), Vec::<String>::new());
    for reply in [
        Reply::Drop,
        Reply::Raw(b"nonsense".to_vec()),
        Reply::problem(hostler_core::Code::CredentialsMissing, "log in"),
        Reply::Json(200, json!({"items": "none"})),
    ] {
        let server = TestServer::start(move |_| reply.clone());
        assert_eq!(names(&server, "hostler start "), Vec::<String>::new());
    }
    let server = TestServer::start(fleet);
    std::fs::remove_file(server.socket()).unwrap();
    assert_eq!(names(&server, "hostler start "), Vec::<String>::new());
    assert_eq!(names(&server, "hostler vm sho"), ["show"], "the grammar needs no server");
}

#[test]
fn a_hostile_name_does_not_become_a_command_line() {
    let server = TestServer::start(|_| {
        Reply::page(vec![
            vm(1, "$(reboot)", "running"),
            vm(2, "a b", "running"),
            vm(3, "--force", "running"),
            vm(4, "plain", "\u{1b}]0;x\u{7}"),
        ])
    });
    let offered = names(&server, "hostler start ");
    assert_eq!(
        offered,
        ["plain".to_owned(), id(1), id(2), id(3)]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    let zsh = self::offered(&server, "zsh", "hostler start p");
    assert!(zsh.iter().all(|line| line.chars().all(|c| !c.is_control())), "{zsh:?}");
}

#[test]
fn an_old_list_is_asked_for_again() {
    let server = TestServer::start(fleet);
    names(&server, "hostler start ");
    aged(&server, Duration::from_secs(3));
    names(&server, "hostler start ");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_bash_completes_with_the_script() {
    let server = TestServer::start(fleet);
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_hostler")).parent().unwrap();
    // As bash does it: the script is read, and its function called with the line.
    let drive = "source <(hostler completion bash)\n\
        COMP_WORDS=(hostler vm stop web) COMP_CWORD=3 COMP_TYPE=9\n\
        _clap_complete_hostler hostler web stop\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "-c", drive]).env_clear();
    command
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("HOSTLER_SOCKET", server.socket())
        .env("XDG_CONFIG_HOME", server.directory())
        .env("XDG_CACHE_HOME", server.directory());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "web-1\nweb-2\n", "{output:?}");
}
