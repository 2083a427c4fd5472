//! Seeded series of every kind that makes queries hard: counters that begin again,
//! gaps, ends with and without a stale marker, infinities, histograms. The same
//! seed gives the same series, so that a difference found once can be found again.

use hostler_core::metrics::series::{Matcher, Sample, SeriesData, SeriesKey};
use hostler_promql::{STALE, Source, SourceError};

/// When all of it begins; a multiple of no interval in use.
pub(super) const START_MS: i64 = 1_700_000_007_123;
/// How long it lasts.
pub(super) const LENGTH_MS: i64 = 3 * 3_600_000;

/// Series in memory.
#[derive(Debug)]
pub(super) struct Data(pub(super) Vec<SeriesData>);

impl Source for Data {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError> {
        let within = |series: &SeriesData| {
            let samples = series.samples.iter().filter(|it| (from_ms..=to_ms).contains(&it.at_ms));
            SeriesData { key: series.key.clone(), samples: samples.copied().collect() }
        };
        let found = self.0.iter().filter(|series| series.key.fits(matchers)).map(within);
        Ok(found.filter(|series| !series.samples.is_empty()).collect())
    }
}

/// xorshift64*
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Maker {
    dice: Dice,
    series: Vec<SeriesData>,
}

impl Maker {
    /// Times so far apart, a little early or late, some left out.
    fn times(&mut self, every_ms: i64, lost_percent: u64) -> Vec<i64> {
        let mut at = START_MS + self.dice.below(every_ms as u64) as i64;
        let mut times = Vec::new();
        while at < START_MS + LENGTH_MS {
            if self.dice.below(100) >= lost_percent {
                times.push(at + self.dice.below(200) as i64);
            }
            at += every_ms;
        }
        times
    }

    fn add(&mut self, name: &str, labels: &[(&str, &str)], samples: Vec<Sample>) {
        let key = SeriesKey::new(name, labels.iter().copied()).unwrap();
        self.series.push(SeriesData { key, samples });
    }

    fn counter(&mut self, every_ms: i64, lost: u64, resets_percent: u64) -> Vec<Sample> {
        let mut value = (self.dice.below(1000) as f64).floor();
        let times = self.times(every_ms, lost);
        let samples = times.into_iter().map(|at_ms| {
            value += self.dice.below(50) as f64 / 4.0;
            if self.dice.below(100) < resets_percent {
                value = self.dice.below(5) as f64;
            }
            Sample { at_ms, value }
        });
        samples.collect()
    }

    fn gauge(&mut self, every_ms: i64, lost: u64, swing: f64) -> Vec<Sample> {
        let mut value = swing * self.dice.unit();
        let times = self.times(every_ms, lost);
        let samples = times.into_iter().map(|at_ms| {
            value += swing * (self.dice.unit() - 0.5);
            Sample { at_ms, value }
        });
        samples.collect()
    }

    fn counters(&mut self) {
        for vm in ["web-1", "web-2", "db-1", "db-2"] {
            for code in ["200", "404", "500"] {
                let host = if vm.ends_with('1') { "h1" } else { "h2" };
                let samples = self.counter(15_000, 4, if code == "500" { 5 } else { 1 });
                self.add("requests_total", &[("vm", vm), ("host", host), ("code", code)], samples);
            }
        }
        let samples = self.counter(180_000, 0, 3);
        self.add("slow_total", &[("vm", "web-1")], samples);
        // Twice, of different names and the same labels.
        for name in ["twin_a_total", "twin_b_total"] {
            let samples = self.counter(30_000, 0, 0);
            self.add(name, &[("vm", "web-1")], samples);
        }
    }

