//! TLS: the certificate's issuer decides, and nothing else is accepted.

use std::path::PathBuf;
use std::sync::Arc;

use hostler_api::{Nothing, v1};
use hostler_client::{Client, Options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

struct Ca {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Asks a server whose certificate is for `name`, trusting `ca_file`.
async fn ask(ca: &Ca, name: &str, ca_file: PathBuf) -> hostler_client::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = ca.acceptor(name);
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let body = r#"{"name":"hostler","version":"1","features":[],"simulated":false,"now":"2026-11-21T04:00:00Z"}"#;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
    };
    let mut options = Options::new(format!("https://localhost:{port}").parse()?);
    options.ca_file = Some(ca_file);
    let client = Client::new(options)?;
    let path = Nothing {};
    let (answer, ()) = tokio::join!(client.show::<v1::ServerShow>(&path), server);
    Ok(answer?.value.name)
}

#[tokio::test]
async fn a_certificate_of_the_given_authority_is_accepted() {
    let ca = Ca::new();
    assert_eq!(ask(&ca, "localhost", ca.file()).await.unwrap(), "hostler");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_with_the_remedy() {
    let (ca, other) = (Ca::new(), Ca::new());
    let error = ask(&ca, "localhost", other.file()).await.unwrap_err();
    assert_eq!(error.code(), "server_unreachable");
    assert!(error.help().is_some_and(|help| help.contains("CA file")), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ca = Ca::new();
    let error = ask(&ca, "elsewhere.example.org", ca.file()).await.unwrap_err();
    assert_eq!(error.code(), "server_unreachable");
}

#[test]
fn a_ca_file_without_a_certificate_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "hello").unwrap();
    for file in [file, folder.path().join("absent.pem")] {
        let mut options = Options::new("https://localhost".parse().unwrap());
        options.ca_file = Some(file);
        assert_eq!(Client::new(options).unwrap_err().code(), "client_setup");
    }
}
