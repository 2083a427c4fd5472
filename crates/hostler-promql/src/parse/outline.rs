//! The order of words and signs in a query, checked with places before the parser
//! builds the tree: the parser says "invalid promql query" whatever is wrong.
//!
//! ```text
//!            operand: number, string, selector, ) of a call
//!          ┌───────────────────────────────────────────────┐
//!          │                                               ▼
//!     ┌─────────┐  ( name( opens a bracket            ┌──────────┐ ) closes one
//! ──► │ operand │◄─┘                                  │ operator │◄─┘ [5m] offset @
//!     └─────────┘                                     └──────────┘
//!          ▲   sign + - before a number                    │  │
//!          └───────────────────────────────────────────────┘  └─► end, no bracket open
//!            operator with its bool, on, group_left; comma in a call
//! ```
//!
//! Brackets and operators are counted on the way: they are what makes a tree deep.

use std::ops::Range;

use super::scan::{Token, TokenKind};
use crate::fault::Fault;
use crate::function;
use crate::labels::NAME;
use crate::limits::{DEPTH_MAX, OPERATORS_MAX};
use crate::tree::Aggregation;

/// Where things are, each list in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Sites {
    /// Names of functions and aggregations that are called.
    pub(super) calls: Vec<Range<usize>>,
    /// Selectors, from name to closing brace.
    pub(super) selectors: Vec<Range<usize>>,
    /// Operators between two expressions.
    pub(super) operators: Vec<Range<usize>>,
    /// Calls and brackets, which token each begins with and which comes after it; an inner one
    /// before the one around it.
    pub(super) groups: Vec<Range<usize>>,
}

/// What is open.
struct Open<'t> {
    bracket: Token<'t>,
    /// The token that it begins with, which of a call is its name.
    first: usize,
    is_call: bool,
    is_aggregation: bool,
}

struct Walk<'t> {
    text: &'t str,
    tokens: &'t [Token<'t>],
    at: usize,
    open: Vec<Open<'t>>,
    operators: usize,
    sites: Sites,
}

/// Words between two expressions.
const SET_OPERATORS: &[&str] = &["and", "or", "unless"];
const SIGN_OPERATORS: &[&str] = &["==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "^"];
/// Words that other versions of the language have in the place of an operator.
const FOREIGN: &[&str] = &["atan2", "fill", "fill_left", "fill_right", "smoothed", "anchored"];

/// Checks the order of all tokens.
pub(super) fn outline<'t>(text: &'t str, tokens: &'t [Token<'t>]) -> Result<Sites, Fault> {
    let mut walk =
        Walk { text, tokens, at: 0, open: Vec::new(), operators: 0, sites: Sites::default() };
    if tokens.is_empty() {
        return Err(Fault::new(text, 0..text.len(), "the query is empty"));
    }
    loop {
        walk.operand()?;
        if !walk.operators()? {
            return Ok(walk.sites);
        }
    }
}