    fn gauges(&mut self) {
        for (host, rack) in [("h1", "r1"), ("h2", "r1"), ("h3", "r2")] {
            let samples = self.gauge(15_000, 3, 8.0);
            self.add("temperature", &[("host", host), ("rack", rack)], samples);
            let samples = self.gauge(60_000, 10, 1e9);
            self.add("used_bytes", &[("host", host), ("fs", "/")], samples);
            let constant = self.times(60_000, 0).into_iter();
            let constant = constant.map(|at_ms| Sample { at_ms, value: 5e10 });
            let constant = constant.collect();
            self.add("size_bytes", &[("host", host), ("fs", "/"), ("device", "sda")], constant);
            let times = self.times(30_000, 0);
            let up = times.into_iter().map(|at_ms| (at_ms, self.dice.below(5)));
            let up = up.map(|(at_ms, is)| Sample { at_ms, value: f64::from(u8::from(is > 0)) });
            let up = up.collect();
            self.add("up", &[("host", host), ("job", "node")], up);
        }
        for (vm, host, os) in
            [("web-1", "h1", "debian"), ("web-2", "h2", "debian"), ("db-1", "h1", "fedora")]
        {
            let times = self.times(60_000, 0).into_iter();
            let info = times.map(|at_ms| Sample { at_ms, value: 1.0 }).collect();
            self.add("vm_info", &[("vm", vm), ("on", host), ("os", os)], info);
        }
        for (case, values) in [
            ("inf", &[1.0, f64::INFINITY, 2.0][..]),
            ("both", &[f64::INFINITY, 3.0, f64::NEG_INFINITY, -1.0]),
            ("nan", &[1.0, f64::NAN, -7.5, 0.0]),
            ("tiny", &[1e-300, -0.0, 1e-307]),
            ("large", &[1.7e308, 1.6e308, -1.7e308]),
            ("steps", &[1.0, 1.0, 2.0, 2.0, 2.0, 7.0]),
        ] {
            let times = self.times(20_000, 5);
            let samples = times.iter().zip(values.iter().cycle());
            let samples = samples.map(|(at_ms, value)| Sample { at_ms: *at_ms, value: *value });
            let samples = samples.collect();
            self.add("odd", &[("case", case)], samples);
        }
    }

    /// Gaps longer and shorter than the lookback; series that begin late and end early.
    fn gaps(&mut self) {
        let within =
            |at: i64, from: i64, to: i64| (from * 60_000..to * 60_000).contains(&(at - START_MS));
        for (case, out) in [("short", [(20, 24), (60, 63)]), ("long", [(20, 31), (70, 95)])] {
            let mut samples = self.gauge(15_000, 0, 3.0);
            samples.retain(|it| !out.iter().any(|(from, to)| within(it.at_ms, *from, *to)));
            self.add("gappy", &[("case", case), ("host", "h1")], samples);
        }
        for (case, from, to) in
            [("late", 75, 999), ("early", 0, 80), ("stale", 0, 80), ("back", 0, 80)]
        {
            let mut samples = self.counter(15_000, 0, 0);
            let rest = samples.split_off(samples.partition_point(|it| !within(it.at_ms, to, 999)));
            samples.retain(|it| within(it.at_ms, from, to));
            if matches!(case, "stale" | "back") {
                let at_ms = samples.last().unwrap().at_ms + 15_000;
                samples.push(Sample { at_ms, value: STALE });
            }
            if case == "back" {
                samples.extend(rest.into_iter().filter(|it| within(it.at_ms, 90, 999)));
            }
            self.add("ended_total", &[("case", case), ("host", "h2")], samples);
        }
    }

    fn histograms(&mut self) {
        for (host, has_end) in [("h1", true), ("h2", true), ("h3", false)] {
            let times = self.times(15_000, 0);
            let bounds = ["-1", "0", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];
            let mut counts = [0.0_f64; 8];
            let mut columns: Vec<Vec<Sample>> = vec![Vec::new(); bounds.len()];
            let mut sums = Vec::new();
            let mut sum = 0.0;
            for at_ms in times {
                for _ in 0..self.dice.below(6) {
                    let bucket = self.dice.below(8) as usize;
                    sum += bucket as f64 * 0.1;
                    counts[bucket] += 1.0;
                }
                let mut total = 0.0;
                for (column, count) in columns.iter_mut().zip(counts) {
                    total += count;
                    column.push(Sample { at_ms, value: total });
                }
                sums.push(Sample { at_ms, value: sum });
            }
            let totals = columns.last().cloned().unwrap();
            for (bound, column) in bounds.into_iter().zip(columns) {
                if has_end || bound != "+Inf" {
                    self.add("latency_seconds_bucket", &[("host", host), ("le", bound)], column);
                }
            }
            self.add("latency_seconds_sum", &[("host", host)], sums);
            self.add("latency_seconds_count", &[("host", host)], totals);
        }
    }
}

/// All of it.
pub(super) fn make(seed: u64) -> Data {
    let mut maker = Maker { dice: Dice::new(seed), series: Vec::new() };
    maker.counters();
    maker.gauges();
    maker.gaps();
    maker.histograms();
    Data(maker.series)
}
