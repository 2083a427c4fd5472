//! What the answers of a server mean, and what it is told.

use std::time::Duration;

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_outputs::{
    Failed, HttpOptions, InfluxOptions, InfluxVersion, Kind, Options, Output, Retry, SecretFile,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn options(kind: Kind) -> Options {
    Options { kind, labels: Vec::new(), timeout: Duration::from_secs(60), ca_file: None }
}

fn samples() -> Vec<(SeriesKey, Sample)> {
    let key = SeriesKey::new("m", [("vm", "web")]).unwrap();
    vec![(key, Sample { at_ms: 7, value: 1.5 })]
}

/// Sends to a server that answers so; what it was sent, and what came of it.
async fn told(answer: &str, make: impl FnOnce(String) -> Kind) -> (String, Result<(), Failed>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let output = Output::new(&options(make(url))).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.unwrap();
            request.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&request).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                    break;
                }
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request).into_owned()
    };
    let samples = samples();
    let (request, sent) = tokio::join!(serve, output.send(&samples));
    (request, sent.map(drop))
}

fn http(url: &str) -> HttpOptions {
    HttpOptions { url: url.into(), ..HttpOptions::default() }
}

#[tokio::test]
async fn who_is_busy_says_when_to_come_again() {
    let answer = "HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\nslow down";
    let write = |url: String| Kind::RemoteWrite(http(&format!("{url}/api/v1/write")));
    let failed = told(answer, write).await.1.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: Some(Duration::from_secs(7)) });
    assert!(failed.told.contains("429") && failed.told.contains("slow down"), "{failed:?}");
}

#[tokio::test]
async fn what_is_refused_is_told_in_the_words_of_who_refuses() {
    let answer = "HTTP/1.1 400 Bad\r\ncontent-length: 20\r\n\r\nout of order sample\n";
    let write = |url: String| Kind::RemoteWrite(http(&format!("{url}/api/v1/write")));
    let (request, sent) = told(answer, write).await;
    let failed = sent.unwrap_err();
    assert_eq!(failed.retry, Retry::Never);
    assert!(failed.told.ends_with("out of order sample"), "{failed:?}");
    for header in [
        "content-encoding: snappy",
        "content-type: application/x-protobuf",
        "x-prometheus-remote-write-version: 0.1.0",
    ] {
        assert!(request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_loses_nothing() {
    let answer = "HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n";
    let failed = told(answer, |url| Kind::RemoteWrite(http(&url))).await.1.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: None });
}

#[tokio::test]
async fn secrets_come_from_files_and_are_read_each_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\n").unwrap();
    let secret = SecretFile(file.path().into());
    let of = |url: String| InfluxOptions {
        http: HttpOptions { token: Some(secret.clone()), ..http(&url) },
        version: InfluxVersion::V2 { organization: "o&o".into(), bucket: "b".into() },
    };
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let (request, sent) = told(answer, |url| Kind::Influx(of(url))).await;
    assert_eq!(sent, Ok(()));
    assert!(request.contains("authorization: Token hunter2\r\n"), "{request}");
    assert!(
        request.starts_with("POST /api/v2/write?org=o%26o&bucket=b&precision=ms HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\nm,vm=web value=1.5 7\n"), "{request}");
    let user = |url: String| {
        let user = Some(("me".to_owned(), secret.clone()));
        let http = HttpOptions { user, ..http(&url) };
        let version = InfluxVersion::V1 { database: "d".into(), retention_policy: None };
        Kind::Influx(InfluxOptions { http, version })
    };
    let (request, _) = told(answer, user).await;
    assert!(request.contains("authorization: Basic bWU6aHVudGVyMg==\r\n"), "{request}");
    assert!(request.starts_with("POST /write?db=d&precision=ms HTTP/1.1\r\n"), "{request}");

    std::fs::write(file.path(), "\n").unwrap();
    let output = Output::new(&options(Kind::Influx(of("http://127.0.0.1:9".into())))).unwrap();
    let failed = output.send(&samples()).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: None });
    assert!(failed.told.contains("its first line has none"), "{failed:?}");
}

#[tokio::test]
async fn nobody_there_is_told_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for kind in [
        Kind::RemoteWrite(http(&format!("http://{address}/api/v1/write"))),
        Kind::Postgres(hostler_outputs::PostgresOptions {
            url: format!("postgresql://u@{address}/d"),
            ..Default::default()
        }),
    ] {
        let failed = Output::new(&options(kind)).unwrap().send(&samples()).await.unwrap_err();
        assert!(matches!(failed.retry, Retry::Later { .. }), "{failed:?}");
        assert!(failed.told.to_lowercase().contains("refused"), "{failed:?}");
        assert!(failed.told.contains(&address.to_string()), "{failed:?}");
    }
}
