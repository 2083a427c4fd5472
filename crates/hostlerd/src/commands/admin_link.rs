//! `hostlerd admin-link`: a link that logs an administrator in once.

use std::net::SocketAddr;

use hostler_core::Clock;
use hostler_core::clock::SystemClock;
use hostler_core::id::IdSource;
use serde_json::{Value, json};
use std::sync::Arc;

use super::run::{DATABASE, open};
use super::{place, print};
use crate::arguments::AdminLinkFlags;
use crate::auth::make_login_code;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::failure::{Failure, Result};
use crate::server::login_link;
use crate::{local_client, tls};

pub(super) async fn run(flags: AdminLinkFlags) -> Result<()> {
    let config = Config::load(&place(flags.data_dir, flags.socket, flags.config))?;
    let (code, of_server) = code(&config).await?;
    let base_url = match flags.base_url.or(of_server) {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => config.base_url_for(&configured(&config)),
    };
    let pem = std::fs::read_to_string(tls::ca_path(&config.data_dir.join("tls"))).ok();
    if let Some(fingerprint) = pem.as_deref().and_then(tls::fingerprint) {
        // The link alone goes to standard output, for scripts.
        eprintln!("works once, within 10 minutes; authority's SHA-256 fingerprint:\n{fingerprint}");
    }
    print(&format!("{}\n", login_link(&base_url, &code)))
}

/// A fresh code: from the running server where there is one, since only one
/// process at a time may open the database.
async fn code(config: &Config) -> Result<(String, Option<String>)> {
    let text = |answer: &Value, name| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(answer) =
        local_client::post(&config.socket, "/local/login-code", &json!({})).await?
    {
        let code = text(&answer, "code").ok_or_else(|| Failure::new("the server gave no code"))?;
        return Ok((code, text(&answer, "base_url")));
    }
    if !config.data_dir.join(DATABASE).exists() {
        let place = config.data_dir.display();
        let message = format!("there is no server's state in {place}; start hostlerd there first");
        return Err(Failure::usage(message));
    }
    let store = open(&config.data_dir).await?;
    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let made = make_login_code(&store, &ids, SystemClock.now()).await;
    store.close().await;
    Ok((made?, None))
}

fn configured(config: &Config) -> Vec<SocketAddr> {
    config.listen.clone()
}
