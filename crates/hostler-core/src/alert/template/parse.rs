//! Reads templates: text up to `{{`, a pipeline up to `}}`, and so on.

use super::{Command, Function, Operand, Part, TEMPLATE_MAX, TemplateFault, Verb};
use crate::metrics::series::is_label_name;

/// The most decimals or digits that `printf` writes.
const DIGITS_MAX: usize = 20;

enum Token {
    /// `$labels.vm`, `humanize`, `|` excluded.
    Word(String),
    Text(String),
    Bar,
}

/// The parts, and all faults; a faulty gap is kept as text.
pub(super) fn parts(source: &str) -> (Vec<Part>, Vec<TemplateFault>) {
    let (mut parts, mut faults) = (Vec::new(), Vec::new());
    if source.len() > TEMPLATE_MAX {
        faults.push(TemplateFault { at: 0, what: format!("longer than {TEMPLATE_MAX} bytes") });
        // Only told, never used: {{ shows that it is none of ours.
        parts.push(Part::Text("{{ too long }}".into()));
        return (parts, faults);
    }
    let mut rest = source;
    let mut trim_start = false;
    while let Some((before, after)) = rest.split_once("{{") {
        let before = if trim_start { before.trim_start() } else { before };
        let at = source.len() - after.len() - 2;
        let Some(length) = end_of(after) else {
            // A quote that does not end may have swallowed the end: look again without it.
            let (length, what) = match after.find("}}") {
                Some(length) => (length + 2, "a quote that does not end"),
                None => (after.len(), "there is no }} to this {{"),
            };
            faults.push(fault(source, at, what.into()));
            push_text(&mut parts, before);
            push_text(&mut parts, &format!("{{{{{}", &after[..length]));
            rest = &after[length..];
            trim_start = false;
            continue;
        };
        let (inner, next) = (&after[..length], &after[length + 2..]);
        let (body, trims_before, trims_after) = without_trims(inner);
        push_text(&mut parts, if trims_before { before.trim_end() } else { before });
        match pipeline(body) {
            Ok(None) => {}
            Ok(Some(commands)) => parts.push(Part::Pipeline(commands)),
            Err(what) => {
                faults.push(fault(source, at, what));
                push_text(&mut parts, &format!("{{{{{inner}}}}}"));
            }
        }
        trim_start = trims_after;
        rest = next;
    }
    push_text(&mut parts, if trim_start { rest.trim_start() } else { rest });
    (parts, faults)
}

fn fault(source: &str, at: usize, what: String) -> TemplateFault {
    TemplateFault { at: source[..at].chars().count(), what }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.into())),
    }
}

/// Where `}}` is, outside of quotes.
fn end_of(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '`') => quote = Some(character),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

/// Without the dashes that trim the text around.
fn without_trims(inner: &str) -> (&str, bool, bool) {
    let (body, before) = match inner.strip_prefix('-') {
        Some(rest) if rest.starts_with(char::is_whitespace) => (rest, true),
        _ => (inner, false),
    };
    match body.strip_suffix('-') {
        Some(rest) if rest.ends_with(char::is_whitespace) => (rest, before, true),
        _ => (body, before, false),
    }
}

/// The commands; `None` for a comment.
fn pipeline(body: &str) -> Result<Option<Vec<Command>>, String> {
    let body = body.trim();
    if body.starts_with("/*") && body.ends_with("*/") {
        return Ok(None);
    }
    let tokens = tokens(body)?;
    let stages: Vec<&[Token]> = tokens.split(|token| matches!(token, Token::Bar)).collect();
    let mut commands = Vec::new();
    for (at, stage) in stages.into_iter().enumerate() {
        commands.push(command(stage, at > 0)?);
    }
    Ok(Some(commands))
}

fn tokens(body: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = body.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '|' => {
                tokens.push(Token::Bar);
                after
            }
            '`' => {
                let (text, after) = after.split_once('`').ok_or("a quote that does not end")?;
                tokens.push(Token::Text(text.into()));
                after
            }
            '"' => {
                let (text, after) = quoted(after)?;
                tokens.push(Token::Text(text));
                after
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '|' | '"' | '`');
                let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                tokens.push(Token::Word(word.into()));
                after
            }
        };
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// The text up to the quote, and what comes after.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, plain @ ('"' | '\\'))) => value.push(plain),
                _ => return Err("an escape other than \\n, \\t, \\\" and \\\\".into()),
            },
            plain => value.push(plain),
        }
    }
    Err("a quote that does not end".into())
}

