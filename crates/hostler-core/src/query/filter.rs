//! The filter of a list: terms joined by `AND`, compiled against the list's
//! fields, so that a typing error is told and never matches by chance (A32).

use super::{Field, Row, Value, cut};
use crate::error::Fault;

/// The most terms of a filter.
pub const TERMS_MAX: usize = 64;
/// The longest filter, in bytes.
pub const FILTER_MAX: usize = 4096;

/// Which rows are wanted: those for which every term holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The terms.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The field.
    pub field: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Value<'static>,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal; text may hold `*` for anything.
    Equal,
    /// Not equal; text may hold `*` for anything.
    NotEqual,
    /// At least.
    AtLeast,
    /// At most.
    AtMost,
    /// More than.
    MoreThan,
    /// Less than.
    LessThan,
}

/// Longest first, so that `>=` is not read as `>`.
const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=", Operator::Equal),
    (">", Operator::MoreThan),
    ("<", Operator::LessThan),
];

impl Filter {
    /// Reads a filter; the fault names the position.
    pub fn parse(text: &str, fields: &[Field]) -> Result<Self, Fault> {
        if text.len() > FILTER_MAX {
            return Err(fault(0, format!("is longer than {FILTER_MAX} bytes")));
        }
        let mut terms = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (term, after) = parse_term(rest, fields).map_err(|detail| fault(at, detail))?;
            terms.push(term);
            if terms.len() > TERMS_MAX {
                return Err(fault(at, format!("has more than {TERMS_MAX} terms")));
            }
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            let at = text.len() - rest.len();
            rest = match rest.get(..4) {
                Some(word) if word.eq_ignore_ascii_case("and ") => rest[4..].trim_start(),
                _ => return Err(fault(at, "expected AND".into())),
            };
            if rest.is_empty() {
                return Err(fault(text.len(), "expected a term after AND".into()));
            }
        }
        Ok(Self { terms })
    }

    /// Whether every term holds for the row.
    pub fn matches<R: Row + ?Sized>(&self, row: &R) -> bool {
        self.terms.iter().all(|term| term.holds(&row.value(&term.field)))
    }
}

fn fault(at: usize, detail: String) -> Fault {
    Fault::new("filter", "malformed", format!("at character {}: {detail}", at + 1))
}

fn parse_term<'a>(text: &'a str, fields: &[Field]) -> Result<(Term, &'a str), String> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let Some(field) = fields.iter().find(|field| field.covers(name)) else {
        let known: Vec<_> = fields.iter().map(|f| f.name).collect();
        return Err(format!("there is no field `{}`; there are {}", cut(name), known.join(", ")));
    };
    let rest = rest.trim_start();
    let Some((word, operator)) = OPERATORS.iter().find(|(word, _)| rest.starts_with(word)) else {
        return Err(format!("expected one of = != >= <= > < after `{name}`"));
    };
    let (value, rest) = parse_value(rest[word.len()..].trim_start())?;
    let value = if field.numeric {
        let number = value.parse().map_err(|_| format!("`{}` is not a number", cut(&value)))?;
        Value::Number(number)
    } else {
        Value::from(value)
    };
    Ok((Term { field: name.to_owned(), operator: *operator, value }, rest))
}

fn parse_value(text: &str) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if word.is_empty() {
            return Err("expected a value; write \"\" for an empty one".into());
        }
        return Ok((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                _ => return Err("a backslash must be followed by \" or \\".into()),
            },
            other => value.push(other),
        }
    }
    Err("a quoted value does not end".into())
}

impl Term {
    fn holds(&self, actual: &Value<'_>) -> bool {
        let equal = || match (actual, &self.value) {
            (Value::Text(actual), Value::Text(wanted)) => glob(wanted, actual),
            (actual, wanted) => actual == wanted,
        };
        match self.operator {
            Operator::Equal => equal(),
            Operator::NotEqual => !equal(),
            // What is absent is neither more nor less than anything.
            _ if *actual == Value::Absent => false,
            Operator::AtLeast => *actual >= self.value,
            Operator::AtMost => *actual <= self.value,
            Operator::MoreThan => *actual > self.value,
            Operator::LessThan => *actual < self.value,
        }
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for anything. Linear in
/// the product of both lengths, whatever the pattern.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = tail.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
