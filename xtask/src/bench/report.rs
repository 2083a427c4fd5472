//! What a bench found, and its place in the document of figures.

use std::time::Duration;

const HEAD: &str = "# Performance\n\n\
    Measured by `cargo xtask bench --write`; each section names the command that made it. Compare \
    the ratios: seconds depend on the machine.\n";

/// One thing measured.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What was done, such as `virsh create`.
    pub(crate) what: String,
    /// How long each run took, in the order of the runs.
    pub(crate) durations: Vec<Duration>,
}

/// What one bench found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// What is measured, from when to when.
    pub(crate) title: String,
    /// The first row is what the others are compared with.
    pub(crate) rows: Vec<Row>,
    /// What a reader must know to believe the figures.
    pub(crate) notes: String,
}

impl Report {
    /// The section of the document.
    pub(super) fn section(&self, name: &str, runs: usize) -> String {
        let mut text = format!(
            "## {name}\n\n{}. `cargo xtask bench {name} --runs {runs}`\n\n\
             | what | median | fastest | slowest | ratio |\n|---|---|---|---|---|\n",
            self.title
        );
        let base = self.rows.first().and_then(|row| median(&row.durations));
        for row in &self.rows {
            let seconds = |duration: Option<Duration>| {
                duration.map_or("–".into(), |duration| format!("{:.2} s", duration.as_secs_f64()))
            };
            let middle = median(&row.durations);
            let ratio = base.zip(middle).map_or("–".into(), |(base, middle)| {
                format!("{:.2}", middle.as_secs_f64() / base.as_secs_f64().max(f64::MIN_POSITIVE))
            });
            text.push_str(&format!(
                "| {} | {} | {} | {} | {ratio} |\n",
                row.what,
                seconds(middle),
                seconds(row.durations.iter().min().copied()),
                seconds(row.durations.iter().max().copied()),
            ));
        }
        text.push_str(&format!("\n{}\n", self.notes));
        text
    }
}

/// The middle one, or of an even number the lower of the two in the middle.
fn median(durations: &[Duration]) -> Option<Duration> {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

/// The document with the section of that name replaced, or added at the end.
pub(super) fn with_section(document: &str, name: &str, section: &str) -> String {
    let document = if document.trim().is_empty() { HEAD } else { document };
    let heading = format!("## {name}\n");
    let Some((before, rest)) = document.split_once(&heading) else {
        return format!("{}\n\n{}\n", document.trim_end(), section.trim_end());
    };
    let after = rest.find("\n## ").and_then(|at| rest.get(at + 1..)).unwrap_or_default();
    let parts = [before.trim_end(), section.trim_end(), after.trim_end()];
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: &str, millis: &[u64]) -> Row {
        let durations = millis.iter().copied().map(Duration::from_millis).collect();
        Row { what: what.into(), durations }
    }

    #[test]
    fn rows_are_compared_with_the_first_by_their_medians() {
        let report = Report {
            title: "From a to b".into(),
            rows: vec![row("bare", &[900, 1000, 5000]), row("ours", &[1500])],
            notes: "Quiet machine.".into(),
        };
        let text = report.section("boot", 3);
        assert!(text.contains("| bare | 1.00 s | 0.90 s | 5.00 s | 1.00 |"), "{text}");
        assert!(text.contains("| ours | 1.50 s | 1.50 s | 1.50 s | 1.50 |"), "{text}");
    }

    #[test]
    fn a_bench_that_measured_nothing_shows_no_figure() {
        let rows = vec![row("bare", &[])];
        let text = Report { title: "t".into(), rows, notes: String::new() }.section("boot", 1);
        assert!(text.contains("| bare | – | – | – | – |"), "{text}");
    }

    #[test]
    fn a_section_replaces_its_earlier_self_and_no_other() {
        let one = with_section("", "boot", "## boot\n\nold\n");
        let two = with_section(&one, "list", "## list\n\nkept\n");
        let three = with_section(&two, "boot", "## boot\n\nnew\n");
        assert!(three.starts_with("# Performance\n"), "{three}");
        assert!(three.contains("new") && three.contains("kept") && !three.contains("old"));
        assert_eq!(three.matches("## boot").count(), 1);
        assert_eq!(with_section(&three, "boot", "## boot\n\nnew\n"), three);
    }
}
