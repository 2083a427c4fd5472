//! The bearer token, which must not be seen where it is not used.

use http::HeaderValue;

use crate::error::{Error, Result};

/// An API token. Its `Debug` form hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes the text of a token, without surrounding white space. Fails when
    /// nothing is left or when it could not be sent in a header.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::setup(
                "the token is empty or has characters that no token has",
                "make a new one with `hostler token create`",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret itself, for storing it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The `Authorization` header's value, marked so that no layer prints it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .expect("`new` admits only printable ASCII");
        value.set_sensitive(true);
        value
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_never_shown() {
        let token = Token::new(" hst_abc\n").unwrap();
        assert_eq!(token.reveal(), "hst_abc");
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert!(!format!("{:?}", token.header()).contains("hst_abc"));
    }

    #[test]
    fn a_token_cannot_add_a_header() {
        for text in ["", "  ", "a b", "a\r\nx: y", "é"] {
            assert!(Token::new(text).is_err(), "{text:?}");
        }
    }
}
