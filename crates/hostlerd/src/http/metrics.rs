//! Hostler's own metrics. A value that is not known has no sample; nothing is
//! ever told as 0 in its place (D4, X17).

mod format;
mod gather;
mod process;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hostler_core::Error;
use hostler_core::access::Permission;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::error::Result;
use super::{admit, peer_of};
use crate::app::App;

/// From a cached answer to one that waits for an operation.
const BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What is counted as it happens.
pub struct Meters {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
}

/// Closed sets all: templates of routes, standard methods, statuses (A33).
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

impl Meters {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::<RequestLabels, Counter>::default();
        let durations =
            Family::<RouteLabels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        let help = "Requests answered, by template of the route";
        registry.register("hostler_http_requests", help, requests.clone());
        let help = "Time from a request's head to its answer's";
        registry.register("hostler_http_request_duration_seconds", help, durations.clone());
        Self { registry, requests, durations }
    }

    /// Counts a request.
    pub(super) fn request(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let (route, method) = (route.to_owned(), known(method));
        let labels = RouteLabels { route: route.clone(), method };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

/// A method's name, if it is one that we know: others are the client's invention.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// For whoever has the permission.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/metrics", get(guarded))
}

/// For the loopback interface.
pub(super) fn open_routes() -> Router<App> {
    Router::new().route("/metrics", get(open))
}

async fn guarded(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let admitted = async {
        let caller = admit(&app, &parts, peer_of(&parts)?, Permission::MetricsRead).await?;
        Ok::<_, super::Refusal>(caller)
    };
    match admitted.await {
        Ok(_) => open(State(app), Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn open(State(app): State<App>, request: Request) -> Response {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let wants_openmetrics =
        accept.is_some_and(|text| text.contains("application/openmetrics-text"));
    match write(&app).await {
        Ok(text) if wants_openmetrics => {
            ([(CONTENT_TYPE, format::OPENMETRICS)], text).into_response()
        }
        Ok(text) => ([(CONTENT_TYPE, format::TEXT)], format::to_text(&text)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn write(app: &App) -> Result<String> {
    let now = gather::registry(app).await;
    let mut text = String::new();
    encode_registry(&mut text, &app.meters.registry)
        .and_then(|()| encode_registry(&mut text, &now))
        .and_then(|()| encode_eof(&mut text))
        .map_err(|error| Error::bug(format!("metrics cannot be written: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a33_invented_methods_make_no_series() {
        let meters = Meters::new();
        for n in 0..1000 {
            let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
            meters.request("other", &method, 404, Duration::ZERO);
        }
        let mut text = String::new();
        encode_registry(&mut text, &meters.registry).unwrap();
        let series = text.lines().filter(|line| line.starts_with("hostler_http_requests_total"));
        assert_eq!(series.count(), 1);
    }
}
