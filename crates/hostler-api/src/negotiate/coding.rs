//! Which content coding an answer gets: `Accept-Encoding` as in RFC 9110, 12.5.3.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::terms;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Brotli: for files that were compressed beforehand.
    Brotli,
    /// Gzip.
    Gzip,
}

impl Coding {
    /// Its name in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// The coding that the client likes best of those `offered`, best first among
/// equals; `None` for none at all, which everybody can read.
pub fn best(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let asked = terms(headers, &ACCEPT_ENCODING);
    let named = |name: &str| asked.iter().find(|(word, _)| word == name).map(|(_, weight)| *weight);
    let any = named("*");
    let weight = |coding: Coding| named(coding.as_str()).or(any).unwrap_or(0);
    // Who says nothing about no coding at all takes it where nothing better is there.
    let plain = named("identity").unwrap_or(0);
    let mut best = None;
    for coding in offered {
        let weight = weight(*coding);
        if weight > best.map_or(0, |(_, most)| most) && weight >= plain {
            best = Some((*coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: &[Coding] = &[Coding::Brotli, Coding::Gzip];

    fn of(text: &str, offered: &[Coding]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, text.parse().unwrap());
        best(&headers, offered).map(Coding::as_str)
    }

    #[test]
    fn the_client_decides_and_among_equals_the_smaller_wins() {
        for (asked, wanted) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip, deflate, br, zstd", Some("br")),
            ("br;q=0.5, gzip;q=0.9", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("*", Some("br")),
            ("*, br;q=0", Some("gzip")),
            ("deflate", None),
            ("identity", None),
            ("gzip;q=0", None),
            ("gzip;q=0.0, br;q=0", None),
            ("identity;q=1, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some("gzip")),
            ("gzip;q=2", None),
            ("gzip;q=x", None),
            (" , ;q=1", None),
        ] {
            assert_eq!(of(asked, BOTH), wanted, "{asked}");
        }
        assert_eq!(of("br, gzip;q=0.1", &[Coding::Gzip]), Some("gzip"));
        assert_eq!(best(&HeaderMap::new(), BOTH), None, "who says nothing gets it plain");
    }

    proptest! {
        #[test]
        fn whatever_is_asked_a_coding_that_was_not_named_is_not_used(text in "[ -~]{0,60}") {
            if let Some(coding) = of(&text, BOTH) {
                let asked = text.to_ascii_lowercase();
                prop_assert!(asked.contains(coding) || asked.contains('*'));
            }
        }
    }
}
