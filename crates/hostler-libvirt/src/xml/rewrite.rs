//! Changes of a document that somebody else may have written: only what is to change is
//! replaced, and everything else stays as it was, byte for byte. So nothing in it can be
//! lost, whether this crate knows it or not.

use std::ops::Range;

use roxmltree::Node;

use super::parse::Find;

/// Replacements to be made in a text, gathered while it is read.
pub(crate) struct Edits<'t> {
    text: &'t str,
    all: Vec<(Range<usize>, String)>,
}

impl<'t> Edits<'t> {
    /// No replacements yet.
    pub(crate) const fn of(text: &'t str) -> Self {
        Self { text, all: Vec::new() }
    }

    /// Replaces an element, or what is between two places.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.all.push((range, with.into()));
    }

    /// Takes an element out.
    pub(crate) fn remove(&mut self, node: Node<'_, '_>) {
        self.replace(node.range(), "");
    }

    /// Takes all elements of a name out of one.
    pub(crate) fn remove_all(&mut self, of: Node<'_, '_>, name: &str) {
        of.children().filter(|n| n.has_tag_name(name)).for_each(|node| self.remove(node));
    }

    /// Sets an attribute.
    pub(crate) fn set(&mut self, node: Node<'_, '_>, name: &str, value: &str) {
        let value = quick_xml::escape::escape(value);
        match node.attribute_node(name) {
            Some(attribute) => self.replace(attribute.range_value(), value),
            None => {
                let at = self.end_of_name(node);
                self.replace(at..at, format!(" {name}=\"{value}\""));
            }
        }
    }

    /// Sets the text of an element, whatever it holds.
    pub(crate) fn set_text(&mut self, node: Node<'_, '_>, text: &str) {
        let (name, text) = (node.tag_name().name(), quick_xml::escape::escape(text));
        self.replace(node.range(), format!("<{name}>{text}</{name}>"));
    }

    /// Adds to the end of an element.
    pub(crate) fn append(&mut self, node: Node<'_, '_>, xml: &str) {
        let range = node.range();
        let written = self.text.get(range.clone()).unwrap_or_default();
        match written.rfind("</") {
            Some(end) => self.replace(range.start + end..range.start + end, xml),
            None => {
                let slash = range.end.saturating_sub(2);
                let at = self.end_of_name(node);
                let name = self.text.get(range.start + 1..at).unwrap_or_default();
                self.replace(slash..range.end, format!(">{xml}</{name}>"));
            }
        }
    }

    /// Adds behind an element.
    pub(crate) fn add_after(&mut self, node: Node<'_, '_>, xml: &str) {
        let end = node.range().end;
        self.replace(end..end, xml);
    }

    /// Where the name of an element ends, in its opening tag.
    fn end_of_name(&self, node: Node<'_, '_>) -> usize {
        let start = node.range().start + 1;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'));
        start + length.unwrap_or_default()
    }

    /// The text with all replacements. What lies within something else that is replaced goes
    /// with it.
    pub(crate) fn done(mut self) -> String {
        self.all.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut text = String::with_capacity(self.text.len() + 256);
        let mut at = 0;
        for (range, with) in self.all {
            if range.start < at {
                continue;
            }
            text.push_str(self.text.get(at..range.start).unwrap_or_default());
            text.push_str(&with);
            at = range.end;
        }
        text.push_str(self.text.get(at..).unwrap_or_default());
        text
    }
}

/// Puts an element of a namespace of ours into a domain's metadata, in place of one of that
/// namespace: libvirt keeps one for each. An empty text takes it away.
pub(crate) fn set_mark(edits: &mut Edits<'_>, domain: Node<'_, '_>, namespace: &str, mark: &str) {
    let Some(metadata) = domain.get("metadata") else {
        if mark.is_empty() {
            return;
        }
        let with = format!("<metadata>{mark}</metadata>");
        match domain.get("name") {
            Some(name) => edits.add_after(name, &with),
            None => edits.append(domain, &with),
        }
        return;
    };
    let is_old =
        |node: &Node<'_, '_>| node.is_element() && node.tag_name().namespace() == Some(namespace);
    metadata.children().filter(is_old).for_each(|node| edits.remove(node));
    edits.append(metadata, mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl Fn(&mut Edits<'_>, Node<'_, '_>)) -> String {
        let document = roxmltree::Document::parse(text).unwrap();
        let mut edits = Edits::of(text);
        edit(&mut edits, document.root_element());
        edits.done()
    }

    #[test]
    fn i15_what_is_not_changed_stays_byte_for_byte() {
        let text = "<a  x='1'>\n <!-- c --><b y=\"2\"/><q:z xmlns:q='u'>&amp;</q:z>\n</a>";
        assert_eq!(edited(text, |_, _| ()), text);
        let changed = edited(text, |edits, root| {
            edits.set(root, "x", "<'\"&>");
            edits.set(root.get("b").unwrap(), "n", "3");
            edits.append(root, "<e/>");
        });
        let wanted = "<a  x='&lt;&apos;&quot;&amp;&gt;'>\n <!-- c --><b n=\"3\" y=\"2\"/>\
            <q:z xmlns:q='u'>&amp;</q:z>\n<e/></a>";
        assert_eq!(changed, wanted);
    }

    #[test]
    fn what_is_within_something_that_goes_goes_with_it() {
        let text = "<a><b><c/></b><b/></a>";
        let changed = edited(text, |edits, root| {
            let b = root.get("b").unwrap();
            edits.set(b.get("c").unwrap(), "x", "1");
            edits.remove_all(root, "b");
        });
        assert_eq!(changed, "<a></a>");
    }

    #[test]
    fn a_mark_takes_the_place_of_the_one_of_its_namespace() {
        let mark = |edits: &mut Edits<'_>, root: Node<'_, '_>| {
            set_mark(edits, root, "urn:m", "<m:x xmlns:m='urn:m'/>");
        };
        let there =
            "<d><name>n</name><metadata><o:y xmlns:o='urn:m' a='1'/><p xmlns='u'/></metadata></d>";
        let wanted =
            "<d><name>n</name><metadata><p xmlns='u'/><m:x xmlns:m='urn:m'/></metadata></d>";
        assert_eq!(edited(there, mark), wanted);
        let wanted = "<d><name>n</name><metadata><m:x xmlns:m='urn:m'/></metadata></d>";
        assert_eq!(edited("<d><name>n</name></d>", mark), wanted);
        assert_eq!(edited("<d><name>n</name><metadata/></d>", mark), wanted);
    }
}
