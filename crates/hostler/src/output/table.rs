//! Tables without lines, as wide as they need to be; on a screen the widest
//! column is cut to fit, in a pipe nothing is. And CSV.

use hostler_core::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Cell, Column, View};
use crate::terminal::Tone;
use crate::text::printable;

/// Between two columns.
const GAP: usize = 2;
/// No column is cut below this.
const WIDTH_MIN: usize = 8;

/// A table of `rows`.
pub(crate) fn render<'r, T: 'static>(
    columns: &[&Column<T>],
    rows: impl Iterator<Item = &'r T>,
    view: &View<'_>,
) -> String {
    let mut table: Vec<Vec<(String, Tone)>> = Vec::new();
    let titles = columns.iter().map(|column| (column.key.to_uppercase(), Tone::Weak));
    if view.headers {
        table.push(titles.collect());
    }
    for row in rows {
        let show = |cell: Cell| (printable(cell.text.as_deref().unwrap_or("-")), cell.tone);
        table.push(columns.iter().map(|column| show((column.cell)(row, view.now))).collect());
    }
    if view.headers && table.len() == 1 {
        // Column names above nothing only look like data to a program.
        return String::new();
    }
    let widths = widths(&table, view.terminal.width);
    let mut text = String::new();
    for line in &table {
        let mut gap = 0;
        for ((cell, tone), width) in line.iter().zip(&widths) {
            let cell = cut(cell, *width, view.terminal.ascii);
            text.push_str(&" ".repeat(gap));
            text.push_str(&view.terminal.paint(*tone, &cell));
            gap = width.saturating_sub(cell.width()) + GAP;
        }
        text.push('\n');
    }
    text
}

/// The width of each column: that of its widest cell, less on a narrow screen.
fn widths(table: &[Vec<(String, Tone)>], screen: Option<usize>) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for line in table {
        widths.resize(widths.len().max(line.len()), 0);
        for ((cell, _), width) in line.iter().zip(&mut widths) {
            *width = (*width).max(cell.width());
        }
    }
    let Some(screen) = screen else { return widths };
    loop {
        let total = widths.iter().sum::<usize>() + widths.len().saturating_sub(1) * GAP;
        let widest = widths.iter().copied().max().unwrap_or(0);
        if total <= screen || widest <= WIDTH_MIN {
            return widths;
        }
        let second = widths.iter().copied().filter(|width| *width < widest).max().unwrap_or(0);
        let target = (widest - (total - screen).min(widest)).max(second).max(WIDTH_MIN);
        match widths.iter_mut().find(|width| **width == widest) {
            // One step at least, so that equal widths do not stay for ever.
            Some(width) => *width = target.min(widest - 1),
            None => return widths,
        }
    }
}

/// `text` in at most `width` columns of the screen.
fn cut(text: &str, width: usize, ascii: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push(if ascii { '~' } else { '…' });
    kept
}

/// Comma-separated values of `rows`, in the API's units.
pub(crate) fn render_csv<'r, T: 'static>(
    columns: &[&Column<T>],
    rows: impl Iterator<Item = &'r T>,
    headers: bool,
    now: Timestamp,
) -> String {
    let mut text = String::new();
    let mut line = |fields: Vec<String>| {
        let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    };
    if headers {
        line(columns.iter().map(|column| column.key.to_owned()).collect());
    }
    for row in rows {
        line(columns.iter().map(|c| (c.cell)(row, now).raw.unwrap_or_default()).collect());
    }
    text
}

/// A field as RFC 4180 wants it. What a spreadsheet would take for a formula is
/// quoted with an apostrophe, since names come from strangers.
fn quoted(field: &str) -> String {
    let is_number = field.parse::<f64>().is_ok();
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number;
    let field = if is_formula { format!("'{field}") } else { field.to_owned() };
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}
