//! From error codes to HTTP statuses: the only place that does this.

use hostler_core::{Code, Kind};
use http::StatusCode;

/// The HTTP status of an answer with this code: by kind, but for the codes that
/// HTTP has a status of its own for.
pub fn status_of(code: Code) -> StatusCode {
    match code {
        Code::MethodNotAllowed => return StatusCode::METHOD_NOT_ALLOWED,
        Code::NotAcceptable => return StatusCode::NOT_ACCEPTABLE,
        Code::EventsExpired => return StatusCode::GONE,
        Code::PreconditionFailed => return StatusCode::PRECONDITION_FAILED,
        Code::PreconditionRequired => return StatusCode::PRECONDITION_REQUIRED,
        Code::BodyTooLarge => return StatusCode::PAYLOAD_TOO_LARGE,
        Code::MediaTypeUnsupported => return StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::RateLimited => return StatusCode::TOO_MANY_REQUESTS,
        _ => {}
    }
    match code.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict | Kind::Cancelled => StatusCode::CONFLICT,
        Kind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Exhausted => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_an_error_status_and_only_bugs_are_500() {
        for code in Code::ALL {
            let status = status_of(*code);
            assert!(status.is_client_error() || status.is_server_error(), "{code}");
            assert_eq!(status == StatusCode::INTERNAL_SERVER_ERROR, code.kind() == Kind::Bug);
        }
    }
}
