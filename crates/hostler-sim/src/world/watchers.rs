//! Those who are told of changes, each through a queue with an end. What does
//! not fit is replaced by one [`Change::Lost`], for which the last place of the
//! queue is kept free.

use hostler_provider::Change;
use tokio::sync::mpsc;

/// How many changes a queue holds, the last place being for `Lost`.
const QUEUE: usize = 256;

#[derive(Default)]
pub(crate) struct Watchers(Vec<Watcher>);

struct Watcher {
    queue: mpsc::Sender<Change>,
    /// Whether what was sent last is `Lost`. While the queue is nearly full that
    /// one is still in it and stands for whatever is dropped now.
    said_lost: bool,
}

impl Watchers {
    pub(crate) fn subscribe(&mut self) -> mpsc::Receiver<Change> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        self.0.push(Watcher { queue, said_lost: false });
        receiver
    }

    pub(crate) fn tell(&mut self, change: &Change) {
        self.0.retain(|watcher| !watcher.queue.is_closed());
        for watcher in &mut self.0 {
            watcher.tell(change);
        }
    }
}

impl Watcher {
    fn tell(&mut self, change: &Change) {
        let (next, is_lost) = if self.queue.capacity() > 1 {
            (change.clone(), matches!(change, Change::Lost { .. }))
        } else if self.said_lost {
            return;
        } else {
            (Change::Lost { reason: "too many changes at once".to_owned() }, true)
        };
        // Only this side sends, so the place counted above is still free.
        if self.queue.try_send(next).is_ok() {
            self.said_lost = is_lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f39_what_does_not_fit_is_replaced_by_one_word_that_it_was_lost() {
        let mut watchers = Watchers::default();
        let mut queue = watchers.subscribe();
        for _ in 0..QUEUE * 3 {
            watchers.tell(&Change::Inventory);
        }
        let mut got = Vec::new();
        while let Ok(change) = queue.try_recv() {
            got.push(change);
        }
        assert_eq!(got.len(), QUEUE);
        let lost = got.iter().filter(|c| matches!(c, Change::Lost { .. })).count();
        assert_eq!(lost, 1);
        assert!(matches!(got.last(), Some(Change::Lost { .. })));

        watchers.tell(&Change::Inventory);
        assert_eq!(queue.try_recv(), Ok(Change::Inventory));
    }

    #[test]
    fn who_stops_listening_is_forgotten() {
        let mut watchers = Watchers::default();
        drop(watchers.subscribe());
        watchers.tell(&Change::Inventory);
        assert!(watchers.0.is_empty());
    }
}
