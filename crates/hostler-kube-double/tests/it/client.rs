//! A plain client, which sees status, headers and bytes as they come.

use std::time::Duration;

use bytes::Bytes;
use hostler_kube_double::{Double, Options};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const VMS: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines";
pub(crate) const VMIS: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances";
pub(crate) const VMIMS: &str =
    "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations";
pub(crate) const VERBS: &str = "/apis/subresources.kubevirt.io/v1/namespaces/default";

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// That it is exactly this JSON.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &Value) {
        assert_eq!(self.json(), *body);
        assert_eq!(self.status, status);
        assert_eq!(self.header("content-type"), "application/json");
    }

    /// That it is exactly this text.
    #[track_caller]
    pub(crate) fn is_text(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text.as_str()), (status, text));
        assert_eq!(self.header("content-type"), "text/plain; charset=utf-8");
    }

    /// That virt-api accepted.
    #[track_caller]
    pub(crate) fn is_accepted(&self) {
        assert_eq!((self.status, self.text.as_str()), (202, ""));
        assert_eq!(self.header("content-type"), "");
    }
}

/// A failure's `Status`.
pub(crate) fn failure(code: u16, reason: &str, message: &str, details: Option<Value>) -> Value {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    if let Some(details) = details {
        body["details"] = details;
    }
    body
}

/// One request to be.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) accept: &'static str,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let (kind, accept) = ("application/json", "application/json");
        Self { method, path: path.into(), kind, accept, body: String::new() }
    }
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    token: String,
}

impl Client {
    pub(crate) fn of(double: &Double) -> Self {
        Self { address: double.address().to_string(), token: double.token().to_owned() }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    async fn open(&self, ask: Ask) -> hyper::Result<(http::Response<Incoming>, JoinSet<()>)> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _ = connection.await;
        });
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(HOST, &self.address)
            .header(USER_AGENT, "curl/8.14.1")
            .header(ACCEPT, ask.accept)
            .header(CONTENT_TYPE, ask.kind);
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let request = request.body(Full::new(Bytes::from(ask.body))).unwrap();
        Ok((sender.send_request(request).await?, tasks))
    }

    /// Sends, and reads the answer; an error where the connection broke off.
    pub(crate) async fn try_send(&self, ask: Ask) -> hyper::Result<Answer> {
        let asking = async {
            let (response, _tasks) = self.open(ask).await?;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                text: String::from_utf8(bytes.to_vec()).unwrap(),
            })
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("an answer in time")
    }

    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        self.try_send(ask).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: impl Into<String>) -> Answer {
        self.send(Ask::new("GET", path)).await
    }

    pub(crate) async fn post(&self, path: impl Into<String>, body: &Value) -> Answer {
        self.send(Ask { body: body.to_string(), ..Ask::new("POST", path) }).await
    }

    pub(crate) async fn put(&self, path: impl Into<String>, body: &Value) -> Answer {
        self.send(Ask { body: body.to_string(), ..Ask::new("PUT", path) }).await
    }

    /// `PUT` without a body, as verbs are mostly called.
    pub(crate) async fn call(&self, path: &str) -> Answer {
        self.send(Ask::new("PUT", format!("{VERBS}/{path}"))).await
    }

    pub(crate) async fn delete(&self, path: impl Into<String>) -> Answer {
        self.send(Ask::new("DELETE", path)).await
    }

    pub(crate) async fn merge(&self, path: impl Into<String>, body: &Value) -> Answer {
        let kind = "application/merge-patch+json";
        self.send(Ask { kind, body: body.to_string(), ..Ask::new("PATCH", path) }).await
    }

    pub(crate) async fn json_patch(&self, path: impl Into<String>, body: &Value) -> Answer {
        let kind = "application/json-patch+json";
        self.send(Ask { kind, body: body.to_string(), ..Ask::new("PATCH", path) }).await
    }

    pub(crate) async fn apply(&self, path: impl Into<String>, body: &Value) -> Answer {
        let kind = "application/apply-patch+yaml";
        self.send(Ask { kind, body: body.to_string(), ..Ask::new("PATCH", path) }).await
    }

    /// Opens a watch.
    pub(crate) async fn watch(&self, path: &str) -> Watch {
        let (response, tasks) = self.open(Ask::new("GET", path)).await.expect("an answer");
        let status = response.status().as_u16();
        Watch { status, body: response.into_body(), buffer: String::new(), _tasks: tasks }
    }
}

/// An open watch.
pub(crate) struct Watch {
    pub(crate) status: u16,
    body: Incoming,
    buffer: String,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        self.try_next().await.expect("a stream that does not break off")
    }

    pub(crate) async fn try_next(&mut self) -> hyper::Result<Option<Value>> {
        loop {
            if let Some((line, rest)) = self.buffer.split_once('\n') {
                let event = serde_json::from_str(line).unwrap();
                self.buffer = rest.to_owned();
                return Ok(Some(event));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let Some(frame) = frame.expect("an event in time") else { return Ok(None) };
            let data = frame?.into_data().expect("data");
            self.buffer.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// What the next event is about: its type, name and version.
    pub(crate) async fn told(&mut self) -> (String, String, String) {
        let event = self.next().await.expect("an event");
        let text =
            |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/type"), text("/object/metadata/name"), text("/object/metadata/resourceVersion"))
    }

    /// That nothing comes for a while.
    pub(crate) async fn is_quiet(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(200), self.body.frame()).await;
        assert!(next.is_err(), "something came: {next:?}");
    }
}

pub(crate) async fn start() -> (Double, Client) {
    start_with(Options::default()).await
}

pub(crate) async fn start_with(options: Options) -> (Double, Client) {
    let double = Double::start(options).await.expect("a double");
    let client = Client::of(&double);
    (double, client)
}

/// The machine of the recordings.
pub(crate) fn vm(name: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": { "name": name },
        "spec": { "runStrategy": "Halted", "template": { "spec": { "domain": {
            "devices": {}, "resources": { "requests": { "memory": "64Mi" } },
        } } } },
    })
}

/// An instance of the recordings.
pub(crate) fn vmi(name: &str, group: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
        "metadata": { "name": name, "labels": { "g": group } },
        "spec": { "domain": { "devices": {} } },
        "status": { "nodeName": "n1", "phase": "Running" },
    })
}

/// Instances `p1` to `pN`, as they were for the lists and watches of the recordings.
pub(crate) async fn fleet(client: &Client, count: usize) {
    for at in 1..=count {
        let made = client.post(VMIS, &vmi(&format!("p{at}"), "a")).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
}

/// A machine that runs.
pub(crate) async fn running(double: &Double, client: &Client, name: &str) {
    let mut machine = vm(name);
    machine["spec"]["runStrategy"] = "Always".into();
    assert_eq!(client.post(VMS, &machine).await.status, 201);
    double.settle();
    let phase = double.get("virtualmachineinstances", "default", name).unwrap();
    assert_eq!(phase["status"]["phase"], "Running");
}
