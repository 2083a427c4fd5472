//! The part of Prometheus' templates that alerts really use: labels, the value,
//! and functions that make the value readable. No conditions, no loops, no
//! queries: what a text says must be seen by reading it.
//!
//! ```text
//!  {{ $labels.vm }}  {{ .Labels.vm }}  {{ $value }}  {{ .Value }}
//!  {{ $value | humanize }}  {{ humanizePercentage $value }}  {{ printf "%.2f" $value }}
//! ```
//!
//! What is not understood is a fault when the rule is loaded, and stays in the
//! text as it was written, so that nobody reads a sentence with a hole in it.

mod format;
mod parse;

use super::{LabelSet, label};

/// The longest template, in bytes.
pub const TEMPLATE_MAX: usize = 16 * 1024;
/// The longest text that a template expands to, in bytes.
pub const EXPANDED_MAX: usize = 8 * 1024;

/// A text with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {what}")]
pub struct TemplateFault {
    /// The character it begins at; the first is 0.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The first is computed; each further one is a call that takes the result before it.
    Pipeline(Vec<Command>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Command {
    Value(Operand),
    Call(Function, Vec<Operand>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Label(String),
    Value,
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Function {
    Humanize,
    Humanize1024,
    Duration,
    Percentage,
    Upper,
    Lower,
    Printf(Vec<Verb>),
}

/// A piece of what `printf` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verb {
    Text(String),
    /// `%.2f`
    Fixed(usize),
    /// `%.4g`
    General(Option<usize>),
    /// `%s`, `%v`
    Plain,
}

/// What a command gives.
enum Given<'a> {
    Number(f64),
    Text(std::borrow::Cow<'a, str>),
}

impl Template {
    /// Reads a template, and tells all that is wrong with it. What is wrong stays
    /// in the text as written.
    pub fn read(source: &str) -> (Self, Vec<TemplateFault>) {
        let (parts, faults) = parse::parts(source);
        (Self { source: source.into(), parts }, faults)
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The labels it names.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let pipelines = self.parts.iter().filter_map(|part| match part {
            Part::Pipeline(commands) => Some(commands),
            Part::Text(_) => None,
        });
        pipelines.flatten().flat_map(|command| {
            let operands = match command {
                Command::Value(operand) => std::slice::from_ref(operand),
                Command::Call(_, operands) => operands,
            };
            operands.iter().filter_map(|operand| match operand {
                Operand::Label(name) => Some(name.as_str()),
                Operand::Value | Operand::Text(_) => None,
            })
        })
    }

    /// The text for an alert with these labels and this value, at most
    /// [`EXPANDED_MAX`] bytes; what is beyond is cut, and `…` says so.
    pub fn expand(&self, labels: &LabelSet, value: f64) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Pipeline(commands) => {
                    text.push_str(&run(commands, labels, value).into_text());
                }
            }
            if text.len() > EXPANDED_MAX {
                let end = text.floor_char_boundary(EXPANDED_MAX - '…'.len_utf8());
                text.truncate(end);
                text.push('…');
                break;
            }
        }
        text
    }
}

fn run<'a>(commands: &'a [Command], labels: &'a LabelSet, value: f64) -> Given<'a> {
    let resolve = |operand: &'a Operand| match operand {
        Operand::Label(name) => Given::Text(label(labels, name).into()),
        Operand::Value => Given::Number(value),
        Operand::Text(text) => Given::Text(text.into()),
    };
    let mut last = Given::Text("".into());
    for (at, command) in commands.iter().enumerate() {
        last = match command {
            Command::Value(operand) => resolve(operand),
            Command::Call(function, operands) => {
                let mut arguments: Vec<Given<'_>> = operands.iter().map(resolve).collect();
                if at > 0 {
                    arguments.push(last);
                }
                function.call(arguments)
            }
        };
    }
    last
}

impl Function {
    fn call(&self, arguments: Vec<Given<'_>>) -> Given<'static> {
        let mut arguments = arguments.into_iter();
        if let Self::Printf(verbs) = self {
            let written = verbs.iter().map(|verb| verb.write(&mut arguments)).collect::<String>();
            return Given::Text(written.into());
        }
        // Reading made sure that there is one; an empty text is no number and says so.
        let argument = arguments.next().unwrap_or(Given::Text("".into()));
        let write = match self {
            Self::Humanize => format::humanize,
            Self::Humanize1024 => format::humanize1024,
            Self::Duration => format::duration,
            Self::Percentage => format::percentage,
            Self::Upper => return Given::Text(argument.into_text().to_uppercase().into()),
            Self::Lower => return Given::Text(argument.into_text().to_lowercase().into()),
            Self::Printf(_) => format::shortest,
        };
        Given::Text(argument.number().map_or_else(|told| told, write).into())
    }
}

impl Verb {
    fn write<'a>(&self, arguments: &mut impl Iterator<Item = Given<'a>>) -> String {
        if let Self::Text(text) = self {
            return text.clone();
        }
        let argument = arguments.next().unwrap_or(Given::Text("".into()));
        let write = |number: f64| match self {
            Self::Fixed(decimals) => format::fixed(number, *decimals),
            Self::General(Some(digits)) => format::general(number, *digits),
            _ => format::shortest(number),
        };
        match self {
            Self::Plain => argument.into_text().into_owned(),
            _ => argument.number().map_or_else(|told| told, write),
        }
    }
}

