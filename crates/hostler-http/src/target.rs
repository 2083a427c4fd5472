//! Where a request goes.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::error::Error;

/// An `http` or `https` URL. It is told to people without its path, query and credentials:
/// for some receivers these are the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// The URL in full, for whoever sends.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether what is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is this machine, by its address.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The place below this one: `segments` are appended to its path, escaped, and
    /// `query` is appended to its query.
    #[must_use]
    pub fn below(&self, segments: &[&str], query: &[(&str, &str)]) -> Self {
        let mut url = self.0.clone();
        // Only URLs with a host come to be, and these have a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Self(url)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Target {
    type Err = Error;

    /// Reads a URL.
    ///
    /// # Errors
    /// `Setup`, without the text that was given, where it is no URL of a web server or
    /// has a user's name and password in it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let setup = |what: &str, remedy: &'static str| Error::Setup { what: what.into(), remedy };
        let url = Url::parse(text).map_err(|error| {
            setup(&format!("this is no URL: {error}"), "write it as https://host:port/path")
        })?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            let what = format!("nothing can be sent to a URL of `{}:`", url.scheme());
            return Err(setup(&what, "write it as https://host:port/path"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(setup(
                "the URL has a user's name or password in it",
                "give them by a file, so that they are not shown where URLs are",
            ));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_told_of_it_holds_no_secret() {
        let slack = target("https://hooks.slack.com/services/T0/B0/secret?token=secret");
        assert_eq!(slack.to_string(), "https://hooks.slack.com");
        assert_eq!(format!("{slack:?}"), "Target(https://hooks.slack.com)");
        assert_eq!(target("http://[::1]:9090/x").to_string(), "http://[::1]:9090");
    }

    #[test]
    fn places_below_it_are_escaped() {
        let base = target("http://db:8086/influx/?precision=ms");
        let below = base.below(&["api", "a/b c"], &[("db", "x&y=z")]);
        assert_eq!(below.as_str(), "http://db:8086/influx/api/a%2Fb%20c?precision=ms&db=x%26y%3Dz");
    }

    #[test]
    fn what_is_no_web_server_is_refused_without_repeating_it() {
        for bad in ["", "secret", "ftp://h/secret", "file:///secret", "https://u:secret@h/"] {
            let told = bad.parse::<Target>().unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for near in ["http://localhost/", "http://127.0.0.2:1/", "http://[::1]/"] {
            assert!(target(near).is_loopback(), "{near}");
        }
        for far in ["http://localhost.example/", "http://10.0.0.1/", "https://h/"] {
            assert!(!target(far).is_loopback(), "{far}");
        }
    }
}
