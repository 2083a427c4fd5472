//! Refusals: from errors to problem documents. The only place that writes one.
//!
//! Whoever refuses a request only attaches the error to an empty answer; the
//! document is written at the very end, when the request's id is known, so that
//! no refusal can lack it or show what is internal.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hostler_api::{PROBLEM_JSON, Problem, status_of};
use hostler_core::{Code, Error, Kind};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};

/// A request that was not done, and why.
#[derive(Debug, Clone)]
pub struct Refusal {
    error: Error,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The result of handling a request.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

impl Refusal {
    /// A refusal with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error::new(code, message).into()
    }

    /// The same with a header in its answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, saying in how many seconds it is worth trying again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Why.
    pub const fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, headers: Vec::new() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status_of(self.error.code());
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the document of a refused request, and tells the log what its answer must not.
pub(super) fn write_problem(mut response: Response, request_id: &str) -> Response {
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
    let (error, status) = (refusal.error, response.status());
    tell(&error);
    let mut problem = Problem::new(&error, status.as_u16());
    problem.request_id = Some(request_id.to_owned());
    let text = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    match error.kind() {
        Kind::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hostler\""));
        }
        // Whoever set a limit with a window has said when it ends; others pass sooner or later.
        _ if error.code() == Code::RateLimited && !headers.contains_key(RETRY_AFTER) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        }
        Kind::Unavailable | Kind::Timeout if !headers.contains_key(RETRY_AFTER) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    *response.body_mut() = Body::from(text);
    response
}

fn tell(error: &Error) {
    let (code, internal) = (error.code().as_str(), error.internal().unwrap_or_default());
    match error.kind() {
        Kind::Bug => tracing::error!(err.kind = code, internal, "{error}"),
        Kind::Unavailable | Kind::Timeout => tracing::warn!(err.kind = code, internal, "{error}"),
        _ => tracing::debug!(err.kind = code, internal, "{error}"),
    }
}
