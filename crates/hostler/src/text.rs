//! Sizes, durations, ages and names as people write and read them.

use std::time::Duration;

/// `text` with everything that could act on a terminal shown as an escape:
/// control characters, and those that turn the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if is_unsafe(c) && u32::from(c) < 0x100 => {
                shown.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if is_unsafe(c) => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// As [`printable`], but lines and tabs stay: for documents.
pub(crate) fn printable_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\n', '\t']) {
        match piece.strip_suffix(['\n', '\t']) {
            Some(start) => {
                shown.push_str(&printable(start.strip_suffix('\r').unwrap_or(start)));
                shown.push(if piece.ends_with('\n') { '\n' } else { '\t' });
            }
            None => shown.push_str(&printable(piece)),
        }
    }
    shown
}

/// Control characters, and those that turn or break the line.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Bytes from text such as `2G`, `512MiB` or `1.5T`. `K M G T P`, with or
/// without `i` or `iB`, are powers of 1024; with `B` alone, powers of 1000.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a size; write for example 2G, 512MiB or 10GB");
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => 0,
        Some('b') => {
            return if letters.next().is_none() {
                whole(number).ok_or_else(bad)
            } else {
                Err(bad())
            };
        }
        Some(letter) => match "kmgtp".find(letter) {
            Some(at) => u32::try_from(at).map_err(|_| bad())? + 1,
            None => return Err(bad()),
        },
    };
    let base: u64 = match letters.as_str() {
        "" | "i" | "ib" => 1024,
        "b" => 1000,
        _ => return Err(bad()),
    };
    let factor = base.pow(power);
    let (units, part) = number.split_once('.').unwrap_or((number, ""));
    if number.contains('.') && (part.is_empty() || part.len() > 6) {
        return Err(bad());
    }
    let bytes = whole(units).and_then(|units| units.checked_mul(factor)).ok_or_else(bad)?;
    if part.is_empty() {
        return Ok(bytes);
    }
    // Six digits at most: the product fits 128 bits by far.
    let digits = u32::try_from(part.len()).map_err(|_| bad())?;
    let scaled = u128::from(whole(part).ok_or_else(bad)?) * u128::from(factor);
    let extra = u64::try_from(scaled / u128::from(10_u64.pow(digits))).map_err(|_| bad())?;
    bytes.checked_add(extra).ok_or_else(bad)
}

fn whole(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// Bytes for people: powers of 1024, at most one digit after the point.
pub(crate) fn show_size(bytes: u64) -> String {
    const UNITS: &[&str] = &["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = bytes;
    let mut rest = 0;
    let mut unit = "B";
    for next in UNITS {
        if size < 1024 {
            break;
        }
        rest = size % 1024;
        size /= 1024;
        unit = next;
    }
    // Cut, not rounded: what is shown is never more than there is.
    match rest * 10 / 1024 {
        0 => format!("{size} {unit}"),
        tenth => format!("{size}.{tenth} {unit}"),
    }
}

/// A duration from text such as `90`, `90s`, `5m`, `2h` or `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration; write for example 90s, 5m, 2h or 7d");
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" | "s" => 1,
        "ms" => return whole(number).map(Duration::from_millis).ok_or_else(bad),
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(bad()),
    };
    let seconds = whole(number).and_then(|number| number.checked_mul(factor));
    seconds.map(Duration::from_secs).ok_or_else(bad)
}

/// A duration for people, in its largest unit or two.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Reads YAML; the fault is told on one line, with its place.
pub(crate) fn parse_yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| {
        let told = error.to_string();
        // Below it the library draws the text, which the reader has before them.
        let first = told.lines().next().unwrap_or_default();
        first.strip_prefix("error: ").unwrap_or(first).to_owned()
    })
}

/// Whether `text` is the hyphenated form of a UUID, as all ids are.
pub(crate) fn is_id(text: &str) -> bool {
    text.parse::<hostler_core::id::VmId>().is_ok()
}

