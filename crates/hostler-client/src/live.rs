//! Following what is live: a break is told, since nothing of it is kept.

use std::collections::VecDeque;

use hostler_api::Endpoint;
use hostler_api::v1::{LiveFrame, LiveQuery, LiveStream, LiveTold};
use serde_json::Value;

use crate::answer::Item;
use crate::client::Client;
use crate::error::Result;
use crate::sse::Frame;
use crate::stream::{Patience, Stream};

/// What comes while following what is live.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveNews {
    /// A frame of a topic.
    Frame(Box<Item<LiveFrame>>),
    /// Frames may be missing here: read the lists again.
    Resync,
}

/// What is live, as it comes.
#[derive(Debug)]
pub struct Live {
    stream: Stream,
    query: LiveQuery,
    ready: VecDeque<LiveNews>,
}

impl Client {
    /// Follows what is live. Fails when the first connection does; later ones are
    /// tried again for five minutes.
    pub async fn live(&self, query: LiveQuery) -> Result<Live> {
        let mut stream = Stream::new(self, LiveStream::PATH);
        stream.connect::<LiveStream>(&query, None).await?;
        Ok(Live { stream, query, ready: VecDeque::new() })
    }
}

impl Live {
    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<LiveNews> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(news);
            }
            if !self.stream.is_open() {
                self.reconnect().await?;
                continue;
            }
            let frames = self.stream.read().await?;
            frames.iter().try_for_each(|frame| self.take(frame))?;
        }
    }

    /// Takes over one frame: news, or only a sign of life.
    fn take(&mut self, frame: &Frame) -> Result<()> {
        let cannot = |error: serde_json::Error| format!("a frame cannot be read: {error}");
        let json: Value = serde_json::from_str(&frame.data)
            .map_err(|error| self.stream.malformed(cannot(error)))?;
        let is_known = json.get("type").and_then(Value::as_str).is_some_and(is_known);
        if !is_known && json.get("type").is_some() {
            return Ok(()); // of a newer server
        }
        let item: Item<LiveFrame> =
            Item::from_json(json).map_err(|error| self.stream.malformed(cannot(error)))?;
        match item.value.told {
            LiveTold::Ping(_) | LiveTold::Subscribed(_) => {}
            LiveTold::Resync(_) => self.ready.push_back(LiveNews::Resync),
            _ => self.ready.push_back(LiveNews::Frame(Box::new(item))),
        }
        Ok(())
    }

    async fn reconnect(&mut self) -> Result<()> {
        let mut patience = Patience::begin();
        loop {
            patience.pause().await;
            match self.stream.connect::<LiveStream>(&self.query, None).await {
                Ok(()) => break,
                Err(error) if patience.endures(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.ready.push_back(LiveNews::Resync);
        Ok(())
    }
}

/// Whether this version knows that type of frame.
fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "vm_metrics"
            | "node_metrics"
            | "migration_progress"
            | "migration"
            | "vm_status"
            | "vm_event"
            | "operation"
            | "alert"
            | "subscribed"
            | "ping"
            | "resync"
            | "error"
    )
}
