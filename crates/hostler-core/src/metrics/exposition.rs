//! The text in which Prometheus reads metrics: the classic format 0.0.4 and
//! OpenMetrics 1.0. One writer for both, so that a series has the same name and
//! labels in either; only what is said about a family differs (X1):
//!
//! ```text
//!             text 0.0.4                     OpenMetrics 1.0
//!  counter    # TYPE x_seconds_total counter  # TYPE x_seconds counter, # UNIT x_seconds seconds
//!  info       # TYPE x_info gauge             # TYPE x info
//!  sample     x_info{…} 1                     x_info{…} 1
//!  end                                        # EOF
//! ```

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::{Family, MetricKind};

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, which every reader understands.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The media type to send it as.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
        }
    }
}

/// What is said once about a family, before its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The name of its samples; a counter's ends in `_total`, an info's in `_info`.
    pub name: &'a str,
    /// How its values behave.
    pub kind: MetricKind,
    /// What they count; empty for plain numbers.
    pub unit: &'a str,
    /// One sentence for people.
    pub help: &'a str,
}

impl From<&Family> for Head<'static> {
    fn from(family: &Family) -> Self {
        Self { name: family.name, kind: family.kind, unit: family.unit.as_str(), help: family.help }
    }
}

/// Writes families one after the other. Who writes keeps a family's samples
/// together and writes no family twice: readers refuse the whole text otherwise.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    text: String,
}

impl Writer {
    /// An empty text.
    pub const fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// Begins a family.
    pub fn family(&mut self, head: &Head<'_>) {
        let (name, kind) = match (self.format, head.kind) {
            // There is no such type in this format, and readers refuse what has it (X1).
            (Format::Text, MetricKind::Info) => (head.name, MetricKind::Gauge),
            (Format::Text, kind) => (head.name, kind),
            (Format::OpenMetrics, kind) => (family_name(head.name, kind), kind),
        };
        let help = EscapedHelp(head.help, self.format);
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}");
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.as_str());
        let is_told = self.format == Format::OpenMetrics
            && kind != MetricKind::Info
            && name.strip_suffix(head.unit).is_some_and(|rest| rest.ends_with('_'));
        if is_told && !head.unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {}", head.unit);
        }
    }

    /// A sample of the family begun last. Labels without a value are left out.
    pub fn sample<'a>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        self.text.push_str(name);
        let mut open = '{';
        for (label, value) in labels.into_iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(self.text, "{open}{label}=\"{}\"", Escaped(value));
            open = ',';
        }
        let close = if open == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{close} {}", Number(value));
    }

    /// How long the text is by now, in bytes.
    pub const fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text so far without an end, to be put before another.
    pub fn into_part(self) -> String {
        self.text
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// OpenMetrics names the family without what marks its samples.
fn family_name(name: &str, kind: MetricKind) -> &str {
    let suffix = match kind {
        MetricKind::Counter => "_total",
        MetricKind::Info => "_info",
        MetricKind::Gauge => return name,
    };
    name.strip_suffix(suffix).unwrap_or(name)
}

/// A label's value as it stands between quotes.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, self.0, true)
    }
}

/// A family's help. A quote is escaped in OpenMetrics only.
struct EscapedHelp<'a>(&'a str, Format);

impl fmt::Display for EscapedHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, self.0, self.1 == Format::OpenMetrics)
    }
}

fn escape(f: &mut fmt::Formatter<'_>, text: &str, quotes: bool) -> fmt::Result {
    let is_special = |c: char| matches!(c, '\\' | '\n') || (quotes && c == '"');
    let mut rest = text;
    while let Some(at) = rest.find(is_special) {
        let (before, from) = rest.split_at(at);
        f.write_str(before)?;
        let mut chars = from.chars();
        match chars.next() {
            Some('\n') => f.write_str("\\n")?,
            Some(other) => write!(f, "\\{other}")?,
            None => {}
        }
        rest = chars.as_str();
    }
    f.write_str(rest)
}

