//! Pages of other sites can do nothing with a user's session (A15, A22).

use serde_json::json;

use crate::fixture::Fixture;

/// What a form of another site can send without asking.
const FORM_TYPES: &[&str] =
    &["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"];

#[tokio::test]
async fn a22_a_change_by_cookie_needs_our_own_origin() {
    let fixture = Fixture::start().await;
    let cookie = cookie_of(&fixture).await;
    let own = fixture.origin();
    let cases = [
        (vec![("origin", own.as_str())], 201),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")], 201),
        (vec![("sec-fetch-site", "same-origin")], 201),
        (vec![], 403),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "https://localhost:1")], 403),
        (vec![("origin", "http://localhost"), ("sec-fetch-site", "same-origin")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
    ];
    for (index, (headers, status)) in cases.into_iter().enumerate() {
        let body = json!({ "name": format!("x-{index}"), "role": "reader" });
        let client = headers
            .iter()
            .fold(fixture.client().header("cookie", &cookie), |c, (n, v)| c.header(n, v));
        let answer = client.post("/api/v1/tokens", &body).await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.text());
        if status == 403 {
            assert_eq!(answer.code(), "origin_denied");
        }
        assert_eq!(client.get("/api/v1/tokens").await.status, 200, "reading is harmless");
    }
}

#[tokio::test]
async fn a22_what_forms_send_is_not_read_even_from_our_own_origin() {
    let fixture = Fixture::start().await;
    let browser = fixture.browser().await;
    for kind in FORM_TYPES {
        let answer = browser.send("POST", "/api/v1/tokens", Some((kind, "name=x".into()))).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "media_type_unsupported"));
        let verb = "/api/v1/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e/start";
        let answer = browser.send("POST", verb, Some((kind, "x=1".into()))).await;
        assert_eq!(answer.status, 415, "a verb without a body takes none");
    }
}

#[tokio::test]
async fn a23_nobody_is_logged_in_by_another_sites_page() {
    let fixture = Fixture::start().await;
    let link = fixture.server.login_link().await.unwrap();
    let (_, code) = link.split_once('#').unwrap();
    let foreign = fixture.client().header("origin", "https://evil.example");
    let answer = foreign.post("/api/v1/session", &json!({ "code": code })).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "origin_denied"));
    let ours = fixture.client().header("origin", &fixture.origin());
    assert_eq!(ours.post("/api/v1/session", &json!({ "code": code })).await.status, 200);
}

#[tokio::test]
async fn a_token_needs_no_origin_but_is_no_excuse_for_a_foreign_one() {
    let fixture = Fixture::start().await;
    let body = json!({ "name": "x", "role": "reader" });
    let admin = fixture.token(hostler_core::access::Role::Admin).await;
    assert_eq!(admin.post("/api/v1/tokens", &body).await.status, 201);
    let foreign = admin.header("origin", "https://evil.example");
    assert_eq!(foreign.post("/api/v1/tokens", &body).await.status, 403);
}

async fn cookie_of(fixture: &Fixture) -> String {
    let cookie = fixture.log_in().await.header("set-cookie");
    cookie.split(';').next().unwrap().to_owned()
}
