//! API tokens.

use std::time::Duration;

use hostler_api::v1;
use hostler_api::{Nothing, Page, Time};
use hostler_core::access::Role;
use hostler_core::id::TokenId;
use hostler_core::query::{Field, Row, Value};
use hostler_core::{Code, Error, Timestamp};
use hostler_store::TokenRow;

use super::error::{Refusal, Result};
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;
use crate::auth::secrets;

const FIELDS: &[Field] = &[Field::text("name"), Field::text("role"), Field::number("created_at")];
/// A token that is to end ends within ten years.
const LIFE_MAX_SECONDS: u64 = 10 * 365 * 24 * 3600;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::TokenList, list).route(v1::TokenCreate, create).route(v1::TokenDelete, delete)
}

async fn list(app: App, call: Call<v1::TokenList>) -> Result<Reply<Page<v1::Token>>> {
    let rows = app.store.tokens().await.map_err(Error::from)?;
    let rows: Vec<_> = rows.into_iter().filter(|row| !row.revoked).map(Listed).collect();
    lists::of_rows(&app, "tokens", &call.query, FIELDS, &rows, |row| token(&row.0)).map(Reply::page)
}

async fn create(app: App, call: Call<v1::TokenCreate>) -> Result<Reply<v1::NewToken>> {
    let now = app.clock.now();
    let (role, expires_at) = check(&call.body, now)?;
    let secret = format!("{}{}", secrets::TOKEN_PREFIX, secrets::encode(&app.ids.secret()));
    let row = TokenRow {
        id: app.ids.next(TokenId::new),
        name: call.body.name,
        role,
        secret_sha256: secrets::hash(&secret),
        created_at: now,
        created_by: call.caller.actor.name,
        expires_at,
        last_used_at: None,
        revoked: false,
    };
    app.store.insert_token(&row).await.map_err(Error::from)?;
    let at = format!("/api/v1/tokens/{}", row.id);
    Ok(Reply::of(v1::NewToken { token: token(&row), secret }).at(&at).secret())
}

async fn delete(app: App, call: Call<v1::TokenDelete>) -> Result<Reply<Nothing>> {
    let id: TokenId = ids::of_path(&call.path.token)?;
    if app.auth.revoke_token(id).await? {
        return Ok(Reply::of(Nothing {}));
    }
    Err(Refusal::new(Code::TokenNotFound, format!("there is no token with the id {id}")))
}

fn check(request: &v1::TokenRequest, now: Timestamp) -> Result<(Role, Option<Timestamp>)> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, code: &str, detail: String| {
        faults.push(hostler_core::error::Fault::new(pointer, code, detail));
    };
    if let Err(bad) = hostler_core::name::check(&request.name) {
        fault("/name", "bad_name", bad.to_string());
    }
    let role = Role::parse(&request.role);
    if role.is_none() {
        fault("/role", "unknown", "must be `admin`, `reader` or `pusher`".to_owned());
    }
    let seconds = request.expires_in_seconds;
    if seconds.is_some_and(|seconds| seconds == 0 || seconds > LIFE_MAX_SECONDS) {
        let detail = format!("must be from 1 to {LIFE_MAX_SECONDS}");
        fault("/expires_in_seconds", "out_of_range", detail);
    }
    match role {
        Some(role) if faults.is_empty() => {
            Ok((role, seconds.map(|seconds| now.plus(Duration::from_secs(seconds)))))
        }
        _ => Err(Error::faults(Code::SpecInvalid, faults).into()),
    }
}

fn token(row: &TokenRow) -> v1::Token {
    v1::Token {
        id: row.id.to_string(),
        name: row.name.clone(),
        role: row.role.as_str().to_owned(),
        created_at: Time(row.created_at),
        created_by: row.created_by.clone(),
        expires_at: row.expires_at.map(Time),
        last_used_at: row.last_used_at.map(Time),
    }
}

/// A token as a row of a list.
struct Listed(TokenRow);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.0.name.as_str().into(),
            "role" => self.0.role.as_str().into(),
            "created_at" => self.0.created_at.as_micros().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.0.name.to_lowercase().contains(needle)
    }
}
