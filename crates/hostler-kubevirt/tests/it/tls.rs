//! Whom we believe: an authority of the kubeconfig, and nobody else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use hostler_kubevirt::call::Caller;
use hostler_kubevirt::config::{Allowed, KubeVirtConfig, Source};
use hostler_kubevirt::connect::connect;
use hostler_kubevirt::error::{Cause, Failure};
use hostler_provider::{Cx, Effect, Kind};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{kubeconfig, ok, serve};

/// A server with a certificate of its own for this name, which is given in PEM.
async fn start(name: &str, tasks: &mut JoinSet<()>) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                if let Ok(socket) = acceptor.accept(socket).await {
                    let answer = |_: &_| ok(&json!({"gitVersion": "v1"}));
                    serve(socket, Arc::new(answer), Arc::new(Mutex::default())).await;
                }
            });
        }
    });
    (port, made.cert.pem())
}

fn encoded(pem: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(pem)
}

async fn version(cluster: &str, allowed: Allowed) -> Result<(), Failure> {
    let mut config = KubeVirtConfig::new(Source::Text(kubeconfig(cluster)));
    config.allowed = allowed;
    let caller = Caller::new(connect(&config).await.unwrap());
    caller.get_path(&Cx::within(Duration::from_secs(20)), "/version").await.map(drop)
}

#[tokio::test]
async fn e7_the_authority_of_the_kubeconfig_is_believed_for_its_name_only() {
    let mut tasks = JoinSet::new();
    let (port, pem) = start("localhost", &mut tasks).await;
    let authority = format!("certificate-authority-data: {}", encoded(&pem));
    let by_name = format!("server: 'https://localhost:{port}', {authority}");
    version(&by_name, Allowed::default()).await.unwrap();

    let by_address = format!("server: 'https://127.0.0.1:{port}', {authority}");
    let failure = version(&by_address, Allowed::default()).await.unwrap_err();
    assert_eq!((failure.error.kind(), failure.error.effect()), (Kind::Denied, Effect::None));

    let renamed = format!("{by_address}, tls-server-name: localhost");
    version(&renamed, Allowed::default()).await.unwrap();
}

#[tokio::test]
async fn a29_a_stranger_does_not_get_our_token() {
    let mut tasks = JoinSet::new();
    let (port, _) = start("localhost", &mut tasks).await;
    let (_, other) = start("localhost", &mut tasks).await;
    let authority = format!("certificate-authority-data: {}", encoded(&other));
    let cluster = format!("server: 'https://localhost:{port}', {authority}");
    let failure = version(&cluster, Allowed::default()).await.unwrap_err();
    assert_eq!(failure.error.kind(), Kind::Denied);
    assert!(failure.error.message().contains("certificate"), "{}", failure.error.message());

    let blind = format!("server: 'https://localhost:{port}', insecure-skip-tls-verify: true");
    version(&blind, Allowed { insecure: true, ..Allowed::default() }).await.unwrap();
}

/// A server that answers whatever it hears with a fatal alert of this number.
async fn alerting(alert: u8, tasks: &mut JoinSet<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            // All of the hello, else the connection is reset before the alert is read.
            let mut head = [0; 5];
            socket.read_exact(&mut head).await.unwrap();
            let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            socket.read_exact(&mut hello).await.unwrap();
            socket.write_all(&[21, 3, 3, 0, 2, 2, alert]).await.unwrap();
            socket.shutdown().await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn x27_only_an_alert_about_our_certificate_is_one() {
    let mut tasks = JoinSet::new();
    let (_, pem) = start("localhost", &mut tasks).await;
    // handshake_failure, internal_error, protocol_version; then what is said of certificates,
    // unknown_ca, access_denied and certificate_required among it.
    let other = [40, 80, 70].map(|alert| (alert, Kind::Unavailable, Cause::Transport));
    let ours = [42, 43, 44, 45, 46, 48, 49, 116].map(|it| (it, Kind::Denied, Cause::AuthFailed));
    for (alert, kind, cause) in other.into_iter().chain(ours) {
        let port = alerting(alert, &mut tasks).await;
        let authority = format!("certificate-authority-data: {}", encoded(&pem));
        let cluster = format!("server: 'https://localhost:{port}', {authority}");
        let failure = version(&cluster, Allowed::default()).await.unwrap_err();
        let told = (failure.error.kind(), &failure.cause);
        assert_eq!(told, (kind, &cause), "alert {alert}: {}", failure.error.message());
        let renews = failure.error.message().contains("renew");
        assert_eq!(renews, cause == Cause::AuthFailed, "alert {alert}");
    }
}
