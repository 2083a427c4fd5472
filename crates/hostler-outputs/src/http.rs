//! One request to a server over HTTP, and what its answer means.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hostler_http::{Answer, Client, HeaderMap, HeaderValue, Method, Request, Target};

use crate::failed::{Failed, Retry, quoted};
use crate::{Options, SecretFile};

/// Nobody who takes samples has more to say.
const ANSWER_MAX: usize = 64 << 10;

/// Where to send to by HTTP, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpOptions {
    /// The URL, without credentials: those are in files.
    pub url: String,
    /// A user, with a password.
    pub user: Option<(String, SecretFile)>,
    /// A token instead.
    pub token: Option<SecretFile>,
}

/// A URL that is posted to.
pub(crate) struct Endpoint {
    client: Client,
    target: Target,
    user: Option<(String, SecretFile)>,
    token: Option<SecretFile>,
    /// What stands before the token.
    scheme: &'static str,
}

impl Endpoint {
    pub(crate) fn new(http: &HttpOptions, url: &str, options: &Options) -> Result<Self, String> {
        let told = |error: hostler_http::Error| error.to_string();
        let client = Client::new(hostler_http::Options {
            timeout: options.timeout,
            answer_max: ANSWER_MAX,
            ca_file: options.ca_file.clone(),
            ..hostler_http::Options::default()
        });
        Ok(Self {
            client: client.map_err(told)?,
            target: url.parse().map_err(told)?,
            user: http.user.clone(),
            token: http.token.clone(),
            scheme: "Bearer",
        })
    }

    /// With a token that follows another word than `Bearer`.
    pub(crate) fn with_scheme(self, scheme: &'static str) -> Self {
        Self { scheme, ..self }
    }

    /// At another place of the same server.
    pub(crate) fn below(self, segments: &[&str], query: &[(&str, &str)]) -> Self {
        Self { target: self.target.below(segments, query), ..self }
    }

    pub(crate) fn told(&self) -> String {
        self.target.to_string()
    }

    pub(crate) fn is_exposed(&self) -> bool {
        let has_secret = self.user.is_some() || self.token.is_some();
        has_secret && !self.target.is_encrypted() && !self.target.is_loopback()
    }

    pub(crate) async fn post(
        &self,
        headers: &[(&'static str, &'static str)],
        body: impl Into<Bytes>,
    ) -> Result<(), Failed> {
        let headers = headers.iter().map(|(name, value)| {
            (hostler_http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        let headers: HeaderMap = headers.collect();
        let (method, target) = (Method::POST, self.target.clone());
        let request = Request { method, target, headers, body: body.into() };
        let request = self.authorized(request).await?;
        let answer = self.client.send(request).await;
        judge(&answer.map_err(|error| Failed::later(error.to_string()))?)
    }

    async fn authorized(&self, request: Request) -> Result<Request, Failed> {
        let failed = |error: hostler_http::Error| Failed::later(error.to_string());
        if let Some(token) = &self.token {
            return request.authorized(self.scheme, &token.read().await?).map_err(failed);
        }
        if let Some((user, password)) = &self.user {
            let pair = format!("{user}:{}", password.read().await?);
            return request.authorized("Basic", &STANDARD.encode(pair)).map_err(failed);
        }
        Ok(request)
    }
}

/// What an answer means for what was sent.
///
/// The specification of remote write gives up at every 4xx but 429. Here only what speaks of
/// the samples themselves does: a wrong token or path is repaired by somebody, and what was
/// measured meanwhile waits for that, within the bounds of its queue.
fn judge(answer: &Answer) -> Result<(), Failed> {
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    let said = quoted(&answer.excerpt());
    let told = match said.as_str() {
        "" => format!("it answered {status}"),
        said => format!("it answered {status}: {said}"),
    };
    Err(Failed { retry: meaning(status.as_u16(), answer.retry_after()), told })
}

const fn meaning(status: u16, after: Option<Duration>) -> Retry {
    match status {
        // Not understood, conflicting, too large, cannot be processed: parts of it may be taken.
        400 | 409 | 413 | 415 | 422 => Retry::Never,
        _ => Retry::Later { after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_the_samples_is_final() {
        for status in [400, 409, 413, 415, 422] {
            assert_eq!(meaning(status, None), Retry::Never, "{status}");
        }
        // Away or busy; set up otherwise than we think; elsewhere.
        let after = Some(Duration::from_secs(7));
        for status in [500, 502, 503, 504, 429, 408, 401, 403, 404, 405, 301, 308, 100] {
            assert_eq!(meaning(status, after), Retry::Later { after }, "{status}");
        }
    }
}
