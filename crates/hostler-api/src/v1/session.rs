//! Browser sessions: opened by a login link, kept in a cookie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::Nothing;
use crate::value::Time;

endpoint! {
    /// Log in with the code of a login link.
    ///
    /// `hostlerd admin-link` prints the link; its code works once. The answer
    /// sets the session's cookie, which scripts cannot read.
    SessionOpen {
        id: "session_open", tag: "session", POST "/api/v1/session",
        needs: Public,
        body: Json SessionRequest,
        reply: Json Session,
        errors: [CredentialsInvalid, RateLimited],
    }
}

endpoint! {
    /// Who you are.
    SessionShow {
        id: "session_show", tag: "session", GET "/api/v1/session",
        needs: Authenticated,
        reply: Json Session,
    }
}

endpoint! {
    /// Log out.
    SessionClose {
        id: "session_close", tag: "session", DELETE "/api/v1/session",
        needs: Authenticated,
        reply: Empty Nothing, status: NO_CONTENT,
    }
}

/// The code of a login link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// What follows `#` in the link.
    pub code: String,
}

/// Who you are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// How you are named in audit records.
    pub actor: String,
    /// `admin` or `reader`.
    pub role: String,
    /// Every permission you have.
    pub permissions: Vec<String>,
    /// When the session ends; null where it does not.
    pub expires_at: Option<Time>,
}
