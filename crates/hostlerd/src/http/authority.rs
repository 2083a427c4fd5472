//! The certificate that signs the server's: public, so that clients can fetch it
//! and compare its fingerprint with the one printed beside the login link.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hostler_core::Code;
use http::header::CONTENT_TYPE;

use super::error::Refusal;
use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/ca.pem", get(show))
}

async fn show(State(app): State<App>) -> Response {
    match &app.authority_pem {
        Some(pem) => ([(CONTENT_TYPE, "application/x-pem-file")], pem.clone()).into_response(),
        None => {
            let message = "this server's certificate is signed by an authority of its operator";
            Refusal::new(Code::EndpointNotFound, message).into_response()
        }
    }
}
