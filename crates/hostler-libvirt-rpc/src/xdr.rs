//! XDR (RFC 4506) as libvirt uses it, because every byte from the daemon passes here and none may
//! be trusted: each length is checked against the bytes that are really there and against the
//! protocol's own limit *before* anything is allocated.
//!
//! ```text
//! u32 i32 bool          4 bytes, big endian          u8 i8 u16   widened to 4 bytes
//! u64 i64 f64           8 bytes, big endian          [u8; N]     N bytes + padding to 4
//! string, opaque<>      length, bytes, padding       T<>         count, then each T
//! *T                    0, or 1 then T               union       discriminant, then the arm
//! ```

use thiserror::Error;

/// Longest string the protocol allows, in bytes.
pub const STRING_MAX: usize = 4 * 1024 * 1024;
/// Longest list of ordinary elements the protocol allows (domains, networks, volumes ...).
pub const LIST_MAX: usize = 16_384;
/// Longest opaque block accepted, in bytes (migration cookies are the largest).
pub const OPAQUE_MAX: usize = 4 * 1024 * 1024;

/// Why bytes are not the value they should be, or a value cannot be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum XdrError {
    /// The input ends before the value does.
    #[error("{needed} bytes are needed for {what}, {left} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes the value needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A length is above the protocol's limit.
    #[error("{what} of length {length} is above the limit of {limit}")]
    TooLong {
        /// What has the length.
        what: &'static str,
        /// The length asked for.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A discriminant, enum or narrow integer has a value that it cannot have.
    #[error("{value} is no valid {what}")]
    BadValue {
        /// What has the value.
        what: &'static str,
        /// The value found.
        value: i64,
    },
    /// Bytes are left after the last field.
    #[error("{bytes} bytes are left after the last field")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A string to be sent has a NUL in it, which the daemon's C strings cannot carry.
    #[error("a string has a NUL byte in it")]
    Nul,
}

/// A value that can be written in XDR.
pub trait Encode {
    /// Appends the value.
    fn encode(&self, encoder: &mut Encoder);
}

/// A value that can be read from XDR.
pub trait Decode: Sized {
    /// Fewest bytes one value takes; a list's count is checked against it before it is read.
    const MIN_BYTES: usize = 4;
    /// Most elements a list of this type may have.
    const LIST_MAX: usize = LIST_MAX;
    /// Reads one value.
    ///
    /// # Errors
    /// When the bytes are too few, too long for the protocol, or no value of this type.
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError>;
}

/// Encodes one value into bytes.
///
/// # Errors
/// When a string or list in it is above the protocol's limit, or a string has a NUL.
pub fn to_bytes<T: Encode + ?Sized>(value: &T) -> Result<Vec<u8>, XdrError> {
    let mut encoder = Encoder::default();
    value.encode(&mut encoder);
    encoder.finish()
}

/// Decodes one value that fills `bytes` completely.
///
/// # Errors
/// As [`Decode::decode`], and when bytes are left over.
pub fn from_bytes<T: Decode>(bytes: &[u8]) -> Result<T, XdrError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// Collects encoded bytes. The first failure is kept and told by [`Encoder::finish`], so that
/// `encode` functions stay plain lists of fields.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    failure: Option<XdrError>,
}

impl Encoder {
    /// The bytes written.
    ///
    /// # Errors
    /// The first failure of any field.
    pub fn finish(self) -> Result<Vec<u8>, XdrError> {
        match self.failure {
            None => Ok(self.bytes),
            Some(failure) => Err(failure),
        }
    }

    fn fail(&mut self, failure: XdrError) {
        self.failure.get_or_insert(failure);
    }

    /// A length word, checked against `limit`. Tells whether the value may follow.
    fn length(&mut self, what: &'static str, length: usize, limit: usize) -> bool {
        match u32::try_from(length) {
            Ok(word) if length <= limit => {
                word.encode(self);
                true
            }
            _ => {
                self.fail(XdrError::TooLong { what, length, limit });
                false
            }
        }
    }

    /// Raw bytes, padded with zeroes to a multiple of four.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// Reads values off a slice.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes have not been read.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When bytes are left: the layout read is then not the layout sent.
    pub fn finish(self) -> Result<(), XdrError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(XdrError::Trailing { bytes }),
        }
    }

    /// Exactly `needed` bytes, without padding.
    fn take(&mut self, what: &'static str, needed: usize) -> Result<&'a [u8], XdrError> {
        let left = self.rest.len();
        let (head, rest) =
            self.rest.split_at_checked(needed).ok_or(XdrError::Truncated { what, needed, left })?;
        self.rest = rest;
        Ok(head)
    }

    fn word<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], XdrError> {
        let left = self.rest.len();
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(XdrError::Truncated {
            what,
            needed: N,
            left,
        })?;
        self.rest = rest;
        Ok(*head)
    }

    /// `length` bytes and the padding that follows them. What the padding holds does not matter.
    ///
    /// # Errors
    /// When they are not there.
    pub fn fixed(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], XdrError> {
        let bytes = self.take(what, length)?;
        self.take("padding", length.next_multiple_of(4) - length)?;
        Ok(bytes)
    }

    /// Length-prefixed bytes of at most `limit`.
    ///
    /// # Errors
    /// When the length is above `limit` or the bytes are not there.
    pub fn opaque(&mut self, what: &'static str, limit: usize) -> Result<&'a [u8], XdrError> {
        let length = u32::decode(self)? as usize;
        if length > limit {
            return Err(XdrError::TooLong { what, length, limit });
        }
        self.fixed(what, length)
    }

    /// A list's count, checked against `limit` and against the bytes that are left.
    fn count(&mut self, limit: usize, min_bytes: usize) -> Result<usize, XdrError> {
        let length = u32::decode(self)? as usize;
        if length > limit {
            return Err(XdrError::TooLong { what: "list", length, limit });
        }
        let needed = length.saturating_mul(min_bytes);
        if needed > self.rest.len() {
            return Err(XdrError::Truncated { what: "list", needed, left: self.rest.len() });
        }
        Ok(length)
    }
}

