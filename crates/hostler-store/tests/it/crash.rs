//! `kill -9` in the middle of writing: what was acknowledged is there, and
//! nothing is there by half (F1, F3, F13).
//!
//! The test starts itself again as a child that writes and says what was
//! acknowledged; it is killed at an arbitrary moment, over and over, always on
//! the same file.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hostler_core::id::OperationId;
use hostler_core::operation::{Journal, OperationState, Outcome};
use hostler_store::{OperationFilter, Store};

use crate::common::{World, done, finished, open, place, plain, started};

/// Names the file to a child.
const FILE: &str = "HOSTLER_STORE_CRASH_FILE";
/// Gives each child its own ids.
const ROUND: &str = "HOSTLER_STORE_CRASH_ROUND";

const ROUNDS: u64 = 15;

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    if let Some(file) = std::env::var_os(FILE) {
        write_for_ever(Path::new(&file)).await;
        return;
    }
    let (_directory, path) = place();
    let mut acknowledged: HashMap<OperationId, u64> = HashMap::new();
    for round in 0..ROUNDS {
        acknowledged.extend(run_and_kill(&path, round));
        let store = open(&path).await;
        check(&store, &acknowledged).await;
        store.close().await;
    }
    assert!(acknowledged.len() as u64 > ROUNDS, "the children have hardly written");
}

/// The child: submits and drives operations, and says each time what is kept.
#[expect(clippy::print_stdout, reason = "the parent reads what was acknowledged")]
async fn write_for_ever(path: &Path) {
    let round: u64 = std::env::var_os(ROUND).unwrap().into_string().unwrap().parse().unwrap();
    let world = World::seeded(1_000 + round);
    let store = open(path).await;
    for number in 0.. {
        let new = world.create(&format!("vm-{round}-{number}"));
        store.submit(&new).await.unwrap();
        println!("\nack {} 1", new.id);
        let ttl = Duration::from_secs(30);
        let epoch = store.acquire_lease(new.id, "child", ttl, world.now()).await.unwrap().unwrap();
        let steps = [
            vec![started(0)],
            vec![done(0), started(1)],
            vec![done(1), finished(Outcome::Succeeded)],
        ];
        for events in steps {
            let changed = world.event("operation.changed", &new.id.to_string());
            let tell = |_: &Journal| vec![changed.clone()];
            let append = hostler_store::Append { tell: &tell, ..plain(&events, &[], world.now()) };
            let appended = store.append(new.id, epoch, &append).await.unwrap();
            println!("\nack {} {}", new.id, appended.journal_len);
        }
    }
}

/// Starts a child, lets it write for a while, kills it, and tells what it said.
fn run_and_kill(path: &Path, round: u64) -> HashMap<OperationId, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::what_was_acknowledged_survives_kill_9", "--nocapture"])
        .env(FILE, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A different number of acknowledgements in each round: another moment of the cycle.
    let enough = 3 + round * 7 % 40;
    let mut acknowledged = HashMap::new();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(rest) = line.strip_prefix("ack ") else { continue };
        let (id, len) = rest.split_once(' ').unwrap();
        acknowledged.insert(id.parse().unwrap(), len.parse().unwrap());
        count += 1;
        if count == enough {
            // The loop goes on to what it said before it died.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= enough, "the child ended by itself after {count} writes");
    acknowledged
}

async fn check(store: &Store, acknowledged: &HashMap<OperationId, u64>) {
    let all = OperationFilter { limit: u32::MAX, ..OperationFilter::default() };
    let operations = store.operations(&all).await.unwrap();
    let claims = store.claims().await.unwrap();
    let mut events = 0;
    for row in &operations {
        let journal = store.journal(row.id).await.unwrap();
        assert_eq!(journal.len() as u64, row.journal_len);
        let folded = Journal::read(journal.iter().map(|entry| &entry.event));
        assert_eq!(folded.told(), row.state);
        // Claimed as long as it has not ended; its VM and its event came with it.
        let holds = row.resources.iter().all(|resource| claims.get(resource) == Some(&row.id));
        assert_eq!(holds, row.state != OperationState::Succeeded);
        events += 1 + u64::from(folded.started()) + u64::from(row.finished_at.is_some());
    }
    let found: HashMap<_, _> = operations.iter().map(|row| (row.id, row.journal_len)).collect();
    for (id, len) in acknowledged {
        assert!(found.get(id).is_some_and(|kept| kept >= len), "{id} lost {len}");
    }
    assert_eq!(store.vms().await.unwrap().len(), operations.len());
    assert_eq!(store.first_and_last_seq().await.unwrap(), (1, events));
}
