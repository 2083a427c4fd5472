//! Who asks: by token, by session cookie, or by the kernel's word on the unix
//! socket. What they may do is decided by `hostler_core::access`.

pub mod attempts;
mod cookie;
mod local;
mod origin;
pub mod secrets;

use std::sync::Arc;
use std::time::Duration;

use hostler_core::access::{Actor, Role};
use hostler_core::id::{IdSource, TokenId};
use hostler_core::{Clock, Code, Error, Result, Timestamp};
use hostler_store::{SessionRow, Store};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::listen::Peer;

pub use attempts::{Attempts, Standing};
pub use local::{GROUP, LocalUsers};
pub use origin::Source;

/// How long a session lasts after its last use.
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// How long a session lasts however much it is used.
pub const SESSION_LIFE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// A session is prolonged when this much of its life is gone, not at every request.
const SESSION_STEP: Duration = Duration::from_secs(600);
/// How exactly a token's last use is known.
const TOUCH_STEP: Duration = Duration::from_secs(60);
/// How long a login link works.
pub const LOGIN_CODE_LIFE: Duration = Duration::from_secs(600);

/// Somebody who asks, and how we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// How we know.
    pub via: Via,
}

/// How somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Not at all.
    Nothing,
    /// By an API token.
    Token {
        /// The hash of its secret.
        hash: [u8; 32],
    },
    /// By a browser session.
    Session {
        /// The hash of its secret.
        hash: [u8; 32],
        /// When it ends.
        expires_at: Timestamp,
    },
    /// By the kernel, on the unix socket.
    Socket,
}

impl Caller {
    /// Somebody who said nothing about themselves; may do what needs no permission.
    pub fn nobody() -> Self {
        let actor = Actor { name: "nobody".to_owned(), role: Role::Reader };
        Self { actor, via: Via::Nothing }
    }

    /// Whether they are known.
    pub fn is_known(&self) -> bool {
        self.via != Via::Nothing
    }

    /// Whether they are known by something that browsers send by themselves.
    pub const fn has_cookie(&self) -> bool {
        matches!(self.via, Via::Session { .. })
    }
}

/// Finds out who asks.
pub struct Auth {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: IdSource,
    local: LocalUsers,
    attempts: Attempts,
    /// Changes whenever credentials were ended before their time.
    ended: watch::Sender<u64>,
}

