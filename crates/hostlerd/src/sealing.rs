//! Sealing what is kept and nobody may read: kubeconfigs in the database (A36, ADR 26).
//!
//! ```text
//!   DATA_DIR/secrets.key ── a key ──┐                 bound to: which provider, which address
//!                                   ├─ HKDF ─► key of this one secret ─ ChaCha20-Poly1305 ─► sealed
//!                      salt, fresh ─┘                                     1 │ salt │ text │ tag
//! ```
//!
//! The key is beside the database and not in it: a backup, or a stolen copy of the database,
//! opens nothing. Every secret has a key of its own, derived by a salt of 256 random bits, so
//! no nonce is ever used twice by a key, however often is sealed. The file may hold several
//! keys: the first one seals, each opens what it sealed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hostler_core::id::IdSource;
use ring::{aead, hkdf};
use zeroize::Zeroizing;

use crate::auth::secrets::hmac;

/// The name of the file with the keys, in the data directory.
pub const KEY_FILE: &str = "secrets.key";
/// What a line with a key begins with.
const KEY_PREFIX: &str = "hostler-key-1 ";
/// The largest file of keys that is read.
const FILE_MAX: u64 = 64 << 10;
/// The form of what is sealed.
const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
/// What keys are derived for.
const PURPOSE: &[&[u8]] = &[b"hostler sealed 1"];

/// The keys of a data directory. Read anew whenever they are needed: they stay in memory no
/// longer than that, and one that was put there needs no restart.
#[derive(Clone)]
pub struct Keyring {
    file: PathBuf,
    ids: IdSource,
}

/// What a secret is of: what was sealed for one thing opens for no other.
#[derive(Debug, Clone, Copy)]
pub struct BoundTo<'a> {
    /// The thing's id.
    pub id: &'a str,
    /// Its address, which says how the secret is used.
    pub uri: &'a str,
}

/// Something sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that opens it.
    pub key_id: String,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// Why something could not be sealed or opened; for who administers the machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// The file of keys cannot be used.
    #[error("{file}: {why}")]
    File {
        /// Which.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The key that it was sealed by is not there.
    #[error(
        "it was sealed by key {key_id}, which is not in {file}; put that key back there, or \
             give the kubeconfig again"
    )]
    NoKey {
        /// The key's name.
        key_id: String,
        /// Where it should be.
        file: String,
    },
    /// It is not what was sealed.
    #[error("what is sealed was changed, or is of something else; give the kubeconfig again")]
    Changed,
}

struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Its name, which tells nothing of it.
    fn id(&self) -> String {
        let mac = hmac(&self.0, &[b"the name of this key"]);
        mac.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key of one secret.
    fn derive(&self, salt: &[u8; SALT_BYTES]) -> Result<aead::LessSafeKey, SealingError> {
        let drawn = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&*self.0);
        let expanded = drawn.expand(PURPOSE, &aead::CHACHA20_POLY1305);
        // It fails for lengths only, and this one is right.
        let key = expanded.map_err(|_| SealingError::Changed)?;
        Ok(aead::LessSafeKey::new(aead::UnboundKey::from(key)))
    }
}

impl Keyring {
    /// The keys in this data directory, of which there need not be any yet.
    pub fn of(data_dir: &Path, ids: IdSource) -> Self {
        Self { file: data_dir.join(KEY_FILE), ids }
    }

    /// Where they are.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Seals a text; makes the first key where there is none.
    ///
    /// # Errors
    /// When the file of keys cannot be used or made.
    pub fn seal(&self, of: BoundTo<'_>, text: &str) -> Result<Sealed, SealingError> {
        let keys = match self.read()? {
            Some(keys) => keys,
            None => self.make()?,
        };
        let key = keys.first().ok_or_else(|| self.wrong("it holds no key; remove it"))?;
        let salt: [u8; SALT_BYTES] = self.ids.secret();
        let mut text = Zeroizing::new(text.as_bytes().to_vec());
        let tag = key
            .derive(&salt)?
            .seal_in_place_separate_tag(nonce(), bound(of, &key.id()), text.as_mut_slice())
            .map_err(|_| self.wrong("it is too long to be sealed"))?;
        let bytes = [&[VERSION][..], &salt, text.as_slice(), tag.as_ref()].concat();
        Ok(Sealed { key_id: key.id(), bytes })
    }

