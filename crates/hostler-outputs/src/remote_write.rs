//! Prometheus remote write 1.0: four messages of protobuf, packed by Snappy's block
//! format.
//!
//! ```text
//!  WriteRequest { timeseries = 1 }   TimeSeries { labels = 1, samples = 2 }
//!  Label { name = 1, value = 2 }     Sample { value = 1 (double), timestamp = 2 (ms) }
//! ```

use std::collections::HashMap;

use hostler_core::metrics::series::{Sample, SeriesKey};

use crate::http::Endpoint;
use crate::{Failed, Samples, Sent};

/// Wire types: a varint, eight bytes, and bytes of a length.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

pub(crate) async fn send(endpoint: &Endpoint, samples: Samples<'_>) -> Result<Sent, Failed> {
    let message = write_request(samples);
    let packed = snap::raw::Encoder::new().compress_vec(&message);
    let packed = packed.map_err(|error| Failed::never(format!("cannot be packed: {error}")))?;
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    endpoint.post(&headers, packed).await?;
    Ok(Sent { taken: samples.len() as u64, left_out: 0 })
}

/// A `WriteRequest`: each series once, in the order of its first sample; labels sorted, the
/// name as `__name__`.
pub fn write_request(samples: Samples<'_>) -> Vec<u8> {
    let mut places: HashMap<&SeriesKey, usize> = HashMap::new();
    let mut series: Vec<(&SeriesKey, Vec<Sample>)> = Vec::new();
    for (key, sample) in samples {
        let place = *places.entry(key).or_insert_with(|| {
            series.push((key, Vec::new()));
            series.len() - 1
        });
        if let Some((_, of)) = series.get_mut(place) {
            of.push(*sample);
        }
    }
    let mut request = Vec::new();
    let mut message = Vec::new();
    for (key, of) in series {
        message.clear();
        time_series(&mut message, key, &of);
        put_bytes(&mut request, 1, &message);
    }
    request
}

fn time_series(message: &mut Vec<u8>, key: &SeriesKey, samples: &[Sample]) {
    let own = key.labels().iter().map(|(name, value)| (&**name, &**value));
    let mut labels: Vec<_> = own.chain([("__name__", key.name())]).collect();
    // Upper-case names come before `__name__`.
    labels.sort_unstable();
    let mut part = Vec::new();
    for (name, value) in labels {
        part.clear();
        put_bytes(&mut part, 1, name.as_bytes());
        put_bytes(&mut part, 2, value.as_bytes());
        put_bytes(message, 1, &part);
    }
    for sample in samples {
        part.clear();
        part.push(1 << 3 | FIXED64);
        part.extend_from_slice(&sample.value.to_bits().to_le_bytes());
        part.push(2 << 3 | VARINT);
        // Negative ones take ten bytes, as protobuf has it.
        put_varint(&mut part, sample.at_ms as u64);
        put_bytes(message, 2, &part);
    }
}

fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | BYTES);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::STALE_BITS;

    /// The fields of a message, read by the rules of protobuf and not by ours.
    #[derive(Debug, PartialEq, Clone)]
    enum Field {
        Varint(u64),
        Fixed(u64),
        Bytes(Vec<u8>),
    }

    fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let (byte, rest) = bytes.split_first().unwrap();
                *bytes = rest;
                value |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    return value;
                }
            }
            unreachable!()
        }
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Varint(varint(&mut bytes)),
                1 => {
                    let (value, rest) = bytes.split_at(8);
                    bytes = rest;
                    Field::Fixed(u64::from_le_bytes(value.try_into().unwrap()))
                }
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (value, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(value.to_vec())
                }
                other => panic!("wire type {other}"),
            };
            found.push((tag >> 3, field));
        }
        found
    }

    type Told = (Vec<(String, String)>, Vec<(i64, u64)>);

    fn told(request: &[u8]) -> Vec<Told> {
        let bytes = |field: &Field| match field {
            Field::Bytes(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        let text = |field: &Field| String::from_utf8(bytes(field)).unwrap();
        let series = |message: &Field| {
            let (mut labels, mut samples) = (Vec::new(), Vec::new());
            for (number, field) in fields(&bytes(message)) {
                match (number, fields(&bytes(&field)).as_slice()) {
                    (1, [(1, name), (2, value)]) => labels.push((text(name), text(value))),
                    (2, [(1, Field::Fixed(value)), (2, Field::Varint(at_ms))]) => {
                        samples.push((*at_ms as i64, *value));
                    }
                    other => panic!("{other:?}"),
                }
            }
            (labels, samples)
        };
        fields(request)
            .iter()
            .map(|(number, field)| (assert_eq!(*number, 1), series(field)).1)
            .collect()
    }

    fn samples() -> impl Strategy<Value = Vec<(SeriesKey, Sample)>> {
        let key = ("[a-z]{1,3}", "[A-Z_][a-z]{0,2}", ".{0,9}").prop_map(|(name, label, value)| {
            SeriesKey::new(name, [(format!("l{label}"), value.clone()), (label, value)])
        });
        let key = key.prop_filter_map("no series", Result::ok);
        let sample = (any::<i64>(), any::<u64>())
            .prop_map(|(at_ms, bits)| Sample { at_ms, value: f64::from_bits(bits) });
        proptest::collection::vec((key, sample), 0..20)
    }

    proptest! {
        #[test]
        fn every_bit_arrives_in_its_series(samples in samples()) {
            let told = told(&write_request(&samples));
            let mut expected: Vec<Told> = Vec::new();
            for (key, sample) in &samples {
                let own = key.labels().iter().map(|(n, v)| (n.to_string(), v.to_string()));
                let mut labels: Vec<_> =
                    own.chain([("__name__".to_owned(), key.name().to_owned())]).collect();
                labels.sort();
                let sample = (sample.at_ms, sample.value.to_bits());
                match expected.iter_mut().find(|it| it.0 == labels) {
                    Some(it) => it.1.push(sample),
                    None => expected.push((labels, vec![sample])),
                }
            }
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn x17_the_end_of_a_series_is_prometheus_mark_of_it() {
        let key = SeriesKey::new("up", [("vm", "web")]).unwrap();
        let end = Sample { at_ms: 1_700_000_000_000, value: f64::from_bits(STALE_BITS) };
        let told = told(&write_request(&[(key, end)]));
        assert_eq!(told[0].1, [(1_700_000_000_000, 0x7ff0_0000_0000_0002)]);
    }
}
