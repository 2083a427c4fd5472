//! Clusters over the wire: kubeconfigs go in and none comes out (A29, A36).

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use hostler_core::access::Role;
use hostler_core::cluster::{AUTH_FAILED, Health, Reason, Report, WatchLag};
use hostler_core::vm::VmSpec;
use hostler_sim::World;
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// A kubeconfig with a secret that is looked for wherever it must not be.
pub(crate) const KUBECONFIG: &str = "{
    \"current-context\": \"lab\",
    \"clusters\": [{ \"name\": \"c\", \"cluster\": { \"server\": \"https://lab.example:6443\" } }],
    \"contexts\": [
        { \"name\": \"lab\", \"context\": { \"cluster\": \"c\", \"user\": \"u\" } },
        { \"name\": \"other\", \"context\": { \"cluster\": \"c\", \"user\": \"u\" } }
    ],
    \"users\": [{ \"name\": \"u\", \"user\": { \"token\": \"c4n4ry-in-a-c04lmine\" } }]
}";
const CANARY: &str = "c4n4ry";

/// Waits until the inventory of a new cluster was taken.
pub(crate) async fn seen(fixture: &Fixture, path: &str) {
    while fixture.local().get(path).await.json()["host_count"].is_null() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn add(fixture: &Fixture, name: &str) -> String {
    let body = json!({ "name": name, "kubeconfig": KUBECONFIG });
    let answer = fixture.local().post("/api/v1/clusters", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let path = format!("/api/v1/clusters/{}", answer.json()["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    seen(fixture, &path).await;
    path
}

async fn put(fixture: &Fixture, path: &str, body: &Value) -> crate::client::Answer {
    let body = Some(("application/json", body.to_string().into()));
    fixture.local().send("PUT", path, body).await
}

async fn declare(fixture: &Fixture, path: &str, body: &Value) -> crate::client::Answer {
    let body = Some(("application/merge-patch+json", body.to_string().into()));
    fixture.local().send("PATCH", &format!("{path}/hardware"), body).await
}

fn unhealthy(health: Health, code: &str) -> World {
    let world = World::small(8);
    let reason = Reason { code: code.into(), message: "because".into(), is_warning: false };
    world.set_cluster(Report { health, reasons: vec![reason], ..Report::default() });
    world
}

#[tokio::test]
async fn a36_a_kubeconfig_is_kept_sealed_and_is_in_no_answer_log_store_or_backup() {
    let fixture = Fixture::start().await;
    let keyed = fixture.local().header("idempotency-key", "k1");
    let body = json!({ "name": "eu", "kubeconfig": KUBECONFIG });
    let mut told = vec![keyed.post("/api/v1/clusters", &body).await.text()];
    told.push(keyed.post("/api/v1/clusters", &body).await.text());
    assert!(told[0].contains("\"source\":\"kubeconfig\""), "{}", told[0]);
    let path = format!(
        "/api/v1/clusters/{}",
        fixture.local().get("/api/v1/clusters").await.json()["items"][0]["id"].as_str().unwrap()
    );
    seen(&fixture, &path).await;
    let rotated = json!({ "kubeconfig": KUBECONFIG, "context": "other" });
    told.push(put(&fixture, &format!("{path}/kubeconfig"), &rotated).await.text());
    for read in [&path[..], "/api/v1/clusters", "/api/v1/providers", "/api/v1/events/history"] {
        told.push(fixture.local().get(read).await.text());
    }
    for text in &told {
        assert!(!text.contains(CANARY), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    fixture.store.backup(&backup).await.unwrap();
    let bytes = std::fs::read(&backup).unwrap();
    let holds = |words: &str| bytes.windows(words.len()).any(|window| window == words.as_bytes());
    assert!(holds("kubevirt+kubeconfig:") && !holds(CANARY) && !holds("\"users\""));
    let key = fixture.config.data_dir.join("secrets.key");
    assert_eq!(std::fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(key).unwrap();
    assert!(!holds(key.trim()), "a backup does not hold the key");
}

#[tokio::test]
async fn a29_over_the_network_a_kubeconfig_runs_nothing_and_names_no_file() {
    let fixture = Fixture::start().await;
    let admin = fixture.token(Role::Admin).await;
    let exec = KUBECONFIG.replace(
        "\"token\": \"c4n4ry-in-a-c04lmine\"",
        "\"exec\": { \"apiVersion\": \"client.authentication.k8s.io/v1\", \"command\": \"id\" }",
    );
    let file = KUBECONFIG.replace("\"server\"", "\"certificate-authority\": \"/x\", \"server\"");
    for (body, pointer, code) in [
        (json!({ "kubeconfig": exec }), "/kubeconfig", "unusable"),
        (json!({ "kubeconfig": exec, "allow_exec": true }), "/allow_exec", "not_yours"),
        (json!({ "kubeconfig": file }), "/kubeconfig", "unusable"),
        (json!({ "kubeconfig": "hunter2: [" }), "/kubeconfig", "unusable"),
        (json!({ "kubeconfig": "" }), "/kubeconfig", "unusable"),
        (json!({ "kubeconfig": KUBECONFIG, "context": "x" }), "/kubeconfig", "unusable"),
        (json!({ "kubeconfig": KUBECONFIG, "namespaces": [".."] }), "/kubeconfig", "unusable"),
        (json!({ "kubeconfig": KUBECONFIG, "at_once": 0 }), "/at_once", "out_of_range"),
        (json!({ "kubeconfig": KUBECONFIG, "at_once": 201 }), "/at_once", "out_of_range"),
        (json!({ "kubeconfig": "x".repeat((256 << 10) + 1) }), "/kubeconfig", "too_long"),
    ] {
        let mut named = body.clone();
        named["name"] = json!("eu");
        for (path, body) in [("/api/v1/clusters/test", &body), ("/api/v1/clusters", &named)] {
            let answer = admin.post(path, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"), "{path}");
            let error = &answer.json()["errors"][0];
            assert_eq!(
                (error["pointer"].as_str(), error["code"].as_str()),
                (Some(pointer), Some(code))
            );
            assert!(!answer.text().contains("hunter2"));
        }
    }
    assert!(!fixture.config.data_dir.join("secrets.key").exists(), "nothing was kept");
    // Root and the server's own user may, on this machine.
    let allowed = json!({ "name": "eu", "kubeconfig": exec, "allow_exec": true, "at_once": 5 });
    let answer = fixture.local().post("/api/v1/clusters", &allowed).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["kubeconfig"]["allow_exec"], true);
    assert_eq!(answer.json()["kubeconfig"]["at_once"], 5);
}

#[tokio::test]
async fn a_kubeconfig_is_tried_and_nothing_of_it_is_kept() {
    let fixture = Fixture::start().await;
    let body = json!({ "kubeconfig": KUBECONFIG });
    for (world, health, usable) in [
        (None, "healthy", true),
        (Some(unhealthy(Health::Unhealthy, "NoKubeVirt")), "unhealthy", true),
        (Some(unhealthy(Health::Unhealthy, AUTH_FAILED)), "unhealthy", false),
        (Some(unhealthy(Health::Unreachable, "Unreachable")), "unreachable", false),
    ] {
        if let Some(world) = world {
            *fixture.cluster.lock().unwrap() = world;
        }
        let answer = fixture.local().post("/api/v1/clusters/test", &body).await;
        let told = answer.json();
        assert_eq!((answer.status, told["health"].as_str()), (200, Some(health)), "{told}");
        assert_eq!(told["usable"], usable, "{told}");
    }
    let listed = fixture.local().get("/api/v1/clusters").await.json();
    assert_eq!(listed["items"], json!([]));
    assert!(fixture.store.secret_key_ids().await.unwrap().is_empty());
}

#[tokio::test]
async fn another_kubeconfig_is_tried_first_and_what_fails_changes_nothing() {
    let fixture = Fixture::start().await;
    fixture.cluster.lock().unwrap().add_vm("h1", VmSpec::new("web", 1 << 20), None, vec![]);
    let path = add(&fixture, "eu").await;
    let before = fixture.local().get(&path).await.json();
    let fresh = json!({ "kubeconfig": KUBECONFIG, "context": "other" });
    let elsewhere = World::new(9);
    elsewhere.add_host(hostler_sim::HostSetup::new("other"));
    elsewhere.set_cluster(hostler_sim::cluster::healthy());
    let good = fixture.cluster.lock().unwrap().clone();
    for (world, status, code) in [
        (unhealthy(Health::Unreachable, "Unreachable"), 503, "provider_unavailable"),
        (unhealthy(Health::Unhealthy, AUTH_FAILED), 503, "provider_denied"),
        (elsewhere, 409, "provider_conflict"),
    ] {
        *fixture.cluster.lock().unwrap() = world;
        let answer = put(&fixture, &format!("{path}/kubeconfig"), &fresh).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
        let now = fixture.local().get(&path).await.json();
        assert_eq!(now["kubeconfig"], before["kubeconfig"]);
    }
    *fixture.cluster.lock().unwrap() = good;
    let answer = put(&fixture, &format!("{path}/kubeconfig"), &fresh).await.json();
    assert_eq!(answer["kubeconfig"]["context"], "other");
    assert_eq!(answer["vm_count"], 1, "what is known stays");
    // What was not given by a kubeconfig is not given another.
    let lab = fixture.local().get("/api/v1/providers").await.json();
    let lab = lab["items"].as_array().unwrap().iter().find(|it| it["name"] == "lab").unwrap();
    let lab = format!("/api/v1/clusters/{}", lab["id"].as_str().unwrap());
    assert_eq!(
        put(&fixture, &format!("{lab}/kubeconfig"), &fresh).await.code(),
        "cluster_not_found"
    );
}

#[tokio::test]
async fn e15_e16_what_a_cluster_lacks_is_told_with_why() {
    let fixture = Fixture::start().await;
    let path = add(&fixture, "eu").await;
    let wanted = "features=GPU,Sidecar&hardware=fpga";
    let told = fixture.local().get(&format!("{path}?{wanted}")).await.json();
    assert_eq!((&told["fits"], told["lacks"].as_array().unwrap().len()), (&json!(false), 3));
    let fresh = json!({ "kubeconfig": KUBECONFIG });
    put(&fixture, &format!("{path}/kubeconfig"), &fresh).await;
    let declared = json!({ "hardware": { "fpga": true } });
    let answer = declare(&fixture, &path, &declared).await;
    assert_eq!(answer.json()["declared_hardware"], declared["hardware"]);
    let told = fixture.local().get(&format!("{path}?{wanted}")).await.json();
    let lacks = told["lacks"].as_array().unwrap();
    assert_eq!((lacks.len(), &lacks[0]["name"]), (1, &json!("Sidecar")));
    assert!(lacks[0]["remedy"].is_string() && lacks[0]["kind"] == "feature");
    let all = fixture.local().get("/api/v1/clusters").await.json();
    assert_eq!(all["items"][0]["fits"], Value::Null, "nothing was asked for");
    for query in ["features=", "hardware=a,,b", "features=a&filter=fits=maybe&limit=0"] {
        let answer = fixture.local().get(&format!("/api/v1/clusters?{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "query_invalid"), "{query}");
    }
    let bad = json!({ "hardware": { "a b": true } });
    let answer = declare(&fixture, &path, &bad).await.json();
    assert_eq!(answer["errors"][0]["pointer"], "/hardware/a b");
}

#[tokio::test]
async fn e15_of_two_who_declare_hardware_neither_loses_a_word_of_the_other() {
    let fixture = Fixture::start().await;
    let path = add(&fixture, "eu").await;
    // Both read before either said anything.
    for (said, all) in [
        (json!({ "gpu": true }), json!({ "gpu": true })),
        (json!({ "fpga": false }), json!({ "fpga": false, "gpu": true })),
        (json!({ "gpu": null }), json!({ "fpga": false })),
        (json!({}), json!({ "fpga": false })),
    ] {
        let answer = declare(&fixture, &path, &json!({ "hardware": said })).await;
        assert_eq!(answer.json()["declared_hardware"], all, "{said}");
    }
    let whole = Some(("application/json", json!({ "hardware": {} }).to_string().into()));
    let refused = fixture.local().send("PATCH", &format!("{path}/hardware"), whole).await;
    assert_eq!((refused.status, refused.code().as_str()), (415, "media_type_unsupported"));
}

#[tokio::test]
async fn a_cluster_is_a_provider_and_is_removed_as_one() {
    let fixture = Fixture::start().await;
    let path = add(&fixture, "eu").await;
    let again = json!({ "name": "eu", "kubeconfig": KUBECONFIG });
    let answer = fixture.local().post("/api/v1/clusters", &again).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "provider_conflict"));
    let id = path.rsplit('/').next().unwrap();
    let provider = fixture.local().get(&format!("/api/v1/providers/{id}")).await.json();
    assert!(provider["uri"].as_str().unwrap().starts_with("kubevirt+kubeconfig:?server="));
    let metrics = fixture.local().get("/metrics").await.text();
    let wanted =
        "hostler_cluster_health{provider=\"eu\",simulated=\"true\",health=\"unknown\"} 1\n";
    assert!(metrics.contains(wanted), "{metrics}");
    assert_eq!(fixture.local().send("DELETE", &path, None).await.status, 204);
    assert_eq!(fixture.local().get(&path).await.code(), "cluster_not_found");
    assert!(fixture.store.secret_key_ids().await.unwrap().is_empty());
}

#[tokio::test]
async fn another_kubeconfig_looks_at_no_more_than_the_one_before() {
    let fixture = Fixture::start().await;
    let body = json!({ "name": "eu", "kubeconfig": KUBECONFIG, "context": "other",
        "namespaces": ["a", "b"] });
    let added = fixture.local().post("/api/v1/clusters", &body).await.json();
    let path = format!("/api/v1/clusters/{}", added["id"].as_str().unwrap());
    seen(&fixture, &path).await;
    let told = async |body: Value| {
        let answer = put(&fixture, &format!("{path}/kubeconfig"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = answer.json()["kubeconfig"].clone();
        (told["context"].clone(), told["namespaces"].clone())
    };
    let same = told(json!({ "kubeconfig": KUBECONFIG })).await;
    assert_eq!(same, (json!("other"), json!(["a", "b"])));
    let without = KUBECONFIG.replace("\"name\": \"other\"", "\"name\": \"third\"");
    let current = told(json!({ "kubeconfig": without })).await;
    assert_eq!(current, (json!("lab"), json!(["a", "b"])));
    let fewer = told(json!({ "kubeconfig": KUBECONFIG, "namespaces": ["b"] })).await;
    assert_eq!(fewer, (json!("lab"), json!(["b"])));
    let all = told(json!({ "kubeconfig": KUBECONFIG, "namespaces": [] })).await;
    assert_eq!(all, (json!("lab"), Value::Null));
    let still = told(json!({ "kubeconfig": KUBECONFIG })).await;
    assert_eq!(still, (json!("lab"), Value::Null));
}

#[tokio::test]
async fn e16_a_cursor_is_good_for_what_is_wanted_only() {
    let fixture = Fixture::start().await;
    add(&fixture, "eu").await;
    add(&fixture, "us").await;
    let page = async |query: &str| {
        fixture.local().get(&format!("/api/v1/clusters?limit=1&sort=fits{query}")).await
    };
    let first = page("&features=GPU").await.json();
    let cursor = format!("&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = page(&format!("&features=GPU{cursor}")).await;
    assert_eq!(second.status, 200, "{}", second.text());
    for other in ["", "&features=Sidecar", "&hardware=GPU", "&features=GPU&hardware=kvm"] {
        let refused = page(&format!("{other}{cursor}")).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "cursor_invalid"), "{other}");
    }
}

#[tokio::test]
async fn e12_x28_how_far_each_kind_is_behind_is_a_series_of_its_own() {
    let fixture = Fixture::start().await;
    let lag = |kind: &str, silent| WatchLag { kind: kind.into(), silent, stale_since: None };
    let world = World::small(8);
    let lags = vec![
        lag("virtualmachines", Some(Duration::from_secs(2))),
        lag("virtualmachineinstances", Some(Duration::from_secs(40))),
        lag("nodes", None),
    ];
    world.set_cluster(Report { lags, ..hostler_sim::cluster::healthy() });
    *fixture.cluster.lock().unwrap() = world;
    let path = add(&fixture, "eu").await;
    let series = async || {
        let page = fixture.local().get("/metrics").await.text();
        let lines =
            page.lines().filter(|line| line.starts_with("hostler_cluster_watch_lag_seconds{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(series().await, [""; 0], "nobody asked it yet");
    // Who gives it another kubeconfig asks it by that.
    let fresh = json!({ "kubeconfig": KUBECONFIG });
    let answer = put(&fixture, &format!("{path}/kubeconfig"), &fresh).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // A page is handed out for a moment longer than it is made.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let told = loop {
        let told = series().await;
        if !told.is_empty() {
            break told;
        }
        assert!(tokio::time::Instant::now() < deadline, "no lag is ever told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let value = |kind: &str| {
        let labels = format!("{{provider=\"eu\",simulated=\"true\",kind=\"{kind}\"}} ");
        let of: Vec<_> = told.iter().filter_map(|line| line.split_once(&labels)).collect();
        let [(_, value)] = of.as_slice() else { panic!("not one of {kind}: {told:?}") };
        value.parse::<f64>().unwrap()
    };
    // What was silent then is silent longer by now.
    assert!((2.0..30.0).contains(&value("virtualmachines")), "{told:?}");
    assert!((40.0..68.0).contains(&value("virtualmachineinstances")), "{told:?}");
    assert_eq!(told.len(), 2, "what was never heard of is told by none: {told:?}");
}
