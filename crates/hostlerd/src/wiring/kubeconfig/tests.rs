//! What a kubeconfig may not ask for when it comes over the network, and what becomes of
//! one that is kept.

use std::sync::Mutex;

use hostler_core::Timestamp;
use hostler_core::clock::SystemClock;
use hostler_core::id::{IdSource, SeededEntropy};
use hostler_kubevirt::config::Source;

use super::*;

const GOOD: &str = "
current-context: lab
clusters: [{ name: c, cluster: { server: 'https://lab.example:6443' } }]
contexts: [{ name: lab, context: { cluster: c, user: u } }, { name: x, context: { cluster: c, user: u } }]
users: [{ name: u, user: { token: hunter2 } }]
";
const EXEC: &str = "exec: { apiVersion: client.authentication.k8s.io/v1, command: /bin/true }";

fn kubeconfig(text: &str) -> Kubeconfig {
    let text = Zeroizing::new(text.to_owned());
    Kubeconfig { text, context: None, namespaces: None, at_once: None, allow_exec: false }
}

/// A wiring that reaches nothing, and what it would have reached.
fn wiring() -> (Wiring, Arc<Mutex<Vec<KubeVirtConfig>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let wiring = Wiring::new(Arc::new(SystemClock), None).reaching(move |config| {
        seen.lock().unwrap().push(config);
        Arc::new(Shut { why: "a test reaches nothing".into() })
    });
    (wiring, asked)
}

fn refused(text: &str) -> String {
    let (wiring, asked) = wiring();
    let why = wiring.connect_kubeconfig(&kubeconfig(text)).err().expect("it is refused");
    assert!(asked.lock().unwrap().is_empty(), "nothing is reached");
    assert!(!why.contains("hunter2"), "{why}");
    why
}

#[test]
fn a29_a_kubeconfig_over_the_network_runs_no_command_and_names_no_file() {
    for (from, to, words) in [
        ("token: hunter2", EXEC, "would run a command"),
        ("token: hunter2", "tokenFile: /etc/shadow", "tokenFile names a file"),
        ("token: hunter2", "client-key: /etc/shadow", "client-key names a file"),
        ("server:", "certificate-authority: /etc/shadow, server:", "certificate-authority names"),
        ("server:", "insecure-skip-tls-verify: true, server:", "believe any certificate"),
        ("https://", "http://", "in the clear"),
        ("server:", "proxy-url: 'http://evil', server:", "proxies"),
        ("current-context: lab", "current-context: no", "no context"),
        ("current-context", "hunter2: [", "not the YAML"),
    ] {
        let why = refused(&GOOD.replace(from, to));
        assert!(why.contains(words), "{to}: {why}");
    }
}

#[test]
fn a29_what_may_run_a_command_is_allowed_by_name_only() {
    let (wiring, asked) = wiring();
    let text = GOOD.replace("token: hunter2", EXEC);
    let allowed = Kubeconfig { allow_exec: true, ..kubeconfig(&text) };
    let reached = wiring.connect_kubeconfig(&allowed).unwrap();
    assert!(reached.uri.ends_with("&exec=allowed"), "{}", reached.uri);
    let config = asked.lock().unwrap().pop().unwrap();
    let only = Allowed { plugins: true, files: false, insecure: false };
    assert_eq!(config.allowed, only);
}

