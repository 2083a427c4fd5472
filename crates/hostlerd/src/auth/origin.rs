//! Whether a request comes from a page of ours (A15, A22).
//!
//! Browsers send cookies by themselves, so a cookie alone does not show that
//! somebody wanted the request. `Origin` and `Sec-Fetch-Site` are written by the
//! browser and cannot be written by a page. Programs send neither, and no cookie.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Uri};

use hostler_core::{Code, Error, Result};

/// What a browser says about where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    origin: Option<String>,
    fetch_site: Option<String>,
    own: Option<String>,
}

impl Source {
    /// Reads it from a request.
    pub fn read(uri: &Uri, headers: &HeaderMap) -> Self {
        let text = |value: &http::HeaderValue| {
            // What is no text equals nothing of ours.
            value.to_str().map_or_else(|_| "null".to_owned(), str::to_ascii_lowercase)
        };
        // HTTP/2 has the host in the address, HTTP/1 in a header.
        let host = match uri.authority() {
            Some(authority) => Some(authority.as_str().to_ascii_lowercase()),
            None => headers.get(HOST).map(text),
        };
        // Two of them are a trick; then none is believed.
        let single = |name| match headers.get_all(name).iter().count() {
            0 => None,
            1 => headers.get(name).map(text),
            _ => Some("null".to_owned()),
        };
        Self {
            origin: single(ORIGIN.as_str()),
            fetch_site: single("sec-fetch-site"),
            own: host.map(|host| format!("https://{}", host.trim_end_matches(":443"))),
        }
    }

    /// The page's origin, where there is one.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Whether a browser says that the request comes from one of our pages:
    /// `None` when nobody says anything.
    fn is_own(&self) -> Option<bool> {
        match (&self.origin, &self.fetch_site) {
            (Some(origin), _) => Some(Some(origin) == self.own.as_ref()),
            (None, Some(site)) => Some(site == "same-origin"),
            (None, None) => None,
        }
    }

    /// Checks a request that may change something. With a cookie it has to be
    /// shown that it comes from our pages; without, it must not come from others'.
    pub fn check_change(&self, method: &Method, has_cookie: bool) -> Result<()> {
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        match (self.is_own(), has_cookie) {
            (Some(true), _) | (None, false) => Ok(()),
            (Some(false), _) => Err(self.denied("comes from a page of another site")),
            (None, true) => Err(self.denied("has a cookie but neither Origin nor Sec-Fetch-Site")),
        }
    }

    /// Checks a WebSocket's handshake, a GET that browsers let any page make. A
    /// caller known by something that browsers do not send by themselves may lack
    /// an origin; one that is there has to be ours.
    pub fn check_socket(&self, has_cookie: bool) -> Result<()> {
        match (self.origin.is_some(), self.is_own(), has_cookie) {
            (true, Some(true), _) | (false, _, false) => Ok(()),
            (true, ..) => Err(self.denied("comes from a page of another site")),
            (false, _, true) => Err(self.denied("has a cookie but no Origin")),
        }
    }

    fn denied(&self, why: &str) -> Error {
        let origin = self.origin.as_deref().unwrap_or("none");
        Error::new(Code::OriginDenied, format!("the request {why}"))
            .with_internal(format!("origin {origin:?}, own {:?}", self.own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(host: &str, origin: Option<&str>, site: Option<&str>) -> Source {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        Source::read(&"/api/v1/vms".parse().unwrap(), &headers)
    }

    /// Origin, Sec-Fetch-Site, and whether a change is let through with a cookie and without.
    const CHANGES: &[(Option<&str>, Option<&str>, bool, bool)] = &[
        (Some("https://h:7443"), Some("same-origin"), true, true),
        (Some("https://h:7443"), None, true, true),
        (Some("HTTPS://H:7443"), None, true, true),
        (None, Some("same-origin"), true, true),
        (None, None, false, true),
        (None, Some("same-site"), false, false),
        (None, Some("cross-site"), false, false),
        (None, Some("none"), false, false),
        (Some("null"), None, false, false),
        (Some(""), None, false, false),
        (Some("http://h:7443"), None, false, false),
        (Some("https://h"), None, false, false),
        (Some("https://h:7443.evil.example"), None, false, false),
        (Some("https://evil.example"), Some("same-origin"), false, false),
    ];

    #[test]
    fn a22_a_change_by_cookie_comes_from_our_own_pages() {
        for (origin, site, with_cookie, without) in CHANGES {
            let source = source("h:7443", *origin, *site);
            let with = source.check_change(&Method::POST, true).is_ok();
            assert_eq!(with, *with_cookie, "{origin:?} {site:?} with a cookie");
            let plain = source.check_change(&Method::DELETE, false).is_ok();
            assert_eq!(plain, *without, "{origin:?} {site:?} without");
            assert!(source.check_change(&Method::GET, true).is_ok());
        }
    }

    #[test]
    fn a15_a_socket_from_another_site_is_refused_whatever_it_knows() {
        let check = |origin, cookie| source("h:7443", origin, None).check_socket(cookie).is_ok();
        assert!(check(Some("https://h:7443"), true));
        assert!(check(None, false), "a program with a token");
        assert!(!check(None, true));
        for foreign in ["https://evil.example", "null", "https://h:7444", "http://h:7443"] {
            assert!(!check(Some(foreign), true), "{foreign}");
            assert!(!check(Some(foreign), false), "{foreign} with a ticket it stole");
        }
    }

    #[test]
    fn the_default_port_is_not_written_in_origins() {
        assert_eq!(source("h:443", Some("https://h"), None).is_own(), Some(true));
        assert_eq!(source("h", Some("https://h"), None).is_own(), Some(true));
    }

    #[test]
    fn http_2_has_its_host_in_the_address() {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, "https://h:7443".parse().unwrap());
        let source = Source::read(&"https://h:7443/api/v1/vms".parse().unwrap(), &headers);
        assert_eq!(source.is_own(), Some(true));
    }

    #[test]
    fn two_origins_are_none_of_ours() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "h".parse().unwrap());
        headers.append(ORIGIN, "https://h".parse().unwrap());
        headers.append(ORIGIN, "https://evil.example".parse().unwrap());
        assert_eq!(Source::read(&"/".parse().unwrap(), &headers).is_own(), Some(false));
    }
}
