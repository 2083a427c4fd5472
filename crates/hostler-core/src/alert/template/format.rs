//! Numbers as the functions of Prometheus' templates write them, so that a rule
//! reads the same here and there. `%.4g` and its kin are C's, which Rust lacks.

/// `%.Ng`: `digits` significant digits, an exponent where the number is far from 1.
pub(super) fn general(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    if let Some(word) = not_finite(value) {
        return word.into();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= i32::try_from(digits).unwrap_or(i32::MAX) {
        return with_exponent(trimmed(mantissa), exponent);
    }
    let decimals = i32::try_from(digits).unwrap_or(0) - 1 - exponent;
    let plain = format!("{value:.*}", usize::try_from(decimals).unwrap_or(0));
    trimmed(&plain).to_owned()
}

/// As few digits as tell the number from every other: how `{{ $value }}` is shown.
pub(super) fn shortest(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word.into();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    with_exponent(mantissa, exponent)
}

/// `%.Nf`.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    not_finite(value).map_or_else(|| format!("{value:.decimals$}"), Into::into)
}

/// 1234567 → `1.235M`.
pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value, 4);
    }
    let (number, prefix) = if value.abs() >= 1.0 {
        scaled(value, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"])
    } else {
        small(value)
    };
    format!("{}{prefix}", general(number, 4))
}

/// 1048576 → `1Mi`.
pub(super) fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return general(value, 4);
    }
    let prefixes = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
    let (number, prefix) = scaled(value, 1024.0, &prefixes);
    format!("{}{prefix}", general(number, 4))
}

/// 0.1234 → `12.34%`.
pub(super) fn percentage(value: f64) -> String {
    format!("{}%", general(value * 100.0, 4))
}

/// Seconds: 7384 → `2h 3m 4s`, 0.012 → `12ms`.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return general(value, 4);
    }
    if value == 0.0 {
        return "0s".into();
    }
    if value.abs() < 1.0 {
        let (number, prefix) = small(value);
        return format!("{}{prefix}s", general(number, 4));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = value.abs() as u64;
    let (days, hours) = (whole / 86_400, whole / 3_600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{}s", general(value, 4)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, ..) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

fn scaled(mut value: f64, step: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < step {
            break;
        }
        prefix = next;
        value /= step;
    }
    (value, prefix)
}

fn small(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

fn not_finite(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// Without the zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_and_go_do() {
        for (value, digits, text) in [
            (0.0, 4, "0"),
            (1.0, 4, "1"),
            (1234.5, 4, "1234"),
            (12345.0, 4, "1.234e+04"),
            (99_999.0, 4, "1e+05"),
            (0.000_123_4, 4, "0.0001234"),
            (0.000_012_34, 4, "1.234e-05"),
            (-2.5, 4, "-2.5"),
            (f64::NAN, 4, "NaN"),
            (f64::NEG_INFINITY, 4, "-Inf"),
        ] {
            assert_eq!(general(value, digits), text, "{value}");
        }
        assert_eq!((shortest(0.1), shortest(1e21)), ("0.1".into(), "1e+21".into()));
        assert_eq!(
            (shortest(123_456.5), shortest(1_234_567.0)),
            ("123456.5".into(), "1.234567e+06".into())
        );
        assert_eq!((shortest(999_999.0), shortest(0.00001)), ("999999".into(), "1e-05".into()));
        assert_eq!((fixed(2.345, 1), fixed(f64::INFINITY, 2)), ("2.3".into(), "+Inf".into()));
    }

    #[test]
    fn people_read_prefixes_and_parts() {
        for (value, text) in [
            (0.0, "0"),
            (1_234_567.0, "1.235M"),
            (999.0, "999"),
            (0.002, "2m"),
            (-1500.0, "-1.5k"),
            (1e30, "1e+06Y"),
        ] {
            assert_eq!(humanize(value), text);
        }
        assert_eq!((humanize1024(1_048_576.0), humanize1024(1.0)), ("1Mi".into(), "1".into()));
        assert_eq!((percentage(0.1234), percentage(1.0)), ("12.34%".into(), "100%".into()));
        for (value, text) in [
            (0.0, "0s"),
            (0.012, "12ms"),
            (59.5, "59.5s"),
            (61.0, "1m 1s"),
            (7384.0, "2h 3m 4s"),
            (-90_061.0, "-1d 1h 1m 1s"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(duration(value), text);
        }
        assert!(duration(f64::MAX).ends_with('s'), "no overflow");
    }
}
