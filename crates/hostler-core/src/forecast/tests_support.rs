//! Series made up from a seed: the same on every machine and every day.

use super::Sample;

/// A day, in hours.
pub(crate) const DAY: usize = 24;

/// Numbers that look random and are not (SplitMix64).
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let mantissa = (z >> 11) as f64;
        mantissa / 9_007_199_254_740_992.0
    }

    /// Like a bell, of spread 1: twelve uniform numbers, less their mean.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A value for each hour.
pub(crate) fn hourly(hours: usize, mut value: impl FnMut(usize) -> f64) -> Vec<Sample> {
    (0..hours)
        .map(|hour| Sample {
            at_ms: i64::try_from(hour).unwrap() * 3_600_000 + 1_700_006_400_000,
            value: value(hour),
        })
        .collect()
}

/// A wave of a day, from -1 to 1.
pub(crate) fn wave(hour: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let turn = (hour % DAY) as f64 / 24.0;
    (turn * std::f64::consts::TAU).sin()
}
