//! What a kubeconfig may not ask for.

use super::*;

const GOOD: &str = "
apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster: { server: 'https://lab.example:6443' }
contexts:
- name: lab
  context: { cluster: lab, user: bot }
- name: nobody
  context: { cluster: lab, user: ghost }
- name: nowhere
  context: { cluster: gone, user: bot }
users:
- name: bot
  user: { token: s3cret }
";

fn parsed(text: &str) -> Kubeconfig {
    Kubeconfig::from_yaml(text).unwrap()
}

fn vetted(from: &str, to: &str, allowed: Allowed) -> Result<String> {
    assert!(GOOD.contains(from));
    vet(&parsed(&GOOD.replace(from, to)), None, allowed)
}

/// Refused as it is, and accepted once it is allowed.
fn refused_unless(from: &str, to: &str, allowed: Allowed, words: &str) {
    let error = vetted(from, to, Allowed::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().contains(words), "{}", error.message());
    assert_eq!(vetted(from, to, allowed).unwrap(), "lab");
}

#[test]
fn e7_the_current_context_is_taken_unless_another_is_named() {
    let good = parsed(GOOD);
    assert_eq!(vet(&good, None, Allowed::default()).unwrap(), "lab");
    assert_eq!(vet(&good, Some("lab"), Allowed::default()).unwrap(), "lab");
    for (context, words) in [("nobody", "credentials"), ("nowhere", "gone"), ("x", "it has: lab")] {
        let error = vet(&good, Some(context), Allowed::default()).unwrap_err();
        assert!(error.message().contains(words), "{}", error.message());
    }
    let error = vetted("current-context: lab", "", Allowed::default()).unwrap_err();
    assert!(error.message().contains("name the context"));
}

#[test]
fn a29_a_kubeconfig_runs_no_commands_unless_allowed() {
    let allowed = Allowed { plugins: true, ..Allowed::default() };
    let exec = "{ exec: { apiVersion: client.authentication.k8s.io/v1, command: /bin/true } }";
    refused_unless("{ token: s3cret }", exec, allowed, "exec would run a command");
    let provider = "{ auth-provider: { name: gcp, config: { cmd-path: /bin/true } } }";
    refused_unless("{ token: s3cret }", provider, allowed, "auth-provider would run a command");
}

#[test]
fn a29_a_kubeconfig_that_was_handed_over_names_no_files_unless_allowed() {
    let allowed = Allowed { files: true, ..Allowed::default() };
    for field in ["tokenFile", "client-certificate", "client-key"] {
        let user = format!("{{ {field}: /etc/shadow }}");
        refused_unless("{ token: s3cret }", &user, allowed, field);
    }
    let server = "{ server: 'https://lab.example:6443'";
    let with_file = format!("{server}, certificate-authority: /etc/shadow");
    refused_unless(server, &with_file, allowed, "certificate-authority");
    // Empty is not given.
    assert!(vetted("s3cret }", "s3cret, tokenFile: '' }", Allowed::default()).is_ok());
}

#[test]
fn a29_what_would_give_our_token_to_anybody_is_refused_unless_allowed() {
    let allowed = Allowed { insecure: true, ..Allowed::default() };
    let server = "{ server: 'https://lab.example:6443'";
    let blind = format!("{server}, insecure-skip-tls-verify: true");
    refused_unless(server, &blind, allowed, "any certificate");
    refused_unless("https://", "http://", allowed, "in the clear");
    assert!(vetted("https://", "ftp://", allowed).is_err());
    assert!(vetted("https://lab.example:6443", "/x", allowed).is_err());
}

