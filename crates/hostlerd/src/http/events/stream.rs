//! Events as server-sent events, resumed where a browser left off.

use axum::response::Response;
use hostler_api::v1;
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use http::HeaderValue;
use http::request::Parts;

use super::follow::Follower;
use crate::app::App;
use crate::http::Call;
use crate::http::error::Result;
use crate::http::streams::sse;

pub(super) async fn follow(
    app: App,
    call: Call<v1::EventStream>,
    parts: Parts,
) -> Result<Response> {
    let since = since(&parts, call.query.since)?;
    let follower = Follower::begin(app, call.caller, &call.query, since).await?;
    Ok(sse::answer(follower))
}

/// A browser that reconnects says what it has seen in a header, and repeats the
/// old address: the header is newer.
fn since(parts: &Parts, given: Option<u64>) -> Result<Option<u64>> {
    match parts.headers.get("last-event-id").map(HeaderValue::to_str) {
        None | Some(Ok("")) => Ok(given),
        Some(value) => {
            let number = value.ok().and_then(|text| text.parse().ok());
            number.map(Some).ok_or_else(|| {
                let fault = Fault::new("Last-Event-ID", "malformed", "must be a number");
                Error::faults(Code::QueryInvalid, vec![fault]).into()
            })
        }
    }
}
