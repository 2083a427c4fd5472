//! Whether a client takes what an endpoint answers with: `Accept` as in RFC 9110, 12.5.1.

use hostler_api::{ReplyKind, negotiate};
use hostler_core::Code;
use http::HeaderMap;
use http::header::ACCEPT;

use super::error::{Refusal, Result};

/// Refuses a client that could not read the answer, before anything is done for it.
pub(super) fn check(headers: &HeaderMap, reply: ReplyKind) -> Result<()> {
    match reply.media_type() {
        Some(media) if !takes(headers, media) => {
            let message = format!("the answer is {media}, which Accept does not take");
            Err(Refusal::new(Code::NotAcceptable, message))
        }
        _ => Ok(()),
    }
}

/// Whether the client takes `media`. The narrowest range that it named decides; who
/// names none takes anything.
fn takes(headers: &HeaderMap, media: &str) -> bool {
    let ranges = negotiate::terms(headers, &ACCEPT);
    let whole_type = media.split('/').next().map(|kind| format!("{kind}/*")).unwrap_or_default();
    let weight = [media, &whole_type, "*/*"]
        .into_iter()
        .find_map(|range| ranges.iter().find(|(named, _)| named == range))
        .map(|(_, weight)| *weight);
    weight.map_or(ranges.is_empty(), |weight| weight > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        takes(&headers, "application/json")
    }

    #[test]
    fn the_narrowest_range_decides() {
        for accept in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/html, application/*;q=0.1",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "*/*;q=0, application/json",
            "",
            " , ",
        ] {
            assert!(of(accept), "{accept}");
        }
        for accept in [
            "text/html",
            "application/xml",
            "application/json;q=0, */*",
            "application/*;q=0.0, */*",
            "*/*;q=0",
            "nonsense",
        ] {
            assert!(!of(accept), "{accept}");
        }
        assert!(takes(&HeaderMap::new(), "text/plain"));
    }

    #[test]
    fn where_no_document_comes_nothing_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, "text/html".parse().unwrap());
        assert!(check(&headers, ReplyKind::Empty).is_ok());
        assert!(check(&headers, ReplyKind::WebSocket).is_ok());
        let refusal = check(&headers, ReplyKind::Json).unwrap_err();
        assert_eq!(refusal.error().code(), Code::NotAcceptable);
    }
}
