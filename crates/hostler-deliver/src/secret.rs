//! Secrets: a key, a token, a password, or a URL that is one. They are shown
//! nowhere, also not by a server that repeats in its answer what it was sent.

use std::fmt;

/// The longest secret, in bytes.
const SECRET_MAX: usize = 4096;
/// Parts of a secret URL shorter than this are words like `v2`, and secret to nobody.
const PART_MIN: usize = 8;

/// A secret.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret that a file holds: its one line.
    ///
    /// # Errors
    /// Where it is empty, too long, or more than one line; the text says so and
    /// holds nothing of it.
    pub(crate) fn read(content: &str) -> Result<Self, String> {
        let secret = content.trim();
        match () {
            () if secret.is_empty() => Err("it is empty".into()),
            () if secret.len() > SECRET_MAX => Err(format!("it is longer than {SECRET_MAX} bytes")),
            () if secret.chars().any(char::is_control) => {
                Err("it has to be one line without control characters".into())
            }
            () => Ok(Self(secret.into())),
        }
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The text without the secret, nor a part of it that would give it away.
    pub(crate) fn hide(&self, text: &str) -> String {
        let whole = text.replace(&self.0, "[hidden]");
        let parts = self.0.split(['/', '?', '&', '=', '#', ':']);
        parts.filter(|part| part.len() >= PART_MIN).fold(whole, |text, part| {
            if text.contains(part) { text.replace(part, "[hidden]") } else { text }
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a36_a_secret_is_shown_nowhere() {
        let secret = Secret::read("https://hooks.example/services/T0001/abcdefgh1234\n").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        let told = secret.hide("no such hook: /services/T0001/abcdefgh1234");
        assert!(!told.contains("abcdefgh1234"), "{told}");
        assert_eq!(secret.hide("invalid_payload"), "invalid_payload");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused() {
        assert_eq!(Secret::read(" s3cret \r\n").unwrap().reveal(), "s3cret");
        for bad in ["", " \n", "a\nb", "a\u{0}b", &"x".repeat(5000)] {
            assert!(Secret::read(bad).is_err());
        }
    }
}
