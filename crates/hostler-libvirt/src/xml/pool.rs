//! Reads storage pools.

use super::parse::{BadXml, Find, parse};

/// A pool's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    /// `dir`, `logical`, `rbd` …
    pub(crate) kind: String,
    /// Where its volumes are on the host, where they are anywhere.
    pub(crate) target: Option<String>,
}

impl Pool {
    /// Reads the document.
    pub(crate) fn read(xml: &str) -> Result<Self, BadXml> {
        let document = parse(xml, "pool")?;
        let root = document.root_element();
        Ok(Self {
            kind: root.attr("type").ok_or(BadXml::Missing("type"))?,
            target: root.get("target").and_then(|t| t.text_of("path")).map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_place_are_read() {
        let xml = "<pool type='dir'><name>default</name><target><path>/p</path></target></pool>";
        let read = Pool::read(xml).unwrap();
        assert_eq!((read.kind.as_str(), read.target.as_deref()), ("dir", Some("/p")));
        assert_eq!(Pool::read("<pool/>").unwrap_err(), BadXml::Missing("type"));
    }
}