impl Auth {
    /// By the tokens and sessions of `store` and the users of this machine.
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: IdSource, local: LocalUsers) -> Self {
        let ended = watch::Sender::new(0);
        Self { store, clock, ids, local, attempts: Attempts::default(), ended }
    }

    /// Who asks. What was said explicitly wins over what is sent by itself:
    /// token, then socket, then cookie. Nobody is somebody, too.
    ///
    /// # Errors
    /// When credentials were given and are not valid.
    pub async fn identify(&self, headers: &HeaderMap, peer: Peer) -> Result<Caller> {
        if let Some(value) = headers.get(AUTHORIZATION) {
            let secret = value.to_str().ok().and_then(bearer).ok_or_else(|| {
                let message = "the Authorization header is not `Bearer hst_…`";
                Error::new(Code::CredentialsInvalid, message)
            })?;
            return self.by_token(secrets::hash(secret)).await;
        }
        if let Peer::Local { uid, gid } = peer {
            let actor = self.local.actor(uid, gid)?;
            return Ok(Caller { actor, via: Via::Socket });
        }
        match cookie::read(headers) {
            // A cookie that somebody could read on its way is none of ours.
            Some(secret) if peer.is_tls() => self.by_session(secrets::hash(secret)).await,
            _ => Ok(Caller::nobody()),
        }
    }

    async fn by_token(&self, hash: [u8; 32]) -> Result<Caller> {
        let now = self.clock.now();
        let row = self.store.token_by_hash(&hash).await?;
        let row = row.filter(|row| bool::from(row.secret_sha256.ct_eq(&hash)) && row.is_valid(now));
        let Some(row) = row else {
            let message = "the token is unknown, expired or revoked";
            return Err(Error::new(Code::CredentialsInvalid, message));
        };
        // Asked for at every request, so only said when there is something new to say.
        if row.last_used_at.is_none_or(|last| now.since(last) >= TOUCH_STEP) {
            self.store.touch_token(row.id, now).await?;
        }
        let actor = Actor { name: format!("token:{}", row.name), role: row.role };
        Ok(Caller { actor, via: Via::Token { hash } })
    }

    async fn by_session(&self, hash: [u8; 32]) -> Result<Caller> {
        let now = self.clock.now();
        let Some(row) = self.store.session(&hash, now).await? else {
            let message = "the session has ended; log in again";
            return Err(Error::new(Code::CredentialsInvalid, message));
        };
        let mut expires_at = row.expires_at;
        let prolonged = now.plus(SESSION_LIFE).min(row.created_at.plus(SESSION_LIFE_MAX));
        if prolonged.since(expires_at) >= SESSION_STEP {
            self.store.extend_session(&hash, prolonged).await?;
            expires_at = prolonged;
        }
        let actor = Actor { name: row.actor, role: row.role };
        Ok(Caller { actor, via: Via::Session { hash, expires_at } })
    }

    /// Whether somebody who was let in would be let in again: long-lived streams ask.
    pub async fn is_still_valid(&self, caller: &Caller) -> bool {
        let now = self.clock.now();
        match &caller.via {
            Via::Token { hash } => {
                let row = self.store.token_by_hash(hash).await;
                // A store that does not answer throws nobody out.
                row.map_or(true, |row| row.is_some_and(|row| row.is_valid(now)))
            }
            Via::Session { hash, .. } => {
                self.store.session(hash, now).await.map_or(true, |row| row.is_some())
            }
            Via::Socket | Via::Nothing => true,
        }
    }

    /// Ends a token; whether there was one.
    pub async fn revoke_token(&self, id: TokenId) -> Result<bool> {
        let was_there = self.store.revoke_token(id).await?;
        self.tell_ended();
        Ok(was_there)
    }

    /// Changes when credentials were ended here: whoever goes on talking to somebody
    /// asks then whether that is [still right](Self::is_still_valid).
    pub fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    fn tell_ended(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    /// Makes a code that opens one session, once.
    pub async fn make_login_code(&self) -> Result<String> {
        make_login_code(&self.store, &self.ids, self.clock.now()).await
    }

    /// Opens an administrator's session for a login code; gives its cookie.
    ///
    /// # Errors
    /// When the code is unknown, used or expired: all three look the same.
    pub async fn open_session(&self, code: &str) -> Result<(Caller, String)> {
        let now = self.clock.now();
        if !self.store.consume_login_code(&secrets::hash(code), now).await? {
            let message = "the login code is unknown, used or expired";
            return Err(Error::new(Code::CredentialsInvalid, message));
        }
        let secret = secrets::encode(&self.ids.secret());
        let hash = secrets::hash(&secret);
        let (actor, role) = ("session:admin".to_owned(), Role::Admin);
        let expires_at = now.plus(SESSION_LIFE);
        let row =
            SessionRow { id_sha256: hash, actor: actor.clone(), role, created_at: now, expires_at };
        self.store.insert_session(&row).await?;
        let caller =
            Caller { actor: Actor { name: actor, role }, via: Via::Session { hash, expires_at } };
        Ok((caller, cookie::give(&secret, SESSION_LIFE_MAX)))
    }

    /// Ends a session; gives the cookie that makes the browser forget it.
    pub async fn close_session(&self, caller: &Caller) -> Result<String> {
        if let Via::Session { hash, .. } = &caller.via {
            self.store.delete_session(hash).await?;
            self.tell_ended();
        }
        Ok(cookie::take_back())
    }

    /// Counts an attempt to log in; `None` where there is no limit.
    pub fn count_attempt(&self, peer: Peer) -> Option<Standing> {
        match peer {
            Peer::Local { .. } => None, // whoever gets here needs no code
            Peer::Tls(_) | Peer::Loopback(_) => Some(self.attempts.count(peer.ip())),
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth")
    }
}

/// Makes a code that opens one session, once, within [`LOGIN_CODE_LIFE`].
pub async fn make_login_code(store: &Store, ids: &IdSource, now: Timestamp) -> Result<String> {
    let code = secrets::encode(&ids.secret());
    store.insert_login_code(&secrets::hash(&code), now.plus(LOGIN_CODE_LIFE)).await?;
    Ok(code)
}

/// The token in an Authorization header.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    let is_ours = scheme.eq_ignore_ascii_case("bearer")
        && secret.starts_with(secrets::TOKEN_PREFIX)
        && secret.len() <= 256;
    is_ours.then_some(secret)
}
