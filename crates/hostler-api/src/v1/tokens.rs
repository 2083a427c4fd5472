//! API tokens: how programs log in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List API tokens, without their secrets.
    TokenList {
        id: "token_list", tag: "tokens", GET "/api/v1/tokens",
        needs: TokenManage,
        query: ListQuery,
        reply: Json Page<Token>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Make an API token.
    ///
    /// The answer holds the secret; it is shown this once and stored only as a hash.
    TokenCreate {
        id: "token_create", tag: "tokens", POST "/api/v1/tokens",
        needs: TokenManage,
        body: Json TokenRequest,
        reply: Json NewToken, status: CREATED,
        errors: [SpecInvalid, TokenExists],
    }
}

endpoint! {
    /// Revoke an API token.
    TokenDelete {
        id: "token_delete", tag: "tokens", DELETE "/api/v1/tokens/{token}",
        needs: TokenManage,
        path: TokenPath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, TokenNotFound],
    }
}

/// Names a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenPath {
    /// The token's id.
    pub token: String,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it is for, for people and audit records.
    pub name: String,
    /// `admin`; `reader`, who looks at everything; or `pusher`, who pushes metrics and does nothing
    /// else.
    pub role: String,
    /// In how many seconds it ends; never when not given.
    #[serde(default)]
    pub expires_in_seconds: Option<u64>,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// When it was made.
    pub created_at: Time,
    /// Who made it.
    pub created_by: String,
    /// When it ends; null: never.
    pub expires_at: Option<Time>,
    /// When it was last used; null: never.
    pub last_used_at: Option<Time>,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// What to send as `Authorization: Bearer …`; shown this once.
    pub secret: String,
}
