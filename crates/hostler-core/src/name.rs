//! The rules for names that people choose: of VMs, images, volumes, labels.
//!
//! Names end up in file names, XML, URLs and terminals of systems we do not
//! own, so the alphabet is small. Server-generated names obey the same rules.

/// Why a name was refused; `Display` is fit for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// Longer than the limit, in bytes.
    #[error("is longer than {max} characters")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// Does not begin with a letter or digit.
    #[error("must begin with a letter or digit")]
    BadStart,
    /// Contains something else than `A-Z a-z 0-9 . _ -`.
    #[error("may contain only A-Z, a-z, 0-9, '.', '_' and '-'")]
    BadCharacter,
}

/// The longest name of a VM: it must fit a DNS label when used as host name.
pub const VM_NAME_MAX: usize = 63;

/// The longest name of an image, volume or other resource.
pub const RESOURCE_NAME_MAX: usize = 128;

/// Checks the name of a resource such as an image or a volume.
pub fn check(name: &str) -> Result<(), BadName> {
    check_within(name, RESOURCE_NAME_MAX)
}

/// Checks the name of a VM.
pub fn check_vm(name: &str) -> Result<(), BadName> {
    check_within(name, VM_NAME_MAX)
}

fn check_within(name: &str, max: usize) -> Result<(), BadName> {
    let Some(first) = name.chars().next() else { return Err(BadName::Empty) };
    if name.len() > max {
        return Err(BadName::TooLong { max });
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        return Err(BadName::BadCharacter);
    }
    if !first.is_ascii_alphanumeric() {
        return Err(BadName::BadStart);
    }
    Ok(())
}

/// Whether `text` may be shown and stored as free text: no control characters
/// but newline and tab, which XML and terminals would choke on.
pub fn is_plain_text(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(c, '\n' | '\t') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in ["web", "web-1", "Web_1.example", "1", "a".repeat(63).as_str()] {
            assert_eq!(check_vm(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a10_names_that_escape_their_field_are_refused() {
        let cases = [
            ("", BadName::Empty),
            (".hidden", BadName::BadStart),
            ("-rf", BadName::BadStart),
            ("../etc", BadName::BadCharacter),
            ("a/b", BadName::BadCharacter),
            ("a\0b", BadName::BadCharacter),
            ("a%2eb", BadName::BadCharacter),
            ("\"/><qemu:arg value='", BadName::BadCharacter),
            ("wéb", BadName::BadCharacter),
        ];
        for (name, why) in cases {
            assert_eq!(check_vm(name), Err(why), "{name}");
        }
        assert_eq!(check_vm(&"a".repeat(64)), Err(BadName::TooLong { max: 63 }));
    }

    proptest! {
        #[test]
        fn a10_an_accepted_name_is_safe_as_a_file_name(name in "\\PC{0,140}") {
            if check(&name).is_ok() {
                prop_assert!(!name.contains(['/', '\\', '\0', '%', '<', '&', '"', ' ']));
                prop_assert!(!name.starts_with(['.', '-']));
                prop_assert!(name.len() <= RESOURCE_NAME_MAX);
            }
        }
    }
}
