//! What is served by TLS, and to whom.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hostler_agent::{Agent, Identity, Setup};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::world::{ask, setup, talk};

/// Writes a certificate for `agent.test` and its key there; a client that trusts nobody else.
fn issue(directory: &Path) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed(["agent.test".to_owned()]).unwrap();
    std::fs::write(directory.join("agent.pem"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("agent.key"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Whoever resumes a session is not shown a certificate again.
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// The status of an answer over TLS; `None` where that is not agreed on.
async fn status(client: &TlsConnector, address: SocketAddr) -> Option<u16> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("agent.test").unwrap();
    let stream = client.connect(name, stream).await.ok()?;
    talk(stream, "/livez", "").await.map(|reply| reply.status)
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_alone_and_a_new_one_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let first = issue(directory.path());
    let files = ["agent.pem", "agent.key"].map(|name| directory.path().join(name));
    let identity = Identity::read(&files[0], &files[1]).unwrap();
    let agent = Agent::start(Setup { identity: Some(identity.clone()), ..setup(Vec::new()) });
    let agent = agent.await.unwrap();
    let address = agent.addresses()[0];
    assert_eq!(status(&first, address).await, Some(200));
    assert!(ask(address, "/livez", "").await.is_none(), "nothing is told in the clear");

    let second = issue(directory.path());
    assert_eq!(status(&second, address).await, None, "it was not told to read it again");
    identity.show(identity.fresh().unwrap());
    assert_eq!(status(&second, address).await, Some(200));
    assert_eq!(status(&first, address).await, None);
    // One that makes no sense changes nothing.
    std::fs::write(&files[1], "no key").unwrap();
    let said = identity.fresh().err().unwrap().to_string();
    assert!(said.starts_with("tls_key ") && said.contains("agent.key"), "{said}");
    assert_eq!(status(&second, address).await, Some(200));
    agent.stop().await;
}
