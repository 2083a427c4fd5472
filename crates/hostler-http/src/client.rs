//! Sends requests.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use reqwest::redirect;

use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::target::Target;
use crate::tls;

/// How requests are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// From the first attempt to connect to the last byte of the answer.
    pub timeout: Duration,
    /// The most bytes of an answer's body.
    pub answer_max: usize,
    /// Trust the authorities of this PEM file and nobody else; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// Go through this proxy. The environment's are not heeded: what is sent where is said
    /// in one place.
    pub proxy: Option<Target>,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), answer_max: 1 << 20, ca_file: None, proxy: None }
    }
}

/// A request. It is sent once: whoever sends knows whether twice does harm.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub target: Target,
    /// Its headers; those that bear secrets are marked so (`HeaderValue::set_sensitive`).
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Request {
    /// Asks for what is there.
    pub fn get(target: Target) -> Self {
        Self { method: Method::GET, target, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Hands in a body of that type.
    pub fn post(target: Target, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let kind = http::HeaderValue::from_static(kind);
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind)]);
        Self { method: Method::POST, target, headers, body: body.into() }
    }

    /// With a secret as `Authorization: <scheme> <secret>`.
    ///
    /// # Errors
    /// `Setup` where the secret has characters that no header can have.
    pub fn authorized(mut self, scheme: &str, secret: &str) -> Result<Self> {
        let value = http::HeaderValue::from_str(&format!("{scheme} {secret}"));
        let mut value = value.map_err(|_| Error::Setup {
            what: format!("a {scheme} secret has a line break or another control character"),
            remedy: "write it on one line of its file, and nothing else",
        })?;
        value.set_sensitive(true);
        self.headers.insert(http::header::AUTHORIZATION, value);
        Ok(self)
    }
}

/// Sends requests; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    options: Options,
}

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    /// `Setup` where the CA file or the proxy cannot be used.
    pub fn new(options: Options) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(options.ca_file.as_deref())?)
            .redirect(redirect::Policy::none())
            .timeout(options.timeout)
            .user_agent(concat!("hostler/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::all(proxy.as_str()).map_err(|error| Error::Setup {
                what: format!("the proxy cannot be used: {}", causes(&error)),
                remedy: "write it as http://host:port",
            })?;
            builder = builder.proxy(proxy);
        }
        let inner = builder.build().map_err(|error| Error::Setup {
            what: format!("no HTTP client can be made: {}", causes(&error)),
            remedy: "report it",
        })?;
        Ok(Self { inner, options })
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// Where no answer came, or one that is too large; an answer that tells of a failure
    /// is none.
    pub async fn send(&self, request: Request) -> Result<Answer> {
        let Request { method, target, headers, body } = request;
        let failed = |error: reqwest::Error| self.failed(&target, error);
        let sending = self.inner.request(method, target.url().clone()).headers(headers).body(body);
        let mut response = sending.send().await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > self.options.answer_max {
                let max = self.options.answer_max;
                return Err(Error::TooLarge { server: target.to_string(), max });
            }
            body.extend_from_slice(&piece);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status: response.status(), headers, body: body.freeze() })
    }

    fn failed(&self, target: &Target, error: reqwest::Error) -> Error {
        let server = target.to_string();
        if error.is_timeout() {
            return Error::TimedOut { server, after: self.options.timeout };
        }
        let error = error.without_url();
        let cause = causes(&error);
        match error {
            _ if speaks_of_trust(&error) => Error::Untrusted { server, cause },
            _ if error.is_connect() => Error::Unreachable { server, cause },
            _ => Error::Broken { server, cause },
        }
    }
}

/// Whether TLS is what an error is about.
fn speaks_of_trust(error: &(dyn std::error::Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // What an error of I/O holds is not its source, but in its stead.
    let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match held {
        Some(held) => speaks_of_trust(held),
        None => error.source().is_some_and(speaks_of_trust),
    }
}

/// The innermost cause of an error: the layers above it say only that there is one.
fn causes(error: &reqwest::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = cause.to_string();
        source = cause.source();
    }
    match told.find(" (os error") {
        Some(at) => told.split_at(at).0.to_lowercase(),
        None => told,
    }
}
