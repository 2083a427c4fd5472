//! Clusters: shown, compared, tried, and given kubeconfigs that no command line holds.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use serde_json::{Value, json};

use crate::rig::{id, run, run_with};

fn cluster(name: &str, health: &str, changes: &Value) -> Value {
    let mut cluster = json!({
        "id": id(if name == "us" { 8 } else { 7 }), "name": name, "kind": "kubevirt", "uri": "kubevirt+kubeconfig:?context=lab",
        "source": "kubeconfig", "simulated": false, "health": health, "reasons": [],
        "reported_at": null, "age_seconds": null, "stale": false, "failure": null,
        "watch_lags": [], "capabilities": null, "storage_classes": null,
        "declared_hardware": {}, "vm_count": null, "host_count": null, "kubeconfig": null,
        "fits": null, "lacks": null,
    });
    for (key, value) in changes.as_object().unwrap() {
        cluster[key] = value.clone();
    }
    cluster
}

fn capable() -> Value {
    let feature = |name: &str, enabled: Value, remedy: Value| {
        json!({ "name": name, "enabled": enabled, "stage": "beta", "why": "because",
            "inferred": false, "remedy": remedy })
    };
    json!({
        "version": "1.7.0", "detected_at": "2026-11-21T04:00:00.000000Z",
        "enabled_features": ["GPU"],
        "features": [
            feature("GPU", json!(true), Value::Null),
            feature("Sidecar", json!(false), json!("turn its gate on")),
            feature("Odd", Value::Null, Value::Null),
        ],
        "hardware": [{ "name": "kvm", "present": true, "hosts": 3, "source": "allocatable",
            "declared": false }],
        "upgrades": upgrades(&json!([{ "version": "1.8", "changes": [{ "name": "Sidecar",
            "turns_on": true, "why": "beta is on from 1.8", "inferred": false }] }]), &Value::Null),
    })
}

fn upgrades(value: &Value, reason: &Value) -> Value {
    let quality = if reason.is_null() { "ok" } else { "unavailable" };
    json!({ "value": value, "quality": quality, "source": "kubevirt", "observed_at": null,
        "reason": reason })
}

