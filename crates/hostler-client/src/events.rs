//! Following events: the stream is resumed where it broke, and gaps are told.
//!
//! ```text
//!  connect(Last-Event-ID) ─► reading ─► Event | Resync
//!        ▲                      │ ended, broken, silent for 45 s
//!        └──── pause ◄──────────┘ 410 ─► Resync, and from now on
//! ```

use std::collections::VecDeque;

use hostler_api::{Endpoint, v1};
use hostler_core::Code;

use crate::answer::Item;
use crate::client::Client;
use crate::error::Result;
use crate::sse::Frame;
use crate::stream::{Patience, Stream};

/// What comes while following.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// Something happened.
    Event(Box<Item<v1::Event>>),
    /// Events may be missing here: read the lists again.
    Resync,
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    stream: Stream,
    query: v1::EventQuery,
    ready: VecDeque<Followed>,
    /// The sequence number of the last event that was given.
    last: Option<u64>,
}

impl Client {
    /// Follows events. Fails when the first connection does; later ones are
    /// tried again for five minutes.
    pub async fn events(&self, query: v1::EventQuery) -> Result<Events> {
        let last = query.since;
        let mut events = Events {
            stream: Stream::new(self, v1::EventStream::PATH),
            query,
            ready: VecDeque::new(),
            last,
        };
        events.connect().await?;
        Ok(events)
    }
}

impl Events {
    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Followed> {
        loop {
            if let Some(followed) = self.ready.pop_front() {
                return Ok(followed);
            }
            if !self.stream.is_open() {
                self.reconnect().await?;
                continue;
            }
            let frames = self.stream.read().await?;
            frames.iter().try_for_each(|frame| self.take(frame))?;
        }
    }

    /// Takes over one frame; an event that was given before is dropped.
    fn take(&mut self, frame: &Frame) -> Result<()> {
        if frame.event == "resync" {
            self.ready.push_back(Followed::Resync);
            return Ok(());
        }
        let event = serde_json::from_str(&frame.data)
            .and_then(Item::<v1::Event>::from_json)
            .map_err(|error| self.stream.malformed(format!("an event cannot be read: {error}")))?;
        let seq = event.value.seq;
        // After a resumption the server may begin earlier than asked.
        if self.last.is_none_or(|last| seq > last) {
            self.last = Some(seq);
            self.ready.push_back(Followed::Event(Box::new(event)));
        }
        Ok(())
    }

    /// Connects again after the last event, and tells the gap where there is one.
    async fn reconnect(&mut self) -> Result<()> {
        let mut patience = Patience::begin();
        let was_blind = self.last.is_none();
        loop {
            patience.pause().await;
            match self.connect().await {
                Ok(()) => break,
                Err(error) if error.code() == Code::EventsExpired.as_str() => {
                    // What was missed is not kept any more: say so and go on from now.
                    self.last = None;
                    self.query.since = None;
                    self.ready.push_back(Followed::Resync);
                    patience.hurry();
                }
                Err(error) if patience.endures(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if was_blind {
            // Without a number to resume after, the time of the break is unseen.
            self.ready.push_back(Followed::Resync);
        }
        Ok(())
    }

    /// Connects once, after the last event that was given.
    async fn connect(&mut self) -> Result<()> {
        let query = v1::EventQuery { since: None, ..self.query.clone() };
        self.stream.connect::<v1::EventStream>(&query, self.last).await
    }
}
