//! InfluxDB's line protocol: a line for each sample.
//!
//! ```text
//!  hostler_vm_cpu_seconds_total,host=h1,vm=web value=12.5 1700000000000
//!  measurement                 ,tags           field     time in milliseconds
//! ```
//!
//! The protocol has no end of a series, no infinite value, no line break in a tag and no
//! backslash at a tag's end. The first is absence; infinite ones are left out and counted;
//! the last two are told as `\n` and with a space behind.

use hostler_core::metrics::series::SeriesKey;

use crate::{Samples, is_end};

/// The name of the field.
const FIELD: &str = "value";
/// Names that InfluxDB keeps for itself; a label of such a name gets a `_` behind.
const RESERVED: [&str; 3] = ["time", "_field", "_measurement"];

/// Samples as lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// The lines, each with its end.
    pub text: String,
    /// How many there are.
    pub count: u64,
    /// Samples that are in none: infinite, or unsound.
    pub left_out: u64,
}

impl Lines {
    /// Writes them.
    pub fn of(samples: Samples<'_>) -> Self {
        let mut lines = Self::default();
        for (key, sample) in samples {
            match sample.value {
                value if is_end(value) => {}
                value if value.is_finite() => {
                    lines.count += 1;
                    lines.series(key);
                    lines.text.push_str(&format!(" {FIELD}={} {}\n", number(value), sample.at_ms));
                }
                _ => lines.left_out += 1,
            }
        }
        lines
    }

    fn series(&mut self, key: &SeriesKey) {
        self.text.push_str(key.name());
        for (name, value) in key.labels() {
            self.text.push(',');
            self.text.push_str(name);
            if RESERVED.contains(&&**name) {
                self.text.push('_');
            }
            self.text.push('=');
            self.tag(value);
        }
    }

    /// A name of ours needs no escapes; what is told about things may be anything.
    fn tag(&mut self, value: &str) {
        for letter in value.chars() {
            match letter {
                ',' | '=' | ' ' => self.text.extend(['\\', letter]),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                letter => self.text.push(letter),
            }
        }
        if value.ends_with('\\') {
            // It would escape what follows.
            self.text.push_str("\\ ");
        }
    }
}

/// The shortest text that is this value when it is read again.
fn number(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || (1e-5..1e17).contains(&size) => format!("{value}"),
        _ => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::metrics::series::Sample;
    use proptest::prelude::*;

    use super::*;
    use crate::STALE_BITS;

    fn line(labels: &[(&str, &str)], value: f64) -> Lines {
        let key = SeriesKey::new("m", labels.iter().copied()).unwrap();
        Lines::of(&[(key, Sample { at_ms: 7, value })])
    }

    #[test]
    fn lines_are_what_influxdb_reads() {
        let text = |labels: &[(&str, &str)]| line(labels, 1.5).text;
        assert_eq!(text(&[]), "m value=1.5 7\n");
        assert_eq!(text(&[("b", "a b"), ("a", "x=1,y")]), "m,a=x\\=1\\,y,b=a\\ b value=1.5 7\n");
        assert_eq!(text(&[("p", "c:\\")]), "m,p=c:\\\\  value=1.5 7\n");
        assert_eq!(text(&[("p", "a\nb\rc")]), "m,p=a\\nb\\rc value=1.5 7\n");
        assert_eq!(text(&[("time", "x")]), "m,time_=x value=1.5 7\n");
    }

    #[test]
    fn x17_ends_are_absence_and_what_cannot_be_told_is_counted() {
        assert_eq!(line(&[], f64::from_bits(STALE_BITS)), Lines::default());
        for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(line(&[], value), Lines { left_out: 1, ..Lines::default() });
        }
    }

    proptest! {
        #[test]
        fn every_number_is_the_same_when_read_again(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = number(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert!(text.len() < 30);
        }

        /// No value of a label ends its tag, its line or the one behind it.
        #[test]
        fn no_label_gets_out_of_its_tag(value in "[\\\\,= \"\n\ra-c]{1,8}") {
            let text = line(&[("a", &value), ("b", "z")], 1.0).text;
            let mut parts = vec![String::new()];
            let mut before = ' ';
            for letter in text.chars() {
                // As InfluxDB does it: what has a backslash before it ends nothing.
                match letter {
                    ',' | ' ' if before != '\\' => parts.push(String::new()),
                    letter => parts.last_mut().unwrap().push(letter),
                }
                before = letter;
            }
            prop_assert_eq!(parts.len(), 5, "{}", text);
            prop_assert_eq!(&parts[2..], ["b=z", "value=1", "7\n"]);
            let read = parts[1].replace("\\,", ",").replace("\\=", "=").replace("\\ ", " ");
            let mut told = value.replace('\n', "\\n").replace('\r', "\\r");
            if value.ends_with('\\') {
                told.push(' ');
            }
            prop_assert_eq!(read, format!("a={told}"));
        }
    }
}
