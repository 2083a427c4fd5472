//! Typed, time-ordered identifiers: a VM's id can't be given where a host's is
//! wanted, and sorting by id sorts by creation.
//!
//! Ids are UUID version 7 (48 bits of Unix milliseconds, then random bits).
//! The core owns neither clock nor randomness, so both are arguments; the
//! engine gets them from an [`IdSource`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};

/// The text given for an id is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id; ids look like 0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e")]
pub struct ParseIdError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// An id made at `now`, told apart from others of that millisecond by `random`.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(time_ordered(now, random))
            }

            /// The id as a UUID, for systems that know only those.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Takes over an id that was stored or sent as a UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }
    )*};
}

typed_ids! {
    /// Identifies a virtual machine, whether Hostler made it or found it.
    VmId,
    /// Identifies a machine that runs virtual machines.
    HostId,
    /// Identifies a configured connection to a place where virtual machines run.
    ProviderId,
    /// Identifies a storage pool.
    PoolId,
    /// Identifies a virtual network.
    NetworkId,
    /// Identifies an image in Hostler's catalogue.
    ImageId,
    /// Identifies a long-running operation.
    OperationId,
    /// Identifies a snapshot of a virtual machine that Hostler took.
    SnapshotId,
    /// Identifies a template of virtual machines.
    TemplateId,
    /// Identifies a silence of alerts.
    SilenceId,
    /// Identifies an API token (not its secret).
    TokenId,
    /// Identifies one request, in answers and logs.
    RequestId,
}

fn time_ordered(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

fn parse(text: &str) -> Result<Uuid, ParseIdError> {
    // Only the hyphenated form: one thing has one spelling, in URLs and logs alike.
    if text.len() == 36
        && let Ok(uuid) = Uuid::try_parse(text)
    {
        return Ok(uuid);
    }
    Err(ParseIdError { text: text.chars().take(64).collect() })
}

/// A source of random bytes. The operating system's in production, a seeded
/// generator in tests and in the demo.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Makes ids from a clock and a source of randomness.
#[derive(Clone)]
pub struct IdSource {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl IdSource {
    /// A source that stamps ids with `clock` and tells them apart with `entropy`.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// A fresh id, for example `ids.next(VmId::new)`.
    pub fn next<T>(&self, make: impl FnOnce(Timestamp, [u8; 10]) -> T) -> T {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        make(self.clock.now(), random)
    }

    /// Random bytes for secrets such as tokens and tickets.
    pub fn secret<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSource")
    }
}

/// Entropy that repeats itself for the same seed: for tests and the demo, never
/// for secrets of a real server.
#[derive(Debug)]
pub struct SeededEntropy(std::sync::atomic::AtomicU64);

impl SeededEntropy {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: tiny, and every seed gives a full-period sequence.
            let step = 0x9e37_79b9_7f4a_7c15_u64;
            let state =
                self.0.fetch_add(step, std::sync::atomic::Ordering::Relaxed).wrapping_add(step);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (byte, value) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *byte = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn ids(clock: &ManualClock) -> IdSource {
        IdSource::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(7)))
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let ids = ids(&clock);
        let first = ids.next(VmId::new);
        clock.advance(std::time::Duration::from_millis(1));
        let second = ids.next(VmId::new);
        assert!(first < second);
        assert!(first.to_string() < second.to_string());
    }

    #[test]
    fn ids_sort_as_their_texts_do() {
        let entropy = SeededEntropy::new(11);
        let made = || {
            let mut bytes = [0; 16];
            entropy.fill(&mut bytes);
            VmId::from_uuid(Uuid::from_bytes(bytes))
        };
        for _ in 0..1000 {
            let (one, other) = (made(), made());
            assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }

    #[test]
    fn ids_of_one_millisecond_differ() {
        let clock = ManualClock::at(Timestamp::from_millis(1));
        let ids = ids(&clock);
        assert_ne!(ids.next(VmId::new), ids.next(VmId::new));
    }

    #[test]
    fn an_id_survives_text_and_json() {
        let id = VmId::new(Timestamp::from_millis(5), [9; 10]);
        assert_eq!(id.to_string().parse::<VmId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<VmId>(&json).unwrap(), id);
    }

    #[test]
    fn what_is_not_an_id_is_refused_and_quoted() {
        for text in ["", "web-1", "0192d0c47d5a7bc09a3e5f6a7b8c9d0e", "%2e%2e"] {
            let error = text.parse::<VmId>().unwrap_err();
            assert_eq!(error.text, text);
        }
        let long = "é".repeat(500);
        assert_eq!(long.parse::<VmId>().unwrap_err().text.chars().count(), 64);
    }
}
