//! One request to a receiver, and what its answer means.
//!
//! ```text
//!  no answer ─────────────── for now      (except: the server is not trusted)
//!  2xx ───────────────────── delivered
//!  408 425 429 5xx ───────── for now, after Retry-After
//!  everything else ───────── for good     (a redirect too: it is not followed)
//! ```

use hostler_core::alert::notice::Undelivered;
use hostler_http::{Answer, Client, Error, Request, StatusCode};

use crate::secret::Secret;
use crate::text::line;

/// The most of an answer that is repeated to people, in characters.
const EXCERPT_MAX: usize = 200;

/// Sends a request; the answer where it says that the notice was taken.
pub(crate) async fn deliver(
    client: &Client,
    request: Request,
    secret: Option<&Secret>,
) -> Result<Answer, Undelivered> {
    let server = request.target.to_string();
    let answer = client.send(request).await.map_err(|error| unanswered(&error))?;
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(refused(&server, &answer, secret))
}

/// Why there is no answer. These texts name the server alone.
fn unanswered(error: &Error) -> Undelivered {
    match error {
        // It stays so until somebody renews a certificate or names another authority.
        Error::Untrusted { .. } => Undelivered::for_good(format!(
            "{error}; renew its certificate, or name its authority by ca_file"
        )),
        _ if error.is_passing() => Undelivered::for_now(error.to_string()),
        _ => Undelivered::for_good(error.to_string()),
    }
}

fn refused(server: &str, answer: &Answer, secret: Option<&Secret>) -> Undelivered {
    let status = answer.status;
    // Hidden before it is cut: half a secret is one, too.
    let body = String::from_utf8_lossy(&answer.body);
    let body = secret.map_or_else(|| body.to_string(), |secret| secret.hide(&body));
    let excerpt = line(&body, EXCERPT_MAX);
    let said = if excerpt.is_empty() { String::new() } else { format!(": {excerpt}") };
    let told = format!("{server} answered {status}{said}");
    if is_passing(status) {
        let undelivered = Undelivered::for_now(told);
        return match answer.retry_after() {
            Some(pause) => undelivered.after(pause),
            None => undelivered,
        };
    }
    let remedy = match status.as_u16() {
        300..=399 => "; redirects are not followed, configure the URL that it leads to",
        401 | 403 => "; the key, token or URL is not valid there",
        404 | 405 | 410 => "; nothing takes notices at that URL",
        _ => "",
    };
    Undelivered::for_good(format!("{told}{remedy}"))
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}
