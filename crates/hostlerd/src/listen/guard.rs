//! Watches what a connection does, and says when it has taken too long.
//!
//! ```text
//!            first byte               whole head
//!   Idle ───────────────► Head ─────────────────► Busy
//!    ▲ (75 s)             (10 s)                    │ (its own limits)
//!    └──────────────────────────────────────────────┘ answer sent, none other at work
//! ```
//!
//! A connection begins in Head. Beside this, in every state, an answer that the
//! client leaves unread ends the connection. hyper has a timer for heads, but it
//! also runs between requests, so that it can bound only both together.
//! HTTP/2 has no Head: its frames are bounded by size and number instead.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::Limits;
use super::permits::Permit;

/// What a connection is doing.
#[derive(Debug)]
pub struct Activity {
    start: Instant,
    has_heads: bool,
    in_head: AtomicBool,
    /// Milliseconds after `start` at which the present state began.
    since: AtomicU64,
    requests: AtomicUsize,
    /// Milliseconds after `start` at which writing got stuck; `NEVER` when it is not.
    stuck_since: AtomicU64,
}

const NEVER: u64 = u64::MAX;

/// Why a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The head of a request did not come to its end.
    SlowHead,
    /// No request came.
    Idle,
    /// The client does not read its answer.
    Unread,
}

impl Activity {
    /// A connection that begins now. `has_heads`: whether it speaks HTTP/1.
    pub fn new(has_heads: bool) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            has_heads,
            in_head: AtomicBool::new(has_heads),
            since: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            stuck_since: AtomicU64::new(NEVER),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    /// A request is at work until the result is dropped.
    pub fn begin(self: &Arc<Self>) -> AtWork {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    fn bytes_came(&self) {
        if self.has_heads
            && self.requests.load(Ordering::Relaxed) == 0
            && !self.in_head.swap(true, Ordering::Relaxed)
        {
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn writing(&self, is_stuck: bool) {
        if !is_stuck {
            self.stuck_since.store(NEVER, Ordering::Relaxed);
        } else if self.stuck_since.load(Ordering::Relaxed) == NEVER {
            self.stuck_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Whether the connection has to end, and why.
    pub fn verdict(&self, limits: &Limits) -> Option<Verdict> {
        let now = self.now();
        let longer =
            |since: u64, limit: Duration| Duration::from_millis(now.saturating_sub(since)) > limit;
        let stuck = self.stuck_since.load(Ordering::Relaxed);
        if stuck != NEVER && longer(stuck, limits.unread) {
            return Some(Verdict::Unread);
        }
        if self.requests.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let since = self.since.load(Ordering::Relaxed);
        match self.in_head.load(Ordering::Relaxed) {
            true => longer(since, limits.head).then_some(Verdict::SlowHead),
            false => longer(since, limits.idle).then_some(Verdict::Idle),
        }
    }
}

/// A request at work.
#[derive(Debug)]
pub struct AtWork(Arc<Activity>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.since.store(self.0.now(), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's bytes, watched. It holds the connection's permit, so that an
/// upgraded connection keeps it too.
#[derive(Debug)]
pub(super) struct Watched<T> {
    io: T,
    activity: Arc<Activity>,
    _permit: Permit,
}

impl<T> Watched<T> {
    pub(super) const fn new(io: T, activity: Arc<Activity>, permit: Permit) -> Self {
        Self { io, activity, _permit: permit }
    }

    fn wrote<R>(&self, poll: Poll<R>) -> Poll<R> {
        self.activity.writing(poll.is_pending());
        poll
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.io).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_came();
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_shutdown(cx);
        self.wrote(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.wrote(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// An answer's body. Its request is at work until it has been sent.
#[derive(Debug)]
pub(super) struct Sending {
    body: axum::body::Body,
    _at_work: AtWork,
}

impl Sending {
    pub(super) const fn new(body: axum::body::Body, at_work: AtWork) -> Self {
        Self { body, _at_work: at_work }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a38_a_head_that_dribbles_in_ends_the_connection() {
        let (limits, activity) = (Limits::default(), Activity::new(true));
        for _ in 0..10 {
            pass(1).await;
            activity.bytes_came();
            assert_eq!(activity.verdict(&limits), None);
        }
        pass(1).await;
        assert_eq!(activity.verdict(&limits), Some(Verdict::SlowHead));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time_than_within_a_head() {
        let (limits, activity) = (Limits::default(), Activity::new(true));
        drop(activity.begin());
        pass(70).await;
        assert_eq!(activity.verdict(&limits), None);
        activity.bytes_came();
        pass(9).await;
        assert_eq!(activity.verdict(&limits), None, "a head has ten seconds from its first byte");
        drop(activity.begin());
        pass(76).await;
        assert_eq!(activity.verdict(&limits), Some(Verdict::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_at_work_is_not_idle() {
        let (limits, activity) = (Limits::default(), Activity::new(true));
        let at_work = activity.begin();
        pass(3600).await;
        activity.bytes_came();
        assert_eq!(activity.verdict(&limits), None);
        drop(at_work);
        assert_eq!(activity.verdict(&limits), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a40_an_answer_left_unread_ends_the_connection() {
        let (limits, activity) = (Limits::default(), Activity::new(true));
        let _at_work = activity.begin();
        activity.writing(true);
        pass(29).await;
        activity.writing(true);
        assert_eq!(activity.verdict(&limits), None);
        pass(2).await;
        assert_eq!(activity.verdict(&limits), Some(Verdict::Unread));
        activity.writing(false);
        assert_eq!(activity.verdict(&limits), None);
    }

    #[tokio::test(start_paused = true)]
    async fn http_2_has_no_heads_but_idles_too() {
        let (limits, activity) = (Limits::default(), Activity::new(false));
        activity.bytes_came();
        pass(70).await;
        assert_eq!(activity.verdict(&limits), None);
        activity.bytes_came();
        pass(6).await;
        assert_eq!(activity.verdict(&limits), Some(Verdict::Idle), "pings are no requests");
    }
}
