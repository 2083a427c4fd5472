//! Who gets in: by login link, session, token. And who does not any more.

use std::time::Duration;

use hostler_core::Clock;
use hostler_core::access::Role;
use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test]
async fn a_login_link_opens_one_session_once() {
    let fixture = Fixture::start().await;
    let link = fixture.server.login_link().await.unwrap();
    let (page, code) = link.split_once('#').unwrap();
    assert_eq!(page, format!("{}/login", fixture.origin()));
    let body = json!({ "code": code });
    let first = fixture.client().post("/api/v1/session", &body).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["actor"], "session:admin");
    let cookie = first.header("set-cookie");
    for part in [
        "__Host-hostler=",
        "; Path=/",
        "; Max-Age=2592000",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
    ] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let second = fixture.client().post("/api/v1/session", &body).await;
    assert_eq!((second.status, second.code().as_str()), (401, "credentials_invalid"));
}

#[tokio::test]
async fn a_login_link_ends_after_ten_minutes() {
    let fixture = Fixture::start().await;
    let link = fixture.server.login_link().await.unwrap();
    let (_, code) = link.split_once('#').unwrap();
    fixture.clock.advance(Duration::from_secs(601));
    let answer = fixture.client().post("/api/v1/session", &json!({ "code": code })).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "credentials_invalid"));
}

#[tokio::test]
async fn a26_guessing_codes_has_to_wait() {
    let fixture = Fixture::start().await;
    let guess = json!({ "code": "guess" });
    for left in (0..10).rev() {
        let answer = fixture.client().post("/api/v1/session", &guess).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("ratelimit-policy"), "\"login\";q=10;w=60");
        let limit = answer.header("ratelimit");
        assert!(limit.starts_with(&format!("\"login\";r={left};t=")), "{limit}");
    }
    let answer = fixture.client().post("/api/v1/session", &guess).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(answer.header("ratelimit"), format!("\"login\";r=0;t={seconds}"));
    // Even the right code waits, so that nobody learns by the difference.
    assert_eq!(fixture.log_in().await.status, 429);
}

#[tokio::test]
async fn a_session_slides_while_it_is_used_and_ends_when_it_is_not() {
    let fixture = Fixture::start().await;
    let browser = fixture.browser().await;
    for _ in 0..3 {
        fixture.clock.advance(Duration::from_secs(11 * 3600));
        assert_eq!(browser.get("/api/v1/session").await.status, 200);
    }
    fixture.clock.advance(Duration::from_secs(12 * 3600 + 1));
    let answer = browser.get("/api/v1/session").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "credentials_invalid"));
    // An old cookie does not stand in the way of logging in again.
    assert_eq!(browser.get("/api/v1").await.status, 200);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_much_it_is_used() {
    let fixture = Fixture::start().await;
    let browser = fixture.browser().await;
    for _ in 0..71 {
        fixture.clock.advance(Duration::from_secs(10 * 3600));
        assert_eq!(browser.get("/api/v1/session").await.status, 200);
    }
    fixture.clock.advance(Duration::from_secs(10 * 3600));
    assert_eq!(browser.get("/api/v1/session").await.status, 401);
}

#[tokio::test]
async fn logging_out_ends_the_session_and_takes_the_cookie_back() {
    let fixture = Fixture::start().await;
    let browser = fixture.browser().await;
    let answer = browser.delete("/api/v1/session").await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").starts_with("__Host-hostler=; Path=/; Max-Age=0"));
    assert_eq!(browser.get("/api/v1/session").await.status, 401);
}

#[tokio::test]
async fn a_token_says_who_it_is_and_ends_when_it_is_revoked() {
    let fixture = Fixture::start().await;
    let admin = fixture.token(Role::Admin).await;
    let body = json!({ "name": "ci", "role": "reader" });
    let made = admin.post("/api/v1/tokens", &body).await;
    assert_eq!(made.status, 201);
    let (secret, id) = (made.json()["secret"].clone(), made.json()["token"]["id"].clone());
    let bearer = format!("Bearer {}", secret.as_str().unwrap());
    let token = fixture.client().header("authorization", &bearer);
    let session = token.get("/api/v1/session").await.json();
    assert_eq!(
        (session["actor"].as_str(), session["role"].as_str()),
        (Some("token:ci"), Some("reader"))
    );
    let listed = admin.get("/api/v1/tokens?filter=name=ci").await.json();
    assert_eq!(listed["items"][0]["last_used_at"], fixture.clock.now().to_string());
    assert!(listed["items"][0].get("secret").is_none());
    let path = format!("/api/v1/tokens/{}", id.as_str().unwrap());
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(token.get("/api/v1/session").await.code(), "credentials_invalid");
    assert_eq!(admin.delete(&path).await.code(), "token_not_found");
}

#[tokio::test]
async fn a_token_that_was_to_end_ends() {
    let fixture = Fixture::start().await;
    let secret = fixture.make_token(Role::Admin, Some(Duration::from_secs(60))).await;
    let token = fixture.client().header("authorization", &format!("bearer {secret}"));
    assert_eq!(token.get("/api/v1/session").await.status, 200);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(token.get("/api/v1/session").await.status, 401);
}

#[tokio::test]
async fn a27_what_is_said_explicitly_wins_over_a_cookie() {
    let fixture = Fixture::start().await;
    let reader = fixture.make_token(Role::Reader, None).await;
    let both = fixture.browser().await.header("authorization", &format!("Bearer {reader}"));
    assert_eq!(both.get("/api/v1/session").await.json()["role"], "reader");
    let wrong = fixture.browser().await.header("authorization", "Bearer hst_wrong");
    assert_eq!(wrong.get("/api/v1/session").await.status, 401, "no way back to the cookie");
}

#[tokio::test]
async fn faults_of_a_token_are_all_told_at_once() {
    let fixture = Fixture::start().await;
    let body = json!({ "name": "..", "role": "king", "expires_in_seconds": 0 });
    let answer = fixture.local().post("/api/v1/tokens", &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"));
    let pointers: Vec<_> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(pointers, ["/name", "/role", "/expires_in_seconds"]);
}
