//! Connection URIs as libvirt writes them: `driver[+transport]://[user@][host][:port]/path?query`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::transport::SshCommand;

/// TLS port of libvirtd and virtproxyd.
const TLS_PORT: u16 = 16_514;

/// How the daemon is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over a socket of this host.
    Unix {
        /// The socket, if not one of the usual ones.
        socket: Option<PathBuf>,
    },
    /// Over TLS with certificates on both sides.
    Tls {
        /// The host, which its certificate must name.
        host: String,
        /// The port.
        port: u16,
        /// Directory of `cacert.pem`, `clientcert.pem` and `clientkey.pem`.
        pki_path: Option<PathBuf>,
    },
    /// Through an ssh process.
    Ssh(SshCommand),
}

/// A connection URI, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectUri {
    text: String,
    driver: String,
    path: String,
    name: String,
    transport: Transport,
}

impl ConnectUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// When it is none, or asks for something that cannot be done or must not be.
    pub fn parse(text: &str) -> Result<Self> {
        parse(text).map_err(|detail| Error::Uri { uri: text.to_owned(), detail })
    }

    /// The hypervisor driver, such as `qemu`.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// The path, such as `/system`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the daemon itself is asked to open, such as `qemu:///system`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the daemon is reached.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn refuse(&self, detail: &str) -> Error {
        Error::Uri { uri: self.text.clone(), detail: detail.to_owned() }
    }
}

