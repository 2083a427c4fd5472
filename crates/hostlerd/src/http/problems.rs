//! What each error code means: the pages that problem documents point to.

use axum::Router;
use axum::extract::{Path, Request};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hostler_api::status_of;
use hostler_core::Code;
use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Value, json};

use super::error::Refusal;
use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/problems", get(all)).route("/problems/{code}", get(one))
}

async fn all(request: Request) -> Response {
    let codes = Code::ALL.iter().copied();
    if wants_json(request.headers()) {
        return axum::Json(codes.map(document).collect::<Vec<_>>()).into_response();
    }
    let rows = codes.map(|code| {
        format!("<li><a href=\"/problems/{code}\"><code>{code}</code></a> {}</li>", code.title())
    });
    page("Problems", &format!("<ul>{}</ul>", rows.collect::<String>()))
}

async fn one(Path(word): Path<String>, headers: HeaderMap) -> Response {
    let Some(code) = Code::parse(&word) else {
        let word: String = word.chars().filter(|c| !c.is_control()).take(64).collect();
        let message = format!("there is no problem called {word}");
        return Refusal::new(Code::EndpointNotFound, message).into_response();
    };
    if wants_json(&headers) {
        return axum::Json(document(code)).into_response();
    }
    let body = format!(
        "<p>{}.</p><h2>What to do</h2><p>{}</p>\
         <p>HTTP status {}, kind <code>{}</code>. <a href=\"/problems\">All problems</a></p>",
        capital(code.title()),
        marked(code.help()),
        status_of(code).as_u16(),
        code.kind().as_str(),
    );
    page(code.as_str(), &body)
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

fn document(code: Code) -> Value {
    json!({
        "type": format!("/problems/{code}"),
        "code": code.as_str(),
        "title": code.title(),
        "help": code.help(),
        "kind": code.kind().as_str(),
        "status": status_of(code).as_u16(),
        "retryable": code.kind().is_retryable(),
    })
}

/// A page of our own texts; nothing that anybody sent comes in here.
fn page(title: &str, body: &str) -> Response {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} – Hostler</title>\
         <link rel=\"stylesheet\" href=\"/api/docs/docs.css\"></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    ))
    .into_response()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Text with `code` in backticks, as HTML.
fn marked(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate().map(|(n, part)| match n % 2 {
        1 => format!("<code>{part}</code>"),
        _ => part.to_owned(),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_shown_with_its_code_marked_and_escaped() {
        assert_eq!(marked("run `a <b>` & go"), "run <code>a &lt;b&gt;</code> &amp; go");
        assert_eq!(capital("no host"), "No host");
    }
}
