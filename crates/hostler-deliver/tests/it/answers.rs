//! What an answer means: delivered, to be tried again, or given up; and that nothing
//! of it gives a secret away.

use std::time::Duration;

use hostler_core::alert::notice::Undelivered;

use crate::notices::{Files, firing, receiver};
use crate::scripted::Scripted;

/// What came of one delivery to a webhook with a secret URL.
async fn told(head: &str, body: &str) -> Result<(), Undelivered> {
    let server = Scripted::new(&[head], body).await;
    let files = Files::new();
    let url = files.with("url", &server.url("/hooks/secret-of-ours"));
    let receiver = receiver(&format!("webhook = {{ url_file = '{}' }}", url.display()));
    receiver.deliver(&firing()).await
}

#[tokio::test]
async fn f36_an_answer_is_delivered_tried_again_or_given_up() {
    for taken in ["200 OK", "202 Accepted", "204 No Content"] {
        assert_eq!(told(taken, "").await, Ok(()), "{taken}");
    }
    for later in ["408 Timeout", "425 Early", "429 Slow", "500 Oops", "502 Bad", "503 Busy"] {
        let failure = told(later, "").await.unwrap_err();
        assert!(failure.is_retryable, "{later}: {failure}");
    }
    for never in ["301 Moved", "307 Go", "400 Bad", "401 Who", "403 No", "404 Where", "410 Gone"] {
        let failure = told(never, "").await.unwrap_err();
        assert!(!failure.is_retryable, "{never}: {failure}");
    }
}

#[tokio::test]
async fn f36_a_receiver_that_asks_for_time_gets_it() {
    let failure = told("429 Slow\r\nRetry-After: 7", "rate limited").await.unwrap_err();
    assert_eq!((failure.is_retryable, failure.retry_after), (true, Some(Duration::from_secs(7))));
    let failure = told("503 Busy\r\nRetry-After: soon", "").await.unwrap_err();
    assert_eq!(failure.retry_after, None);
}

#[tokio::test]
async fn a13_a_redirect_is_not_followed_and_told_so() {
    let other = Scripted::new(&["200 OK"], "").await;
    let head = format!("302 Found\r\nLocation: {}", other.url("/"));
    let failure = told(&head, "").await.unwrap_err();
    assert!(failure.told.contains("redirects are not followed"), "{failure}");
    assert!(other.sent().is_empty());
}

#[tokio::test]
async fn a36_no_text_about_a_failure_holds_a_secret() {
    let echo = "no hook at /hooks/secret-of-ours\r\n\u{1b}[2J";
    for head in ["404 Where", "500 Oops"] {
        let failure = told(head, echo).await.unwrap_err();
        assert!(!failure.told.contains("secret-of-ours"), "{failure}");
        assert!(!failure.told.contains(char::is_control), "{failure}");
    }
    let files = Files::new();
    let token = files.with("token", "token-of-ours");
    let server = Scripted::new(&["403 No"], "Bearer token-of-ours is not known").await;
    let receiver = receiver(&format!(
        "webhook = {{ url = '{}', bearer_token_file = '{}' }}",
        server.url("/in"),
        token.display()
    ));
    let failure = receiver.deliver(&firing()).await.unwrap_err();
    assert!(!failure.told.contains("token-of-ours"), "{failure}");
    assert!(failure.told.contains("the key, token or URL is not valid there"), "{failure}");
    assert!(!format!("{receiver:?}").contains("token"));
    assert_eq!(server.sent()[0].header("authorization"), Some("Bearer token-of-ours"));
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let gone = Scripted::new(&[], "").await;
    let url = gone.url("/in");
    drop(gone);
    let receiver = receiver(&format!("webhook = {{ url = '{url}' }}"));
    let failure = receiver.deliver(&firing()).await.unwrap_err();
    assert!(failure.is_retryable, "{failure}");
    // Also one that hangs up instead of answering.
    let silent = Scripted::new(&[], "").await;
    let receiver =
        crate::notices::receiver(&format!("webhook = {{ url = '{}' }}", silent.url("/")));
    let failure = receiver.deliver(&firing()).await.unwrap_err();
    assert!(failure.is_retryable, "{failure}");
}

