//! The words and signs of a query with their places. The parser we use says neither
//! where a fault is nor keeps within limits, and trusts what it is given: a range of
//! `1e300` makes it panic, and `1m99999999999s` is a minute to it. So every token is
//! read here first.

use std::ops::Range;

use crate::fault::Fault;
use crate::limits::{DURATION_MAX_MS, TEXT_MAX, TOKENS_MAX};

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    pub(super) at: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a word of the language.
    Word,
    Number,
    Duration,
    /// With its quotes.
    Text,
    Sign,
}

impl Token<'_> {
    /// Whether it is this sign.
    pub(super) fn is(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }

    /// Whether it is one of these words, in small or large letters.
    pub(super) fn is_word(&self, words: &[&str]) -> bool {
        self.kind == TokenKind::Word && words.iter().any(|it| it.eq_ignore_ascii_case(self.text))
    }

    /// As an error calls it.
    pub(super) fn name(&self) -> String {
        match self.kind {
            TokenKind::Word => format!("the name {}", self.text),
            TokenKind::Number => format!("the number {}", self.text),
            TokenKind::Duration => format!("the duration {}", self.text),
            TokenKind::Text => "a string".to_owned(),
            TokenKind::Sign => format!("\"{}\"", self.text),
        }
    }
}

/// Longer ones first.
const SIGNS: &[&str] = &[
    "==", "=~", "!=", "!~", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "{",
    "}", "[", "]", ",", ":", "@",
];

/// Takes a text apart.
pub(super) fn scan(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    if text.len() > TEXT_MAX {
        let what = format!("the query is longer than {TEXT_MAX} bytes");
        return Err(Fault::new(text, 0..text.len(), what));
    }
    let mut scanner = Scanner { text, at: 0, in_range: false };
    let mut tokens = Vec::new();
    while let Some(token) = scanner.next()? {
        if tokens.len() == TOKENS_MAX {
            let what = format!("the query has more than {TOKENS_MAX} words and signs");
            return Err(Fault::new(text, token.at, what));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Between `[` and `]` a colon is a sign; elsewhere it is part of a name.
    in_range: bool,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, kind: TokenKind, length: usize) -> Token<'t> {
        let at = self.at..self.at + length;
        self.at = at.end;
        Token { kind, text: self.text.get(at.clone()).unwrap_or_default(), at }
    }

    fn fault(&self, length: usize, what: impl Into<String>) -> Fault {
        Fault::new(self.text, self.at..self.at + length, what)
    }

    fn next(&mut self) -> Result<Option<Token<'t>>, Fault> {
        self.skip_space();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let after_dot = rest.chars().nth(1);
        if first.is_ascii_digit()
            || (first == '.' && after_dot.is_some_and(|it| it.is_ascii_digit()))
        {
            return self.number().map(Some);
        }
        if matches!(first, '"' | '\'' | '`') {
            return self.string(first).map(Some);
        }
        let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
        if is_word(first) && !(first == ':' && self.in_range) {
            let colon_ends = self.in_range;
            let length = rest.find(|it| !is_word(it) || (it == ':' && colon_ends));
            return Ok(Some(self.take(TokenKind::Word, length.unwrap_or(rest.len()))));
        }
        let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
            let what = format!("{first:?} has no meaning here");
            return Err(self.fault(first.len_utf8(), what));
        };
        match *sign {
            "[" => self.in_range = true,
            "]" => self.in_range = false,
            _ => {}
        }
        Ok(Some(self.take(TokenKind::Sign, sign.len())))
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// A number or a duration: all that hangs together, since `5x` is neither.
    fn number(&mut self) -> Result<Token<'t>, Fault> {
        let rest = self.rest();
        let mut length = 0;
        let mut previous = ' ';
        let is_hex = rest.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("0x"));
        for next in rest.chars() {
            let is_sign = matches!(next, '+' | '-') && matches!(previous, 'e' | 'E') && !is_hex;
            if !(next.is_ascii_alphanumeric() || next == '.' || next == '_' || is_sign) {
                break;
            }
            length += next.len_utf8();
            previous = next;
        }
        let word = rest.get(..length).unwrap_or_default();
        if number(word).is_some() {
            return Ok(self.take(TokenKind::Number, length));
        }
        match duration_ms(word) {
            Ok(Some(_)) => Ok(self.take(TokenKind::Duration, length)),
            Ok(None) => Err(self.fault(length, format!("{word:?} is neither number nor duration"))),
            Err(what) => Err(self.fault(length, what)),
        }
    }

    fn string(&mut self, quote: char) -> Result<Token<'t>, Fault> {
        let mut escaped = false;
        for (at, next) in self.rest().char_indices().skip(1) {
            match next {
                _ if escaped => escaped = false,
                '\\' if quote != '`' => escaped = true,
                '\n' if quote != '`' => break,
                _ if next == quote => {
                    let token = self.take(TokenKind::Text, at + 1);
                    return match unquoted(token.text) {
                        Some(_) => Ok(token),
                        None => {
                            let what = "the string has a \\ with no meaning";
                            Err(Fault::new(self.text, token.at, what))
                        }
                    };
                }
                _ => {}
            }
        }
        Err(self.fault(1, "the string that begins here has no end"))
    }
}

