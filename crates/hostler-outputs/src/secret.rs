//! Secrets come from files, are read each time they are needed, and are told nowhere.

use std::path::PathBuf;

use crate::failed::Failed;

/// Nobody's password is longer.
const BYTES_MAX: usize = 64 << 10;

/// A file that holds a secret: its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile(
    /// Where it is.
    pub PathBuf,
);

impl SecretFile {
    /// What is in it now, so that a secret may change while the server runs.
    pub(crate) async fn read(&self) -> Result<String, Failed> {
        let path = self.0.display();
        let bytes = tokio::fs::read(&self.0)
            .await
            .map_err(|error| Failed::later(format!("the secret in {path}: {error}")))?;
        let is_short = bytes.len() <= BYTES_MAX;
        let text = String::from_utf8(bytes).ok().filter(|_| is_short);
        let line = text.as_deref().and_then(|text| text.lines().next()).unwrap_or_default();
        match line.trim() {
            "" => Err(Failed::later(format!("the secret in {path}: its first line has none"))),
            secret => Ok(secret.to_owned()),
        }
    }
}
