//! Where a server is: a Unix socket, or a URL.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The socket of the server on this machine.
pub const DEFAULT_SOCKET: &str = "/run/hostler/hostlerd.sock";
/// The port of URLs that name none.
pub const DEFAULT_PORT: u16 = 7443;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket; the kernel tells the server who connects.
    Socket(PathBuf),
    /// A URL.
    Url {
        /// Whether it is encrypted. Where not, `host` is this machine.
        tls: bool,
        /// A name or an IP address, without brackets.
        host: String,
        /// The TCP port.
        port: u16,
        /// What precedes `/api` in every path, without a trailing slash.
        prefix: String,
    },
}

impl Address {
    /// What to send as `Host`.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Socket(_) => "localhost".to_owned(),
            Self::Url { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Url { host, port, .. } => format!("{host}:{port}"),
        }
    }

    /// What precedes `/api` in every path.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::Socket(_) => "",
            Self::Url { prefix, .. } => prefix,
        }
    }
}

impl Default for Address {
    fn default() -> Self {
        Self::Socket(DEFAULT_SOCKET.into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
            Self::Url { tls, prefix, .. } => {
                let scheme = if *tls { "https" } else { "http" };
                write!(f, "{scheme}://{}{prefix}", self.authority())
            }
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Socket(path.strip_prefix("//").unwrap_or(path).into()));
        }
        if text.starts_with('/') {
            return Ok(Self::Socket(text.into()));
        }
        let bad = |why: &str| {
            Error::setup(
                format!("`{text}` is not the address of a server: {why}"),
                "addresses look like https://server:7443 or unix:/run/hostler/hostlerd.sock",
            )
        };
        let uri: http::Uri = text.parse().map_err(|_| bad("it is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad("it begins with neither https:// nor http:// nor unix:")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') {
            // A password in a URL ends up in histories and process lists.
            return Err(bad("it holds a user; give a token file instead"));
        }
        if uri.query().is_some() {
            return Err(bad("it has a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        if !tls && !is_loopback(&host) {
            return Err(bad("without TLS only this machine can be addressed; use https://"));
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self::Url { tls, host, port: authority.port_u16().unwrap_or(DEFAULT_PORT), prefix })
    }
}

/// Only what cannot leave this machine; names are not looked up.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        let cases = [
            ("/run/x.sock", "unix:/run/x.sock"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("unix:///run/x.sock", "unix:/run/x.sock"),
            ("https://h1", "https://h1:7443"),
            ("https://h1:443/hostler/", "https://h1:443/hostler"),
            ("https://[2001:db8::1]:7443", "https://[2001:db8::1]:7443"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("http://localhost:80", "http://localhost:80"),
        ];
        for (text, shown) in cases {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<Address>().unwrap(), address, "{shown}");
        }
    }

    #[test]
    fn a_token_never_leaves_this_machine_in_the_clear() {
        for text in ["http://h1:80", "http://10.0.0.1", "http://localhost.example.org"] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("without TLS"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for text in ["", "h1", "ftp://h1", "https://", "https://u:p@h1", "https://h1/?x=1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
