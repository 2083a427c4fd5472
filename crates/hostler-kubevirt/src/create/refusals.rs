//! What of a VM's specification a cluster cannot have, or what is wrong there: all
//! of it at once, each with its field. Nothing is left out silently.

use hostler_provider::{Error, Kind, Result};

/// The most fields that a message holds.
const NAMED: usize = 8;

/// What is refused.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<(Kind, String)>);

impl Refusals {
    /// KubeVirt has no such thing. `field` is a JSON pointer into the specification.
    pub(super) fn cannot(&mut self, field: impl AsRef<str>, why: impl AsRef<str>) {
        self.add(Kind::Unsupported, field.as_ref(), why.as_ref());
    }

    /// It can be had otherwise.
    pub(super) fn wrong(&mut self, field: impl AsRef<str>, why: impl AsRef<str>) {
        self.add(Kind::Invalid, field.as_ref(), why.as_ref());
    }

    fn add(&mut self, kind: Kind, field: &str, why: &str) {
        self.0.push((kind, format!("{field}: {why}")));
    }

    /// # Errors
    /// `Unsupported` where KubeVirt lacks something, else `Invalid`.
    pub(super) fn into_result(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lacks = self.0.iter().any(|(kind, _)| *kind == Kind::Unsupported);
        let kind = if lacks { Kind::Unsupported } else { Kind::Invalid };
        let all = self.0.len();
        let mut named: Vec<String> = self.0.into_iter().take(NAMED).map(|(_, text)| text).collect();
        if all > NAMED {
            named.push(format!("and {} more", all - NAMED));
        }
        Err(Error::new(kind, named.join("; ")))
    }
}
