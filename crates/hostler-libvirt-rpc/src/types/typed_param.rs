//! libvirt's open-ended named values, used for statistics and for options of long calls.

use crate::xdr::{Decode, Decoder, Encode, Encoder, XdrError};

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedParam {
    /// Its name, such as `balloon.current`.
    pub field: String,
    /// Its value.
    pub value: TypedValue,
}

impl TypedParam {
    /// A named value.
    pub fn new(field: impl Into<String>, value: impl Into<TypedValue>) -> Self {
        Self { field: field.into(), value: value.into() }
    }
}

/// A value of one of libvirt's seven types. The wire names its type by the number in brackets.
#[derive(Clone, Debug, PartialEq)]
pub enum TypedValue {
    /// `int` (1).
    Int(i32),
    /// `unsigned int` (2).
    Uint(u32),
    /// `long long` (3).
    Llong(i64),
    /// `unsigned long long` (4).
    Ullong(u64),
    /// `double` (5).
    Double(f64),
    /// `boolean` (6).
    Boolean(bool),
    /// `string` (7).
    String(String),
}

impl TypedValue {
    /// The value as an unsigned number, if it is a whole one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::Uint(value) => Some((*value).into()),
            Self::Llong(value) => u64::try_from(*value).ok(),
            Self::Ullong(value) => Some(*value),
            Self::Double(_) | Self::Boolean(_) | Self::String(_) => None,
        }
    }

    /// The value as a signed number, if it is a whole one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some((*value).into()),
            Self::Uint(value) => Some((*value).into()),
            Self::Llong(value) => Some(*value),
            Self::Ullong(value) => i64::try_from(*value).ok(),
            Self::Double(_) | Self::Boolean(_) | Self::String(_) => None,
        }
    }

    /// The value as a floating number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),+) => {$(
        impl From<$type> for TypedValue {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    )+};
}
from!(i32 => Int, u32 => Uint, i64 => Llong, u64 => Ullong, f64 => Double, bool => Boolean, String => String);

impl From<&str> for TypedValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl Encode for TypedParam {
    fn encode(&self, encoder: &mut Encoder) {
        self.field.encode(encoder);
        match &self.value {
            TypedValue::Int(value) => (1, *value).encode(encoder),
            TypedValue::Uint(value) => (2, *value).encode(encoder),
            TypedValue::Llong(value) => (3, *value).encode(encoder),
            TypedValue::Ullong(value) => (4, *value).encode(encoder),
            TypedValue::Double(value) => (5, *value).encode(encoder),
            TypedValue::Boolean(value) => (6, *value).encode(encoder),
            TypedValue::String(value) => (7, value).encode(encoder),
        }
    }
}

impl Decode for TypedParam {
    const MIN_BYTES: usize = 12;
    /// The longest list there is: one domain's statistics.
    const LIST_MAX: usize = 262_144;

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let field = String::decode(decoder)?;
        let value = match i32::decode(decoder)? {
            1 => TypedValue::Int(Decode::decode(decoder)?),
            2 => TypedValue::Uint(Decode::decode(decoder)?),
            3 => TypedValue::Llong(Decode::decode(decoder)?),
            4 => TypedValue::Ullong(Decode::decode(decoder)?),
            5 => TypedValue::Double(Decode::decode(decoder)?),
            6 => TypedValue::Boolean(Decode::decode(decoder)?),
            7 => TypedValue::String(Decode::decode(decoder)?),
            other => {
                return Err(XdrError::BadValue { what: "parameter type", value: other.into() });
            }
        };
        Ok(Self { field, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xdr::{from_bytes, to_bytes};

    #[test]
    fn each_type_is_read_as_it_was_written() {
        let list = vec![
            TypedParam::new("a", -1),
            TypedParam::new("b", 2u32),
            TypedParam::new("c", -3i64),
            TypedParam::new("d", u64::MAX),
            TypedParam::new("e", 0.5),
            TypedParam::new("f", true),
            TypedParam::new("g", "text"),
        ];
        assert_eq!(from_bytes::<Vec<TypedParam>>(&to_bytes(&list).unwrap()).unwrap(), list);
    }

    #[test]
    fn a_number_is_given_only_where_it_is_exact() {
        assert_eq!(TypedValue::from(-1).as_u64(), None);
        assert_eq!(TypedValue::from(u64::MAX).as_i64(), None);
        assert_eq!(TypedValue::from(7u32).as_i64(), Some(7));
        assert_eq!(TypedValue::from("7").as_u64(), None);
    }

    #[test]
    fn an_unknown_type_is_an_error_since_its_length_is_unknown() {
        let bytes = to_bytes(&("x", 8, 0)).unwrap();
        assert!(matches!(
            from_bytes::<TypedParam>(&bytes),
            Err(XdrError::BadValue { value: 8, .. })
        ));
    }
}