/// What a string stands for, without its quotes; None where a `\` in it means nothing.
pub(super) fn unquoted(quoted: &str) -> Option<String> {
    let quote = quoted.chars().next()?;
    let inside = quoted.get(1..quoted.len().checked_sub(1)?)?;
    if quote == '`' {
        return Some(inside.to_owned());
    }
    // Escapes name bytes, too; together they still have to be characters.
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            push(&mut bytes, next);
            continue;
        }
        match rest.next()? {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' => bytes.push(b'\\'),
            escaped if escaped == quote => push(&mut bytes, quote),
            'x' => bytes.push(u8::try_from(digits(&mut rest, 16, 2, 0)?).ok()?),
            'u' => push(&mut bytes, char::from_u32(digits(&mut rest, 16, 4, 0)?)?),
            'U' => push(&mut bytes, char::from_u32(digits(&mut rest, 16, 8, 0)?)?),
            first => {
                let first = first.to_digit(8)?;
                bytes.push(u8::try_from(digits(&mut rest, 8, 2, first)?).ok()?);
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn push(bytes: &mut Vec<u8>, next: char) {
    bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
}

/// So many digits more of a number that begins with `first`.
fn digits(rest: &mut std::str::Chars<'_>, base: u32, count: usize, first: u32) -> Option<u32> {
    (0..count).try_fold(first, |number, _| {
        number.checked_mul(base)?.checked_add(rest.next()?.to_digit(base)?)
    })
}

/// A number, decimal or hexadecimal. Octal, as in C, would surprise whoever writes `010`.
pub(super) fn number(word: &str) -> Option<f64> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        // Beyond 53 bits it is rounded, as any number is.
        #[expect(clippy::cast_precision_loss, reason = "said above")]
        return i64::from_str_radix(digits, 16).ok().map(|number| number as f64);
    }
    let is_octal =
        word.len() > 1 && word.starts_with('0') && word.bytes().all(|it| it.is_ascii_digit());
    // Rust also reads inf and nan, which begin with no digit.
    if is_octal { None } else { word.parse().ok() }
}

/// The units of a duration, largest first, in milliseconds. A year has 365 days.
const UNITS: &[(&str, i64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The milliseconds of a duration as `1h30m`: each unit at most once, the larger before the
/// smaller. None when it is none; an error when it is one and cannot be used.
pub(super) fn duration_ms(word: &str) -> Result<Option<i64>, String> {
    let too_long = || format!("the duration {word} is longer than a hundred years");
    let mut rest = word;
    let mut units = UNITS;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        let (count, after) = rest.split_at(digits);
        let letters = after.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let Some(at) = units.iter().position(|(name, _)| *name == unit) else { return Ok(None) };
        if count.is_empty() {
            return Ok(None);
        }
        let millis = units.get(at).map_or(1, |(_, millis)| *millis);
        let part = count.parse::<i64>().ok().and_then(|count| count.checked_mul(millis));
        total = part.and_then(|part| part.checked_add(total)).ok_or_else(too_long)?;
        units = units.get(at + 1..).unwrap_or_default();
        rest = after;
    }
    if total > DURATION_MAX_MS {
        return Err(too_long());
    }
    if total == 0 && !word.is_empty() {
        return Err(format!("the duration {word} is nothing"));
    }
    Ok((!word.is_empty()).then_some(total))
}
