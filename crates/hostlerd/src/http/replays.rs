//! Answers to POSTs with an `Idempotency-Key`: the same key gives the same answer.
//!
//! Operations keep their keys in their own transaction. What is left are requests
//! that are done when they are answered; their answers are kept in the store.
//! Answers that hold a secret are kept in memory only, for as long as somebody
//! whose connection broke needs to ask again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_api::IDEMPOTENT_REPLAYED;
use hostler_core::{Code, Error};
use hostler_engine::IdempotencyKey;
use hostler_store::Reply as StoredReply;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::error::Result;
use super::reply::Written;
use crate::app::App;

/// How long an answer with a secret can be asked for again.
const SECRET_LIFE: Duration = Duration::from_secs(600);
/// How many of them are kept; the oldest go first.
const SECRETS_MAX: usize = 1024;
/// Headers that belong to an answer wherever and whenever it is given.
const KEPT: &[HeaderName] = &[CONTENT_TYPE, LOCATION];

type Owner = (String, String);

/// Answers that were given before.
#[derive(Default)]
pub struct Replays {
    /// One request at a time for each key, so that two at once cannot both be the first.
    turns: Mutex<HashMap<Owner, Arc<tokio::sync::Mutex<()>>>>,
    secrets: Mutex<HashMap<Owner, Secret>>,
}

struct Secret {
    since: Instant,
    body_hash: [u8; 32],
    written: Written,
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    headers: Vec<(String, String)>,
    body: String,
}

impl Replays {
    /// The answer given before for `key`, else the one that `work` gives now.
    pub(super) async fn once(
        &self,
        app: &App,
        actor: &str,
        key: &IdempotencyKey,
        work: impl Future<Output = Result<Written>>,
    ) -> Result<Written> {
        let owner = (actor.to_owned(), key.key.clone());
        let turn = Turn { lock: self.turn(&owner), owner: &owner, replays: self };
        let _mine = turn.lock.lock().await;
        self.first_or_again(app, actor, key, &owner, work).await
    }

    fn turn(&self, owner: &Owner) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().expect("nothing panics while it holds this lock");
        Arc::clone(turns.entry(owner.clone()).or_default())
    }

    async fn first_or_again(
        &self,
        app: &App,
        actor: &str,
        key: &IdempotencyKey,
        owner: &Owner,
        work: impl Future<Output = Result<Written>>,
    ) -> Result<Written> {
        if let Some(written) = self.secret(owner, key)? {
            return Ok(replayed(written));
        }
        if let Some(stored) = app.store.reply(actor, key).await.map_err(Error::from)? {
            return Ok(replayed(restore(&stored)?));
        }
        let written = work.await?;
        match written.is_secret {
            true => self.keep_secret(owner, key, &written),
            false => {
                let reply = store(&written)?;
                app.store
                    .put_reply(actor, key, &reply, app.clock.now())
                    .await
                    .map_err(Error::from)?;
            }
        }
        Ok(written)
    }

    fn secret(&self, owner: &Owner, key: &IdempotencyKey) -> Result<Option<Written>> {
        let secrets = self.secrets.lock().expect("nothing panics while it holds this lock");
        match secrets.get(owner) {
            Some(secret) if secret.since.elapsed() > SECRET_LIFE => Ok(None),
            Some(secret) if secret.body_hash == key.body_hash => Ok(Some(secret.written.clone())),
            Some(_) => {
                let message = "this key was used for a different request";
                Err(Error::new(Code::IdempotencyMismatch, message).into())
            }
            None => Ok(None),
        }
    }

    fn keep_secret(&self, owner: &Owner, key: &IdempotencyKey, written: &Written) {
        let mut secrets = self.secrets.lock().expect("nothing panics while it holds this lock");
        secrets.retain(|_, secret| secret.since.elapsed() <= SECRET_LIFE);
        if secrets.len() >= SECRETS_MAX
            && let Some(oldest) = secrets
                .iter()
                .min_by_key(|(_, secret)| secret.since)
                .map(|(owner, _)| owner.clone())
        {
            secrets.remove(&oldest);
        }
        let (since, body_hash) = (Instant::now(), key.body_hash);
        secrets.insert(owner.clone(), Secret { since, body_hash, written: written.clone() });
    }
}

/// Somebody who has or waits for the turn of a key; forgotten with the last of them.
struct Turn<'a> {
    lock: Arc<tokio::sync::Mutex<()>>,
    owner: &'a Owner,
    replays: &'a Replays,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.replays.turns.lock().expect("nothing panics while it holds this lock");
        // The map's and ours: nobody else waits for it.
        if Arc::strong_count(&self.lock) <= 2 {
            turns.remove(self.owner);
        }
    }
}

impl std::fmt::Debug for Replays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replays")
    }
}

fn replayed(mut written: Written) -> Written {
    let name = HeaderName::from_static(IDEMPOTENT_REPLAYED);
    written.headers.insert(name, HeaderValue::from_static("true"));
    written
}

fn store(written: &Written) -> Result<StoredReply> {
    let headers = KEPT.iter().filter_map(|name| {
        let value = written.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let body = String::from_utf8_lossy(&written.body).into_owned();
    let kept = Kept { headers: headers.collect(), body };
    let body = serde_json::to_string(&kept)
        .map_err(|error| Error::bug(format!("an answer is not JSON: {error}")))?;
    Ok(StoredReply { status: written.status, body })
}

fn restore(stored: &StoredReply) -> Result<Written> {
    let kept: Kept = serde_json::from_str(&stored.body)
        .map_err(|error| Error::bug(format!("a stored answer cannot be read: {error}")))?;
    let mut headers = HeaderMap::new();
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    let body = kept.body.into_bytes();
    Ok(Written { status: stored.status, headers, body, is_secret: false })
}
