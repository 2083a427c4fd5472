//! Why a batch was not taken, and what that means for it.

use std::time::Duration;

/// A batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What to do with it.
    pub retry: Retry,
    /// Why, for people; without secrets.
    pub told: String,
}

/// What to do with a batch that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same again later: whoever is there is away, busy, or set up otherwise than we
    /// think, which somebody can repair.
    Later {
        /// How long to wait at least, as asked for.
        after: Option<Duration>,
    },
    /// Never the same again: something in it will not be taken. In parts, the rest may.
    Never,
}

impl Failed {
    /// Later, without being told when.
    pub(crate) fn later(told: impl Into<String>) -> Self {
        Self { retry: Retry::Later { after: None }, told: told.into() }
    }

    pub(crate) fn never(told: impl Into<String>) -> Self {
        Self { retry: Retry::Never, told: told.into() }
    }
}

/// The longest text of somebody else that is passed on.
const TOLD_MAX: usize = 300;

/// What somebody else said, on one line and not too long.
pub(crate) fn quoted(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    let mut line: String = words.join(" ").chars().filter(|it| !it.is_control()).collect();
    if line.chars().count() > TOLD_MAX {
        line = line.chars().take(TOLD_MAX).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_one_short_line() {
        assert_eq!(quoted("a\r\nb\x1b[1m\tc "), "a b[1m c");
        assert_eq!(quoted(&"ü".repeat(1000)).chars().count(), TOLD_MAX + 1);
    }
}
