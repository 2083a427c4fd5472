//! The document of figures: what a reader must know, one table, how each row was measured, and on
//! which machine. Nothing in it is typed by hand.

use super::figures::{Comparison, Sample, Unit, significant};
use super::machine::Machine;

const HEAD: &str = "# Performance

What Hostler costs, beside what people would use in its place. `cargo xtask bench --write` measured
it and wrote this page; run it to have the figures of your own machine.

## How to read it

- Compare **ratios**, not seconds: a ratio is Hostler's median by the other's, on the same machine,
  in the same minutes, with rounds of both taken in turn. Seconds belong to the machine below.
- *Better* says which side of 1 is Hostler's. Behind each median stand the lowest and the highest of
  its rounds; *rounds' ratios* are the lowest and the highest within one round. Where those are far
  apart, the machine was not quiet and the ratio says little.
- The others are not doing the same work: a web server that serves a file knows nothing of virtual
  machines, and `virsh` remembers nothing, checks nobody's permission and undoes nothing. They are
  the floor that is known to everybody. What each does is said below the table.
- Where nobody does the same, a *limit* stands beside: what was promised, set before it was measured.
  A ratio above 1 breaks it.
- CPU time counts in hundredths of a second, so small values of it are rough.
";

/// What one bench found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// What is measured, as a sentence without its full stop.
    pub(crate) title: String,
    /// The rows.
    pub(crate) comparisons: Vec<Comparison>,
    /// What a reader must know to believe the rows, a sentence or more each.
    pub(crate) notes: Vec<String>,
}

/// A report with the name of its bench.
pub(super) type Named = (&'static str, Report);

impl Report {
    /// What is shown at a terminal.
    pub(super) fn text(&self, name: &'static str) -> String {
        format!("{}\n{}", table(&[(name, self.clone())]), self.method(name))
    }

    /// How it was measured.
    fn method(&self, name: &str) -> String {
        let mut text = format!("### {name}\n\n{}.\n\n", self.title);
        for note in &self.notes {
            text.push_str(&format!("- {note}\n"));
        }
        text
    }
}

/// The whole document.
pub(super) fn document(reports: &[Named], machine: &Machine, runs: usize) -> String {
    let mut text = format!(
        "{HEAD}\n## Ratios\n\n{} rounds each, measured on {}, with `--runs {runs}`.\n\n{}\n## What was \
         measured\n",
        runs,
        machine.date,
        table(reports)
    );
    for (name, report) in reports {
        text.push('\n');
        text.push_str(&report.method(name));
    }
    text.push_str(&format!("\n## The machine\n\n{}", machine.table()));
    text
}

fn table(reports: &[Named]) -> String {
    let mut text = String::from(
        "| bench | what | measured | beside | ratio | better | rounds' ratios |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (name, report) in reports {
        for comparison in &report.comparisons {
            text.push_str(&row(name, comparison));
        }
    }
    text
}

fn row(name: &str, comparison: &Comparison) -> String {
    let Comparison { what, unit, ours, theirs } = comparison;
    let ratio = comparison.ratio().map_or("–".into(), significant);
    let range = comparison.ratio_range();
    let range = range
        .map_or("–".into(), |(low, high)| format!("{}–{}", significant(low), significant(high)));
    format!(
        "| {name} | {what} | {} | {} | **{ratio}** | {} | {range} |\n",
        cell(ours, *unit),
        cell(theirs, *unit),
        unit.better(),
    )
}

/// Who, the median, and between what.
fn cell(sample: &Sample, unit: Unit) -> String {
    let (Some(middle), Some((low, high))) = (sample.median(), sample.range()) else {
        return format!("{}: –", sample.who);
    };
    format!("{}: {} ({} to {})", sample.who, unit.show(middle), unit.show(low), unit.show(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let sample = |who: &str, values: &[f64]| Sample { who: who.into(), values: values.into() };
        Report {
            title: "From a to b".into(),
            comparisons: vec![
                Comparison {
                    what: "to running".into(),
                    unit: Unit::Seconds,
                    ours: sample("hostlerd", &[1.5, 1.4, 3.0]),
                    theirs: sample("virt-install", &[3.0, 2.8, 4.0]),
                },
                Comparison {
                    what: "nothing".into(),
                    unit: Unit::PerSecond,
                    ours: sample("hostlerd", &[]),
                    theirs: sample("nginx", &[]),
                },
            ],
            notes: vec!["Emulated.".into()],
        }
    }

    #[test]
    fn a_row_shows_both_medians_their_ranges_and_the_ratio() {
        let text = report().text("create");
        let row = "| create | to running | hostlerd: 1.50 s (1.40 s to 3.00 s) | virt-install: \
                   3.00 s (2.80 s to 4.00 s) | **0.500** | below 1 | 0.500–0.750 |";
        assert!(text.contains(row), "{text}");
    }

    #[test]
    fn what_was_not_measured_shows_no_figure() {
        let text = report().text("create");
        let row = "| create | nothing | hostlerd: – | nginx: – | **–** | above 1 | – |";
        assert!(text.contains(row), "{text}");
    }

    #[test]
    fn the_document_says_when_where_and_how_often() {
        let machine = Machine { date: "2026-01-31".into(), facts: vec![("processor", "x".into())] };
        let text = document(&[("create", report())], &machine, 7);
        assert!(text.starts_with("# Performance\n"), "{text}");
        let when = "7 rounds each, measured on 2026-01-31, with `--runs 7`.";
        assert!(text.contains(when), "{text}");
        assert!(text.contains("### create\n\nFrom a to b.\n\n- Emulated.\n"), "{text}");
        assert!(text.contains("| processor | x |"), "{text}");
    }
}
