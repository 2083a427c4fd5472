//! Reading XML that somebody else wrote: bounded in size and depth, without
//! DTDs, and indifferent to what it does not know (A2).

use roxmltree::{Document, Node, ParsingOptions};

/// The largest document read, in bytes. Domains with hundreds of devices have
/// some 200 KiB; capabilities of large NUMA hosts come near a megabyte.
pub(crate) const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting accepted.
pub(crate) const MAX_DEPTH: usize = 64;
/// The most nodes accepted.
const MAX_NODES: u32 = 500_000;
/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;

/// Why a document was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadXml {
    /// Too many bytes.
    #[error("it has {0} bytes, more than the {MAX_BYTES} that are read")]
    TooLarge(usize),
    /// Nested too deeply.
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Too many attributes on one element.
    #[error("an element has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// Not well-formed, or with a DTD.
    #[error("it is not well-formed: {0}")]
    Malformed(String),
    /// Well-formed, but not what was expected.
    #[error("its root is <{0}>, not <{1}>")]
    WrongRoot(String, &'static str),
    /// Something that it cannot be without.
    #[error("it has no {0}")]
    Missing(&'static str),
}

/// Parses `text`, whose root element must be `root`.
pub(crate) fn parse<'a>(text: &'a str, root: &'static str) -> Result<Document<'a>, BadXml> {
    if text.len() > MAX_BYTES {
        return Err(BadXml::TooLarge(text.len()));
    }
    // The tree builder recurses by depth, so depth is bounded before it starts.
    check_shape(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..Default::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| BadXml::Malformed(error.to_string()))?;
    let found = document.root_element().tag_name().name();
    if found == root {
        Ok(document)
    } else {
        Err(BadXml::WrongRoot(found.chars().take(40).collect(), root))
    }
}

/// One cheap pass over the events, before any tree is built.
fn check_shape(text: &str) -> Result<(), BadXml> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0_usize;
    loop {
        let attributes = match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(Event::Start(start)) => {
                depth += 1;
                start.attributes().with_checks(false).take(MAX_ATTRIBUTES + 1).count()
            }
            Ok(Event::Empty(start)) => {
                start.attributes().with_checks(false).take(MAX_ATTRIBUTES + 1).count()
            }
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                0
            }
            Ok(_) => 0,
            Err(error) => return Err(BadXml::Malformed(error.to_string())),
        };
        if depth > MAX_DEPTH {
            return Err(BadXml::TooDeep);
        }
        if attributes > MAX_ATTRIBUTES {
            return Err(BadXml::TooManyAttributes);
        }
    }
}

/// Finds things below a node.
pub(crate) trait Find<'a> {
    /// The first child element of that name.
    fn get(&self, name: &str) -> Option<Node<'a, 'a>>;
    /// All child elements of that name.
    fn all(&self, name: &str) -> impl Iterator<Item = Node<'a, 'a>>;
    /// The text of the first child element of that name.
    fn text_of(&self, name: &str) -> Option<&'a str>;
    /// An attribute as owned text; an empty one counts as absent.
    fn attr(&self, name: &str) -> Option<String>;
}

impl<'a> Find<'a> for Node<'a, 'a> {
    fn get(&self, name: &str) -> Option<Node<'a, 'a>> {
        self.children().find(|n| n.is_element() && n.tag_name().name() == name)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = Node<'a, 'a>> {
        self.children().filter(move |n| n.is_element() && n.tag_name().name() == name)
    }

    fn text_of(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.text()
    }

    fn attr(&self, name: &str) -> Option<String> {
        self.attribute(name).filter(|v| !v.is_empty()).map(str::to_owned)
    }
}

/// A size element such as `<memory unit='KiB'>` in bytes; `None` when it is
/// not a number, has a unknown unit, or does not fit.
pub(crate) fn size_bytes(node: Node<'_, '_>, default_unit: &str) -> Option<u64> {
    let number: u64 = node.text()?.trim().parse().ok()?;
    let factor: u64 = match node.attribute("unit").unwrap_or(default_unit) {
        "b" | "bytes" | "B" => 1,
        "KB" => 1_000,
        "k" | "K" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "M" | "m" | "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "G" | "g" | "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "T" | "t" | "TiB" => 1 << 40,
        "P" | "PiB" => 1 << 50,
        "E" | "EiB" => 1 << 60,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_bombs_are_refused_before_a_tree_is_built() {
        let deep = "<a>".repeat(100_000);
        assert_eq!(parse(&deep, "a").unwrap_err(), BadXml::TooDeep);
        let wide: String = (0..1_000).map(|n| format!(" a{n}='1'")).collect();
        assert_eq!(parse(&format!("<a{wide}/>"), "a").unwrap_err(), BadXml::TooManyAttributes);
        let large = format!("<a>{}</a>", "x".repeat(MAX_BYTES));
        assert!(matches!(parse(&large, "a"), Err(BadXml::TooLarge(_))));
    }

    #[test]
    fn a2_dtds_are_refused() {
        let text = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
        assert!(matches!(parse(text, "a"), Err(BadXml::Malformed(_))));
    }

    #[test]
    fn a_document_of_another_kind_is_told_apart() {
        assert_eq!(
            parse("<pool/>", "domain").unwrap_err(),
            BadXml::WrongRoot("pool".into(), "domain")
        );
        assert!(matches!(parse("", "domain"), Err(BadXml::Malformed(_))));
        assert!(matches!(parse("<domain>", "domain"), Err(BadXml::Malformed(_))));
    }

    #[test]
    fn sizes_come_in_many_units_and_never_overflow() {
        let read = |xml: &str| {
            let document = Document::parse(xml).unwrap();
            size_bytes(document.root_element(), "KiB")
        };
        assert_eq!(read("<m>4</m>"), Some(4096));
        assert_eq!(read("<m unit='GiB'> 2 </m>"), Some(2 << 30));
        assert_eq!(read("<m unit='bytes'>7</m>"), Some(7));
        for bad in ["<m/>", "<m>-1</m>", "<m unit='parsec'>1</m>", "<m unit='E'>99999</m>"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
