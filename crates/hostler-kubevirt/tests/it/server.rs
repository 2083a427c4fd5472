//! A server that answers what a test says, and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream::unfold;
use hostler_kubevirt::call::Caller;
use hostler_kubevirt::config::{Allowed, KubeVirtConfig, Source};
use hostler_kubevirt::connect::connect;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.query.contains("watch=1")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What the server answers.
pub(crate) enum Answer {
    /// A status, further headers and a body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// 200, and then line by line. It ends when the sender is dropped; an empty line cuts
    /// the connection.
    Lines(mpsc::Receiver<String>),
    /// Nothing, ever.
    Never,
    /// The connection is cut.
    Cut,
}

pub(crate) fn ok(body: &Value) -> Answer {
    Answer::Whole(200, Vec::new(), body.to_string().into_bytes())
}

pub(crate) fn text(status: u16, body: &str) -> Answer {
    Answer::Whole(status, Vec::new(), body.as_bytes().to_vec())
}

pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> Answer {
    let body = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason,
                      "message": message});
    Answer::Whole(code, Vec::new(), body.to_string().into_bytes())
}

/// A watch with these lines, which ends then.
pub(crate) fn lines(lines: &[Value]) -> Answer {
    let (sender, receiver) = mpsc::channel(lines.len().max(1));
    for line in lines {
        sender.try_send(line.to_string()).unwrap();
    }
    Answer::Lines(receiver)
}

type Answers = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A running server; dropping it ends it.
pub(crate) struct Server {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, log): (Arc<Answers>, _) = (Arc::new(answers), asked.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                connections.spawn(serve(socket, answers.clone(), log.clone()));
            }
        });
        Self { port, asked, _tasks: tasks }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) async fn caller(&self) -> Caller {
        caller(&format!("http://127.0.0.1:{}", self.port)).await
    }
}

pub(crate) fn kubeconfig(cluster: &str) -> String {
    format!(
        "current-context: c\nclusters: [{{ name: c, cluster: {{ {cluster} }} }}]\n\
         contexts: [{{ name: c, context: {{ cluster: c, user: u }} }}]\n\
         users: [{{ name: u, user: {{ token: s3cret }} }}]\n"
    )
}

pub(crate) async fn caller(server: &str) -> Caller {
    let mut config = KubeVirtConfig::new(Source::Text(kubeconfig(&format!("server: '{server}'"))));
    config.allowed = Allowed { insecure: true, ..Allowed::default() };
    Caller::new(connect(&config).await.unwrap())
}

pub(crate) async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answers: Arc<Answers>,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (answers, log) = (answers.clone(), log.clone());
        async move {
            let (parts, body) = request.into_parts();
            let asked = Asked {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: parts.headers,
                body: body.collect().await.map(|it| it.to_bytes()).unwrap_or_default(),
            };
            log.lock().unwrap().push(asked.clone());
            respond(answers(&asked)).await
        }
    });
    // A client may hang up at any time.
    let _: Result<_, _> = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

async fn respond(answer: Answer) -> Result<Response<Body>, std::io::Error> {
    let whole = |body: Vec<u8>| Full::new(Bytes::from(body)).map_err(infallible).boxed_unsync();
    match answer {
        Answer::Whole(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(whole(body)).unwrap())
        }
        Answer::Lines(receiver) => {
            let frames = unfold(receiver, |mut receiver| async move {
                let line = receiver.recv().await?;
                let frame = match line.as_str() {
                    "" => Err(std::io::Error::other("cut")),
                    line => Ok(Frame::data(Bytes::from(format!("{line}\n")))),
                };
                Some((frame, receiver))
            });
            Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
        }
        Answer::Never => std::future::pending().await,
        Answer::Cut => Err(std::io::Error::other("cut")),
    }
}

fn infallible(never: Infallible) -> std::io::Error {
    match never {}
}