/// A value as both formats write it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            f.write_str("NaN")
        } else if self.0.is_infinite() {
            f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// A user's word as part of a label's name: `[a-zA-Z0-9_]`, everything else `_`.
pub fn label_part(word: &str) -> Cow<'_, str> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if word.chars().all(is_fine) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(word.chars().map(|c| if is_fine(c) { c } else { '_' }).collect())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::Metric;

    fn check(format: Format, expected: Expect) {
        let mut writer = Writer::new(format);
        writer.family(&Metric::VmCpuSecondsTotal.family().into());
        writer.sample("hostler_vm_cpu_seconds_total", [("vm", "web"), ("host", "")], 1.5);
        writer.family(&Metric::KubevirtVmiHypervisorInfo.family().into());
        let labels =
            [("namespace", "ns"), ("name", "vmi"), ("node", "node1"), ("hypervisor_type", "kvm")];
        writer.sample("kubevirt_vmi_hypervisor_info", labels, 1.0);
        let head = Head { name: "odd", kind: MetricKind::Gauge, unit: "bytes", help: "a\\b\"c\nd" };
        writer.family(&head);
        writer.sample("odd", [("l", "a\\b\"c\nd")], f64::NAN);
        writer.sample("odd", [], f64::NEG_INFINITY);
        writer.sample("odd", [("l", "big")], 9_007_199_254_740_992.0);
        expected.assert_eq(&writer.finish());
    }

    #[test]
    fn a6_x1_the_classic_text_has_no_info() {
        check(
            Format::Text,
            expect![[r##"
            # HELP hostler_vm_cpu_seconds_total Processor time the VM took on its host, the hypervisor's own work for it included
            # TYPE hostler_vm_cpu_seconds_total counter
            hostler_vm_cpu_seconds_total{vm="web"} 1.5
            # HELP kubevirt_vmi_hypervisor_info Information about the hypervisor type used by a VirtualMachineInstance
            # TYPE kubevirt_vmi_hypervisor_info gauge
            kubevirt_vmi_hypervisor_info{namespace="ns",name="vmi",node="node1",hypervisor_type="kvm"} 1
            # HELP odd a\\b"c\nd
            # TYPE odd gauge
            odd{l="a\\b\"c\nd"} NaN
            odd -Inf
            odd{l="big"} 9007199254740992
        "##]],
        );
    }

    #[test]
    fn a6_x1_openmetrics_names_the_family_without_info() {
        check(
            Format::OpenMetrics,
            expect![[r##"
            # HELP hostler_vm_cpu_seconds Processor time the VM took on its host, the hypervisor's own work for it included
            # TYPE hostler_vm_cpu_seconds counter
            # UNIT hostler_vm_cpu_seconds seconds
            hostler_vm_cpu_seconds_total{vm="web"} 1.5
            # HELP kubevirt_vmi_hypervisor Information about the hypervisor type used by a VirtualMachineInstance
            # TYPE kubevirt_vmi_hypervisor info
            kubevirt_vmi_hypervisor_info{namespace="ns",name="vmi",node="node1",hypervisor_type="kvm"} 1
            # HELP odd a\\b\"c\nd
            # TYPE odd gauge
            odd{l="a\\b\"c\nd"} NaN
            odd -Inf
            odd{l="big"} 9007199254740992
            # EOF
        "##]],
        );
    }

    /// What a reader makes of an escaped value.
    fn unescaped(text: &str) -> String {
        let (mut read, mut chars) = (String::new(), text.chars());
        while let Some(c) = chars.next() {
            match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('n') => read.push('\n'),
                    Some(other) => read.push(other),
                    None => panic!("an escape without an end"),
                },
                (c, false) => read.push(c),
            }
        }
        read
    }

    proptest! {
        #[test]
        fn a7_whatever_a_label_says_is_one_line_and_reads_back(value in "\\PC*|[\\\\\"\n a]*") {
            let escaped = Escaped(&value).to_string();
            prop_assert!(!escaped.contains('\n'));
            prop_assert_eq!(unescaped(&escaped), value);
        }
    }

    #[test]
    fn a_users_word_becomes_part_of_a_name() {
        assert_eq!(label_part("app.kubernetes.io/name"), "app_kubernetes_io_name");
        assert_eq!(label_part("tier"), "tier");
    }
}