impl<'a> Given<'a> {
    /// The number, or what to show instead of one.
    fn number(self) -> Result<f64, String> {
        match self {
            Self::Number(number) => Ok(number),
            // A label may hold one. What does not is shown, and no 0 in its place.
            Self::Text(text) => text.trim().parse().map_err(|_| format!("<{text:?} is no number>")),
        }
    }

    fn into_text(self) -> std::borrow::Cow<'a, str> {
        match self {
            Self::Number(number) => format::shortest(number).into(),
            Self::Text(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alert::tests_support::set;

    fn shown(source: &str) -> String {
        let (template, faults) = Template::read(source);
        assert!(faults.is_empty(), "{source}: {faults:?}");
        template.expand(&set(&[("vm", "web-1"), ("since", "90"), ("Host", "H1")]), 0.256)
    }

    #[test]
    fn a_text_with_gaps_is_filled() {
        for (source, text) in [
            ("plain", "plain"),
            ("VM {{ $labels.vm }} at {{ $value }}", "VM web-1 at 0.256"),
            ("{{.Labels.vm}}/{{.Value}}", "web-1/0.256"),
            ("{{ $value | humanizePercentage }} used", "25.6% used"),
            ("{{ humanizePercentage $value }}", "25.6%"),
            ("{{ $value | humanize }}", "256m"),
            ("{{ $value | humanize1024 }}", "0.256"),
            ("{{ $labels.since | humanizeDuration }}", "1m 30s"),
            ("{{ printf \"%.1f s on %s (100%%)\" $value $labels.vm }}", "0.3 s on web-1 (100%)"),
            ("{{ $value | printf \"%.2f\" }}", "0.26"),
            ("{{ printf \"%g %v\" $value $value }}", "0.256 0.256"),
            ("{{ $labels.vm | toUpper }} {{ toLower $labels.Host }}", "WEB-1 h1"),
            ("a  {{- $labels.vm -}}  b", "aweb-1b"),
            ("{{ $labels.none }}|", "|"),
            ("{{ \"{{\" }} {{ `x` }}", "{{ x"),
            ("{{/* a note */}}x", "x"),
            ("{ } }}", "{ } }}"),
            ("{{ $labels.vm | humanize }}", "<\"web-1\" is no number>"),
        ] {
            assert_eq!(shown(source), text, "{source}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_when_loaded_and_stays_visible() {
        for (source, why) in [
            ("{{ $labels.vm", "no }}"),
            ("{{ }}", "nothing"),
            ("{{ if $value }}x{{ end }}", "if"),
            ("{{ query \"up\" | first }}", "query"),
            ("{{ $labels }}", "$labels"),
            ("{{ $labels.a.b }}", "$labels.a.b"),
            ("{{ $value | nosuch }}", "nosuch"),
            ("{{ humanize }}", "one argument"),
            ("{{ humanize $value $value }}", "one argument"),
            ("{{ $value | $value }}", "function"),
            ("{{ printf \"%d\" $value }}", "%d"),
            ("{{ printf \"%.2f %s\" $value }}", "2 arguments"),
            ("{{ printf $value }}", "text"),
            ("{{ printf \"%.99f\" $value }}", "%.99"),
            ("{{ $value $value }}", "takes no"),
            ("{{ $labels.vm | }}", "nothing"),
            ("{{ \"open }}", "quote"),
            ("{{ 5 }}", "5"),
        ] {
            let (template, faults) = Template::read(&format!("é{source}"));
            assert!(!faults.is_empty(), "{source}");
            assert!(faults[0].what.contains(why), "{source}: {}", faults[0]);
            assert_eq!(faults[0].at, 1, "{source}");
            let text = template.expand(&LabelSet::new(), 1.0);
            assert!(text.contains("{{"), "{source} gave {text}");
        }
        let (_, faults) = Template::read("{{ a }} {{ b }}");
        assert_eq!(faults.len(), 2, "all at once");
        assert!(!Template::read(&"x".repeat(TEMPLATE_MAX + 1)).1.is_empty());
    }

    #[test]
    fn a_text_does_not_grow_without_bound() {
        let (template, _) = Template::read(&"{{ $labels.vm }}é".repeat(500));
        let labels = set(&[("vm", &"é".repeat(2000))]);
        let text = template.expand(&labels, 0.0);
        assert!(text.len() <= EXPANDED_MAX && text.ends_with('…'), "{}", text.len());
    }

    #[test]
    fn the_labels_a_template_names_are_known() {
        let (template, _) =
            Template::read("{{ $labels.b }}{{ printf \"%s\" .Labels.a }}{{ $value }}");
        assert_eq!(template.labels().collect::<Vec<_>>(), ["b", "a"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[{}|$a-z.\" %`é-]{0,80}", value: f64) {
            let (template, faults) = Template::read(&text);
            let expanded = template.expand(&LabelSet::new(), value);
            prop_assert!(expanded.len() <= EXPANDED_MAX);
            prop_assert!(faults.is_empty() || expanded.contains("{{"));
        }
    }
}
