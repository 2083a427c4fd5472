//! Marks in a domain's metadata: libvirt keeps one element for each namespace.

use roxmltree::Node;

use crate::xml::edit::{BadEdit, Edits};
use crate::xml::element::Element;
use crate::xml::parse::Find;

/// Puts an element of a namespace of ours into a domain's metadata, in place of one of that
/// namespace; `None` takes it away.
pub(crate) fn set(
    edits: &mut Edits<'_>,
    domain: Node<'_, '_>,
    namespace: &str,
    mark: Option<&Element>,
) -> Result<(), BadEdit> {
    let Some(metadata) = domain.get("metadata") else {
        let Some(mark) = mark else { return Ok(()) };
        let with = Element::new("metadata").child(mark.clone());
        return match domain.get("name") {
            Some(name) => edits.insert_after(name, &with),
            None => edits.append(domain, &with),
        };
    };
    let is_old =
        |node: &Node<'_, '_>| node.is_element() && node.tag_name().namespace() == Some(namespace);
    metadata.children().filter(is_old).for_each(|node| edits.remove(node));
    mark.map_or(Ok(()), |mark| edits.append(metadata, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c20_a_mark_takes_the_place_of_the_one_of_its_namespace() {
        let with = |text: &str, mark: Option<&Element>| {
            let document = roxmltree::Document::parse(text).unwrap();
            let mut edits = Edits::of(text);
            set(&mut edits, document.root_element(), "urn:m", mark).unwrap();
            // What is added stands in lines of its own.
            edits.made().unwrap().lines().map(str::trim_start).collect::<String>()
        };
        let mark = Element::new("m:x").attribute("xmlns:m", "urn:m");
        let there =
            "<d><name>n</name><metadata><o:y xmlns:o='urn:m' a='1'/><p xmlns='u'/></metadata></d>";
        let wanted =
            "<d><name>n</name><metadata><p xmlns='u'/><m:x xmlns:m=\"urn:m\"/></metadata></d>";
        assert_eq!(with(there, Some(&mark)), wanted);
        let without = "<d><name>n</name><metadata><p xmlns='u'/></metadata></d>";
        assert_eq!(with(there, None), without);
        let wanted = "<d><name>n</name><metadata><m:x xmlns:m=\"urn:m\"/></metadata></d>";
        assert_eq!(with("<d><name>n</name></d>", Some(&mark)), wanted);
        assert_eq!(with("<d><name>n</name><metadata/></d>", Some(&mark)), wanted);
        assert_eq!(with("<d><name>n</name></d>", None), "<d><name>n</name></d>");
    }
}
