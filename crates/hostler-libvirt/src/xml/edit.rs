//! Changing a document that somebody else may have written: only the places that are meant,
//! and every other byte stays as it is, whatever it means (C20).
//!
//! ```text
//!   text ─ parsed ─► nodes with their places in the text
//!                       │ what is to become of some of them
//!                       ▼
//!   text ─────────► cut at these places, and put together anew
//! ```
//!
//! Nothing is written from the tree, so what this crate does not know cannot be lost, nor
//! can comments, the order of things or the way in which they are written. Places are counted
//! in the text that was parsed. What lies within something that goes, goes with it; two changes
//! of one place are a mistake of the caller, and refused.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use quick_xml::escape::escape;
use roxmltree::Node;

use super::element::{BadCharacter, Element, check};
use super::parse::Find;

/// Why a document could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadEdit {
    /// A value that no document can have.
    #[error(transparent)]
    Character(#[from] BadCharacter),
    /// One place was to become two things.
    #[error("two changes of one place of the document")]
    Overlap,
    /// The places are not those of the text.
    #[error("a place that is not in the document")]
    Misplaced,
}

/// Changes of one text, made together.
#[derive(Debug)]
pub(crate) struct Edits<'a> {
    text: &'a str,
    splices: Vec<(Range<usize>, String)>,
    /// What comes last within a node, by where the node begins.
    appended: BTreeMap<usize, (Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    /// None yet.
    pub(crate) fn of(text: &'a str) -> Self {
        Self { text, splices: Vec::new(), appended: BTreeMap::new() }
    }

    /// Takes a node out, with the space before it.
    pub(crate) fn remove(&mut self, node: Node<'_, '_>) {
        let range = node.range();
        let before = self.text.get(..range.start).unwrap_or_default();
        let start = before.trim_end().len();
        // The space belongs to the node only where nothing but markup comes before it.
        let start = if before[..start].ends_with('>') { start } else { range.start };
        self.splices.push((start..range.end, String::new()));
    }

    /// Takes the children of that name out of a node.
    pub(crate) fn remove_all(&mut self, parent: Node<'_, '_>, name: &str) {
        let named = |n: &Node<'_, '_>| n.is_element() && n.tag_name().name() == name;
        parent.children().filter(named).for_each(|node| self.remove(node));
    }

    /// Puts an element in the place of a node.
    pub(crate) fn replace(&mut self, node: Node<'_, '_>, with: &Element) -> Result<(), BadEdit> {
        self.replace_by_written(node, with.to_xml()?);
        Ok(())
    }

    /// Puts an element that is written already in the place of a node: a part of a document that
    /// was read as one, never what somebody typed.
    pub(crate) fn replace_by_written(&mut self, node: Node<'_, '_>, written: String) {
        self.splices.push((node.range(), written));
    }

    /// Adds an element as the last one of a node, in lines of its own.
    pub(crate) fn append(&mut self, parent: Node<'_, '_>, added: &Element) -> Result<(), BadEdit> {
        self.append_written(parent, &format!("{}\n", added.to_xml()?));
        Ok(())
    }

    /// Adds an element that is written already, as [`Self::replace_by_written`] does.
    pub(crate) fn append_written(&mut self, parent: Node<'_, '_>, written: &str) {
        let range = parent.range();
        let (_, text) = self.appended.entry(range.start).or_insert((range, String::new()));
        text.push_str(written);
    }

    /// Adds an element behind a node.
    pub(crate) fn insert_after(
        &mut self,
        node: Node<'_, '_>,
        added: &Element,
    ) -> Result<(), BadEdit> {
        let end = node.range().end;
        self.splices.push((end..end, added.to_xml()?));
        Ok(())
    }

    /// Lets a node have one child of that name, or none.
    pub(crate) fn child(
        &mut self,
        parent: Node<'_, '_>,
        name: &str,
        wanted: Option<&Element>,
    ) -> Result<(), BadEdit> {
        let there: Vec<_> = parent.all(name).collect();
        let mut rest = there.into_iter();
        match (rest.next(), wanted) {
            (Some(first), Some(wanted)) => self.replace(first, wanted)?,
            (Some(first), None) => self.remove(first),
            (None, Some(wanted)) => self.append(parent, wanted)?,
            (None, None) => {}
        }
        rest.for_each(|more| self.remove(more));
        Ok(())
    }

    /// Gives an element that holds only text another one.
    pub(crate) fn set_text(&mut self, node: Node<'_, '_>, text: &str) -> Result<(), BadEdit> {
        check(text, |_| false, || node.tag_name().name().to_owned())?;
        let Inside { content, is_closed, name } = self.inside(node)?;
        let text = escape(text).into_owned();
        let text = if is_closed { format!(">{text}</{name}>") } else { text };
        self.splices.push((content, text));
        Ok(())
    }

    /// Gives an element an attribute, another value for it, or takes it away.
    pub(crate) fn set_attribute(
        &mut self,
        node: Node<'_, '_>,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), BadEdit> {
        let place = || format!("{}/@{name}", node.tag_name().name());
        let value = match value {
            Some(value) => {
                check(value, |c| matches!(c, '\n' | '\t'), place)?;
                Some(escape(value).into_owned())
            }
            None => None,
        };
        match (node.attribute_node(name), value) {
            (Some(there), Some(value)) => self.splices.push((there.range_value(), value)),
            (Some(there), None) => {
                let range = there.range();
                let before = self.text.get(..range.start).ok_or(BadEdit::Misplaced)?;
                self.splices.push((before.trim_end().len()..range.end, String::new()));
            }
            (None, Some(value)) => {
                let at = node.range().start + 1 + self.qname(node)?.len();
                self.splices.push((at..at, format!(" {name}='{value}'")));
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The text with all changes made.
    pub(crate) fn made(mut self) -> Result<String, BadEdit> {
        for (range, added) in std::mem::take(&mut self.appended).into_values() {
            let Inside { content, is_closed, name } = self.inside_of(range)?;
            self.splices.push(match is_closed {
                true if added.ends_with('\n') => (content, format!(">\n{added}</{name}>")),
                true => (content, format!(">{added}</{name}>")),
                false => (content.end..content.end, added),
            });
        }
        // Stable: what is added in one place stays in its order, and before what goes from there.
        // What holds others comes before them.
        self.splices.sort_by_key(|(range, _)| (range.start, !range.is_empty(), Reverse(range.end)));
        let mut made = String::with_capacity(self.text.len());
        let (mut at, mut last) = (0, 0..0);
        for (range, with) in &self.splices {
            if range.start < at {
                if range.end <= at && *range != last {
                    continue;
                }
                return Err(BadEdit::Overlap);
            }
            made.push_str(self.text.get(at..range.start).ok_or(BadEdit::Misplaced)?);
            made.push_str(with);
            (at, last) = (range.end, range.clone());
        }
        made.push_str(self.text.get(at..).ok_or(BadEdit::Misplaced)?);
        Ok(made)
    }

    fn qname(&self, node: Node<'_, '_>) -> Result<&'a str, BadEdit> {
        qname(self.text.get(node.range()).ok_or(BadEdit::Misplaced)?)
    }

    fn inside(&self, node: Node<'_, '_>) -> Result<Inside<'a>, BadEdit> {
        self.inside_of(node.range())
    }

    fn inside_of(&self, range: Range<usize>) -> Result<Inside<'a>, BadEdit> {
        let text = self.text.get(range.clone()).ok_or(BadEdit::Misplaced)?;
        let name = qname(text)?;
        if text.ends_with("/>") {
            let content = range.end - 2..range.end;
            return Ok(Inside { content, is_closed: true, name });
        }
        let begins = start_tag(text).ok_or(BadEdit::Misplaced)?;
        let ends = text.rfind("</").ok_or(BadEdit::Misplaced)?;
        Ok(Inside { content: range.start + begins..range.start + ends, is_closed: false, name })
    }
}

/// What is between the tags of an element; of one that closes itself, its end.
struct Inside<'a> {
    content: Range<usize>,
    is_closed: bool,
    name: &'a str,
}

/// The name of an element with its prefix, as it is written.
fn qname(element: &str) -> Result<&str, BadEdit> {
    let name = element.strip_prefix('<').ok_or(BadEdit::Misplaced)?;
    let ends = name.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'));
    name.get(..ends.ok_or(BadEdit::Misplaced)?).ok_or(BadEdit::Misplaced)
}

/// Where the start tag ends; what is quoted may contain anything.
fn start_tag(element: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in element.char_indices() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), closing) if open == closing => quote = None,
            (None, '>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
