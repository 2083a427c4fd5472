//! Questions to a provider that many may ask at once: one of them asks, and those who came
//! before it began to ask take its answer. So an answer is never older than the question,
//! and a provider is asked by one at a time, however many look.
//!
//! ```text
//!   first  ├── asks ──┤
//!   second    ├─ waits ┤── asks ──┤
//!   third        ├─ waits ────────┤ takes the second's, which began after it came
//! ```

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The answers to one question.
#[derive(Debug)]
pub(crate) struct Rounds<T> {
    /// The last answer, and when it was begun to be asked for.
    last: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None) }
    }
}

impl<T> Rounds<T> {
    /// The answer of somebody who began to ask after this was called, else of `ask`. Who
    /// gives up leaves the question to the next.
    pub(crate) async fn ask(&self, ask: impl Future<Output = T>) -> Arc<T> {
        let came = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((began, answer)) = &*last
            && *began >= came
        {
            return Arc::clone(answer);
        }
        let began = Instant::now();
        let answer = Arc::new(ask.await);
        *last = Some((began, Arc::clone(&answer)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_ask_twice_and_nobody_hears_what_was_before() {
        let (rounds, asked) = (Rounds::default(), AtomicU32::new(0));
        let ask = || async {
            let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(Duration::from_secs(1)).await;
            number
        };
        let late = |millis| async move { sleep(Duration::from_millis(millis)).await };
        let (first, second, third, fourth) = tokio::join!(
            rounds.ask(ask()),
            async {
                late(100).await;
                rounds.ask(ask()).await
            },
            async {
                late(200).await;
                rounds.ask(ask()).await
            },
            async {
                late(1100).await;
                rounds.ask(ask()).await
            },
        );
        assert_eq!([*first, *second, *third], [1, 2, 2]);
        assert_eq!(*fourth, 3, "the second had begun before it came");
        assert_eq!(*rounds.ask(ask()).await, 4, "nothing is kept for later");
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_keeps_nobody_from_an_answer() {
        let rounds = Rounds::default();
        let never = rounds.ask(std::future::pending::<u32>());
        assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
        assert_eq!(*rounds.ask(async { 2 }).await, 2);
    }
}
