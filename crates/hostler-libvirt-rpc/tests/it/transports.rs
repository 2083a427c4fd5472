//! TLS with real certificates, and ssh by a program that plays the remote host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hostler_libvirt_rpc::{Connection, Error, Obstacle};
use tempfile::TempDir;

use crate::daemon::{Daemon, eventually, is_root, quiet};

fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .unwrap_or_else(|error| panic!("no openssl ({error}): `cargo xtask test` installs it"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate authority with a server's and a client's certificate, RSA because libvirt 9
/// refuses other keys.
fn authority(directory: &Path, host: &str) {
    let key = "-newkey rsa:2048 -nodes -days 2";
    openssl(
        directory,
        &format!(
            "req -x509 {key} -subj /CN=ca -keyout cakey.pem -out cacert.pem \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ),
    );
    for (name, usage) in [("server", "serverAuth"), ("client", "clientAuth")] {
        let subject = format!("req {key} -subj /CN={name} -keyout {name}key.pem -out {name}.csr");
        openssl(directory, &subject.replace("-days 2", ""));
        let extensions = format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n\
             extendedKeyUsage={usage}\nsubjectAltName=DNS:{host}\n"
        );
        fs::write(directory.join("extensions"), extensions).unwrap();
        openssl(
            directory,
            &format!(
                "x509 -req -in {name}.csr -CA cacert.pem -CAkey cakey.pem \
            -CAcreateserial -days 2 -extfile extensions -out {name}cert.pem"
            ),
        );
    }
    for entry in fs::read_dir(directory).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

/// A daemon that listens for TLS on this host; its certificate is for `localhost` only.
async fn tls_daemon() -> (Daemon, u16, TempDir) {
    let pki = tempfile::tempdir().unwrap();
    fs::set_permissions(pki.path(), fs::Permissions::from_mode(0o755)).unwrap();
    authority(pki.path(), "localhost");
    // Free now; nobody else on this host takes ports that are given out on request so soon again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = pki.path().display();
    let configuration = format!(
        "listen_tls = 1\nlisten_tcp = 0\nlisten_addr = \"127.0.0.1\"\ntls_port = \"{port}\"\n\
         auth_tls = \"none\"\nkey_file = \"{path}/serverkey.pem\"\n\
         cert_file = \"{path}/servercert.pem\"\nca_file = \"{path}/cacert.pem\"\n"
    );
    let daemon = Daemon::start_with(&configuration, &["--listen"]).await;
    // This socket comes after the unix socket that the daemon's start was seen by.
    let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    eventually("the daemon listens for TLS", listens).await;
    (daemon, port, pki)
}

async fn open_tls(host: &str, port: u16, pki: &Path) -> Result<Connection, Error> {
    let uri = format!("test+tls://{host}:{port}/default?pkipath={}", pki.display());
    Connection::open(&uri.parse().unwrap(), quiet()).await
}

#[tokio::test]
async fn tls_proves_both_sides_to_each_other() {
    let (_daemon, port, pki) = tls_daemon().await;
    let connection = open_tls("localhost", port, pki.path()).await.unwrap();
    assert_eq!(connection.hypervisor_type().await.unwrap(), "TEST");
    assert!(connection.is_secure().await.unwrap());
    connection.close().await.unwrap();

    // The certificate is for another name.
    let error = open_tls("127.0.0.1", port, pki.path()).await.unwrap_err();
    let Error::Tls { obstacle, .. } = &error else { panic!("{error}") };
    assert_eq!(*obstacle, Obstacle::UntrustedHost, "{error}");

    // Another authority: first we do not trust the daemon, then the daemon does not trust us.
    let other = tempfile::tempdir().unwrap();
    authority(other.path(), "localhost");
    let error = open_tls("localhost", port, other.path()).await.unwrap_err();
    let Error::Tls { obstacle, .. } = &error else { panic!("{error}") };
    assert_eq!(*obstacle, Obstacle::UntrustedHost, "{error}");
    fs::copy(pki.path().join("cacert.pem"), other.path().join("cacert.pem")).unwrap();
    let error = open_tls("localhost", port, other.path()).await.unwrap_err();
    let Error::Tls { obstacle, .. } = &error else { panic!("{error}") };
    assert_eq!(*obstacle, Obstacle::Rejected, "{error}");
    assert!(error.to_string().contains("client certificate"), "{error}");

    fs::remove_file(other.path().join("clientkey.pem")).unwrap();
    let error = open_tls("localhost", port, other.path()).await.unwrap_err();
    let Error::Tls { obstacle, .. } = &error else { panic!("{error}") };
    assert_eq!(*obstacle, Obstacle::Credentials, "{error}");
    assert!(error.to_string().contains("clientkey.pem"), "{error}");
}

/// A program that is called like ssh, notes its process id, and runs the remote command here.
fn pretended_ssh(directory: &Path, body: &str) -> PathBuf {
    let path = directory.join("ssh");
    let pid = directory.join("pid");
    let script = format!("#!/bin/sh\necho $$ > {}\nfor last; do :; done\n{body}\n", pid.display());
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn ssh_carries_the_protocol_and_ends_with_the_connection() {
    let daemon = Daemon::start().await;
    let directory = tempfile::tempdir().unwrap();
    // The remote side: a login shell reads the command, with the session of the daemon.
    let runtime = daemon.runtime_dir();
    let body = format!(
        "XDG_RUNTIME_DIR={} exec {} sh -c \"exec $last\"",
        runtime.display(),
        // root has no session daemon: log in as the user the daemon runs as.
        if is_root() { "setpriv --reuid 65534 --regid 65534 --clear-groups" } else { "" }
    );
    let ssh = pretended_ssh(directory.path(), &body);
    let uri = format!("qemu+ssh://me@host:2222/session?command={}", ssh.display());
    let connection = Connection::open(&uri.parse().unwrap(), quiet()).await.unwrap();
    assert_eq!(connection.hypervisor_type().await.unwrap(), "QEMU");

    let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
    let process = PathBuf::from("/proc").join(pid.trim());
    assert!(process.exists());
    drop(connection);
    eventually("the process is gone", || !process.exists()).await;
}

#[tokio::test]
async fn what_ssh_complains_about_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let body = "echo 'me@host: Permission denied (publickey).' >&2\nexit 255";
    let ssh = pretended_ssh(directory.path(), body);
    let uri = format!("qemu+ssh://host/system?command={}", ssh.display());
    let error = Connection::open(&uri.parse().unwrap(), quiet()).await.unwrap_err();
    let Error::Ssh { obstacle: Obstacle::Rejected, detail, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(detail.contains("Permission denied (publickey)"), "{error}");
    // A shell that greets whoever logs in speaks before libvirt does.
    let talkative = tempfile::tempdir().unwrap();
    let ssh = pretended_ssh(talkative.path(), "echo 'Welcome to this host!'\nsleep 60");
    let uri = format!("qemu+ssh://host/system?command={}", ssh.display());
    let error = Connection::open(&uri.parse().unwrap(), quiet()).await.unwrap_err();
    assert!(matches!(error, Error::Ssh { obstacle: Obstacle::Helper, .. }), "{error}");

    let uri = "qemu+ssh://host/system?command=/nonexistent/ssh".parse().unwrap();
    assert!(matches!(Connection::open(&uri, quiet()).await, Err(Error::Io { .. })));
}