#[tokio::test]
async fn one_notice_bears_one_key_however_often_it_comes() {
    let server = Scripted::new(&["500 Oops", "200 OK", "200 OK"], "").await;
    let receiver = receiver(&format!("webhook = {{ url = '{}' }}", server.url("/in")));
    receiver.deliver(&firing()).await.unwrap_err();
    receiver.deliver(&firing()).await.unwrap();
    receiver.deliver(&crate::notices::resolved()).await.unwrap();
    let sent = server.sent();
    let keys: Vec<&str> = sent.iter().filter_map(|it| it.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
    assert!(keys[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(sent[0].body, sent[1].body);
}

#[tokio::test]
async fn a_secret_that_is_replaced_is_used_from_then_on() {
    let server = Scripted::new(&["200 OK", "200 OK"], "").await;
    let files = Files::new();
    let token = files.with("token", "first\n");
    let receiver = receiver(&format!(
        "webhook = {{ url = '{}', bearer_token_file = '{}' }}",
        server.url("/in"),
        token.display()
    ));
    receiver.deliver(&firing()).await.unwrap();
    files.with("token", "second\n");
    receiver.deliver(&firing()).await.unwrap();
    let sent = server.sent();
    let tokens: Vec<_> = sent.iter().map(|it| it.header("authorization").unwrap()).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);
    // One that is gone may come back: nothing is given up for that.
    std::fs::remove_file(&token).unwrap();
    let failure = receiver.deliver(&firing()).await.unwrap_err();
    assert!(failure.is_retryable && failure.told.contains("bearer_token_file"), "{failure}");
}

#[tokio::test]
async fn of_a_cluster_one_that_takes_it_is_enough() {
    let (busy, good) =
        (Scripted::new(&["503 Busy"], "").await, Scripted::new(&["200 OK"], "").await);
    let cluster = |urls: &[String]| receiver(&format!("alertmanager = {{ urls = {urls:?} }}"));
    cluster(&[busy.url(""), good.url("")]).deliver(&firing()).await.unwrap();
    assert_eq!((busy.sent().len(), good.sent().len()), (1, 1));
    let (bad, busy) =
        (Scripted::new(&["400 Bad"], "").await, Scripted::new(&["503 Busy"], "").await);
    let failure = cluster(&[bad.url(""), busy.url("")]).deliver(&firing()).await.unwrap_err();
    assert!(failure.is_retryable, "one may come back: {failure}");
}

#[test]
fn what_cannot_be_used_is_told_when_it_is_configured() {
    let files = Files::new();
    let empty = files.with("empty", "\n");
    let plain = files.with("plain", "http://hooks.example/services/secret-of-ours");
    let none = files.with("none", "secret-of-ours");
    let missing = empty.with_file_name("missing");
    for (toml, told) in [
        (format!("slack = {{ url_file = '{}' }}", missing.display()), "slack/url_file: "),
        (format!("slack = {{ url_file = '{}' }}", empty.display()), "it is empty"),
        (format!("slack = {{ url_file = '{}' }}", plain.display()), "not encrypted"),
        (format!("slack = {{ url_file = '{}' }}", none.display()), "this is no URL"),
        ("webhook = {}".into(), "webhook/url: either url or url_file"),
        ("webhook = { url = 'https://h/', ca_file = '/nowhere' }".into(), "CA file"),
    ] {
        let integration = toml::from_str(&toml).unwrap();
        let error = hostler_deliver::Receiver::new(&integration).unwrap_err();
        assert!(error.contains(told), "{toml}: {error}");
        assert!(!error.contains("secret-of-ours"), "{error}");
    }
}