    /// Opens what was sealed for the same thing.
    ///
    /// # Errors
    /// When its key is not there, or it is not what was sealed.
    pub fn open(
        &self,
        of: BoundTo<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<String>, SealingError> {
        let keys = self.read()?.unwrap_or_default();
        let key = keys.iter().find(|key| key.id() == sealed.key_id).ok_or_else(|| {
            let file = self.file.display().to_string();
            SealingError::NoKey { key_id: sealed.key_id.clone(), file }
        })?;
        let rest = match sealed.bytes.split_first() {
            Some((&VERSION, rest)) => rest,
            _ => return Err(SealingError::Changed),
        };
        let (salt, text) = rest.split_first_chunk().ok_or(SealingError::Changed)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = key
            .derive(salt)?
            .open_in_place(nonce(), bound(of, &sealed.key_id), text.as_mut_slice())
            .map_err(|_| SealingError::Changed)?;
        let opened = std::str::from_utf8(opened).map_err(|_| SealingError::Changed)?;
        Ok(Zeroizing::new(opened.to_owned()))
    }

    /// Whether it has a key of that name.
    ///
    /// # Errors
    /// When the file of keys cannot be used.
    pub fn has(&self, key_id: &str) -> Result<bool, SealingError> {
        Ok(self.read()?.unwrap_or_default().iter().any(|key| key.id() == key_id))
    }

    /// The keys; `None` where there is no file.
    fn read(&self) -> Result<Option<Vec<Key>>, SealingError> {
        let no_links = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let opened = OpenOptions::new().read(true).custom_flags(no_links).open(&self.file);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.wrong(error)),
        };
        let about = file.metadata().map_err(|error| self.wrong(error))?;
        if !about.is_file() || about.len() > FILE_MAX {
            return Err(self.wrong("it is no file of keys"));
        }
        if about.mode() & 0o077 != 0 {
            return Err(self.wrong(
                "others may read or write it; chmod 0600, and take the keys in \
                                   it for known",
            ));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(|error| self.wrong(error))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.filter(|line| !line.starts_with('#')).map(|line| self.key(line));
        keys.collect::<Result<Vec<Key>, _>>().map(Some)
    }

    fn key(&self, line: &str) -> Result<Key, SealingError> {
        let wrong = || self.wrong("a line in it is no key");
        let text = line.strip_prefix(KEY_PREFIX).ok_or_else(wrong)?;
        let mut key = Zeroizing::new([0; 32]);
        let written = URL_SAFE_NO_PAD.decode_slice(text.trim(), &mut *key).map_err(|_| wrong())?;
        if written == key.len() { Ok(Key(key)) } else { Err(wrong()) }
    }

    /// Makes the first key. The file appears whole, or not at all, and never in the place of
    /// another.
    fn make(&self) -> Result<Vec<Key>, SealingError> {
        let key = Zeroizing::new(self.ids.secret::<32>());
        let line = Zeroizing::new(format!("{KEY_PREFIX}{}\n", URL_SAFE_NO_PAD.encode(*key)));
        let draft: [u8; 8] = self.ids.secret();
        let draft = self.file.with_extension(URL_SAFE_NO_PAD.encode(draft));
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let made = (|| {
            DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            match std::fs::hard_link(&draft, &self.file) {
                // Somebody else was quicker; theirs counts.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            }?;
            File::open(folder)?.sync_all()
        })();
        let _ = std::fs::remove_file(&draft);
        made.map_err(|error: std::io::Error| self.wrong(error))?;
        tracing::info!(file = %self.file.display(), "made a key for secrets; keep a copy of it");
        self.read()?.ok_or_else(|| self.wrong("it was made and is not there"))
    }

    fn wrong(&self, why: impl std::fmt::Display) -> SealingError {
        SealingError::File { file: self.file.display().to_string(), why: why.to_string() }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Each key seals once: see the head of this file.
fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

/// What is not sealed and has to be the same when it is opened. Lengths keep the parts apart.
fn bound(of: BoundTo<'_>, key_id: &str) -> aead::Aad<Vec<u8>> {
    let parts = ["hostler provider secret 1", key_id, of.id, of.uri];
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    aead::Aad::from(bytes)
}

#[cfg(test)]
mod tests;
