//! TLS for a lab's libvirtd: an authority of its own, and certificates from it for both sides.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Lab;
use super::gateway::Gateway;
use crate::error::{Context, Result};
use crate::packages;
use crate::process::{program, run_quietly};

/// libvirt's own port.
const PORT: u16 = 16_514;
/// The one name that the server's certificate is for.
const HOST: &str = "localhost";
/// What libvirtd is told besides its paths, which are those within the lab.
const CONFIG: &str = "listen_tls = 1
listen_tcp = 0
listen_addr = \"127.0.0.1\"
auth_tls = \"none\"
key_file = \"/etc/libvirt/pki/serverkey.pem\"
cert_file = \"/etc/libvirt/pki/servercert.pem\"
ca_file = \"/etc/libvirt/pki/cacert.pem\"
";
/// RSA, because libvirt 9 wants the key usage that only RSA has.
const NEW_KEY: &str = "-newkey rsa:2048 -nodes";

/// A libvirtd that listens for TLS. Dropping the handle closes the way to it.
#[derive(Debug)]
pub struct TlsListener {
    directory: PathBuf,
    gateway: Gateway,
}

impl Lab {
    /// Restarts libvirtd so that it listens for TLS too. Once for each lab.
    ///
    /// # Errors
    /// When the certificates cannot be made, or libvirtd does not come up with them.
    pub fn listen_tls(&self) -> Result<TlsListener> {
        let starting = || "cannot let the lab's libvirtd listen for TLS";
        let directory = self.state.join("etc/pki");
        packages::ensure(packages::TLS, &mut |line| eprintln!("{line}"))?;
        authority(&directory).context(starting)?;
        authority(&directory.join("rogue")).context(starting)?;
        let file = self.state.join("etc/libvirtd.conf");
        let before = fs::read_to_string(&file).context(starting)?;
        fs::write(&file, before + CONFIG).context(starting)?;
        // Read by the script that starts libvirtd.
        fs::write(self.state.join("etc/lab-arguments"), "--listen\n").context(starting)?;
        self.restart_libvirtd().context(starting)?;
        Ok(TlsListener { directory, gateway: self.gateway(PORT)? })
    }
}

impl TlsListener {
    /// The URI of the lab's libvirtd over TLS, with a client's certificate that it accepts.
    pub fn uri(&self) -> String {
        self.uri_with(HOST, &self.directory)
    }

    /// The same under another name of the host, and with the certificates in another directory.
    pub fn uri_with(&self, host: &str, pki: &Path) -> String {
        format!("qemu+tls://{host}:{}/system?pkipath={}", self.gateway.port(), pki.display())
    }

    /// `cacert.pem`, `clientcert.pem` and `clientkey.pem`, good ones.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The same by an authority that nobody knows.
    pub fn rogue_directory(&self) -> PathBuf {
        self.directory.join("rogue")
    }

    /// Cuts every connection, as a network failure would. New ones can be made.
    pub fn cut(&self) {
        self.gateway.cut();
    }
}

/// Makes an authority with a server's and a client's certificate.
fn authority(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).context(|| format!("cannot make {}", directory.display()))?;
    let openssl = |words: &str| -> Result<()> {
        let mut command: Command = program("openssl");
        command.args(words.split_whitespace()).current_dir(directory);
        run_quietly(&mut command).map(drop)
    };
    openssl(&format!(
        "req -x509 {NEW_KEY} -days 2 -subj /CN=authority -keyout cakey.pem -out cacert.pem \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
    ))?;
    for (name, usage) in [("server", "serverAuth"), ("client", "clientAuth")] {
        openssl(&format!("req {NEW_KEY} -subj /CN={name} -keyout {name}key.pem -out {name}.csr"))?;
        let extensions = format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n\
             extendedKeyUsage={usage}\nsubjectAltName=DNS:{HOST}\n"
        );
        let file = directory.join("extensions");
        fs::write(&file, extensions).context(|| format!("cannot write {}", file.display()))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA cacert.pem -CAkey cakey.pem -CAcreateserial -days 2 \
             -extfile extensions -out {name}cert.pem"
        ))?;
    }
    Ok(())
}
