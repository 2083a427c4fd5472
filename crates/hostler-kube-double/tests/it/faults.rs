//! Faults on demand, and the counting of requests.

use std::sync::Arc;
use std::time::Duration;

use hostler_kube_double::{Fault, Options, Refused, What};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;

use crate::client::{Ask, VMIS, VMS, fleet, running, start, start_with, vm, vmi};

#[tokio::test]
async fn a_request_may_be_refused_so_many_times() {
    let (double, client) = start().await;
    let fault = |refused| Fault::new(What::Answer(refused)).class("virtualmachines").times(1);
    double.fault(fault(Refused::too_many_requests(7)));
    double.fault(fault(Refused::internal("etcdserver: request timed out")));
    double.fault(fault(Refused::unavailable()));
    let first = client.get(VMS).await;
    assert_eq!((first.status, first.header("retry-after")), (429, "7"));
    assert_eq!(client.get(VMIS).await.status, 200, "another class");
    assert_eq!(client.get(VMS).await.status, 500);
    assert_eq!(client.get(VMS).await.status, 503);
    assert_eq!(client.get(VMS).await.status, 200);
}

#[tokio::test]
async fn a_fault_is_taken_back() {
    let (double, client) = start().await;
    double.fault(Fault::new(What::Answer(Refused::unavailable())).verb("list"));
    assert_eq!(client.get(VMS).await.status, 503);
    assert_eq!(client.get(format!("{VMS}/x")).await.status, 404, "another verb");
    double.clear_faults();
    assert_eq!(client.get(VMS).await.status, 200);
}

#[tokio::test]
async fn answers_may_be_slow_or_never_come() {
    let (double, client) = start().await;
    double.fault(Fault::new(What::Slow(Duration::from_millis(300))).times(1));
    let began = tokio::time::Instant::now();
    assert_eq!(client.get(VMS).await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
    double.fault(Fault::new(What::Silence).times(1));
    let never = tokio::time::timeout(Duration::from_millis(200), client.get(VMS)).await;
    assert!(never.is_err());
}

#[tokio::test]
async fn an_answer_may_be_lost_before_or_after_the_effect() {
    let (double, client) = start().await;
    let post = |name: &str| Ask { body: vm(name).to_string(), ..Ask::new("POST", VMS) };
    double.fault(Fault::new(What::Drop).verb("create").times(1));
    assert!(client.try_send(post("before")).await.is_err());
    double.fault(Fault::new(What::LoseAnswer).verb("create").times(1));
    assert!(client.try_send(post("after")).await.is_err());
    assert!(double.get("virtualmachines", "default", "before").is_none());
    assert!(double.get("virtualmachines", "default", "after").is_some());
}

/// What was asked for is done, though nobody waits for it any more; looks and dry runs are not late.
#[tokio::test]
async fn an_effect_may_come_late_whoever_still_waits() {
    let (double, client) = start().await;
    double.fault(Fault::new(What::Late(Duration::from_millis(300))).writes().times(1));
    assert_eq!(client.get(VMS).await.status, 200);
    let dry = Ask { body: vm("late").to_string(), ..Ask::new("POST", format!("{VMS}?dryRun=All")) };
    assert_eq!(client.send(dry).await.status, 201);
    let post = Ask { body: vm("late").to_string(), ..Ask::new("POST", VMS) };
    let given_up = tokio::time::timeout(Duration::from_millis(100), client.try_send(post)).await;
    assert!(given_up.is_err());
    drop(client);
    assert!(double.get("virtualmachines", "default", "late").is_none());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(double.get("virtualmachines", "default", "late").is_some());
}

#[tokio::test]
async fn without_virt_api_machines_cannot_be_made_and_verbs_not_called() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    double.set_virt_api_down(true);
    let answer = client.post(VMS, &vm("vm2")).await;
    let words = answer.json()["message"].as_str().unwrap().to_owned();
    assert_eq!((answer.status, &answer.json()["reason"]), (500, &json!("InternalError")));
    assert!(words.starts_with("Internal error occurred: failed calling webhook \"virtualmachines-mutator.kubevirt.io\": "), "{words}");
    client.call("virtualmachines/vm1/stop").await.is_text(503, "service unavailable\n");
    assert_eq!(client.get(VMS).await.status, 200, "what is there can be read");
    double.set_virt_api_down(false);
    assert_eq!(client.post(VMS, &vm("vm2")).await.status, 201);
}

