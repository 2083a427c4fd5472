//! How the VMs of one request are named: `web-{n}`, or `web-{n:03}` for `web-001`.

use crate::error::{Code, Error, Fault, Result};
use crate::name;

/// The widest number, in digits.
const WIDTH_MAX: usize = 9;

/// A name with at most one place for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    before: String,
    /// How many digits at least, and what follows; `None`: a name without a number.
    number: Option<(usize, String)>,
}

impl NamePattern {
    /// The pattern written as `text`.
    ///
    /// # Errors
    /// With a fault of `/name`.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((before, rest)) = text.split_once('{') else {
            return plain(text).map(|()| Self { before: text.to_owned(), number: None });
        };
        let wrong = || {
            fault("bad_pattern", "may hold one place for a number: {n}, or {n:03} for three digits")
        };
        let (inside, after) = rest.split_once('}').ok_or_else(wrong)?;
        plain(before)?;
        plain(after)?;
        let width = match inside.split_once(':') {
            None if inside == "n" => 1,
            Some(("n", digits)) => {
                let width = digits.strip_prefix('0').and_then(|digits| digits.parse().ok());
                width.filter(|width| (1..=WIDTH_MAX).contains(width)).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        Ok(Self { before: before.to_owned(), number: Some((width, after.to_owned())) })
    }

    /// The names of `count` VMs, the first with the number `first`.
    ///
    /// # Errors
    /// With a fault of `/count`, or of `/name` where a name is none of a VM.
    pub fn names(&self, first: u32, count: u32) -> Result<Vec<(u32, String)>> {
        if count == 0 || count > super::COUNT_MAX {
            let detail = format!("must be from 1 to {}", super::COUNT_MAX);
            return Err(at("/count", "out_of_range", &detail));
        }
        if count > 1 && self.number.is_none() {
            return Err(fault("needs_number", "needs a place for a number, as in web-{n}"));
        }
        let mut names = Vec::new();
        for number in first..first.saturating_add(count) {
            let name = match &self.number {
                None => self.before.clone(),
                Some((width, after)) => format!("{}{number:0width$}{after}", self.before),
            };
            name::check_vm(&name)
                .map_err(|bad| fault("bad_name", &format!("gives `{name}`, which {bad}")))?;
            names.push((number, name));
        }
        if names.len() != count as usize {
            return Err(at("/first", "out_of_range", "leaves no room for so many numbers"));
        }
        Ok(names)
    }
}

fn plain(text: &str) -> Result<()> {
    match text.contains(['{', '}']) {
        true => Err(fault("bad_pattern", "may hold one place for a number, as in web-{n}")),
        false => Ok(()),
    }
}

fn fault(code: &str, detail: &str) -> Error {
    at("/name", code, detail)
}

fn at(pointer: &str, code: &str, detail: &str) -> Error {
    Error::faults(Code::SpecInvalid, vec![Fault::new(pointer, code, detail)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, first: u32, count: u32) -> Vec<String> {
        let names = NamePattern::parse(pattern).and_then(|it| it.names(first, count));
        match names {
            Ok(names) => names.into_iter().map(|(_, name)| name).collect(),
            Err(error) => {
                error.fault_list().iter().map(|f| format!("{} {}", f.pointer, f.code)).collect()
            }
        }
    }

    #[test]
    fn c19_several_vms_get_names_with_numbers() {
        assert_eq!(names("web", 1, 1), ["web"]);
        assert_eq!(names("web-{n}", 9, 2), ["web-9", "web-10"]);
        assert_eq!(names("w{n:03}.eu", 7, 2), ["w007.eu", "w008.eu"]);
        assert_eq!(names("{n}", 0, 1), ["0"]);
    }

    #[test]
    fn c19_a_pattern_that_names_nobody_is_refused() {
        for (pattern, count, why) in [
            ("web", 2, "/name needs_number"),
            ("web-{n}", 0, "/count out_of_range"),
            ("web-{n}", 101, "/count out_of_range"),
            ("web-{m}", 1, "/name bad_pattern"),
            ("web-{n:3}", 1, "/name bad_pattern"),
            ("web-{n:099}", 1, "/name bad_pattern"),
            ("web-{n", 1, "/name bad_pattern"),
            ("{n}{n}", 1, "/name bad_pattern"),
            ("a b{n}", 1, "/name bad_name"),
            ("-{n}", 1, "/name bad_name"),
        ] {
            assert_eq!(names(pattern, 1, count), [why], "{pattern}");
        }
        assert_eq!(names("w{n}", u32::MAX, 2), ["/first out_of_range"]);
    }
}
