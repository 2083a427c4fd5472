//! The unix socket: the kernel says who is there (peer credentials).

use hostlerd::auth::LocalUsers;
use hostlerd::listen::Limits;
use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test]
async fn a_local_user_needs_no_login() {
    let fixture = Fixture::start().await;
    let session = fixture.local().get("/api/v1/session").await.json();
    let actor = session["actor"].as_str().unwrap();
    assert!(actor.starts_with("local:"), "{actor}");
    assert_eq!(session["role"], "admin");
    assert_eq!(session["expires_at"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_local_user_outside_the_group_gets_nothing_without_a_token() {
    // This process is neither root nor the server's user, nor in the group, as far as these
    // files tell.
    if rustix::process::getuid().is_root() {
        // Root is root whatever files say; what the files decide is tested beside `LocalUsers`.
        return;
    }
    let users = LocalUsers::new(u32::MAX, "", "");
    let fixture = Fixture::with(Limits::default(), users).await;
    assert_eq!(fixture.local().get("/api/v1/session").await.code(), "credentials_invalid");
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_group() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::start().await;
    let mode = std::fs::metadata(&fixture.socket).unwrap().permissions().mode() & 0o777;
    let wanted = if LocalUsers::of_system().group_id().is_some() { 0o660 } else { 0o600 };
    assert_eq!(mode, wanted);
}

#[tokio::test]
async fn a_token_on_the_socket_is_who_asks() {
    let fixture = Fixture::start().await;
    let secret = fixture.make_token(hostler_core::access::Role::Reader, None).await;
    let local = fixture.local().header("authorization", &format!("Bearer {secret}"));
    assert_eq!(local.get("/api/v1/session").await.json()["role"], "reader");
}

#[tokio::test]
async fn what_is_for_local_users_is_not_there_for_others() {
    let fixture = Fixture::start().await;
    let admin = fixture.token(hostler_core::access::Role::Admin).await;
    for path in ["/local/login-code", "/local/backup"] {
        let answer = admin.post(path, &json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "endpoint_not_found"));
    }
}

#[tokio::test]
async fn a_login_code_is_had_on_the_socket() {
    let fixture = Fixture::start().await;
    let answer = fixture.local().post("/local/login-code", &json!({})).await.json();
    assert_eq!(answer["base_url"], fixture.server.base_url());
    let body = json!({ "code": answer["code"] });
    assert_eq!(fixture.client().post("/api/v1/session", &body).await.status, 200);
}

#[tokio::test]
async fn a20_headers_do_not_say_who_asks() {
    let fixture = Fixture::start().await;
    for (name, value) in [
        ("x-forwarded-user", "root"),
        ("x-remote-user", "admin"),
        ("x-roles", "admin"),
        ("forwarded", "for=127.0.0.1;proto=https"),
        ("cookie", "__Host-hostler=admin"),
    ] {
        let answer = fixture.client().header(name, value).get("/api/v1/session").await;
        assert_eq!(answer.status, 401, "{name}");
    }
}
