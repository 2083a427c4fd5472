//! From the text of a query to its tree.
//!
//! ```text
//! text ─scan─► tokens ─outline─► places, order, limits ─┐
//!                │                                      ├─convert─► our tree
//!                └─shape─► text ─promql-parser─► tree ──┘
//! ```
//!
//! The parser knows which operator binds stronger, and what belongs to what. It does
//! not know where a fault is, has no limits, and reads a newer language than we
//! answer; that is what the steps before and after are for. It is given the query in
//! a plain form: its strings, numbers and durations are read by us.

mod convert;
mod outline;
mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use outline::Sites;
use scan::{Token, TokenKind};

use crate::fault::Fault;
use crate::tree::Expr;

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Expr, Fault> {
    let tokens = scan::scan(text)?;
    let sites = outline::outline(text, &tokens)?;
    let tree = promql_parser::parser::parse(&shape(&tokens, 0..tokens.len()))
        .map_err(|what| located(text, &tokens, &sites, what))?;
    convert::convert(text, &tokens, &sites, tree)
}

/// The query in the words the parser is sure to read as we do. A string is the number of its
/// token, so that the parser neither unquotes it nor compiles it as a pattern.
fn shape(tokens: &[Token<'_>], part: Range<usize>) -> String {
    let mut shape = String::new();
    for (nth, token) in tokens.iter().enumerate().take(part.end).skip(part.start) {
        let calls = tokens.get(nth + 1).is_some_and(|next| next.is("("));
        let plain = match token.kind {
            // The name that it has had since Prometheus 3.
            TokenKind::Word if calls && token.text == "holt_winters" => {
                "double_exponential_smoothing".to_owned()
            }
            TokenKind::Word | TokenKind::Sign => token.text.to_owned(),
            TokenKind::Text => format!("\"{nth}\""),
            // "0e0" would be octal to it.
            TokenKind::Number => match scan::number(token.text).unwrap_or(f64::NAN) {
                0.0 => "0".to_owned(),
                number => format!("{number:e}"),
            },
            TokenKind::Duration => {
                let millis = scan::duration_ms(token.text).ok().flatten().unwrap_or_default();
                let parts = [(millis / DAY_MS, "d"), (millis % DAY_MS, "ms")];
                let parts = parts.into_iter().filter(|(count, _)| *count > 0);
                parts.map(|(count, unit)| format!("{count}{unit}")).collect()
            }
        };
        shape.push_str(&plain);
        shape.push(' ');
    }
    shape
}

/// A day in milliseconds. In days and a rest, no part of a duration is too large for the parser.
const DAY_MS: i64 = 86_400_000;

/// What the parser finds wrong, which is about kinds: a number where a vector has to be. It says
/// no place. The innermost call or bracket that it refuses by itself, too, is the one.
fn located(text: &str, tokens: &[Token<'_>], sites: &Sites, what: String) -> Fault {
    let refused = sites.groups.iter().find_map(|group| {
        let what = promql_parser::parser::parse(&shape(tokens, group.clone())).err()?;
        let (first, last) = (tokens.get(group.start)?, tokens.get(group.end.checked_sub(1)?)?);
        // Of a call its name says it best.
        let end = if first.kind == TokenKind::Word { first.at.end } else { last.at.end };
        Some((first.at.start..end, what))
    });
    let (at, what) = refused.unwrap_or((0..text.len(), what));
    Fault::new(text, at, in_our_words(what))
}

/// Kinds of values by the names that everybody else gives them.
fn in_our_words(what: String) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("type matrix", "a range vector, as up[5m],"),
        ("type vector", "an instant vector"),
        ("type scalar", "a number"),
        ("type string", "a string"),
        ("got matrix", "got a range vector"),
        ("got vector", "got an instant vector"),
        ("got scalar", "got a number"),
        ("BOOL", "bool"),
    ];
    WORDS.iter().fold(what, |what, (theirs, ours)| what.replace(theirs, ours))
}
