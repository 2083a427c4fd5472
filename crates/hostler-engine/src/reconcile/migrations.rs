//! Keeps what is over of a provider's migrations, before the provider forgets it: asks for all
//! that it remembers, at a steady pace. What is kept of them, and how it is told, is in
//! [`crate::migrations`].

use std::sync::Arc;
use std::time::Duration;

use hostler_core::id::ProviderId;
use tokio::time::Instant;

use crate::{Inner, migrations};

/// Works until the provider is removed.
pub(crate) async fn run(engine: Arc<Inner>, id: ProviderId) {
    tokio::time::sleep(beginning(id, engine.pace.migrations)).await;
    while let Some(provider) = engine.fleet.provider(id) {
        let began = Instant::now();
        migrations::look(&engine, id, &provider).await;
        drop(provider);
        tokio::time::sleep_until(began + engine.pace.migrations).await;
    }
}

/// When the first is due: within a quarter of the pace, each provider at a time of its own, so
/// that many are not asked all at once.
fn beginning(id: ProviderId, pace: Duration) -> Duration {
    const SLOTS: u32 = 64;
    let slot = id.to_string().bytes().fold(0, |sum, byte| (sum + u32::from(byte)) % SLOTS);
    pace / 4 * slot / SLOTS
}

#[cfg(test)]
mod tests {
    use hostler_core::Timestamp;

    use super::*;

    #[test]
    fn providers_begin_apart_and_soon() {
        let pace = Duration::from_secs(120);
        let first =
            |number: u8| beginning(ProviderId::new(Timestamp::from_millis(1), [number; 10]), pace);
        let all: std::collections::BTreeSet<_> = (0..64).map(first).collect();
        assert!(all.len() > 8, "{all:?}");
        assert!(all.iter().all(|begin| *begin < pace / 4), "{all:?}");
    }
}
