//! Errors of providers: sorted by what can be done, with the certainty whether
//! anything happened.

use std::fmt;
use std::time::Duration;

use hostler_core::Code;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be done about it. A driver must classify; it may not invent kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The thing named does not exist there.
    NotFound,
    /// It is in another state, in use, or exists already.
    Conflict,
    /// The request is wrong, whatever the state.
    Invalid,
    /// This provider, or this version of it, cannot do it.
    Unsupported,
    /// Our credentials do not suffice.
    Denied,
    /// No memory, disk, address … left.
    Exhausted,
    /// Cannot be reached; passes.
    Unavailable,
    /// Did not answer before the deadline; passes.
    Timeout,
    /// We cancelled it.
    Cancelled,
    /// The answer makes no sense.
    Bug,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::Unsupported,
        Self::Denied,
        Self::Exhausted,
        Self::Unavailable,
        Self::Timeout,
        Self::Cancelled,
        Self::Bug,
    ];

    /// Whether the same call may succeed later without any change.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout)
    }

    /// The code that a caller of Hostler sees.
    pub const fn code(self) -> Code {
        match self {
            Self::NotFound | Self::Conflict => Code::ProviderConflict,
            Self::Invalid => Code::ProviderRefused,
            Self::Unsupported => Code::CapabilityMissing,
            Self::Denied => Code::ProviderDenied,
            Self::Exhausted => Code::ProviderExhausted,
            Self::Unavailable => Code::ProviderUnavailable,
            Self::Timeout => Code::ProviderTimeout,
            Self::Cancelled => Code::OperationCancelled,
            Self::Bug => Code::ProviderBug,
        }
    }
}

/// Whether a failed call may have taken effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Surely nothing happened.
    None,
    /// It may have happened: the reply was lost, late or unclear. Look before
    /// deciding anything.
    Unknown,
}

/// A call to a provider that was not seen to succeed.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    effect: Effect,
    message: String,
    raw: Option<String>,
    retry_after: Option<Duration>,
    code: Option<Code>,
}

impl Error {
    /// A failure that surely had no effect. The message is public: what failed
    /// and on what, lower case, no full stop, without the provider's raw text.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            effect: Effect::None,
            message: message.into(),
            raw: None,
            retry_after: None,
            code: None,
        }
    }

    /// Names what is wrong more exactly than its kind does. The code's own kind
    /// has to allow the same: what can be done about it does not change.
    #[must_use]
    pub const fn with_code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// Says that the effect is not known.
    #[must_use]
    pub const fn with_unknown_effect(mut self) -> Self {
        self.effect = Effect::Unknown;
        self
    }

    /// Adds the provider's own words, for administrators.
    #[must_use]
    pub fn with_raw(mut self, raw: impl fmt::Display) -> Self {
        self.raw = Some(raw.to_string());
        self
    }

    /// Adds the provider's wish when to try again.
    #[must_use]
    pub const fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Puts what was being done before the message: `cannot start "web": …`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What can be done about it.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The code that a caller of Hostler sees.
    pub const fn code(&self) -> Code {
        match self.code {
            Some(code) => code,
            None => self.kind.code(),
        }
    }

    /// Whether it may have taken effect.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether it may have taken effect.
    pub const fn is_unknown(&self) -> bool {
        matches!(self.effect, Effect::Unknown)
    }

    /// The public message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The provider's own words.
    pub fn raw(&self) -> Option<&str> {
        self.raw.as_deref()
    }

    /// When the provider wants to be asked again.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for hostler_core::Error {
    fn from(error: Error) -> Self {
        let public = Self::new(error.code(), error.message);
        match error.raw {
            Some(raw) => public.with_internal(raw),
            None => public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_text_goes_only_into_the_internal_half() {
        let error = Error::new(Kind::Conflict, "domain is running")
            .with_raw("Requested operation is not valid: domain is already running")
            .context("cannot start \"web\"");
        let public = hostler_core::Error::from(error);
        assert_eq!(public.to_string(), "cannot start \"web\": domain is running");
        assert_eq!(
            public.internal(),
            Some("Requested operation is not valid: domain is already running")
        );
    }

    #[test]
    fn a_code_that_is_more_exact_than_the_kind_reaches_the_caller() {
        let error = Error::new(Kind::Invalid, "it has a backing file").with_code(Code::ImageUnsafe);
        assert_eq!(error.kind(), Kind::Invalid);
        assert_eq!(hostler_core::Error::from(error).code(), Code::ImageUnsafe);
        let error = Error::new(Kind::Invalid, "no such field");
        assert_eq!(hostler_core::Error::from(error).code(), Code::ProviderRefused);
    }

    #[test]
    fn a_failure_has_no_effect_unless_it_says_so() {
        assert!(!Error::new(Kind::Timeout, "late").is_unknown());
        assert!(Error::new(Kind::Timeout, "late").with_unknown_effect().is_unknown());
    }

    #[test]
    fn every_kind_has_a_public_code_that_agrees_on_retrying() {
        for kind in Kind::ALL {
            if kind.is_transient() {
                assert!(kind.code().kind().is_retryable(), "{kind:?}");
            }
        }
    }
}