#[test]
fn e7_what_is_not_supported_says_so() {
    let server = "{ server: 'https://lab.example:6443'";
    let proxied = format!("{server}, proxy-url: 'http://proxy:3128'");
    let error = vetted(server, &proxied, Allowed::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    let error = vetted(server, "{ server: ''", Allowed::default()).unwrap_err();
    assert!(error.message().contains("no server"));
}

#[tokio::test]
async fn a29_a_kubeconfig_that_cannot_be_read_is_not_quoted() {
    let secret = "users: [ { name: bot, user: { token: s3cret }, nonsense ] ]";
    let error = connect(&KubeVirtConfig::new(Source::Text(secret.into()))).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    let large = "#".repeat(MAX_KUBECONFIG as usize + 1);
    let error = connect(&KubeVirtConfig::new(Source::Text(large))).await.err().unwrap();
    assert!(error.message().contains("larger than"));
}

#[tokio::test]
async fn e7_a_kubeconfig_with_unusable_certificates_says_which() {
    let server = "{ server: 'https://lab.example:6443'";
    let with = |data: &str| {
        let text = GOOD.replace(server, &format!("{server}, certificate-authority-data: {data}"));
        KubeVirtConfig::new(Source::Text(text))
    };
    for data in ["'%%'", "aGVsbG8K"] {
        let error = connect(&with(data)).await.err().unwrap();
        assert!(error.message().contains("authority"), "{data}: {}", error.message());
    }
}

#[tokio::test]
async fn e7_a_file_may_name_files_beside_it_and_is_told_when_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, GOOD.replace("token: s3cret", "tokenFile: token")).unwrap();
    std::fs::write(folder.path().join("token"), "s3cret").unwrap();
    let config = KubeVirtConfig::new(Source::File(path));
    assert!(connect(&config).await.is_ok());

    let missing = KubeVirtConfig::new(Source::File(folder.path().join("none")));
    assert_eq!(connect(&missing).await.err().map(|e| e.kind()), Some(Kind::Unavailable));
    let a_folder = KubeVirtConfig::new(Source::File(folder.path().into()));
    assert_eq!(connect(&a_folder).await.err().map(|e| e.kind()), Some(Kind::Invalid));
}

#[tokio::test]
async fn e7_outside_of_a_cluster_there_is_no_service_account() {
    let folder = tempfile::tempdir().unwrap();
    let source =
        Source::InCluster { server: "https://10.96.0.1".into(), folder: folder.path().into() };
    let error = connect(&KubeVirtConfig::new(source)).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("runs in the cluster"));
}

#[tokio::test]
async fn e7_a_service_account_is_used_and_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["kubernetes.default.svc".to_owned()]);
    std::fs::write(folder.path().join("ca.crt"), made.unwrap().cert.pem()).unwrap();
    std::fs::write(folder.path().join("token"), "s3cret").unwrap();
    let server = "https://kubernetes.default.svc".to_owned();
    let config = KubeVirtConfig::new(Source::InCluster { server, folder: folder.path().into() });
    let prepared = prepare(&config).unwrap();
    assert_eq!(prepared.root_cert_file, Some(folder.path().join("ca.crt")));
    assert_eq!(prepared.auth_info.token_file, folder.path().join("token").to_str().map(Into::into));
    assert!(connect(&config).await.is_ok());
}

#[test]
fn a_call_is_never_repeated_behind_our_back() {
    let config = KubeVirtConfig::new(Source::Text(GOOD.into()));
    let prepared = prepare(&config).unwrap();
    assert!(!prepared.default_retry);
    assert!(prepared.proxy_url.is_none());
    assert!(prepared.read_timeout.is_none());
}

#[test]
fn a29_a_kubeconfig_is_examined_without_reaching_or_reading_anything() {
    let examined = |text: &str| examine(&KubeVirtConfig::from_text(text));
    let good = examined(GOOD).unwrap();
    assert_eq!((good.context.as_str(), good.server.as_str()), ("lab", "https://lab.example:6443"));
    let named =
        GOOD.replace("https://lab.example:6443", "https://u:s3cret@[fd00::1]:6443/k8s/c-1/");
    assert_eq!(examined(&named).unwrap().server, "https://[fd00::1]:6443/k8s/c-1");
    let error = examined(&GOOD.replace("token: s3cret", "tokenFile: /etc/shadow")).unwrap_err();
    assert!(error.message().contains("names a file"), "{}", error.message());
    let error = examined("s3cret: [").unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    let none = KubeVirtConfig { max_concurrent: 0, ..KubeVirtConfig::from_text(GOOD) };
    assert_eq!(examine(&none).unwrap_err().kind(), Kind::Invalid);
}
