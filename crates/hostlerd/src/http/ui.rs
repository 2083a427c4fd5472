//! The user interface: files built into the program. Without a built interface
//! a page says so; the API works all the same.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hostler_core::Code;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::Refusal;
use hostler_api::negotiate::{self, Coding};

/// What the interface's own build made. In a development build the files are
/// read when asked for, so a rebuilt interface needs no rebuilt server.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../ui/dist"]
#[allow_missing = true]
struct Built;

/// What is shown when nothing was built.
const PLACEHOLDER: &str = include_str!("../../assets/placeholder/index.html");

/// What the build adds to a file's name for the same, compressed with brotli.
const PACKED: &str = ".br";

/// Files whose names hold a hash of their content never change.
const HASHED: &str = "assets/";

/// Any address that is no other route's: a file of the interface, or one of its pages.
pub(super) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let is_api = path == "api" || path.starts_with("api/") || path.starts_with("local/");
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    // A path that tries to climb, or to name another host, is no page of ours (A17).
    let is_odd = path.contains("..")
        || path.contains("//")
        || request.uri().path().starts_with("//")
        || path.ends_with(PACKED);
    if is_api || !is_reading || is_odd {
        return nothing(request.uri().path());
    }
    if let Some(file) = Built::get(path).filter(|_| !path.is_empty() && !path.starts_with('.')) {
        return answer(path, file, request.headers());
    }
    // A missing file is missing; only people's addresses are pages of the interface.
    let wants_page = request.headers().get(ACCEPT).is_none_or(|accept| {
        accept.to_str().is_ok_and(|text| text.contains("text/html") || text.contains("*/*"))
    });
    if path.starts_with(HASHED) || !wants_page {
        return nothing(request.uri().path());
    }
    match Built::get("index.html") {
        Some(file) => answer("index.html", file, request.headers()),
        None => {
            let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
            (headers, PLACEHOLDER).into_response()
        }
    }
}

fn nothing(path: &str) -> Response {
    let path: String = path.chars().filter(|c| !c.is_control()).take(200).collect();
    Refusal::new(Code::EndpointNotFound, format!("there is nothing at {path}")).into_response()
}

/// A file of the interface, as it is and, where the build packed it, packed.
struct Served {
    sha256: [u8; 32],
    plain: Bytes,
    packed: Option<Bytes>,
}

fn answer(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let bytes = |file: EmbeddedFile| Bytes::from(file.data.into_owned());
    let sha256 = file.metadata.sha256_hash();
    let packed = Built::get(&format!("{path}{PACKED}")).map(bytes);
    respond(path, Served { sha256, plain: bytes(file), packed }, asked)
}

fn respond(path: &str, file: Served, asked: &HeaderMap) -> Response {
    let digest: String = file.sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // Weak, because it stands for the file however it is compressed.
    let etag = format!("W/\"{digest}\"");
    let is_known = asked
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().trim_start_matches("W/") == etag.trim_start_matches("W/"));
    let can_be_packed = file.packed.is_some();
    // Whoever likes gzip better gets it: it is made on the way, like every text's.
    let wanted = negotiate::best(asked, &[Coding::Brotli, Coding::Gzip]);
    let packed = file.packed.filter(|_| wanted == Some(Coding::Brotli) && !is_known);
    let is_packed = packed.is_some();
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => packed.unwrap_or(file.plain).into_response(),
    };
    let keep = match path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let headers = response.headers_mut();
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(Coding::Brotli.as_str()));
    }
    // Where it is not packed, whoever compresses it on its way says so.
    if is_packed || (is_known && can_be_packed) {
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind_of(path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, value);
    }
    response
}

/// The content type by the name's ending: these are our own files, so the list is complete.
fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("woff") => "font/woff",
        Some("ttf") => "font/ttf",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_the_type_that_browsers_insist_on() {
        assert_eq!(kind_of("assets/index-abc.js"), "text/javascript; charset=utf-8");
        assert_eq!(kind_of("assets/a.b.css"), "text/css; charset=utf-8");
        assert_eq!(kind_of("nothing"), "application/octet-stream");
    }

    async fn asked(names: &[(http::HeaderName, &'static str)]) -> (u16, HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        for (name, value) in names {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let (plain, packed) = (Bytes::from_static(b"plain"), Some(Bytes::from_static(b"packed")));
        let file = Served { sha256: [7; 32], plain, packed };
        let (parts, body) = respond("assets/a.js", file, &headers).into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, body)
    }

    #[tokio::test]
    async fn browsers_get_what_the_build_packed_and_others_the_file_itself() {
        let (_, headers, body) = asked(&[(ACCEPT_ENCODING, "gzip, deflate, br")]).await;
        assert_eq!((headers[CONTENT_ENCODING].as_bytes(), &body[..]), (&b"br"[..], &b"packed"[..]));
        assert_eq!(headers[VARY], "accept-encoding");
        assert_eq!(headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
        for other in ["gzip", "identity", "br;q=0", "gzip, br;q=0.5"] {
            let (_, headers, body) = asked(&[(ACCEPT_ENCODING, other)]).await;
            assert_eq!(
                (headers.get(CONTENT_ENCODING), &body[..]),
                (None, &b"plain"[..]),
                "{other}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_is_known_again_however_it_was_packed() {
        let (_, headers, _) = asked(&[(ACCEPT_ENCODING, "br")]).await;
        let (_, plain, _) = asked(&[]).await;
        assert_eq!(headers[ETAG], plain[ETAG]);
        assert_eq!(headers[ETAG], "W/\"07070707070707070707070707070707\"");
        for known in [
            "W/\"07070707070707070707070707070707\"",
            "\"x\", \"07070707070707070707070707070707\"",
        ] {
            let (status, headers, body) =
                asked(&[(IF_NONE_MATCH, known), (ACCEPT_ENCODING, "br")]).await;
            assert_eq!((status, body.len()), (304, 0));
            assert_eq!(
                (headers.get(CONTENT_ENCODING), &headers[VARY]),
                (None, &HeaderValue::from_static("accept-encoding"))
            );
        }
    }
}