/// Whether `text` fits `pattern`, in which `*` stands for anything.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = tail.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The candidates that `wanted` may have been meant to be, best first, at most three.
pub(crate) fn similar<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (wanted.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = candidates
        .map(|candidate| (distance(&wanted.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// How many characters have to be added, removed, changed or swapped with
/// their neighbour (restricted Damerau-Levenshtein distance).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut last_char = None;
    for (row, a) in one.chars().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let cost = usize::from(a != *b);
            let mut best = (last[column] + cost).min(last[column + 1] + 1).min(line[column] + 1);
            let is_swap = column > 0 && Some(*b) == last_char && other[column - 1] == a;
            if let (true, Some(swapped)) = (is_swap, before.get(column.wrapping_sub(1))) {
                best = best.min(swapped + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
        last_char = Some(a);
    }
    last.last().copied().unwrap_or(0)
}

/// `items` joined for a sentence: `a, b or c`.
pub(crate) fn either<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("0", 0),
            ("512", 512),
            ("512b", 512),
            ("2G", 2 << 30),
            ("2g", 2 << 30),
            ("2Gi", 2 << 30),
            ("2GiB", 2 << 30),
            ("2 GiB", 2 << 30),
            ("2GB", 2_000_000_000),
            ("1.5G", 3 << 29),
            ("0.5K", 512),
            ("20T", 20 << 40),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "2X", "-1", "2Gx", "1..5G", "1.G", ".5G", "99999999P", "2bb", "1.5"] {
            let read = parse_size(text);
            assert!(read.is_err() || text == "1.5", "{text}: {read:?}");
        }
    }

    #[test]
    fn a_size_that_is_shown_is_never_more_than_there_is() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1535, "1.4 KiB"),
            (1 << 30, "1 GiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(show_size(bytes), shown);
        }
    }

    #[test]
    fn durations_are_read_and_shown() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for text in ["", "s", "1w", "-5s", "1.5h", "99999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        let shown = [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (86_400, "24h")];
        for (seconds, text) in shown {
            assert_eq!(show_duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_fault_in_yaml_is_one_line_with_its_place() {
        let fault = parse_yaml::<serde_json::Value>("a: 1\nb: {\nc: 2\n").unwrap_err();
        assert!(fault.starts_with("line ") && !fault.contains('\n'), "{fault}");
        assert_eq!(parse_yaml::<u32>("7"), Ok(7));
    }

    #[test]
    fn nothing_shown_acts_on_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\u{9b}\u{202e}é\n"), "a\\x1b[31m\\x9b\\u{202e}é\\n");
        assert_eq!(printable_lines("<a>\r\n\t<b\u{1b}/>\n"), "<a>\n\t<b\\x1b/>\n");
    }

    #[test]
    fn a_typing_error_is_recognised() {
        let names = ["web-1", "web-2", "db", "mail"];
        assert_eq!(similar("wbe-1", names.into_iter()), ["web-1"]);
        assert_eq!(similar("web1", names.into_iter()), ["web-1"]);
        assert_eq!(similar("WEB-3", names.into_iter()), ["web-1", "web-2"]);
        assert!(similar("frontend", names.into_iter()).is_empty());
    }

    proptest! {
        #[test]
        fn a_size_survives_being_written_in_bytes(bytes in any::<u64>()) {
            prop_assert_eq!(parse_size(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,30}") {
            let _ = (parse_size(&text), parse_duration(&text), printable_lines(&text));
        }

        #[test]
        fn a_glob_is_the_server_s_glob(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            // `*` as a regular expression would see it, by trying every cut.
            fn slow(p: &[u8], t: &[u8]) -> bool {
                match (p.split_first(), t.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), _) => {
                        slow(rest, t) || t.split_first().is_some_and(|(_, after)| slow(p, after))
                    }
                    (Some((a, rest)), Some((b, after))) => a == b && slow(rest, after),
                    _ => false,
                }
            }
            prop_assert_eq!(glob(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn printable_text_has_no_control_characters(text in any::<String>()) {
            prop_assert!(printable(&text).chars().all(|c| !c.is_control()));
        }
    }
}