fn command(tokens: &[Token], piped: bool) -> Result<Command, String> {
    let (first, rest) = tokens.split_first().ok_or("there is nothing to write")?;
    if let Token::Word(word) = first
        && !word.starts_with(['$', '.'])
    {
        return call(word, rest, piped);
    }
    if piped {
        return Err("after | comes a function".into());
    }
    if !rest.is_empty() {
        return Err("a value takes no arguments".into());
    }
    Ok(Command::Value(operand(first)?))
}

fn operand(token: &Token) -> Result<Operand, String> {
    match token {
        Token::Text(text) => Ok(Operand::Text(text.clone())),
        Token::Bar => Err("there is nothing to write".into()),
        Token::Word(word) => match word.as_str() {
            "$value" | ".Value" => Ok(Operand::Value),
            _ => {
                let name = word.strip_prefix("$labels.").or_else(|| word.strip_prefix(".Labels."));
                match name {
                    Some(name) if is_label_name(name) => Ok(Operand::Label(name.into())),
                    _ => Err(format!("{word} is not known; there are $labels.NAME and $value")),
                }
            }
        },
    }
}

fn call(name: &str, arguments: &[Token], piped: bool) -> Result<Command, String> {
    let function = match name {
        "humanize" => Function::Humanize,
        "humanize1024" => Function::Humanize1024,
        "humanizeDuration" => Function::Duration,
        "humanizePercentage" => Function::Percentage,
        "toUpper" => Function::Upper,
        "toLower" => Function::Lower,
        "printf" => return printf(arguments, piped),
        _ => {
            return Err(format!(
                "the function {name} is not known; there are humanize, humanize1024, \
                 humanizeDuration, humanizePercentage, printf, toUpper and toLower"
            ));
        }
    };
    let operands = arguments.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
    if operands.len() + usize::from(piped) != 1 {
        return Err(format!("{name} takes one argument"));
    }
    Ok(Command::Call(function, operands))
}

fn printf(arguments: &[Token], piped: bool) -> Result<Command, String> {
    let Some((Token::Text(format), rest)) = arguments.split_first() else {
        return Err("printf begins with a text in quotes".into());
    };
    let verbs = verbs(format)?;
    let wanted = verbs.iter().filter(|verb| !matches!(verb, Verb::Text(_))).count();
    let operands = rest.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
    if operands.len() + usize::from(piped) != wanted {
        return Err(format!("{format:?} takes {wanted} arguments"));
    }
    Ok(Command::Call(Function::Printf(verbs), operands))
}

fn verbs(format: &str) -> Result<Vec<Verb>, String> {
    let mut verbs = Vec::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        verbs.push(Verb::Text(before.into()));
        let (precision, after) = match after.strip_prefix('.') {
            Some(after) => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                let (number, after) = after.split_at(digits);
                // C reads a missing number as 0.
                let read = if number.is_empty() { Ok(0) } else { number.parse::<usize>() };
                match read {
                    Ok(read) if read <= DIGITS_MAX => (Some(read), after),
                    _ => return Err(format!("%.{number} is more than {DIGITS_MAX} digits")),
                }
            }
            None => (None, after),
        };
        let verb = after.chars().next();
        verbs.push(match (verb, precision) {
            (Some('f'), _) => Verb::Fixed(precision.unwrap_or(6)),
            (Some('g'), _) => Verb::General(precision),
            (Some('s' | 'v'), None) => Verb::Plain,
            (Some('%'), None) => Verb::Text("%".into()),
            _ => {
                let shown: String = verb.into_iter().collect();
                return Err(format!("%{shown} is not known; there are %f, %g, %s, %v and %%"));
            }
        });
        rest = &after[1..];
    }
    verbs.push(Verb::Text(rest.into()));
    Ok(verbs)
}