#[tokio::test]
async fn a_watch_may_say_nothing() {
    let options = Options { bookmark_every: Duration::from_millis(20), ..Options::default() };
    let (double, client) = start_with(options).await;
    double.set_silent(true);
    let path =
        format!("{VMIS}?watch=1&allowWatchBookmarks=true&resourceVersion={}", double.revision());
    let mut watch = client.watch(&path).await;
    fleet(&client, 1).await;
    watch.is_quiet().await;
    double.set_silent(false);
    assert_eq!(watch.told().await.1, "p1");
}

#[tokio::test]
async fn a_watch_may_break_off_or_end() {
    let (double, client) = start().await;
    let path = format!("{VMIS}?watch=1&resourceVersion={}", double.revision());
    let mut watch = client.watch(&path).await;
    fleet(&client, 1).await;
    watch.told().await;
    double.drop_watches();
    assert!(watch.try_next().await.is_err());
    let mut watch = client.watch(&path).await;
    watch.told().await;
    double.end_watches();
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn events_may_come_twice_or_in_another_order() {
    let (double, client) = start().await;
    let path = format!("{VMIS}?watch=1&resourceVersion={}", double.revision());
    double.set_duplicates(true);
    let mut watch = client.watch(&path).await;
    client.post(VMIS, &vmi("a", "a")).await;
    assert_eq!((watch.told().await.1, watch.told().await.1), ("a".into(), "a".into()));
    double.set_duplicates(false);
    double.set_reordered(true);
    let path = format!("{VMIS}?watch=1&resourceVersion={}", double.revision());
    let mut watch = client.watch(&path).await;
    client.post(VMIS, &vmi("b", "a")).await;
    watch.is_quiet().await;
    client.post(VMIS, &vmi("c", "a")).await;
    assert_eq!((watch.told().await.1, watch.told().await.1), ("c".into(), "b".into()));
}

#[tokio::test]
async fn requests_are_counted_by_verb_and_class() {
    let (double, client) = start().await;
    client.get("/version").await;
    client.get("/apis/kubevirt.io").await;
    client.get(VMS).await;
    client.get(format!("{VMS}?limit=1")).await;
    client.get(format!("{VMS}/nope")).await;
    client.post(VMS, &vm("vm1")).await;
    client.apply(format!("{VMS}/vm1?fieldManager=a"), &vm("vm1")).await;
    client.call("virtualmachines/vm1/start").await;
    drop(client.watch(&format!("{VMIS}?watch=true")).await);
    let counts = double.counts();
    for (verb, class, count) in [
        ("get", "version", 1),
        ("get", "discovery", 1),
        ("list", "virtualmachines", 2),
        ("get", "virtualmachines", 1),
        ("create", "virtualmachines", 1),
        ("apply", "virtualmachines", 1),
        ("update", "virtualmachines/start", 1),
        ("watch", "virtualmachineinstances", 1),
        ("delete", "virtualmachines", 0),
    ] {
        assert_eq!(counts.of(verb, class), count, "{verb} {class}");
    }
    assert_eq!(counts.total(), 9);
    assert_eq!(counts.recent().last().unwrap().path, format!("{VMIS}?watch=true"));
    double.reset_counts();
    assert_eq!(double.counts().total(), 0);
}

#[tokio::test]
async fn a_kubeconfig_leads_to_it_by_tls() {
    let (double, _) = start_with(Options { tls: true, ..Options::default() }).await;
    let config = double.kubeconfig();
    assert!(config.contains(&format!("server: {}", double.url())), "{config}");
    assert!(config.contains("token: admin-token") && config.contains("certificate-authority-data"));
    let mut roots = rustls::RootCertStore::empty();
    let pem = double.authority().unwrap();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(double.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream =
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    let request = http::Request::get("/healthz").header("host", "x");
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
}

#[tokio::test]
async fn it_stops_with_its_connections() {
    let (double, client) = start().await;
    let mut watch = client.watch(&format!("{VMIS}?watch=1")).await;
    let address = double.address();
    double.stop().await;
    assert!(matches!(watch.try_next().await, Ok(None) | Err(_)));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
