//! Which machine this is: UUIDs that firmware and installation give it.

/// Thirty-two hexadecimal digits, with or without hyphens, as a UUID in lower case.
/// Those of one digit again and again are what firmware says that has none.
pub(super) fn uuid(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let digits = digits.to_ascii_lowercase();
    let first = digits.chars().next()?;
    let is_one = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_one || digits.chars().all(|digit| digit == first) {
        return None;
    }
    let mut written = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            written.push('-');
        }
        written.push(digit);
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x22_a_machine_says_which_it_is_or_nothing() {
        let known = Some("6dad91f5-27f6-4f4b-8b4c-0b1dd9ac1f11".to_owned());
        assert_eq!(uuid("6DAD91F5-27F6-4F4B-8B4C-0B1DD9AC1F11\n"), known);
        assert_eq!(uuid("6dad91f527f64f4b8b4c0b1dd9ac1f11\n"), known);
        for none in ["", "Not Settable", "00000000-0000-0000-0000-000000000000", "ffff", "é"] {
            assert_eq!(uuid(none), None, "{none}");
        }
        assert_eq!(uuid(&"f".repeat(32)), None);
    }
}
