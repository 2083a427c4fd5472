//! Uploading images: the file is streamed, never held in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hostler_api::{Nothing, v1};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::answer::Answer;
use crate::client::{Client, Terms};
use crate::error::{Error, Result};
use crate::request::prepare;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long an upload may stand still: the server reads the whole file once
/// more before it answers.
const STILL_MAX: Duration = Duration::from_secs(600);
/// How often progress is told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Client {
    /// Uploads an image from `reader`. With `length`, exactly so many bytes are
    /// sent; `progress` gets the number of bytes read so far. It is not
    /// repeated by itself, since what was read cannot be read again.
    pub async fn import_image<R>(
        &self,
        query: &v1::ImageImportQuery,
        length: Option<u64>,
        reader: R,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<Answer<v1::Image>>
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        let mut prepared =
            prepare::<v1::ImageImport>(&Nothing {}, query, &Nothing {}, &Terms::default())?;
        let kind = HeaderValue::from_static("application/octet-stream");
        prepared.headers.insert(CONTENT_TYPE, kind);
        if let Some(length) = length {
            prepared.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let chunks = stream::unfold((reader, 0_u64), move |(mut reader, done)| {
            let counter = Arc::clone(&counter);
            async move {
                let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
                match reader.read_buf(&mut chunk).await {
                    Ok(0) => None,
                    Ok(count) => {
                        let done = done + count as u64;
                        counter.store(done, Ordering::Relaxed);
                        let frame: Frame<Bytes> = Frame::data(chunk.freeze());
                        Some((Ok(frame), (reader, done)))
                    }
                    Err(error) => Some((Err(error), (reader, done))),
                }
            }
        });
        let response = self.stream(&prepared, BodyExt::boxed_unsync(StreamBody::new(chunks)));
        tokio::pin!(response);
        let mut look = tokio::time::interval(LOOK_EVERY);
        let (mut last, mut moved_at) = (0, tokio::time::Instant::now());
        let response = loop {
            tokio::select! {
                response = &mut response => break response?,
                _ = look.tick() => {
                    let now = sent.load(Ordering::Relaxed);
                    progress(now);
                    if now != last {
                        (last, moved_at) = (now, tokio::time::Instant::now());
                    } else if moved_at.elapsed() > STILL_MAX {
                        return Err(Error::TimedOut {
                            address: self.address().to_string(),
                            request: prepared.name(),
                            seconds: STILL_MAX.as_secs(),
                        });
                    }
                }
            }
        };
        progress(sent.load(Ordering::Relaxed));
        self.finish(&prepared, response).await
    }
}