#[test]
fn an_address_says_how_the_kubeconfig_is_used_and_nothing_that_it_holds() {
    let (wiring, asked) = wiring();
    let text = GOOD.replace("https://lab", "https://admin:hunter2@lab");
    let given = Kubeconfig {
        context: Some("x".into()),
        namespaces: Some(vec!["a".into(), "b".into()]),
        ..kubeconfig(&text)
    };
    let reached = wiring.connect_kubeconfig(&given).unwrap();
    let uri = "kubevirt+kubeconfig:?server=https%3A%2F%2Flab.example%3A6443&context=x\
               &namespace=a&namespace=b";
    assert_eq!(reached.uri, uri);
    assert_eq!(KubeconfigUse::parse(uri), Some(reached.by));
    for other in ["kubevirt:///x", "kubevirt+kubeconfig:", "kubevirt+kubeconfig:?server=a&x=y"] {
        assert_eq!(KubeconfigUse::parse(other), None);
    }
    // Nobody adds one by such an address, which leads nowhere without what was sealed.
    assert!(wiring.check(uri).unwrap_err().contains("hostler cluster add"));
    let config = asked.lock().unwrap().pop().unwrap();
    assert_eq!(config.namespaces, Namespaces::Only(vec!["a".into(), "b".into()]));
    let shown = format!("{given:?} {config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn x17_a_demo_is_given_no_cluster() {
    let demo = Wiring::demo(Arc::new(SystemClock));
    let why = demo.connect_kubeconfig(&kubeconfig(GOOD)).err().unwrap();
    assert!(why.contains("demo"));
}

#[tokio::test]
async fn a36_a_kept_kubeconfig_leads_to_its_cluster_again_and_without_its_key_to_none() {
    let (wiring, asked) = wiring();
    let folder = tempfile::tempdir().unwrap();
    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(SeededEntropy::new(1)));
    let keyring = Keyring::of(folder.path(), ids);
    let uri = wiring.connect_kubeconfig(&kubeconfig(GOOD)).unwrap().uri;
    let sealed = keyring.seal(BoundTo { id: "p1", uri: &uri }, GOOD).unwrap();
    let secret = SealedSecret {
        key_id: sealed.key_id,
        sealed: sealed.bytes,
        given_by: "local:root".into(),
        given_at: Timestamp::from_millis(0),
    };
    asked.lock().unwrap().clear();
    wiring.reopen(&keyring, ("p1", &uri), &secret);
    let config = asked.lock().unwrap().pop().unwrap();
    assert_eq!(config.source, Source::Text(GOOD.into()));
    assert_eq!(config.context.as_deref(), Some("lab"));

    let widened = format!("{uri}&exec=allowed");
    let other_provider = wiring.reopen(&keyring, ("p2", &uri), &secret);
    let other_use = wiring.reopen(&keyring, ("p1", &widened), &secret);
    std::fs::remove_file(keyring.file()).unwrap();
    let without_key = wiring.reopen(&keyring, ("p1", &uri), &secret);
    assert!(asked.lock().unwrap().is_empty(), "none of these reaches anything");
    let cx = Cx::within(std::time::Duration::from_secs(1));
    for (shut, words) in
        [(other_provider, "changed"), (other_use, "changed"), (without_key, "secrets.key")]
    {
        let report = shut.cluster().unwrap().report(&cx).await.unwrap();
        assert_eq!(report.health, Health::Unreachable);
        let message = &report.reasons[0].message;
        assert!(
            message.contains(words) && message.contains("give the kubeconfig again"),
            "{message}"
        );
        assert_eq!(shut.inventory(&cx).await.unwrap_err().kind(), Kind::Unavailable);
    }
}

#[test]
fn another_kubeconfig_is_used_as_the_one_before_unless_something_else_is_said() {
    let before = |context: &str| KubeconfigUse {
        server: "https://lab.example:6443".into(),
        context: context.into(),
        namespaces: Some(vec!["a".into(), "b".into()]),
        at_once: Some(5),
        allow_exec: true,
    };
    let same = kubeconfig(GOOD).in_place_of(Some(before("x")));
    assert_eq!(same.context.as_deref(), Some("x"));
    assert_eq!(same.namespaces.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
    assert_eq!(same.at_once, Some(5));
    assert!(!same.allow_exec, "that has to be allowed each time");
    // One that lacks the context is used by its current one.
    assert_eq!(kubeconfig(GOOD).in_place_of(Some(before("gone"))).context, None);
    assert_eq!(kubeconfig("hunter2: [").in_place_of(Some(before("x"))).context, None);
    let other = Kubeconfig {
        context: Some("lab".into()),
        namespaces: Some(vec!["c".into()]),
        ..kubeconfig(GOOD)
    };
    let other = other.in_place_of(Some(before("x")));
    assert_eq!(other.context.as_deref(), Some("lab"));
    assert_eq!(other.namespaces.as_deref(), Some(&["c".to_owned()][..]));
    let all = Kubeconfig { namespaces: Some(Vec::new()), ..kubeconfig(GOOD) };
    assert_eq!(all.in_place_of(Some(before("x"))).namespaces, None, "all of them");
    assert_eq!(kubeconfig(GOOD).in_place_of(None).namespaces, None);
    let more = Kubeconfig { at_once: Some(9), ..kubeconfig(GOOD) };
    assert_eq!(more.in_place_of(Some(before("x"))).at_once, Some(9));
}

#[test]
fn f4_how_many_questions_are_put_to_a_cluster_at_once_is_kept_in_its_address() {
    let (wiring, asked) = wiring();
    let reached = wiring.connect_kubeconfig(&kubeconfig(GOOD)).unwrap();
    assert!(!reached.uri.contains("at_once"), "what nobody said is not written down");
    let usual = asked.lock().unwrap().pop().unwrap().max_concurrent;
    assert_eq!(usual, hostler_kubevirt::config::MAX_CONCURRENT);
    let few = Kubeconfig { at_once: Some(3), ..kubeconfig(GOOD) };
    let reached = wiring.connect_kubeconfig(&few).unwrap();
    assert!(reached.uri.ends_with("&at_once=3"), "{}", reached.uri);
    assert_eq!(KubeconfigUse::parse(&reached.uri), Some(reached.by));
    assert_eq!(asked.lock().unwrap().pop().unwrap().max_concurrent, 3);
    // The limit of the wire is that of the driver.
    let most = usize::try_from(hostler_api::v1::AT_ONCE_MAX).unwrap();
    assert_eq!(most, hostler_kubevirt::config::AT_ONCE_MAX);
    for wrong in [0, hostler_api::v1::AT_ONCE_MAX + 1] {
        let wrong = Kubeconfig { at_once: Some(wrong), ..kubeconfig(GOOD) };
        assert!(wiring.connect_kubeconfig(&wrong).err().unwrap().contains("from 1 to 200"));
    }
}