/// What is shown below the title of upgrades.
fn shown_of_upgrades(told: Value) -> String {
    let server = TestServer::start(move |_| {
        let mut capabilities = capable();
        capabilities["upgrades"] = told.clone();
        Reply::page(vec![cluster("eu", "healthy", &json!({ "capabilities": capabilities }))])
    });
    let shown = run(&server, &["cluster", "show", "eu"]).out;
    let (_, below) = shown.split_once("Upgrades\n").unwrap();
    below.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn e14_what_is_inferred_of_newer_versions_is_said_and_none_is_left_out() {
    let change = json!({ "name": "Sidecar", "turns_on": true, "why": "beta is on from 1.9",
        "inferred": true });
    let all = json!([{ "version": "1.8", "changes": [] },
        { "version": "1.9", "changes": [change] }]);
    expect![[r#"
        TO   FEATURE  TURNS  WHY                  INFERRED
        1.8  nothing  -      -                    -
        1.9  Sidecar  on     beta is on from 1.9  yes
    "#]]
    .assert_eq(&shown_of_upgrades(upgrades(&all, &Value::Null)));
}

#[test]
fn x17_no_newer_version_and_none_that_can_be_told_of_are_two_things() {
    let none = shown_of_upgrades(upgrades(&json!([]), &Value::Null));
    assert_eq!(none, "no newer version is known\n");
    let untold = shown_of_upgrades(upgrades(&Value::Null, &json!("its version is not told")));
    assert_eq!(untold, "what they would change is not known: its version is not told\n");
}

#[test]
fn e13_e16_clusters_are_listed_with_health_and_what_they_lack() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.line(), "GET /api/v1/clusters");
        let lacks = json!([{ "name": "Sidecar", "kind": "feature", "why": "off", "remedy": null }]);
        let reason = json!([{ "code": "AuthFailed", "message": "\u{1b}[31mexpired",
            "warning": false }]);
        Reply::page(vec![
            cluster(
                "eu",
                "healthy",
                &json!({ "capabilities": capable(), "host_count": 3,
                "vm_count": 12, "fits": true, "lacks": [] }),
            ),
            cluster(
                "us",
                "unhealthy",
                &json!({ "reasons": reason, "stale": true, "fits": false,
                "lacks": lacks }),
            ),
            cluster("new", "unknown", &json!({})),
        ])
    });
    expect![[r#"
        NAME  HEALTH             VERSION  HOSTS  VMS  ASKED  LACKS    REASON
        eu    healthy            1.7.0    3      12   -      nothing  -
        us    unhealthy (stale)  -        -      -    -      Sidecar  \x1b[31mexpired
        new   unknown            -        -      -    -      -        -
        exit 0
    "#]]
    .assert_eq(&run(&server, &["cluster", "list", "--features", "GPU,Sidecar"]).all());
}

#[test]
fn e14_features_are_told_with_why() {
    let server = TestServer::start(|_| {
        Reply::page(vec![
            cluster("eu", "healthy", &json!({ "capabilities": capable() })),
            cluster("us", "unreachable", &json!({ "failure": "no answer" })),
        ])
    });
    expect![[r#"
        NAME     ENABLED  STAGE  WHY      REMEDY
        GPU      yes      beta   because  -
        Sidecar  no       beta   because  turn its gate on
        Odd      unknown  beta   because  -
        exit 0
    "#]]
    .assert_eq(&run(&server, &["cluster", "features", "eu"]).all());
    let json = run(&server, &["cluster", "features", "eu", "-o", "json"]).json();
    assert_eq!(json[1]["remedy"], "turn its gate on");
    expect![[r#"
        error: what cluster "us" can is not known: no answer
        exit 8
    "#]]
    .assert_eq(&run(&server, &["cluster", "features", "us"]).all());
}

#[test]
fn e14_what_newer_versions_would_change_is_told() {
    let server = TestServer::start(|_| {
        Reply::page(vec![cluster("eu", "healthy", &json!({ "capabilities": capable() }))])
    });
    let shown = run(&server, &["cluster", "show", "eu"]).all();
    let row = shown.lines().find(|line| line.trim_start().starts_with("1.8"));
    let words: Vec<_> = row.unwrap_or_else(|| panic!("{shown}")).split_whitespace().collect();
    assert_eq!(words[..3], ["1.8", "Sidecar", "on"], "{shown}");
}

#[test]
fn a36_a_kubeconfig_comes_from_a_file_or_stdin_and_is_sent_whole() {
    let server = TestServer::start(|seen| match seen.line().as_str() {
        "POST /api/v1/clusters" => Reply::Json(201, cluster("eu", "unknown", &json!({}))),
        other => panic!("{other}"),
    });
    let line = ["cluster", "add", "eu", "--kubeconfig", "-", "--namespace", "a", "--at-once", "5"];
    let ended = run_with(&server, &line, b"token: hunter2\n");
    assert_eq!(ended.code, 0, "{}", ended.all());
    assert!(!ended.all().contains("hunter2"));
    let body = server.seen().last().unwrap().json();
    assert_eq!(body["kubeconfig"], "token: hunter2\n");
    assert_eq!((&body["namespaces"], &body["allow_exec"]), (&json!(["a"]), &json!(false)));
    assert_eq!(body["at_once"], 5);
    let none = run(&server, &["cluster", "add", "eu", "--kubeconfig", "-", "--at-once", "0"]);
    assert_eq!((none.code, none.err.contains("1..=200")), (2, true), "{}", none.all());
    let ended = run(&server, &["cluster", "add", "eu", "--kubeconfig", "/nonexistent/x"]);
    assert_eq!(ended.code, 2, "{}", ended.all());
    let dry = run_with(&server, &[&line[..], &["--dry-run"]].concat(), b"token: hunter2\n");
    assert_eq!((dry.code, dry.out.contains("hunter2")), (0, false));
    assert_eq!(server.seen().len(), 1, "what is dry or has no kubeconfig is not sent");
}

#[test]
fn a_kubeconfig_that_is_tried_ends_by_what_the_cluster_says() {
    for (health, usable, code) in [
        ("healthy", true, 0),
        ("unhealthy", true, 0),
        ("unhealthy", false, 3),
        ("unreachable", false, 8),
    ] {
        let server = TestServer::start(move |seen| {
            assert_eq!(seen.line(), "POST /api/v1/clusters/test");
            let tested = json!({
                "server": "https://lab:6443", "context": "lab", "health": health,
                "usable": usable, "capabilities": null, "storage_classes": null,
                "took_seconds": 0.25,
                "reasons": [{ "code": "X", "message": "because", "warning": false }],
            });
            Reply::Json(200, tested)
        });
        let ended = run_with(&server, &["cluster", "test", "--kubeconfig", "-"], b"x");
        assert_eq!(ended.code, code, "{}", ended.all());
        let line = format!("https://lab:6443 (context lab) is {health}; it took 0.2 s\n");
        assert_eq!(ended.out, line);
        assert!(ended.err.contains("reason: because [X]"), "{}", ended.err);
    }
}

#[test]
fn a_cluster_is_rotated_and_removed_by_name() {
    let server = TestServer::start(|seen| match seen.line().split('?').next().unwrap() {
        "GET /api/v1/clusters" => Reply::page(vec![cluster("eu", "healthy", &json!({}))]),
        line if line == format!("PUT /api/v1/clusters/{}/kubeconfig", id(7)) => {
            Reply::Json(200, cluster("eu", "healthy", &json!({})))
        }
        line if line == format!("DELETE /api/v1/clusters/{}", id(7)) => Reply::Json(204, json!({})),
        other => panic!("{other}"),
    });
    let rotated = run_with(&server, &["cluster", "rotate", "eu", "--kubeconfig", "-"], b"x");
    assert_eq!(
        rotated.all(),
        "cluster \"eu\" is reached by this kubeconfig now; it is healthy\nexit 0\n"
    );
    let unasked = run(&server, &["cluster", "remove", "eu"]);
    assert_eq!(unasked.code, 2, "{}", unasked.all());
    let removed = run(&server, &["cluster", "remove", "eu", "--yes"]);
    assert_eq!(removed.all(), "cluster \"eu\" removed\nexit 0\n");
    let gone = run(&server, &["cluster", "remove", "us", "--yes", "--if-exists"]);
    assert_eq!(gone.code, 0, "{}", gone.all());
    assert_eq!(run(&server, &["cluster", "show", "us"]).code, 4);
}

#[test]
fn another_kubeconfig_looks_at_what_the_one_before_did_unless_it_is_said() {
    let server = TestServer::start(|seen| {
        let used = json!({ "server": "https://lab:6443", "context": "lab",
            "namespaces": ["a", "b"], "allow_exec": false, "given_by": "root",
            "given_at": "2026-11-21T04:00:00.000000Z" });
        let mut told = cluster("eu", "healthy", &json!({ "kubeconfig": used }));
        if seen.method == "GET" {
            return Reply::page(vec![told]);
        }
        if seen.json()["namespaces"] == json!([]) {
            told["kubeconfig"]["namespaces"] = Value::Null;
        }
        Reply::Json(200, told)
    });
    let line = ["cluster", "rotate", "eu", "--kubeconfig", "-"];
    let rotate = |flags: &[&str]| run_with(&server, &[&line[..], flags].concat(), b"x").all();
    expect![[r#"
        ~ the kubeconfig of cluster "eu"
          it looks at namespaces a, b, as before
        nothing was done
        exit 0
    "#]]
    .assert_eq(&rotate(&["--dry-run"]));
    expect![[r#"
        ~ the kubeconfig of cluster "eu"
        ~ it looks at all namespaces, and not at namespaces a, b
        nothing was done
        exit 0
    "#]]
    .assert_eq(&rotate(&["--dry-run", "--all-namespaces"]));
    expect![[r#"
        ~ the kubeconfig of cluster "eu"
        ~ it looks at namespace c, and not at namespaces a, b
        nothing was done
        exit 0
    "#]]
    .assert_eq(&rotate(&["--dry-run", "--namespace", "c"]));
    assert!(server.seen().iter().all(|seen| seen.method == "GET"), "nothing was sent");

    let sent = || server.seen().last().unwrap().json()["namespaces"].clone();
    let told = rotate(&[]);
    let same = "reached by this kubeconfig now; it is healthy, and looks at namespaces a, b";
    assert!(told.contains(same), "{told}");
    assert_eq!(sent(), Value::Null, "the server keeps what was");
    let told = rotate(&["--all-namespaces"]);
    assert!(told.contains("looks at all namespaces"), "{told}");
    assert_eq!(sent(), json!([]));
    rotate(&["--namespace", "c"]);
    assert_eq!(sent(), json!(["c"]));
    let both = rotate(&["--namespace", "c", "--all-namespaces"]);
    assert!(both.ends_with("exit 2\n"), "{both}");
}

#[test]
fn e15_hardware_is_declared_by_words_and_what_was_said_of_other_hardware_stays() {
    let server = TestServer::start(|seen| {
        let mut told = cluster("eu", "healthy", &json!({}));
        told["declared_hardware"] = json!({ "fpga": true, "kvm": false });
        match seen.line().split('?').next().unwrap() {
            "GET /api/v1/clusters" => Reply::page(vec![told]),
            line if line == format!("PATCH /api/v1/clusters/{}/hardware", id(7)) => {
                let all = told["declared_hardware"].as_object_mut().unwrap();
                for (name, is_there) in seen.json()["hardware"].as_object().unwrap() {
                    match is_there {
                        Value::Null => all.remove(name),
                        is_there => all.insert(name.clone(), is_there.clone()),
                    };
                }
                Reply::Json(200, told)
            }
            other => panic!("{other}"),
        }
    });
    let declare =
        |words: &[&str]| run(&server, &[&["cluster", "declare", "eu"], words].concat()).all();
    let words = ["gpu=there", "fpga=absent", "kvm=detected"];
    expect![[r#"
        + gpu is there
        ~ fpga is absent, not there
        - kvm is absent: what hosts tell counts again
        nothing was done
        exit 0
    "#]]
    .assert_eq(&declare(&[&words[..], &["--dry-run"]].concat()));
    assert_eq!(server.seen().len(), 1, "nothing was sent");
    expect![[r#"
        cluster "eu": declared is that fpga is absent, gpu is there
        exit 0
    "#]]
    .assert_eq(&declare(&words));
    let sent = server.seen().last().unwrap().json();
    let only = json!({ "hardware": { "fpga": false, "gpu": true, "kvm": null } });
    assert_eq!(sent, only, "what was said here, and not what was read");
    expect![[r#"
        cluster "eu": nothing is declared of its hardware
        exit 0
    "#]]
    .assert_eq(&declare(&["fpga=detected", "kvm=detected"]));
    let before = server.seen().len();
    expect![[r#"
        that is what is said of cluster "eu" already
        exit 0
    "#]]
    .assert_eq(&declare(&["fpga=there", "gpu=detected"]));
    assert_eq!(server.seen().len(), before + 1, "it was only looked up");
    for wrong in [&["gpu"][..], &["gpu=maybe"], &["gpu=there", "gpu=absent"], &[]] {
        let told = declare(wrong);
        assert!(told.ends_with("exit 2\n"), "{told}");
    }
}

#[test]
fn why_asking_again_failed_is_told_beside_the_reasons() {
    let server = TestServer::start(|_| {
        let reasons = json!([{ "code": "NoKubeVirt", "message": "there is no KubeVirt",
            "warning": false }]);
        let failure = "it did not answer within 30 s";
        let told = json!({ "reasons": reasons, "failure": failure });
        Reply::page(vec![cluster("eu", "unhealthy", &told)])
    });
    let shown = run(&server, &["cluster", "show", "eu"]).all();
    assert!(shown.contains("there is no KubeVirt"), "{shown}");
    assert!(shown.contains("it did not answer within 30 s"), "{shown}");
}
