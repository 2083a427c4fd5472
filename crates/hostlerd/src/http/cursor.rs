//! Cursors: where the next page begins, signed, so that nobody can make one up
//! or use one with another list, filter or order.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hostler_api::ListQuery;
use hostler_core::query::{Field, ListParams, ListRequest, Position};
use hostler_core::{Code, Error, Result};
use subtle::ConstantTimeEq;

use crate::auth::secrets::hmac;

/// The bytes of a signature that are kept: nobody guesses 128 bits.
const SIGNATURE_BYTES: usize = 16;
/// No cursor of ours is longer.
const CURSOR_BYTES_MAX: usize = 4096;

/// Signs cursors.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    /// Signs by `key`, which has to survive restarts and be known to nobody else.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Reads what is wanted of the list named `list` with `fields`.
    ///
    /// # Errors
    /// With every fault of the query, or when the cursor is not for this list.
    pub fn request(&self, list: &str, query: &ListQuery, fields: &[Field]) -> Result<ListRequest> {
        let after = match &query.cursor {
            Some(cursor) => Some(self.open(list, query, cursor)?),
            None => None,
        };
        let params = ListParams {
            limit: query.limit,
            sort: query.sort.as_deref(),
            filter: query.filter.as_deref(),
            search: query.search.as_deref(),
        };
        ListRequest::parse(&params, fields, after)
    }

    /// The cursor of a position in a list.
    pub fn seal(&self, list: &str, query: &ListQuery, position: &Position) -> String {
        self.seal_text(list, query, &position.encode())
    }

    /// The cursor of a position that is text.
    pub fn seal_text(&self, list: &str, query: &ListQuery, position: &str) -> String {
        let mut bytes = self.sign(list, query, position).to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, list: &str, query: &ListQuery, cursor: &str) -> Result<Position> {
        let text = self.open_text(list, query, cursor)?;
        Position::decode(&text).ok_or_else(invalid)
    }

    /// The position that is text in a cursor.
    ///
    /// # Errors
    /// When the cursor was not made by us for this list, filter and order.
    pub fn open_text(&self, list: &str, query: &ListQuery, cursor: &str) -> Result<String> {
        if cursor.len() > CURSOR_BYTES_MAX {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (signature, position) = bytes.split_at_checked(SIGNATURE_BYTES).ok_or_else(invalid)?;
        let position = std::str::from_utf8(position).map_err(|_| invalid())?;
        match bool::from(signature.ct_eq(&self.sign(list, query, position))) {
            true => Ok(position.to_owned()),
            false => Err(invalid()),
        }
    }

    fn sign(&self, list: &str, query: &ListQuery, position: &str) -> [u8; SIGNATURE_BYTES] {
        // Lengths keep the parts apart: ("ab", "c") is not ("a", "bc").
        let parts = [
            list,
            query.filter.as_deref().unwrap_or(""),
            query.sort.as_deref().unwrap_or(""),
            query.search.as_deref().unwrap_or(""),
            position,
        ];
        let lengths = parts.map(|part| (part.len() as u64).to_be_bytes()).concat();
        let mut pieces: Vec<&[u8]> = vec![&lengths];
        pieces.extend(parts.iter().map(|part| part.as_bytes()));
        let whole = hmac(&self.key, &pieces);
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(&whole[..SIGNATURE_BYTES]);
        signature
    }
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors")
    }
}

fn invalid() -> Error {
    let message = "the cursor was not made by this server for this list, filter and order";
    Error::new(Code::CursorInvalid, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(filter: &str, sort: &str, search: &str) -> ListQuery {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ListQuery {
            filter: some(filter),
            sort: some(sort),
            search: some(search),
            ..Default::default()
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_list_filter_and_order_only() {
        let (ours, asked) = (Cursors::new([7; 32]), query("state=running", "name", "web"));
        let cursor = ours.seal_text("vms", &asked, "here");
        assert_eq!(ours.open_text("vms", &asked, &cursor).unwrap(), "here");
        for (list, other) in [
            ("hosts", asked.clone()),
            ("vms", query("state=stopped", "name", "web")),
            ("vms", query("state=running", "-name", "web")),
            ("vms", query("state=running", "name", "")),
            ("vms", query("state=runningname", "", "web")),
        ] {
            let error = ours.open_text(list, &other, &cursor).unwrap_err();
            assert_eq!(error.code(), Code::CursorInvalid);
        }
        let theirs = Cursors::new([8; 32]);
        assert!(theirs.open_text("vms", &asked, &cursor).is_err());
    }

    #[test]
    fn the_limit_may_change_between_pages() {
        let (cursors, mut asked) = (Cursors::new([7; 32]), query("", "", ""));
        let cursor = cursors.seal_text("vms", &asked, "p");
        asked.limit = Some(3);
        assert!(cursors.open_text("vms", &asked, &cursor).is_ok());
    }

    proptest! {
        #[test]
        fn a_cursor_that_was_tampered_with_is_refused(at in 0_usize..60, with in "[A-Za-z0-9_-]") {
            let (cursors, asked) = (Cursors::new([7; 32]), query("", "", ""));
            let cursor = cursors.seal_text("vms", &asked, "a position of some length");
            let mut bytes = cursor.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = with.as_bytes()[0];
            let changed = String::from_utf8(bytes).unwrap();
            if changed != cursor {
                prop_assert!(cursors.open_text("vms", &asked, &changed).is_err());
            }
        }

        #[test]
        fn garbage_is_refused_without_a_panic(text in ".{0,80}") {
            let (cursors, asked) = (Cursors::new([7; 32]), query("", "", ""));
            prop_assert!(cursors.open_text("vms", &asked, &text).is_err());
        }
    }
}
