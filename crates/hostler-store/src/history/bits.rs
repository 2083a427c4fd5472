//! Bits and numbers of varying length, written and read. A reader takes whatever
//! bytes it is given: what is not there is `None`, never a panic.

/// Writes bits, the highest of each byte first.
#[derive(Debug, Clone, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    free: u32,
}

impl BitWriter {
    /// Writes the lowest `count` bits of `value`; `count` is at most 64.
    pub(super) fn bits(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let part = (value >> (left - take)) & ((1 << take) - 1);
            if let Some(last) = self.bytes.last_mut() {
                // `take` is at most 8, so `part` fits a byte.
                *last |= (part << (self.free - take)) as u8;
            }
            self.free -= take;
            left -= take;
        }
    }

    /// What was written, the last byte filled up with zeros.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads what [`BitWriter`] wrote.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 64.
    pub(super) fn bits(&mut self, count: u32) -> Option<u64> {
        let mut value = 0_u64;
        let mut left = count;
        while left > 0 {
            let byte = *self.bytes.get(self.at / 8)?;
            let free = 8 - (self.at % 8) as u32;
            let take = left.min(free);
            let part = (u64::from(byte) >> (free - take)) & ((1 << take) - 1);
            value = (value << take) | part;
            self.at += take as usize;
            left -= take;
        }
        Some(value)
    }

    /// How many of the next bits are one, `most` at most; the zero that ends them is read, too.
    pub(super) fn ones(&mut self, most: u32) -> Option<u32> {
        let mut ones = 0;
        while ones < most && self.bits(1)? == 1 {
            ones += 1;
        }
        Some(ones)
    }
}

/// Appends a number, seven bits to a byte, the lowest first.
pub(super) fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a text with its length.
pub(super) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Small negative numbers become small numbers, too.
pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads numbers and texts off the front of bytes.
#[derive(Debug, Clone)]
pub(super) struct ByteReader<'a>(pub(super) &'a [u8]);

impl<'a> ByteReader<'a> {
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Bytes with their length before them.
    pub(super) fn sized(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.varint()?).ok()?;
        self.take(count)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.sized()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_come_back(parts in prop::collection::vec((any::<u64>(), 1_u32..=64), 0..200)) {
            let mut writer = BitWriter::default();
            for (value, count) in &parts {
                writer.bits(*value, *count);
            }
            let mut reader = BitReader::new(writer.bytes());
            for (value, count) in &parts {
                let mask = if *count == 64 { u64::MAX } else { (1 << count) - 1 };
                prop_assert_eq!(reader.bits(*count), Some(value & mask));
            }
            prop_assert_eq!(reader.bits(8), None);
        }

        #[test]
        fn numbers_come_back(values in prop::collection::vec(any::<i64>(), 0..100)) {
            let mut bytes = Vec::new();
            for value in &values {
                put_varint(&mut bytes, zigzag(*value));
            }
            let mut reader = ByteReader(&bytes);
            for value in &values {
                prop_assert_eq!(reader.varint().map(unzigzag), Some(*value));
            }
            prop_assert_eq!(reader.varint(), None);
        }
    }
}
