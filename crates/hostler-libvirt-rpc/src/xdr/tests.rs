//! XDR as it is written, read, and lied about.

use super::*;
use proptest::prelude::*;

#[test]
fn a_string_is_length_bytes_and_padding() {
    assert_eq!(to_bytes("abcde").unwrap(), *b"\0\0\0\x05abcde\0\0\0");
    assert_eq!(from_bytes::<String>(b"\0\0\0\x05abcde\0\0\0").unwrap(), "abcde");
}

#[test]
fn a_length_beyond_the_input_is_refused_before_anything_is_allocated() {
    let lie = [0x00, 0x3f, 0xff, 0xff, b'x'];
    assert!(matches!(from_bytes::<String>(&lie), Err(XdrError::Truncated { .. })));
    let lie = [0xff, 0xff, 0xff, 0xff, b'x'];
    assert!(matches!(from_bytes::<String>(&lie), Err(XdrError::TooLong { .. })));
    let lie = [0x00, 0x00, 0x3f, 0xff, 0, 0, 0, 1];
    assert!(matches!(from_bytes::<Vec<u64>>(&lie), Err(XdrError::Truncated { .. })));
    let lie = [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1];
    assert!(matches!(from_bytes::<Vec<u64>>(&lie), Err(XdrError::TooLong { .. })));
}

#[test]
fn a_pointer_is_zero_or_one() {
    assert_eq!(from_bytes::<Option<u32>>(&[0, 0, 0, 0]).unwrap(), None);
    assert_eq!(from_bytes::<Option<u32>>(&[0, 0, 0, 1, 0, 0, 0, 9]).unwrap(), Some(9));
    assert!(matches!(
        from_bytes::<Option<u32>>(&[0, 0, 0, 2, 0, 0, 0, 9]),
        Err(XdrError::BadValue { value: 2, .. })
    ));
}

#[test]
fn what_the_daemon_cannot_carry_is_refused_when_writing() {
    assert_eq!(to_bytes("a\0b"), Err(XdrError::Nul));
    let long = "x".repeat(STRING_MAX + 1);
    assert!(matches!(to_bytes(&long), Err(XdrError::TooLong { .. })));
    assert!(matches!(to_bytes(&vec![0u32; LIST_MAX + 1]), Err(XdrError::TooLong { .. })));
}

#[test]
fn left_over_bytes_are_an_error() {
    assert_eq!(from_bytes::<u32>(&[0; 8]), Err(XdrError::Trailing { bytes: 4 }));
}

#[test]
fn narrow_integers_are_checked() {
    assert!(from_bytes::<u8>(&[0, 0, 1, 0]).is_err());
    assert_eq!(from_bytes::<u8>(&[0, 0, 0, 5]).unwrap(), 5);
    assert_eq!(from_bytes::<i8>(&[0xff, 0xff, 0xff, 0xff]).unwrap(), -1);
}

type Everything = (u32, i64, String, Option<String>, Vec<(String, u64)>, Opaque, bool);

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        a in any::<u32>(), b in any::<i64>(), c in "[^\0]{0,40}", d in proptest::option::of("[a-z]{0,9}"),
        e in proptest::collection::vec(("[a-z]{0,9}", any::<u64>()), 0..20),
        f in proptest::collection::vec(any::<u8>(), 0..50), g in any::<bool>(),
    ) {
        let value: Everything = (a, b, c, d, e, Opaque(f), g);
        let bytes = to_bytes(&value).unwrap();
        prop_assert_eq!(bytes.len() % 4, 0);
        prop_assert_eq!(from_bytes::<Everything>(&bytes).unwrap(), value);
    }

    #[test]
    fn any_bytes_decode_or_err_and_every_cut_is_noticed(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>(),
    ) {
        if let Ok(value) = from_bytes::<Everything>(&bytes) {
            // What was understood is written in the canonical form and understood again.
            prop_assert_eq!(&from_bytes::<Everything>(&to_bytes(&value).unwrap()).unwrap(), &value);
            let cut = cut.index(bytes.len());
            prop_assert!(from_bytes::<Everything>(&bytes[..cut]).is_err());
        }
    }
}