macro_rules! big_endian {
    ($($type:ty),*) => {$(
        impl Encode for $type {
            fn encode(&self, encoder: &mut Encoder) {
                encoder.bytes.extend_from_slice(&self.to_be_bytes());
            }
        }
        impl Decode for $type {
            const MIN_BYTES: usize = size_of::<$type>();
            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
                Ok(<$type>::from_be_bytes(decoder.word(stringify!($type))?))
            }
        }
    )*};
}
big_endian!(u32, i32, u64, i64, f64);

macro_rules! widened {
    ($($type:ty as $wide:ty),*) => {$(
        impl Decode for $type {
            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
                let wide = <$wide>::decode(decoder)?;
                <$type>::try_from(wide)
                    .map_err(|_| XdrError::BadValue { what: stringify!($type), value: wide.into() })
            }
        }
    )*};
}
widened!(u8 as u32, u16 as u32, i8 as i32);

impl Encode for bool {
    fn encode(&self, encoder: &mut Encoder) {
        i32::from(*self).encode(encoder);
    }
}

/// libvirt declares its truth values as `int`, so any non-zero value is true.
impl Decode for bool {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(i32::decode(decoder)? != 0)
    }
}

impl Encode for () {
    fn encode(&self, _: &mut Encoder) {}
}

impl Decode for () {
    const MIN_BYTES: usize = 0;
    /// A list of nothing has no bytes to bound it, so there is none.
    const LIST_MAX: usize = 0;
    fn decode(_: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(())
    }
}

impl Encode for str {
    fn encode(&self, encoder: &mut Encoder) {
        if self.contains('\0') {
            encoder.fail(XdrError::Nul);
        } else if encoder.length("string", self.len(), STRING_MAX) {
            encoder.fixed(self.as_bytes());
        }
    }
}

impl Encode for String {
    fn encode(&self, encoder: &mut Encoder) {
        self.as_str().encode(encoder);
    }
}

/// Names that come out of XML are UTF-8. Names of files in a storage pool may be any bytes: those
/// are replaced by U+FFFD rather than making the whole list unreadable.
impl Decode for String {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let bytes = decoder.opaque("string", STRING_MAX)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, encoder: &mut Encoder) {
        (**self).encode(encoder);
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, encoder: &mut Encoder) {
        self.is_some().encode(encoder);
        if let Some(value) = self {
            value.encode(encoder);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        match u32::decode(decoder)? {
            0 => Ok(None),
            1 => Ok(Some(T::decode(decoder)?)),
            other => Err(XdrError::BadValue { what: "pointer", value: other.into() }),
        }
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, encoder: &mut Encoder) {
        if encoder.length("list", self.len(), LIST_MAX) {
            self.iter().for_each(|element| element.encode(encoder));
        }
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, encoder: &mut Encoder) {
        self.as_slice().encode(encoder);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let count = decoder.count(T::LIST_MAX, T::MIN_BYTES)?;
        // The count is now bounded by the bytes received, so reserving for it is safe.
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(T::decode(decoder)?);
        }
        Ok(list)
    }
}

/// Bytes with a length, unlike [`Encoder::fixed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opaque(pub Vec<u8>);

impl Encode for Opaque {
    fn encode(&self, encoder: &mut Encoder) {
        if encoder.length("opaque", self.0.len(), OPAQUE_MAX) {
            encoder.fixed(&self.0);
        }
    }
}

impl Decode for Opaque {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(Self(decoder.opaque("opaque", OPAQUE_MAX)?.to_vec()))
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+)),+) => {$(
        impl<$($name: Encode),+> Encode for ($($name,)+) {
            fn encode(&self, encoder: &mut Encoder) {
                $(self.$index.encode(encoder);)+
            }
        }
        impl<$($name: Decode),+> Decode for ($($name,)+) {
            const MIN_BYTES: usize = 0 $(+ $name::MIN_BYTES)+;
            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
                Ok(($($name::decode(decoder)?,)+))
            }
        }
    )+};
}
tuples!(
    (A 0),
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
);

/// Writes `Encode` and `Decode` of a struct whose wire layout is its fields in order.
macro_rules! wire_struct {
    ($type:ident { $($field:ident),+ $(,)? } min $min:expr $(, list $list:expr)?) => {
        impl $crate::xdr::Encode for $type {
            fn encode(&self, encoder: &mut $crate::xdr::Encoder) {
                $(self.$field.encode(encoder);)+
            }
        }
        wire_struct!(decode $type { $($field),+ } min $min $(, list $list)?);
    };
    (decode $type:ident { $($field:ident),+ $(,)? } min $min:expr $(, list $list:expr)?) => {
        impl $crate::xdr::Decode for $type {
            const MIN_BYTES: usize = $min;
            $(const LIST_MAX: usize = $list;)?
            fn decode(
                decoder: &mut $crate::xdr::Decoder<'_>,
            ) -> Result<Self, $crate::xdr::XdrError> {
                Ok(Self { $($field: $crate::xdr::Decode::decode(decoder)?),+ })
            }
        }
    };
}
pub(crate) use wire_struct;

#[cfg(test)]
mod tests;