impl FromStr for ConnectUri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// The URI as it was given.
impl fmt::Display for ConnectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What stands between `//` and the path.
#[derive(Default)]
struct Authority {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// Query parameters of the client; all others belong to the driver.
#[derive(Default)]
struct Query {
    socket: Option<String>,
    pki_path: Option<String>,
    key_file: Option<String>,
    known_hosts: Option<String>,
    /// What the daemon is asked to open instead of what the URI itself says.
    name: Option<String>,
    /// libvirt's name for the ssh program.
    command: Option<String>,
    /// What runs on the other side; our own addition.
    helper: Option<String>,
    /// Passed on to the daemon.
    rest: Vec<String>,
}

impl Query {
    /// Refuses what the transport has no use for: passed over, it would have another daemon
    /// reached, or another key used, than the URI says.
    fn check(&self, transport: &str) -> std::result::Result<(), String> {
        let parameters = [
            ("socket", self.socket.is_some(), "unix"),
            ("pkipath", self.pki_path.is_some(), "tls"),
            ("keyfile", self.key_file.is_some(), "ssh"),
            ("known_hosts", self.known_hosts.is_some(), "ssh"),
            ("command", self.command.is_some(), "ssh"),
            ("helper", self.helper.is_some(), "ssh"),
        ];
        match parameters.iter().find(|(_, given, of)| *given && *of != transport) {
            Some((name, _, of)) => {
                Err(format!("the parameter {name} is for the transport {of}, not for {transport}"))
            }
            None => Ok(()),
        }
    }
}

fn parse(text: &str) -> std::result::Result<ConnectUri, String> {
    if text.chars().any(|character| character.is_control() || character == '\0') {
        return Err("it has control characters in it".into());
    }
    let (scheme, rest) = text.split_once("://").ok_or("it has no ://")?;
    let (driver, transport) = match scheme.split_once('+') {
        Some((driver, transport)) => (driver, Some(transport)),
        None => (scheme, None),
    };
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '-';
    if driver.is_empty() || !driver.chars().all(is_word) {
        return Err("it names no driver".into());
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.find('/') {
        Some(index) => rest.split_at(index),
        None => (rest, ""),
    };
    let authority = parse_authority(authority)?;
    let query = parse_query(query)?;
    let mut name = format!("{driver}://{path}");
    if !query.rest.is_empty() {
        name.push('?');
        name.push_str(&query.rest.join("&"));
    }
    let name = query.name.clone().unwrap_or(name);
    let transport = transport_of(transport, authority, query)?;
    let (driver, path) = (driver.to_owned(), path.to_owned());
    Ok(ConnectUri { text: text.to_owned(), driver, path, name, transport })
}

fn transport_of(
    kind: Option<&str>,
    authority: Authority,
    query: Query,
) -> std::result::Result<Transport, String> {
    let Authority { user, host, port } = authority;
    let kind = match kind {
        Some(kind) => kind,
        // libvirt's rule: a host without a transport means TLS.
        None if host.is_empty() => "unix",
        None => "tls",
    };
    query.check(kind)?;
    match kind {
        "unix" if host.is_empty() => Ok(Transport::Unix { socket: query.socket.map(Into::into) }),
        "unix" => Err("the unix transport is for this host, so it takes no host name".into()),
        _ if host.is_empty() => Err(format!("the transport {kind} needs a host name")),
        "tls" => {
            let (port, pki_path) = (port.unwrap_or(TLS_PORT), query.pki_path.map(Into::into));
            Ok(Transport::Tls { host, port, pki_path })
        }
        "ssh" => Ok(Transport::Ssh(SshCommand {
            user,
            host,
            port,
            key_file: query.key_file.map(Into::into),
            known_hosts: query.known_hosts.map(Into::into),
            program: query.command.unwrap_or_else(|| "ssh".into()).into(),
            helper: query.helper.unwrap_or_else(|| "virt-ssh-helper".into()),
        })),
        "tcp" => Err("plain TCP has no encryption and is not supported; use tls or ssh".into()),
        other => Err(format!("the transport {other} is not supported; use unix, tls or ssh")),
    }
}

fn parse_authority(text: &str) -> std::result::Result<Authority, String> {
    let (user, address) = match text.rsplit_once('@') {
        Some((user, address)) => (Some(decode(user)?), address),
        None => (None, text),
    };
    let (host, port) = match address.strip_prefix('[') {
        // IPv6 addresses stand in brackets because of their colons.
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
            let port = if rest.is_empty() {
                None
            } else {
                Some(rest.strip_prefix(':').ok_or("text follows a bracket")?)
            };
            (host, port)
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = port
        .map(|port| {
            port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(format!("{port:?} is no port"))
        })
        .transpose()?;
    for part in [user.as_deref(), Some(host)].into_iter().flatten() {
        if part.starts_with('-') {
            return Err("user and host must not begin with a hyphen".into());
        }
    }
    Ok(Authority { user, host: host.to_owned(), port })
}

fn parse_query(text: &str) -> std::result::Result<Query, String> {
    let mut query = Query::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = || decode(value).map(Some);
        match key {
            "socket" => query.socket = value()?,
            "pkipath" => query.pki_path = value()?,
            "keyfile" => query.key_file = value()?,
            "command" => query.command = value()?,
            "helper" => query.helper = value()?,
            "known_hosts" => query.known_hosts = value()?,
            "name" => query.name = value()?,
            // Nobody is ever asked anything here.
            "no_tty" => {}
            "no_verify" => {
                return Err("no_verify would accept any host; add its certificate's authority \
                            to cacert.pem, or its key to known_hosts"
                    .into());
            }
            // Only shapes the C client's own dialogue or remote shell.
            "sshauth" | "known_hosts_verify" | "netcat" | "proxy" | "mode" | "tls_priority"
            | "authfile" => {
                return Err(format!("the parameter {key} is not supported"));
            }
            _ => query.rest.push(pair.to_owned()),
        }
    }
    Ok(query)
}

/// Undoes percent encoding.
fn decode(text: &str) -> std::result::Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let value = digit().zip(digit()).map(|(high, low)| high << 4 | low);
        let value = value.and_then(|value| u8::try_from(value).ok()).filter(|value| *value != 0);
        bytes.push(value.ok_or_else(|| format!("{text:?} is wrongly percent-encoded"))?);
    }
    String::from_utf8(bytes).map_err(|_| format!("{text:?} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uri(text: &str) -> ConnectUri {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        ConnectUri::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_local_uri_is_opened_under_its_own_name() {
        let plain = uri("qemu:///system");
        assert_eq!(
            (plain.driver(), plain.path(), plain.name()),
            ("qemu", "/system", "qemu:///system")
        );
        assert_eq!(plain.transport(), &Transport::Unix { socket: None });
        let other = uri("qemu+unix:///session?socket=/tmp/a%20b/sock");
        assert_eq!(other.name(), "qemu:///session");
        assert_eq!(other.transport(), &Transport::Unix { socket: Some("/tmp/a b/sock".into()) });
        let test = uri("test:///tmp/x.xml?socket=/s&driver=1");
        assert_eq!(test.name(), "test:///tmp/x.xml?driver=1");
    }

    #[test]
    fn a_remote_uri_names_host_port_and_credentials() {
        let tls = uri("qemu+tls://[fe80::1]:1234/system?pkipath=/p");
        let expected =
            Transport::Tls { host: "fe80::1".into(), port: 1234, pki_path: Some("/p".into()) };
        assert_eq!((tls.transport(), tls.name()), (&expected, "qemu:///system"));
        // A host without a transport is TLS, as in libvirt.
        assert!(matches!(uri("qemu://h/system").transport(), Transport::Tls { port: 16_514, .. }));
        let ssh = uri("qemu+ssh://me@h:22/system?keyfile=/k&command=/opt/ssh");
        let Transport::Ssh(ssh) = ssh.transport() else { panic!("not ssh") };
        assert_eq!((ssh.user.as_deref(), ssh.host.as_str(), ssh.port), (Some("me"), "h", Some(22)));
        assert_eq!(ssh.program, PathBuf::from("/opt/ssh"));
        let named = uri("qemu+ssh://h/system?known_hosts=/k&no_tty=1&name=qemu:///session");
        let Transport::Ssh(ssh) = named.transport() else { panic!("not ssh") };
        assert_eq!(
            (ssh.known_hosts.as_deref(), named.name()),
            (Some("/k".as_ref()), "qemu:///session")
        );
    }

    #[test]
    fn a_parameter_of_another_transport_is_refused_and_not_passed_over() {
        for text in [
            "qemu+ssh://h/system?socket=/run/other",
            "qemu+tls://h/system?keyfile=/k",
            "qemu+unix:///system?pkipath=/p",
            "qemu:///system?known_hosts=/k",
        ] {
            assert!(refused(text).contains("is for the transport"), "{text}");
        }
    }

    #[test]
    fn what_must_not_be_done_is_refused_with_its_reason() {
        assert!(refused("qemu+tls://h/system?no_verify=1").contains("no_verify"));
        assert!(refused("qemu+tcp://h/system").contains("encryption"));
        assert!(refused("qemu+ssh://-oProxyCommand=x/system").contains("hyphen"));
        assert!(refused("qemu+ssh://-lx@h/system").contains("hyphen"));
        assert!(refused("qemu+ssh:///system").contains("host name"));
        assert!(refused("qemu+unix://h/system").contains("host name"));
        assert!(refused("qemu:///system?socket=/a%00b").contains("percent"));
        assert!(refused("qemu+tls://h:0/system").contains("port"));
        for text in ["", "system", "://", "+unix:///x", "qemu+carrier-pigeon://h/", "qemu:///a\nb"]
        {
            ConnectUri::parse(text).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_uri_or_an_error(text in ".{0,60}", tail in "[a-z+/:@?=&%\\[\\]-]{0,40}") {
            let _ = ConnectUri::parse(&text);
            let _ = ConnectUri::parse(&format!("qemu{tail}"));
        }
    }
}
