//! Uids and name suffixes: drawn from a seed, so that a run can be told again.

/// Letters that API servers use in generated names: none that make words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A stream of ids.
#[derive(Debug, Clone)]
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number: splitmix64, which needs no more than a counter.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff,
        )
    }

    /// Five letters, as `generateName` appends.
    pub(crate) fn suffix(&mut self) -> String {
        let mut number = self.next();
        let count = u64::try_from(LETTERS.len()).unwrap_or(1);
        (0..5)
            .map(|_| {
                let at = usize::try_from(number % count).unwrap_or_default();
                number /= count;
                LETTERS.get(at).copied().map_or('x', char::from)
            })
            .collect()
    }
}
