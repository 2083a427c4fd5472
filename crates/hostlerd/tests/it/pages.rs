//! What people see, and what machines see when they err.

use hostler_core::Code;
use serde_json::Value;

use crate::fixture::Fixture;

#[tokio::test]
async fn every_problem_has_its_page_without_login() {
    let fixture = Fixture::start().await;
    let list = fixture.client().header("accept", "application/json").get("/problems").await.json();
    assert_eq!(list.as_array().unwrap().len(), Code::ALL.len());
    for code in Code::ALL {
        let path = format!("/problems/{code}");
        let page = fixture.client().header("accept", "text/html").get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.text().contains(&format!("<h1>{code}</h1>")));
    }
    assert_eq!(fixture.client().get("/problems/no_such").await.code(), "endpoint_not_found");
}

#[tokio::test]
async fn the_document_is_the_one_of_the_endpoints() {
    let fixture = Fixture::start().await;
    let document: Value = fixture.client().get("/api/v1/openapi.json").await.json();
    let own = hostler_api::openapi::document(&hostler_api::v1::endpoints());
    assert_eq!(document, own);
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_no_inline_script() {
    let fixture = Fixture::start().await;
    for path in
        ["/api/docs", "/problems", "/problems/vm_busy", "/api/docs/docs.js", "/api/docs/docs.css"]
    {
        let answer = fixture.client().get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
        assert!(!text.contains("<script>") && !text.contains("onclick"), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("strict-transport-security"), "", "not for localhost");
    }
    let named = fixture.client().header("host", "hostler.example.org").get("/livez").await;
    assert_eq!(named.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn addresses_of_people_lead_to_the_interface_and_others_to_404() {
    let fixture = Fixture::start().await;
    let browser = fixture.client().header("accept", "text/html,*/*");
    for path in ["/", "/vms", "/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e", "/login"] {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, page.header("content-type").as_str()),
            (200, "text/html; charset=utf-8")
        );
        assert_eq!(page.header("cache-control"), "no-cache");
        assert!(page.text().contains("<title>Hostler"));
    }
    for path in [
        "/api",
        "/api/v1/nothing",
        "/api/v2/vms",
        "/assets/gone.js",
        "//evil.example/x",
        "/..%2f",
        "/a/../b",
    ] {
        let answer = browser.get(path).await;
        let odd_but_harmless = path == "/..%2f";
        assert!(answer.status == 404 || odd_but_harmless, "{path} {}", answer.status);
    }
    assert_eq!(browser.send("POST", "/vms", None).await.status, 404);
}

#[tokio::test]
async fn a_wrong_method_is_told_which_there_are() {
    let fixture = Fixture::start().await;
    let answer = fixture.local().send("PUT", "/api/v1/vms", None).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
}

#[tokio::test]
async fn a_head_request_is_a_get_without_its_body() {
    let fixture = Fixture::start().await;
    let answer = fixture.local().send("HEAD", "/api/v1/vms", None).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[tokio::test]
async fn a_request_keeps_the_id_its_client_gave_unless_that_is_odd() {
    let fixture = Fixture::start().await;
    let given = fixture.local().header("x-request-id", "my-id.1").get("/api/v1/vms/x").await;
    assert_eq!(given.header("x-request-id"), "my-id.1");
    assert_eq!(given.json()["request_id"], "my-id.1");
    for odd in ["a b", "<script>", &"x".repeat(65)] {
        let answer = fixture.local().header("x-request-id", odd).get("/livez").await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{odd}");
    }
}

#[tokio::test]
async fn the_authority_can_be_fetched_and_is_the_one_that_signs() {
    let fixture = Fixture::start().await;
    let pem = fixture.client().get("/ca.pem").await.text();
    assert_eq!(pem, fixture.ca_pem);
    assert!(!pem.contains("PRIVATE"));
}
