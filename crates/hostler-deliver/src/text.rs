//! Words for people, out of labels and annotations that others chose: VM names
//! come from users, annotations from rule files that quote such names.
//!
//! Everything that is shown goes through [`line`]: no line breaks that could begin
//! a header, no control characters that could move a terminal's cursor, no marks
//! that turn the direction of writing around. What a format gives a meaning to
//! (HTML's `<`, Slack's `&`) is escaped where that format is written.

use hostler_core::alert::notice::{Notice, NoticeAlert, Status};
use hostler_core::alert::{ALERT_NAME, LabelSet};
use sha2::{Digest as _, Sha256};

/// The longest title, in characters.
const TITLE_MAX: usize = 150;
/// The longest text of one annotation, in characters.
pub(crate) const TEXT_MAX: usize = 1000;
/// The longest line of labels, in characters.
pub(crate) const LABELS_MAX: usize = 500;
/// The longest URL that is shown.
const URL_MAX: usize = 2000;

/// One line of at most `max` characters; what is beyond is cut, and `…` says so.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut is_gap = false;
    let mut left = max;
    for character in text.chars() {
        if character.is_control() || character.is_whitespace() || is_invisible(character) {
            is_gap = !line.is_empty();
            continue;
        }
        let needed = 1 + usize::from(is_gap);
        if left < needed {
            while line.chars().count() >= max {
                line.pop();
            }
            line.push('…');
            break;
        }
        if is_gap {
            line.push(' ');
        }
        line.push(character);
        left -= needed;
        is_gap = false;
    }
    line
}

/// Marks that are not seen and change what is: of direction, of joining, of order.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// What a message is called: `[FIRING:2] HostDown host=h1`.
pub(crate) fn title(notice: &Notice) -> String {
    let state = match notice.status {
        Status::Firing => {
            format!("[FIRING:{}]", notice.firing().count().saturating_add(notice.more_firing))
        }
        Status::Resolved => "[RESOLVED]".to_owned(),
    };
    let common = notice.common_labels();
    let name = common.get(ALERT_NAME).or_else(|| notice.group_labels.get(ALERT_NAME));
    let name = name.map_or_else(|| "several alerts".to_owned(), |name| line(name, TITLE_MAX));
    let shown = if notice.alerts.len() == 1 { &common } else { &notice.group_labels };
    line(&format!("{state} {name} {}", labels(shown)), TITLE_MAX)
}

/// Labels on one line, without the alert's name: `host=h1 vm=web`.
pub(crate) fn labels(labels: &LabelSet) -> String {
    let shown = labels.iter().filter(|(name, _)| *name != ALERT_NAME);
    let pairs: Vec<String> = shown
        .map(|(name, value)| format!("{}={}", line(name, LABELS_MAX), line(value, LABELS_MAX)))
        .collect();
    line(&pairs.join(" "), LABELS_MAX)
}

/// What is said about an alert: its summary, and its description where it has one.
pub(crate) fn about(alert: &NoticeAlert) -> (String, Option<String>) {
    let description = alert.annotations.get("description").map(|text| line(text, TEXT_MAX));
    (line(alert.summary(), TEXT_MAX), description.filter(|text| !text.is_empty()))
}

/// Where one reads on about an alert: a name for each link, and where it leads.
pub(crate) fn links(alert: &NoticeAlert) -> Vec<(&'static str, String)> {
    let of_rule = |name: &str| alert.annotations.get(name).and_then(|url| safe_url(url));
    let runbook = of_rule("runbook_url").map(|url| ("Runbook", url));
    let dashboard = of_rule("dashboard_url").map(|url| ("Dashboard", url));
    let page = alert.link.as_deref().and_then(safe_url).map(|url| ("Alert", url));
    [page, runbook, dashboard].into_iter().flatten().collect()
}

/// The URL, where it is one of a web page and has nothing in it that ends a URL in
/// some format. A rule may put a label into one: it must not become a script.
pub(crate) fn safe_url(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"'`|\\^{}".contains(&byte);
    (is_web && url.len() <= URL_MAX && url.bytes().all(is_plain)).then(|| url.to_owned())
}

/// What is said of alerts that are not told in full.
pub(crate) fn left_off(firing: usize, resolved: usize) -> Option<String> {
    match (firing, resolved) {
        (0, 0) => None,
        (firing, 0) => Some(format!("and {firing} more that fire")),
        (0, resolved) => Some(format!("and {resolved} more that are over")),
        (firing, resolved) => {
            Some(format!("and {firing} more that fire, {resolved} more that are over"))
        }
    }
}

/// A short name for a long text, always the same and of letters and digits alone.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_becomes_one_line_that_shows_all_that_is_in_it() {
        assert_eq!(line("a\r\nBcc: b\t c\u{0}", 100), "a Bcc: b c");
        assert_eq!(line("  web\u{202e}exe.1\u{200b}  ", 100), "web exe.1");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("ab cdef", 4), "ab …");
        assert_eq!(line("abcd", 4), "abcd");
        assert_eq!(line("\u{1b}[31m", 100), "[31m");
    }

    #[test]
    fn only_pages_of_the_web_are_linked() {
        assert_eq!(safe_url("https://h/a?b=c#d").as_deref(), Some("https://h/a?b=c#d"));
        for bad in ["javascript:alert(1)", "docs/runbooks/A.md", "https://h/a b", "https://h/\"x"] {
            assert_eq!(safe_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_left_off_is_counted() {
        assert_eq!(left_off(0, 0), None);
        assert_eq!(left_off(1, 2).unwrap(), "and 1 more that fire, 2 more that are over");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_line_break_or_a_line_too_long(text in any::<String>(), max in 1_usize..40) {
            let line = line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)));
        }
    }
}
