//! The client against servers that behave, and that do not.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on stops the test")]

mod server;

use std::time::Duration;

use hostler_http::{Client, Error, Options, Request, Target};
use server::Server;

fn client(options: Options) -> Client {
    Client::new(options).unwrap()
}

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

#[tokio::test]
async fn what_is_sent_arrives_and_what_is_answered_comes_back() {
    let server = Server::plain("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok").await;
    let place = server.target("/in?secret=1");
    let request = Request::post(place, "text/plain", "a body").authorized("Bearer", "s3").unwrap();
    let answer = client(Options::default()).send(request).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (202, &b"ok"[..]));
    let heard = server.heard().await;
    assert!(heard.starts_with("POST /in?secret=1 HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("content-type: text/plain\r\n"), "{heard}");
    assert!(heard.contains("authorization: Bearer s3\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\na body"), "{heard}");
}

#[tokio::test]
async fn a13_a_redirect_is_not_followed() {
    let elsewhere = Server::plain("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let location = elsewhere.target("/taken").as_str().to_owned();
    let head = format!("HTTP/1.1 307 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let server = Server::plain(&head).await;
    let request = Request::get(server.target("/")).authorized("Bearer", "s3").unwrap();
    let answer = client(Options::default()).send(request).await.unwrap();
    assert_eq!(answer.status.as_u16(), 307);
    assert!(!elsewhere.was_reached());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_it() {
    let body = "x".repeat(100_000);
    let server = Server::plain(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await;
    let options = Options { answer_max: 1000, ..Options::default() };
    let error = client(options).send(Request::get(server.target("/s3"))).await.unwrap_err();
    let Error::TooLarge { max: 1000, .. } = &error else { panic!("{error:?}") };
    assert!(!error.is_passing() && !error.to_string().contains("s3"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_deadline() {
    let server = Server::silent().await;
    let timeout = Duration::from_millis(50);
    let options = Options { timeout, ..Options::default() };
    let error = client(options).send(Request::get(server.target("/s3"))).await.unwrap_err();
    let expected = Error::TimedOut { server: server.target("").to_string(), after: timeout };
    assert_eq!(error, expected);
    assert!(error.is_passing());
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_http_are_told_apart() {
    let nobody = target(&format!("http://127.0.0.1:{}/s3", server::free_port().await));
    let error = client(Options::default()).send(Request::get(nobody)).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { cause, .. } if cause == "connection refused"));
    assert!(!error.to_string().contains("s3"), "{error}");

    let server = Server::plain("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let error =
        client(Options::default()).send(Request::get(server.target("/s3"))).await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    assert!(!error.to_string().contains("s3"), "{error}");
}

#[tokio::test]
async fn only_the_authority_of_the_file_is_trusted() {
    let head = "HTTP/1.1 204 No Content\r\n\r\n";
    let (server, authority) = Server::encrypted(head).await;
    let trusting = Options { ca_file: Some(authority.path().into()), ..Options::default() };
    let answer = client(trusting.clone()).send(Request::get(server.target("/"))).await.unwrap();
    assert_eq!(answer.status.as_u16(), 204);

    let (other, _authority) = Server::encrypted(head).await;
    let error = client(trusting).send(Request::get(other.target("/s3"))).await.unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    assert!(error.is_passing() && !error.to_string().contains("s3"), "{error}");
}

#[tokio::test]
async fn a_proxy_is_asked_instead_of_the_server() {
    let proxy = Server::plain("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let options = Options { proxy: Some(proxy.target("")), ..Options::default() };
    let request = Request::get(target("http://far.invalid/x"));
    assert_eq!(&client(options).send(request).await.unwrap().body[..], b"hi");
    let heard = proxy.heard().await;
    assert!(heard.starts_with("GET http://far.invalid/x HTTP/1.1\r\n"), "{heard}");
}

#[test]
fn what_cannot_be_used_is_told_when_the_client_is_made() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for options in [
        Options { ca_file: Some("/nowhere".into()), ..Options::default() },
        Options { ca_file: Some(file.path().into()), ..Options::default() },
    ] {
        let error = Client::new(options.clone()).unwrap_err();
        assert!(matches!(error, Error::Setup { .. }), "{options:?}: {error}");
    }
    let request = Request::get(target("http://h/")).authorized("Bearer", "a\nb");
    assert!(matches!(request.err(), Some(Error::Setup { .. })));
}
