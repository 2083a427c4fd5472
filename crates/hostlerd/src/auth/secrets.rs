//! Secrets that are shown once and kept only as hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What a token begins with, so that people and scanners know one when they see it.
pub const TOKEN_PREFIX: &str = "hst_";

/// The bytes of a secret's randomness.
pub const SECRET_BYTES: usize = 32;

/// A secret as text.
pub fn encode(bytes: &[u8; SECRET_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a secret. These are random and long, so one plain hash is enough:
/// there is nothing to guess, and nothing to slow down.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// HMAC-SHA256 (RFC 2104).
pub fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_gives_the_published_answer() {
        // RFC 4231, test case 1; its key of 20 bytes is padded with zeros either way.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let answer = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex(&hmac(&key, &[b"Hi There"])), answer);
        assert_eq!(hex(&hmac(&key, &[b"Hi ", b"There"])), answer, "however it is cut");
    }

    #[test]
    fn a_secret_is_text_that_urls_and_headers_carry() {
        let text = encode(&[0xfb; SECRET_BYTES]);
        assert_eq!(text.len(), 43);
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }
}
