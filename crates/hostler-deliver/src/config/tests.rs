//! Configurations, good and bad.

use super::*;

fn integration(toml: &str) -> Integration {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

/// The keys that are wrong.
fn wrong(toml: &str) -> Vec<String> {
    let faults = integration(toml).check().unwrap_err();
    faults.into_iter().map(|fault| fault.pointer).collect()
}

const SMTP: &str = r#"smtp = { host = "mail.example", from = "a@b.example", to = ["c@d.example"]"#;

#[test]
fn what_is_written_is_read_and_shown_again() {
    for (kind, toml) in [
        ("webhook", r#"webhook = { url = "https://h/x", bearer_token_file = "/t" }"#),
        ("webhook", r#"webhook = { url_file = "/u", ca_file = "/ca.pem" }"#),
        ("slack", r#"slack = { url_file = "/u" }"#),
        ("pagerduty", r#"pagerduty = { key_file = "/k" }"#),
        ("alertmanager", r#"alertmanager = { urls = ["http://am:9093"], refresh_seconds = 30 }"#),
        ("smtp", &format!("{SMTP} }}")),
        ("smtp", &format!(r#"{SMTP}, tls = "implicit", username = "u", password_file = "/p" }}"#)),
    ] {
        let read = integration(toml);
        assert_eq!((read.kind(), read.check()), (kind, Ok(())), "{toml}");
        let shown = toml::to_string(&read).unwrap();
        assert_eq!(integration(&shown), read, "{shown}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    for bad in [
        r#"slack = { url = "https://hooks.slack.com/secret" }"#,
        r#"pagerduty = { routing_key = "secret" }"#,
        r#"pigeon = {}"#,
        r#"smtp = { host = "h", from = "a@b", to = [], tls = "maybe" }"#,
    ] {
        assert!(toml::from_str::<Integration>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_key_that_cannot_be_is_named() {
    let token = r#"bearer_token_file = "/t""#;
    for (toml, keys) in [
        ("webhook = {}".to_owned(), vec!["/webhook/url"]),
        (r#"webhook = { url = "https://h", url_file = "/u" }"#.into(), vec!["/webhook/url"]),
        (r#"webhook = { url = "ftp://h/" }"#.into(), vec!["/webhook/url"]),
        (r#"webhook = { url = "https://user:secret@h/" }"#.into(), vec!["/webhook/url"]),
        (
            format!(r#"webhook = {{ url = "http://far.example/", {token} }}"#),
            vec!["/webhook/bearer_token_file"],
        ),
        (
            r#"pagerduty = { key_file = "/k", url = "http://far.example/" }"#.into(),
            vec!["/pagerduty/url"],
        ),
        (
            r#"alertmanager = { urls = [], refresh_seconds = 1 }"#.into(),
            vec!["/alertmanager/urls", "/alertmanager/refresh_seconds"],
        ),
        (r#"alertmanager = { urls = ["http://a", "b"] }"#.into(), vec!["/alertmanager/urls/1"]),
        (
            r#"smtp = { host = "a b", from = "nobody", to = ["x@y", "z"], subject = "{{ $x }}" }"#
                .into(),
            vec!["/smtp/host", "/smtp/from", "/smtp/to/1", "/smtp/subject"],
        ),
        (
            format!(r#"{SMTP}, tls = "none", username = "u", password_file = "/p" }}"#),
            vec!["/smtp/password_file"],
        ),
        (format!(r#"{SMTP}, username = "u" }}"#), vec!["/smtp/password_file"]),
        (format!(r#"{SMTP}, username = "u\nX", password_file = "/p" }}"#), vec!["/smtp/username"]),
    ] {
        assert_eq!(wrong(&toml), keys, "{toml}");
    }
    // On this machine nobody is on the way.
    let near = format!(r#"webhook = {{ url = "http://127.0.0.1:9/", {token} }}"#);
    assert_eq!(integration(&near).check(), Ok(()));
}

#[test]
fn nothing_configured_can_say_more_to_a_mail_server_than_an_address() {
    for bad in ["a@b.example>\\r\\nRCPT TO:<x@y", "a@b.example\\r\\nBcc: x@y", "ä@b.example", ""] {
        let toml = format!(r#"smtp = {{ host = "h", from = "a@b.example", to = ["{bad}"] }}"#);
        assert_eq!(wrong(&toml), ["/smtp/to/0"], "{bad}");
        let toml = format!(r#"{SMTP}, hello = "{bad}" }}"#);
        assert_eq!(wrong(&toml), ["/smtp/hello"], "{bad}");
    }
}

#[test]
fn the_usual_ports_are_known() {
    for (tls, port) in [("starttls", 587), ("implicit", 465), ("none", 25)] {
        let Integration::Smtp(config) = integration(&format!(r#"{SMTP}, tls = "{tls}" }}"#)) else {
            panic!("it is mail");
        };
        assert_eq!(config.port(), port);
        assert_eq!(config.hello().unwrap(), "b.example");
    }
}
