//! Hostler's own metrics. A value that is not known has no sample; nothing is
//! ever told as 0 in its place (D4, X17).

mod compat;
mod custom;
mod format;
mod measured;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hostler_api::negotiate::metrics_format;
use hostler_core::access::Permission;
use hostler_core::metrics::exposition::Format;
use hostler_core::metrics::series::SeriesKey;
use hostler_core::metrics::{Dropped, Labels, Metric, Point};
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error};
use hostler_engine::Stored;
use http::Method;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::Result;
use super::live::Live;
use super::{admit, peer_of};
use crate::app::App;
use crate::config::Profile;

/// From a cached answer to one that waits for an operation.
const BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// How old a page of what was measured may be; passes are further apart.
const PAGE_AGE_MAX: Duration = Duration::from_secs(1);

/// What is counted as it happens.
pub struct Meters {
    registry: Registry,
    live: Live,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    /// The latest page of each format and profile, so that many scrapers cost one.
    pages: [Mutex<Option<Made>>; 4],
    /// Whether the names of the exporter for libvirt are told to those who ask for none.
    tells_libvirt: AtomicBool,
    /// Series that pages were made without: too many, twice.
    dropped: [AtomicU64; 2],
}

/// A page, and when it was made.
type Made = (Instant, Arc<str>);

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
    /// Nothing counted yet; who follows the live stream is looked up there.
    pub fn new(live: Live) -> Self {
        let mut registry = Registry::default();
        let requests = Family::<RequestLabels, Counter>::default();
        let durations =
            Family::<RouteLabels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        let help = "Requests answered, by template of the route";
        registry.register("hostler_http_requests", help, requests.clone());
        let help = "Time from a request's head to its answer's";
        registry.register("hostler_http_request_duration_seconds", help, durations.clone());
        Self {
            registry,
            live,
            requests,
            durations,
            pages: std::array::from_fn(|_| Mutex::default()),
            tells_libvirt: AtomicBool::new(false),
            dropped: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// Tells the names of this profile from now on, to those who ask for none.
    pub(crate) fn set_profile(&self, profile: Profile) {
        self.tells_libvirt.store(profile == Profile::Libvirt, Ordering::Relaxed);
    }

    /// The profile that is asked for, or what is told otherwise.
    fn profile(&self, query: &str) -> Result<Profile> {
        let mut profile = match self.tells_libvirt.load(Ordering::Relaxed) {
            true => Profile::Libvirt,
            false => Profile::Hostler,
        };
        for term in query.split('&').filter(|term| !term.is_empty()) {
            profile = match term {
                "profile=hostler" => Profile::Hostler,
                "profile=libvirt" => Profile::Libvirt,
                other => {
                    let message = format!(
                        "/metrics takes `profile=hostler` or `profile=libvirt`, and not `{other}`"
                    );
                    return Err(Error::new(Code::QueryInvalid, message).into());
                }
            };
        }
        Ok(profile)
    }

    /// Counts a request.
    pub(super) fn request(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let (route, method) = (route.to_owned(), known(method));
        let labels = RouteLabels { route: route.clone(), method };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }
}

impl Meters {
    /// Counts what a page was made without.
    fn leave_out(&self, dropped: Dropped) {
        let [too_many, twice] = &self.dropped;
        too_many.fetch_add(dropped.too_many, Ordering::Relaxed);
        twice.fetch_add(dropped.twice, Ordering::Relaxed);
    }

    /// What pages were made without by now.
    fn dropped(&self) -> [Point; 2] {
        let [too_many, twice] = &self.dropped;
        [("too_many", too_many), ("twice", twice)].map(|(reason, count)| {
            let count = count.load(Ordering::Relaxed) as f64;
            Point::labelled(Metric::SeriesDroppedTotal, Labels::one(reason), count)
        })
    }

    /// What this process is and takes.
    fn process() -> Vec<Point> {
        let version = Labels::one(env!("CARGO_PKG_VERSION"));
        let mut points = vec![Point::labelled(Metric::BuildInfo, version, 1.0)];
        let told = [
            (Metric::ProcessResidentMemoryBytes, process::resident_bytes()),
            (Metric::ProcessOpenFds, process::open_files()),
        ];
        let known = told.into_iter().filter_map(|(metric, count)| Some((metric, count?)));
        points.extend(known.map(|(metric, count)| Point::plain(metric, count as f64)));
        points
    }

    /// Who follows the live stream, and how well they keep up.
    fn following(&self) -> [Point; 4] {
        [
            (Metric::LiveClients, self.live.clients() as f64),
            (Metric::LiveFramesWaiting, self.live.waiting() as f64),
            (Metric::LiveFramesTotal, self.live.frames() as f64),
            (Metric::LiveResyncsTotal, self.live.resyncs() as f64),
        ]
        .map(|(metric, value)| Point::plain(metric, value))
    }

    /// What is told beside what is counted of requests.
    fn own(&self) -> Vec<Point> {
        let mut own = Self::process();
        own.extend(self.dropped());
        own.extend(self.following());
        own
    }

    /// Everything that the server counts itself, for its history.
    pub fn series(&self) -> Vec<(SeriesKey, f64)> {
        let mut text = String::new();
        // Writing into a string fails only where a metric is no metric.
        let mut series = match encode_registry(&mut text, &self.registry) {
            Ok(()) => format::series(&text),
            Err(_) => Vec::new(),
        };
        series.extend(self.own().into_iter().filter_map(|point| {
            let family = point.metric.family();
            let labels = family.labels.iter().copied();
            let labels = labels.zip(point.labels.values().iter().map(|value| &**value));
            Some((SeriesKey::new(family.name, labels).ok()?, point.value))
        }));
        series
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
    let format = metrics_format(request.headers());
    let profile = app.meters.profile(request.uri().query().unwrap_or_default());
    let written = match profile {
        Ok(profile) => write(&app, format, profile).await,
        Err(refusal) => Err(refusal),
    };
    match written {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// What the server tells of itself, then what it measured.
async fn write(app: &App, format: Format, profile: Profile) -> Result<String> {
    let mut own = String::new();
    if profile == Profile::Libvirt {
        own.push_str(&measured(app, format, profile).await?);
        own.push_str(if format == Format::OpenMetrics { "# EOF\n" } else { "" });
        return Ok(own);
    }
    encode_registry(&mut own, &app.meters.registry)
        .map_err(|error| Error::bug(format!("metrics cannot be written: {error}")))?;
    let mut text = match format {
        Format::OpenMetrics => own,
        Format::Text => format::to_text(&own),
    };
    text.push_str(&measured(app, format, profile).await?);
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    Ok(text)
}

/// The page of what was measured, made at most once in [`PAGE_AGE_MAX`] and beside
/// the threads that answer others.
async fn measured(app: &App, format: Format, profile: Profile) -> Result<Arc<str>> {
    let [text, open, their_text, their_open] = &app.meters.pages;
    let mut kept = match (format, profile) {
        (Format::Text, Profile::Hostler) => text.lock().await,
        (Format::OpenMetrics, Profile::Hostler) => open.lock().await,
        (Format::Text, Profile::Libvirt) => their_text.lock().await,
        (Format::OpenMetrics, Profile::Libvirt) => their_open.lock().await,
    };
    if let Some((made, page)) = kept.as_ref()
        && made.elapsed() <= PAGE_AGE_MAX
    {
        return Ok(page.clone());
    }
    let made = Instant::now();
    let serving = app.clone();
    let stored = app.engine.metrics().stored().await;
    let page = tokio::task::spawn_blocking(move || match profile {
        Profile::Hostler => make_page(&serving, &stored, format),
        Profile::Libvirt => make_their_page(&serving, format),
    })
    .await;
    let page = page.map_err(|error| Error::bug(format!("metrics cannot be written: {error}")))?;
    *kept = Some((made, page.clone()));
    Ok(page)
}

fn make_page(app: &App, stored: &Stored, format: Format) -> Arc<str> {
    let metrics = app.engine.metrics();
    let collected = metrics.collected();
    let said = metrics.said(&collected, stored);
    let own = app.meters.own();
    let (page, dropped) = measured::page(&measured::Told { collected, said, own }, format);
    // On the next page: this one cannot tell of itself.
    app.meters.leave_out(dropped);
    let (custom, dropped) = custom::part(&app.engine.custom_metrics().list(), format);
    app.meters.leave_out(dropped);
    (page + &custom).into()
}

fn make_their_page(app: &App, format: Format) -> Arc<str> {
    let everything = ListRequest::first(usize::MAX);
    let told = compat::Told {
        collected: app.engine.metrics().collected(),
        providers: app.engine.providers().list(&everything).items,
        vms: app.engine.vms().list(&everything).items,
    };
    let (page, dropped) = compat::page(&told, format);
    app.meters.leave_out(dropped);
    page.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a33_invented_methods_make_no_series() {
        let meters = Meters::new(Live::default());
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
