//! The session's cookie.

use std::time::Duration;

use http::HeaderMap;
use http::header::COOKIE;

/// `__Host-`: browsers take it only over HTTPS, for this host, for every path.
pub(super) const NAME: &str = "__Host-hostler";

/// The secret in a request's cookies, where there is one.
pub(super) fn read(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|one| one.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// What gives a browser the secret. It keeps it for as long as it could be of
/// use; when the session ends is the server's to decide.
pub(super) fn give(secret: &str, life: Duration) -> String {
    let seconds = life.as_secs();
    format!("{NAME}={secret}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}

/// What makes a browser forget it.
pub(super) fn take_back() -> String {
    format!("{NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        read(&headers).map(str::to_owned)
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(of(&["a=1; __Host-hostler=s; b=2"]).as_deref(), Some("s"));
        assert_eq!(of(&["a=1", "__Host-hostler=s"]).as_deref(), Some("s"));
        assert_eq!(of(&["__Host-hostlerx=s; hostler=s; x__Host-hostler=s"]), None);
        assert_eq!(of(&[]), None);
    }
}