impl<'t> Walk<'t> {
    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.at)
    }

    fn peek_is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.is(sign))
    }

    fn take(&mut self) -> Option<&'t Token<'t>> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes the next one if it is this sign.
    fn take_sign(&mut self, sign: &str) -> bool {
        let is = self.peek_is(sign);
        self.at += usize::from(is);
        is
    }

    fn take_word(&mut self, words: &[&str]) -> bool {
        let is = self.peek().is_some_and(|token| token.is_word(words));
        self.at += usize::from(is);
        is
    }

    fn fault<T>(&self, at: &Range<usize>, what: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::new(self.text, at.clone(), what))
    }

    /// What comes next is not what has to come.
    fn unexpected<T>(&self, expected: &str) -> Result<T, Fault> {
        match self.peek() {
            Some(token) => {
                self.fault(&token.at, format!("expected {expected}, found {}", token.name()))
            }
            None => {
                let end = self.text.len();
                self.fault(&(end..end), format!("expected {expected}, found the end"))
            }
        }
    }

    fn need_sign(&mut self, sign: &str, expected: &str) -> Result<(), Fault> {
        if self.take_sign(sign) { Ok(()) } else { self.unexpected(expected) }
    }

    fn need(&mut self, kind: TokenKind, expected: &str) -> Result<&'t Token<'t>, Fault> {
        match self.peek().filter(|token| token.kind == kind) {
            Some(token) => {
                self.at += 1;
                Ok(token)
            }
            None => self.unexpected(expected),
        }
    }

    fn count_operator(&mut self, at: &Range<usize>) -> Result<(), Fault> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return self.fault(at, format!("the query has more than {OPERATORS_MAX} operators"));
        }
        Ok(())
    }

    fn open(&mut self, open: Open<'t>) -> Result<(), Fault> {
        if self.open.len() == DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} brackets within each other");
            return self.fault(&open.bracket.at, what);
        }
        self.open.push(open);
        Ok(())
    }

    /// All up to the end of an operand.
    fn operand(&mut self) -> Result<(), Fault> {
        loop {
            let Some(token) = self.peek() else { return self.unexpected("an expression") };
            match token.kind {
                TokenKind::Number | TokenKind::Text => {
                    self.at += 1;
                    return Ok(());
                }
                TokenKind::Word => {
                    if self.word()? {
                        return Ok(());
                    }
                }
                TokenKind::Sign if token.is("+") || token.is("-") => {
                    self.at += 1;
                    self.count_operator(&token.at)?;
                }
                TokenKind::Sign if token.is("(") => {
                    let (bracket, first) = (token.clone(), self.at);
                    self.at += 1;
                    self.open(Open { bracket, first, is_call: false, is_aggregation: false })?;
                }
                TokenKind::Sign if token.is("{") => return self.selector(token.at.start),
                TokenKind::Sign | TokenKind::Duration => return self.unexpected("an expression"),
            }
        }
    }

    /// A call or a selector; whether the operand ended with it.
    fn word(&mut self) -> Result<bool, Fault> {
        let first = self.at;
        let Some(name) = self.take() else { return self.unexpected("an expression") };
        let next = self.peek();
        let groups_first = next.is_some_and(|token| token.is_word(&["by", "without"]));
        let aggregation = Aggregation::by_name(name.text);
        if aggregation.is_some() && groups_first {
            self.at += 1;
            self.label_list()?;
        } else if !self.peek_is("(") {
            return self.selector(name.at.start).map(|()| true);
        }
        if aggregation.is_none() && function::by_name(name.text).is_none() {
            return self.fault(&name.at, format!("the function {} is not supported", name.text));
        }
        self.sites.calls.push(name.at.clone());
        let bracket = self.peek();
        self.need_sign("(", "\"(\" and what to aggregate")?;
        let is_aggregation = aggregation.is_some();
        if self.take_sign(")") {
            return self.closed(first, is_aggregation).map(|()| true);
        }
        if let Some(bracket) = bracket.cloned() {
            self.open(Open { bracket, first, is_call: true, is_aggregation })?;
        }
        Ok(false)
    }

    /// The braces of a selector, if there are any; its name has been taken.
    fn selector(&mut self, start: usize) -> Result<(), Fault> {
        let mut end = self.tokens.get(self.at.wrapping_sub(1)).map_or(start, |it| it.at.end);
        let is_named = self.peek().is_none_or(|brace| brace.at.start != start);
        if self.take_sign("{") {
            while !self.take_sign("}") {
                if self.peek().is_some_and(|token| token.kind == TokenKind::Text) {
                    return self.unexpected("the name of a label without quotes");
                }
                let label = self.need(TokenKind::Word, "the name of a label or \"}\"")?;
                if label.text.contains(':') {
                    return self.fault(&label.at, format!("{} is no label", label.text));
                }
                if is_named && label.text == NAME {
                    return self.fault(&label.at, "the selector has a name already");
                }
                if !["=", "!=", "=~", "!~"].iter().any(|sign| self.take_sign(sign)) {
                    return self.unexpected("one of = != =~ !~");
                }
                self.need(TokenKind::Text, "a string")?;
                if self.peek().is_some_and(|token| token.is_word(&["or"])) {
                    return self.unexpected("\",\" or \"}\"");
                }
                if !self.take_sign(",") && !self.peek_is("}") {
                    return self.unexpected("\",\" or \"}\"");
                }
            }
            end = self.tokens.get(self.at.wrapping_sub(1)).map_or(end, |it| it.at.end);
        }
        self.sites.selectors.push(start..end);
        Ok(())
    }

    /// `(a, b)`
    fn label_list(&mut self) -> Result<(), Fault> {
        self.need_sign("(", "\"(\" and names of labels")?;
        while !self.take_sign(")") {
            let label = self.need(TokenKind::Word, "the name of a label or \")\"")?;
            if label.text.contains(':') {
                return self.fault(&label.at, format!("{} is no label", label.text));
            }
            if !self.take_sign(",") && !self.peek_is(")") {
                return self.unexpected("\",\" or \")\"");
            }
        }
        Ok(())
    }

    /// After the closing bracket of what began with the token `first`.
    fn closed(&mut self, first: usize, is_aggregation: bool) -> Result<(), Fault> {
        if is_aggregation && self.take_word(&["by", "without"]) {
            self.label_list()?;
        }
        self.sites.groups.push(first..self.at);
        Ok(())
    }

    /// All between an operand and the next one; false at the end of the query.
    fn operators(&mut self) -> Result<bool, Fault> {
        loop {
            let Some(token) = self.peek() else { return self.end().map(|()| false) };
            if self.take_sign(")") {
                let Some(open) = self.open.pop() else {
                    return self.fault(&token.at, "this \")\" closes nothing");
                };
                self.closed(open.first, open.is_aggregation)?;
            } else if token.is(",") {
                if !self.open.last().is_some_and(|open| open.is_call) {
                    return self.unexpected("an operator");
                }
                self.at += 1;
                return Ok(true);
            } else if self.take_sign("[") {
                self.range()?;
            } else if self.take_word(&["offset"]) {
                let _ = self.take_sign("-") || self.take_sign("+");
                self.need(TokenKind::Duration, "a duration, as 5m")?;
            } else if self.take_sign("@") {
                self.at_modifier()?;
            } else {
                return self.between().map(|()| true);
            }
        }
    }

    fn end(&self) -> Result<(), Fault> {
        match self.open.last() {
            Some(open) => self.fault(&open.bracket.at, "this \"(\" is never closed"),
            None => Ok(()),
        }
    }

    /// `5m]` or `5m:1m]`
    fn range(&mut self) -> Result<(), Fault> {
        self.need(TokenKind::Duration, "a duration, as 5m")?;
        if self.take_sign(":") && !self.peek_is("]") {
            self.need(TokenKind::Duration, "a duration, as 1m, or \"]\"")?;
        }
        self.need_sign("]", "\"]\"")
    }

    /// What follows `@`.
    fn at_modifier(&mut self) -> Result<(), Fault> {
        if self.take_word(&["start", "end"]) {
            self.need_sign("(", "\"()\"")?;
            return self.need_sign(")", "\")\"");
        }
        let _ = self.take_sign("-") || self.take_sign("+");
        self.need(TokenKind::Number, "seconds since 1970, start() or end()").map(drop)
    }

    /// An operator with what belongs to it.
    fn between(&mut self) -> Result<(), Fault> {
        let Some(token) = self.take() else { return self.unexpected("an operator") };
        if token.is_word(FOREIGN) {
            return self.fault(&token.at, format!("{} is not supported", token.text));
        }
        let is_sign = SIGN_OPERATORS.iter().any(|sign| token.is(sign));
        if !is_sign && !token.is_word(SET_OPERATORS) {
            self.at -= 1;
            return self.unexpected("an operator or the end");
        }
        self.count_operator(&token.at)?;
        self.sites.operators.push(token.at.clone());
        let _ = self.take_word(&["bool"]);
        if self.take_word(&["on", "ignoring"]) {
            self.label_list()?;
            if self.take_word(&["group_left", "group_right"]) && self.peek_is("(") {
                self.label_list()?;
            }
        }
        if self.peek().is_some_and(|token| token.is_word(FOREIGN) && !token.is_word(&["atan2"])) {
            // A metric may have such a name; only a bracket after it makes it a word of the
            // language.
            let is_metric = !self.tokens.get(self.at + 1).is_some_and(|token| token.is("("));
            if let Some(word) = self.peek().filter(|_| !is_metric) {
                return self.fault(&word.at, format!("{} is not supported", word.text));
            }
        }
        Ok(())
    }
}
