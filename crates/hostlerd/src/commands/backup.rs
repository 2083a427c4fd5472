//! `hostlerd backup` and `hostlerd restore`.

use hostler_core::Clock;
use hostler_core::clock::SystemClock;
use hostler_core::id::IdSource;
use hostler_store::Store;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::run::{DATABASE, make_data_dir, open};
use super::{place, print};
use crate::arguments::BackupFlags;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::failure::{Failure, Result};
use crate::local_client;
use crate::sealing::{KEY_FILE, Keyring};

/// Copies the database: by the running server where there is one.
pub(super) async fn backup(flags: BackupFlags) -> Result<()> {
    let config = Config::load(&place(flags.data_dir, flags.socket, flags.config))?;
    let file = absolute(&flags.file)?;
    if file.exists() {
        return Err(Failure::usage(format!("{} exists already", file.display())));
    }
    let asked = json!({ "file": file });
    if local_client::post(&config.socket, "/local/backup", &asked).await?.is_none() {
        let store = open(&config.data_dir).await?;
        let copied = store.backup(&file).await;
        store.close().await;
        copied.map_err(hostler_core::Error::from)?;
    }
    let key = config.data_dir.join(KEY_FILE);
    if key.exists() {
        eprintln!(
            "kubeconfigs in it are sealed, and open only with {}, which is not in it: keep a copy of \
             that apart",
            key.display()
        );
    }
    print(&format!("{}\n", file.display()))
}

/// Replaces the database; refused while a server uses it.
pub(super) async fn restore(flags: BackupFlags) -> Result<()> {
    let config = Config::load(&place(flags.data_dir, flags.socket, flags.config))?;
    make_data_dir(&config.data_dir)?;
    let data_file = config.data_dir.join(DATABASE);
    let restored = Store::restore(&flags.file, &data_file, SystemClock.now())
        .await
        .map_err(hostler_core::Error::from)?;
    if let Some(old) = restored.kept_aside {
        eprintln!("what was there before is kept in {}", old.display());
    }
    if restored.parked > 0 {
        eprintln!("{} operations need attention: look with `hostler op list`", restored.parked);
    }
    tell_missing_keys(&config).await?;
    print(&format!("{}\n", data_file.display()))
}

/// Says which keys are not there that secrets in the restored database are sealed by.
async fn tell_missing_keys(config: &Config) -> Result<()> {
    let store = open(&config.data_dir).await?;
    let needed = store.secret_key_ids().await;
    store.close().await;
    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let keyring = Keyring::of(&config.data_dir, ids);
    for key_id in needed.map_err(hostler_core::Error::from)? {
        match keyring.has(&key_id) {
            Ok(true) => {}
            Ok(false) => eprintln!(
                "kubeconfigs in it are sealed by key {key_id}, which is not in {}: put it there, or \
                 give them again with `hostler cluster rotate`",
                keyring.file().display()
            ),
            Err(error) => eprintln!("kubeconfigs in it cannot be opened: {error}"),
        }
    }
    Ok(())
}

/// The server has another working directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
