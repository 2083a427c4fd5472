//! Of what starts a real server, all that needs none: what is called, and what is said when it
//! fails.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expect_test::expect;
use hostler_kube_double::KINDS;
use tempfile::TempDir;

use super::{Assets, Daemon, Ports, crds, etcd_words, server_words};

const PORTS: Ports = Ports { etcd: 1, peers: 2, server: 3 };

#[test]
fn without_the_variable_there_is_nothing_to_run_against() {
    assert!(Assets::of(None).unwrap().is_none());
}

#[test]
fn a_folder_that_lacks_a_program_is_no_reason_to_skip() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("etcd"), "").unwrap();
    let refused = Assets::of(Some(folder.path().into())).unwrap_err();
    assert!(refused.starts_with("KUBEBUILDER_ASSETS names "), "{refused}");
    assert!(refused.contains("which has no kube-apiserver: `setup-envtest use"), "{refused}");
    std::fs::write(folder.path().join("kube-apiserver"), "").unwrap();
    let found = Assets::of(Some(folder.path().into())).unwrap().unwrap();
    assert_eq!(found.program("etcd").get_program(), folder.path().join("etcd"));
}

#[test]
fn both_listen_on_this_machine_alone_and_keep_all_in_one_folder() {
    let words = |words: Vec<String>| format!("{}\n", words.join("\n"));
    expect![[r"
        --data-dir=/x/etcd
        --listen-client-urls=http://127.0.0.1:1
        --advertise-client-urls=http://127.0.0.1:1
        --listen-peer-urls=http://127.0.0.1:2
        --initial-advertise-peer-urls=http://127.0.0.1:2
        --initial-cluster=default=http://127.0.0.1:2
        --unsafe-no-fsync
    "]]
    .assert_eq(&words(etcd_words(Path::new("/x"), PORTS)));
    expect![[r"
        --etcd-servers=http://127.0.0.1:1
        --bind-address=127.0.0.1
        --secure-port=3
        --cert-dir=/x
        --tls-cert-file=/x/server.crt
        --tls-private-key-file=/x/server.key
        --token-auth-file=/x/tokens.csv
        --authorization-mode=RBAC
        --service-account-issuer=https://kubernetes.default.svc
        --service-account-key-file=/x/server.crt
        --service-account-signing-key-file=/x/server.key
        --service-cluster-ip-range=10.0.0.0/24
        --endpoint-reconciler-type=none
        --disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection,TaintNodesByCondition
    "]]
    .assert_eq(&words(server_words(Path::new("/x"), PORTS)));
}

fn shell(script: &str, folder: &TempDir) -> Daemon {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Daemon::start("etcd", command, folder.path()).unwrap()
}

#[tokio::test]
async fn a_program_that_ends_is_told_with_its_last_words() {
    let folder = TempDir::new().unwrap();
    let script = "for n in 1 2 3 4 5 6 7 8; do echo line $n; done; echo no such flag >&2; exit 3";
    let mut daemon = shell(script, &folder);
    let told = daemon.until(Duration::from_secs(60), async || false).await.unwrap_err();
    let expected = "etcd ended with exit status: 3 before it answered:\nline 2\n";
    assert!(told.starts_with(expected) && told.ends_with("line 8\nno such flag"), "{told}");
}

#[tokio::test]
async fn a_program_that_does_not_answer_is_told_and_ends_with_its_handle() {
    let folder = TempDir::new().unwrap();
    let mut daemon = shell("echo I listen; exec sleep 600", &folder);
    let told = daemon.until(Duration::from_millis(300), async || false).await.unwrap_err();
    assert!(told.starts_with("etcd did not answer within 300ms:"), "{told}");
    let process = format!("/proc/{}", daemon.child.id());
    assert!(Path::new(&process).exists());
    drop(daemon);
    assert!(!Path::new(&process).exists());
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let folder = TempDir::new().unwrap();
    let missing = Command::new(folder.path().join("etcd"));
    let told = Daemon::start("etcd", missing, folder.path()).unwrap_err();
    assert!(told.starts_with("cannot start etcd: No such file"), "{told}");
}

#[test]
fn each_kind_is_defined_once_by_what_the_folder_has_or_permissively() {
    let own = KINDS.iter().filter(|kind| kind.custom).count();
    let made = crds::definitions(None).unwrap();
    assert_eq!(made.len(), own);
    let vms = |all: &[serde_json::Value]| {
        let is_it = |one: &&serde_json::Value| one["spec"]["names"]["plural"] == "virtualmachines";
        let found: Vec<_> = all.iter().filter(is_it).collect();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        (*one).clone()
    };
    let any = &vms(&made)["spec"]["versions"][0];
    assert_eq!(any["schema"]["openAPIV3Schema"]["x-kubernetes-preserve-unknown-fields"], true);
    assert_eq!(any["subresources"], serde_json::json!({ "status": {} }));

    let folder = TempDir::new().unwrap();
    let place = || Some(OsString::from(folder.path()));
    let refused = crds::definitions(place()).unwrap_err();
    assert!(refused.contains("no *.yaml in it"), "{refused}");
    let text = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
                name: virtualmachines.kubevirt.io\n  uid: x\nspec:\n  group: kubevirt.io\n  names:\n    \
                plural: virtualmachines\nstatus: {}\n";
    std::fs::write(folder.path().join("vms.yaml"), text).unwrap();
    let read = crds::definitions(place()).unwrap();
    assert_eq!(read.len(), own);
    let read = vms(&read);
    assert!(read.get("status").is_none() && read["metadata"].get("uid").is_none(), "{read}");
    assert_eq!(read["spec"]["group"], "kubevirt.io");
}
