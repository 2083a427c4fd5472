//! XML as values: elements are built as a tree and written out by quick-xml,
//! so that no value can ever become markup (A1).
//!
//! Names of elements and attributes are `'static`: only this crate's source
//! decides them. Values may come from anybody.

use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

/// Why a tree could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value for {place} contains a character that XML cannot carry: {character:?}")]
pub(crate) struct BadCharacter {
    /// Element or attribute, for the message.
    pub(crate) place: String,
    /// The first offender.
    pub(crate) character: char,
}

/// An element with its attributes and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Children(Vec<Element>),
    Text(String),
}

impl Element {
    /// An empty element.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Children(Vec::new()) }
    }

    /// An element that holds only text.
    pub(crate) fn text(name: &'static str, text: impl ToString) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Text(text.to_string()) }
    }

    /// The same with one attribute more.
    #[must_use]
    pub(crate) fn attribute(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// The same with one child more; text content is replaced.
    #[must_use]
    pub(crate) fn child(mut self, child: Self) -> Self {
        match &mut self.content {
            Content::Children(children) => children.push(child),
            Content::Text(_) => self.content = Content::Children(vec![child]),
        }
        self
    }

    /// The same with a child, where there is one.
    #[must_use]
    pub(crate) fn maybe(self, child: Option<Self>) -> Self {
        match child {
            Some(child) => self.child(child),
            None => self,
        }
    }

    /// The same with more children.
    #[must_use]
    pub(crate) fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Its elements of that name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        let children = match &self.content {
            Content::Children(children) => children.as_slice(),
            Content::Text(_) => &[],
        };
        children.iter().filter(move |child| child.name == name)
    }

    /// Its first element of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.all(name).next()
    }

    /// The value of one of its attributes.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(there, _)| *there == name).map(|(_, value)| value.as_str())
    }

    /// Its text, where it holds only text.
    pub(crate) fn content(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Children(_) => None,
        }
    }

    /// How many elements there are, itself included.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        match &self.content {
            Content::Children(children) => 1 + children.iter().map(Self::count).sum::<usize>(),
            Content::Text(_) => 1,
        }
    }

    /// Writes the tree out as a document without declaration.
    pub(crate) fn to_xml(&self) -> Result<String, BadCharacter> {
        let mut writer = quick_xml::Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write(&mut writer)?;
        Ok(String::from_utf8(writer.into_inner()).expect("only UTF-8 strings were written"))
    }

    fn write(&self, writer: &mut quick_xml::Writer<Vec<u8>>) -> Result<(), BadCharacter> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            // Parsers turn line ends and tabs in attributes into spaces, so such
            // a value would come back as another one.
            check(value, |c| matches!(c, '\n' | '\t'), || format!("{}/@{name}", self.name))?;
            start.push_attribute((*name, value.as_str()));
        }
        match &self.content {
            Content::Children(children) if children.is_empty() => emit(writer, Event::Empty(start)),
            Content::Children(children) => {
                emit(writer, Event::Start(start));
                for child in children {
                    child.write(writer)?;
                }
                emit(writer, Event::End(BytesEnd::new(self.name)));
            }
            Content::Text(text) => {
                check(text, |_| false, || self.name.to_owned())?;
                emit(writer, Event::Start(start));
                emit(writer, Event::Text(BytesText::new(text)));
                emit(writer, Event::End(BytesEnd::new(self.name)));
            }
        }
        Ok(())
    }
}

fn emit(writer: &mut quick_xml::Writer<Vec<u8>>, event: Event<'_>) {
    writer.write_event(event).expect("writing to memory does not fail");
}

/// Refuses what XML cannot carry, and what `also_bad` says.
pub(crate) fn check(
    value: &str,
    also_bad: impl Fn(char) -> bool,
    place: impl FnOnce() -> String,
) -> Result<(), BadCharacter> {
    let bad = |c: &char| {
        let control = c.is_control() && !matches!(c, '\n' | '\t');
        control || matches!(c, '\u{fffe}' | '\u{ffff}') || also_bad(*c)
    };
    match value.chars().find(bad) {
        Some(character) => Err(BadCharacter { place: place(), character }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_values_never_become_markup() {
        let canary = "\"/><qemu:arg value='&x;]]>";
        let tree = Element::new("a")
            .attribute("b", canary)
            .child(Element::text("c", canary))
            .child(Element::new("d"));
        let xml = tree.to_xml().unwrap();
        let read = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(read.descendants().filter(|n| n.is_element()).count(), tree.count());
        assert_eq!(read.root_element().attribute("b"), Some(canary));
        let c = read.descendants().find(|n| n.has_tag_name("c")).unwrap();
        assert_eq!(c.text(), Some(canary));
    }

    #[test]
    fn a1_characters_that_xml_cannot_carry_are_refused_by_place() {
        let error = Element::new("a").attribute("b", "x\ny").to_xml().unwrap_err();
        assert_eq!(error, BadCharacter { place: "a/@b".into(), character: '\n' });
        let error = Element::text("a", "x\u{1}").to_xml().unwrap_err();
        assert_eq!(error.place, "a");
        assert!(Element::text("a", "two\nlines").to_xml().is_ok());
    }
}
