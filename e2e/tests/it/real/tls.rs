//! From another machine: TLS, tokens, and the browser's login link (A15, A22).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use expect_test::expect;
use serde_json::json;

use crate::rig::{Answer, Exchange, Golden, Home, Server, check, eventually, lab};

/// The header that is a browser's cookie.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

/// A fresh login link: its port and its code.
#[track_caller]
fn admin_link(home: &Home) -> (u16, String) {
    let made = home.hostlerd(&["admin-link"]);
    assert_eq!(made.code, 0, "{}", made.all());
    let rest = made
        .out
        .trim()
        .strip_prefix("https://localhost:")
        .unwrap_or_else(|| panic!("{}", made.all()));
    let (port, code) = rest.split_once("/login#").unwrap();
    (port.parse().unwrap(), code.to_owned())
}

/// A file that only its owner may read.
fn private_file(path: PathBuf, text: &str) -> String {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn serve(home: &Home) -> (hostler_lab::Lab, Server) {
    let lab = lab("tls");
    let server = home.serve(&[("lab", lab.uri())]);
    (lab, server)
}

#[test]
fn the_command_line_reaches_the_server_from_afar_only_with_the_right_authority_and_token() {
    let home = Home::new();
    let (_lab, _server) = serve(&home);
    let small = ["--memory", "48M", "--disk", "8M", "--accelerator", "tcg", "--no-start"];
    home.done(&[&["vm", "create", "cold"], small.as_slice()].concat());
    let (port, _) = admin_link(&home);
    let url = format!("https://localhost:{port}");
    let ca = home.data().join("tls/ca.pem").display().to_string();
    let token = |name: &str, role: &str| {
        let made = home.json(&["token", "create", name, "--role", role]);
        private_file(home.path().join(name), made["secret"].as_str().unwrap())
    };
    let (reader, admin) = (token("reader", "reader"), token("admin", "admin"));
    let golden = Golden::default()
        .with(home.path().display().to_string(), "HOME")
        .with(format!("localhost:{port}"), "SERVER")
        .with(format!("127.0.0.1:{port}"), "SERVER");
    let far = |words: &[&str]| {
        let ended = home.hostler(&[&["--url", &url], words].concat());
        golden.of(&format!("$ hostler {}\n{}", words.join(" "), ended.all()))
    };
    let pinned = ["--ca-file", &ca];
    let as_reader = ["--ca-file", &ca, "--token-file", &reader];
    let as_admin = ["--ca-file", &ca, "--token-file", &admin];

    let list = ["vm", "list", "-o", "name"];
    expect![[r#"
        $ hostler --ca-file HOME/data/tls/ca.pem --token-file HOME/reader vm list -o name
        cold
        exit 0
    "#]]
    .assert_eq(&far(&[as_reader.as_slice(), &list].concat()));
    expect![[r#"
        $ hostler --ca-file HOME/data/tls/ca.pem --token-file HOME/reader start cold
        error: cannot start vm "cold": token:reader lacks the permission vm.power [permission_denied] (request ID)
        hint: Ask an administrator for the permission that the message names.
        exit 3
    "#]].assert_eq(&far(&[as_reader.as_slice(), &["start", "cold"]].concat()));
    expect![[r#"
        $ hostler --ca-file HOME/data/tls/ca.pem vm list -o name
        error: no credentials were given [credentials_missing] (request ID)
        hint: give a token with --token-file, HOSTLER_TOKEN_FILE or a context (`hostler context add`)
        exit 3
    "#]].assert_eq(&far(&[pinned.as_slice(), &list].concat()));
    expect![[r#"
        $ hostler --ca-file HOME/data/tls/ca.pem --token-file HOME/admin stop cold
        vm "cold": already stopped
        exit 0
    "#]]
    .assert_eq(&far(&[as_admin.as_slice(), &["stop", "cold"]].concat()));

    // Another authority, though of the same name, and none at all.
    let other = Home::new();
    let _other = other.launch().alive();
    let wrong = other.data().join("tls/ca.pem").display().to_string();
    let with_wrong =
        home.hostler(&["--url", &url, "--ca-file", &wrong, "--token-file", &reader, "ls"]);
    assert_eq!(with_wrong.code, 8, "{}", with_wrong.all());
    assert!(with_wrong.err.contains("certificate"), "{}", with_wrong.all());
    let by_system = home.hostler(&["--url", &url, "--token-file", &reader, "ls"]);
    assert_ne!(by_system.code, 0, "{}", by_system.all());

    // Without TLS the server says what to do, and nothing more.
    let plain = Exchange::plain(port).unwrap().ask("GET", "/api/v1/vms", &[], b"").unwrap();
    assert_eq!(plain.status, 400);
    assert!(plain.text().contains("use https://"), "{plain:?}");

    // A token that is revoked is refused from then on.
    let tokens = home.json(&["token", "list"]);
    let is_reader = |token: &&serde_json::Value| token["name"] == "reader";
    let id = tokens.as_array().unwrap().iter().find(is_reader).unwrap()["id"].as_str().unwrap();
    home.done(&["token", "revoke", id, "--yes"]);
    assert_eq!(home.hostler(&[&["--url", &url], as_reader.as_slice(), &["ls"]].concat()).code, 3);
}

fn ask(port: u16, ca: &Path, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let exchange = Exchange::tls(port, ca).unwrap();
    exchange.ask(method, "/api/v1/session", headers, body.as_bytes()).unwrap()
}

#[test]
fn a22_a_login_link_opens_one_session_once() {
    let home = Home::new();
    let (_lab, server) = serve(&home);
    let (port, code) = admin_link(&home);
    let ca = home.data().join("tls/ca.pem");
    let own = format!("https://localhost:{port}");
    let json_kind = ("content-type", "application/json");
    let body = json!({ "code": code }).to_string();
    assert_eq!(ask(port, &ca, "GET", &[], "").status, 401);

    let page = [json_kind, ("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    let opened = ask(port, &ca, "POST", &page, &body);
    assert_eq!(opened.status, 200, "{}", opened.text());
    assert_eq!(opened.json()["role"], "admin");
    let cookie = cookie(&opened);
    // The secret is in the cookie alone.
    assert!(!opened.text().contains(cookie.split_once('=').unwrap().1));
    assert_eq!(ask(port, &ca, "POST", &page, &body).status, 401, "a code works once");

    let with_cookie = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let shown = ask(port, &ca, "GET", &with_cookie, "");
    assert_eq!((shown.status, shown.json()["role"].as_str()), (200, Some("admin")));
    // Another site's page has the cookie sent along, and still cannot use it (A15).
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(ask(port, &ca, "DELETE", &foreign, "").status, 403);

    // Sessions outlive the server.
    server.kill();
    let lab = lab("again");
    let _server = home.serve(&[("lab", lab.uri())]);
    let (port, _) = admin_link(&home);
    let own = format!("https://localhost:{port}");
    let with_cookie =
        [("cookie", cookie.as_str()), ("origin", &own), ("sec-fetch-site", "same-origin")];
    eventually("the session is known to the next server", || {
        let shown = ask(port, &ca, "GET", &with_cookie, "");
        check(shown.status == 200, || shown.text())
    });
    let closed = ask(port, &ca, "DELETE", &with_cookie, "");
    assert_eq!(closed.status, 204, "{}", closed.text());
    assert!(closed.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")));
    assert_eq!(ask(port, &ca, "GET", &with_cookie, "").status, 401, "logged out");
}
