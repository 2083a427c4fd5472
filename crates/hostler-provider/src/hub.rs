//! Hands changes to those who watch, without ever waiting for one of them: what
//! a driver keeps the promises of [`crate::Watch`] by.
//!
//! A watcher that reads quickly gets every change. For one that is slow the
//! same change is kept once; for one that is too slow all is replaced by
//! [`Change::Lost`].

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::Change;

/// Changes in a watcher's channel.
const CHANNEL: usize = 256;
/// Changes kept for a watcher whose channel is full.
const PENDING: usize = 1024;

/// All watchers.
#[derive(Default)]
pub struct Hub {
    watchers: Mutex<Vec<Watcher>>,
}

struct Watcher {
    sender: mpsc::Sender<Change>,
    pending: VecDeque<Change>,
}

impl Hub {
    /// A new watcher, for changes from now on.
    pub fn subscribe(&self) -> mpsc::Receiver<Change> {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        self.lock().push(Watcher { sender, pending: VecDeque::new() });
        receiver
    }

    /// Tells everybody.
    pub fn publish(&self, change: &Change) {
        let mut watchers = self.lock();
        for watcher in watchers.iter_mut() {
            watcher.add(change);
        }
        watchers.retain_mut(Watcher::flush);
    }

    /// Hands over what could not be handed over before. Called now and then.
    pub fn flush(&self) {
        self.lock().retain_mut(Watcher::flush);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    fn add(&mut self, change: &Change) {
        if matches!(change, Change::Lost { .. }) {
            // Whoever lists again needs no older change.
            self.pending.clear();
        } else if self.pending.contains(change) {
            return;
        }
        if self.pending.len() >= PENDING {
            self.pending.clear();
            let reason = "the watcher was too slow".to_owned();
            self.pending.push_back(Change::Lost { reason });
        }
        self.pending.push_back(change.clone());
    }

    /// Hands over what there is room for; `false` when nobody listens any more.
    fn flush(&mut self) -> bool {
        while let Some(change) = self.pending.pop_front() {
            match self.sender.try_send(change) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(change)) => {
                    self.pending.push_front(change);
                    return true;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
        }
        !self.sender.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VmRef;

    fn vm(n: usize) -> Change {
        Change::Vm(VmRef { external_ref: n.to_string(), name: n.to_string() })
    }

    fn drain(hub: &Hub, receiver: &mut mpsc::Receiver<Change>) -> Vec<Change> {
        let mut all = Vec::new();
        loop {
            while let Ok(change) = receiver.try_recv() {
                all.push(change);
            }
            hub.flush();
            if receiver.is_empty() {
                return all;
            }
        }
    }

    #[test]
    fn c5_a_quick_watcher_gets_every_change() {
        let hub = Hub::default();
        let mut receiver = hub.subscribe();
        hub.publish(&vm(1));
        hub.publish(&vm(1));
        assert_eq!(drain(&hub, &mut receiver), [vm(1), vm(1)]);
    }

    #[test]
    fn i12_a_slow_watcher_gets_each_change_once() {
        let hub = Hub::default();
        let mut receiver = hub.subscribe();
        for _ in 0..10 {
            for n in 0..CHANNEL + 3 {
                hub.publish(&vm(n));
            }
        }
        let all = drain(&hub, &mut receiver);
        assert!(all.len() <= CHANNEL + CHANNEL + 3, "{}", all.len());
        assert!((0..CHANNEL + 3).all(|n| all.contains(&vm(n))));
    }

    #[test]
    fn i12_a_watcher_that_is_too_slow_is_told_to_list_again() {
        let hub = Hub::default();
        let mut receiver = hub.subscribe();
        for n in 0..100_000 {
            hub.publish(&vm(n));
        }
        let all = drain(&hub, &mut receiver);
        assert!(all.len() <= CHANNEL + PENDING + 1);
        assert!(all.iter().any(|change| matches!(change, Change::Lost { .. })));
        assert_eq!(all.last(), Some(&vm(99_999)), "the newest is never dropped");
    }

    #[test]
    fn a_watcher_that_went_away_is_forgotten() {
        let hub = Hub::default();
        drop(hub.subscribe());
        hub.publish(&vm(1));
        assert!(hub.lock().is_empty());
    }
}
