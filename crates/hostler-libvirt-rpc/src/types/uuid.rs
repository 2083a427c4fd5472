//! The 16 bytes by which libvirt knows domains, networks and pools.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::xdr::{Decode, Decoder, Encode, Encoder, XdrError};

/// A UUID, shown as `6f1c2a34-...` in lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

/// Text that is no UUID.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a UUID is 32 hexadecimal digits, with or without hyphens")]
pub struct ParseUuidError;

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                formatter.write_str("-")?;
            }
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Accepts what libvirt accepts: hexadecimal digits of either case with hyphens anywhere.
impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = text.chars().filter(|character| *character != '-');
        let mut digit = || digits.next().and_then(|digit| digit.to_digit(16)).ok_or(ParseUuidError);
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let value = digit()? << 4 | digit()?;
            *byte = u8::try_from(value).map_err(|_| ParseUuidError)?;
        }
        match digits.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(ParseUuidError),
        }
    }
}

impl Encode for Uuid {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.fixed(&self.0);
    }
}

impl Decode for Uuid {
    const MIN_BYTES: usize = 16;

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let mut bytes = [0; 16];
        for (byte, read) in bytes.iter_mut().zip(decoder.fixed("UUID", 16)?) {
            *byte = *read;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_shown_and_parsed_alike() {
        let text = "6f1c2a34-0000-4abc-8def-0123456789ab";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(text.replace('-', "").to_uppercase().parse(), Ok(uuid));
        for wrong in [
            "",
            "6f1c2a34",
            "6f1c2a34-0000-4abc-8def-0123456789abc",
            "zf1c2a34-0000-4abc-8def-0123456789ab",
        ] {
            assert_eq!(wrong.parse::<Uuid>(), Err(ParseUuidError), "{wrong}");
        }
    }
}
