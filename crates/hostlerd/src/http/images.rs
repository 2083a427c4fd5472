//! Images.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hostler_api::v1;
use hostler_api::{Nothing, Page, Time};

use hostler_core::image::Image;
use hostler_core::query::{Field, Row, Value};
use hostler_engine::ImageImport;
use tokio::time::Instant;
use tokio_util::io::StreamReader;

use super::error::Result;
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

/// An upload that sends nothing for this long has died.
const STALL: Duration = Duration::from_secs(30);
/// An upload gets this long to become quick …
const GRACE: Duration = Duration::from_secs(60);
/// … and then has to have come in at this many bytes a second, on average.
const RATE_MIN: u64 = 4096;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("format"),
    Field::number("file_bytes"),
    Field::number("virtual_bytes"),
    Field::number("created_at"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::ImageList, list)
        .upload(v1::ImageImport, import)
        .route(v1::ImageShow, show)
        .route(v1::ImageDelete, delete)
}

async fn list(app: App, call: Call<v1::ImageList>) -> Result<Reply<Page<v1::Image>>> {
    let rows: Vec<_> = app.engine.images().list().await?.into_iter().map(Listed).collect();
    lists::of_rows(&app, "images", &call.query, FIELDS, &rows, |row| image(&row.0)).map(Reply::page)
}

async fn import(app: App, call: Call<v1::ImageImport>, body: Body) -> Result<Reply<v1::Image>> {
    let v1::ImageImportQuery { name, description, format, sha256 } = call.query;
    let import = ImageImport { name, description, format: format.into(), sha256 };
    let bytes = pin!(paced(body.into_data_stream()));
    let actor = &call.caller.actor;
    let made = app.engine.images().import(actor, import, StreamReader::new(bytes)).await?;
    Ok(Reply::of(image(&made)).at(&format!("/api/v1/images/{}", made.id)))
}

async fn show(app: App, call: Call<v1::ImageShow>) -> Result<Reply<v1::Image>> {
    let found = app.engine.images().get(ids::of_path(&call.path.image)?).await?;
    Ok(Reply::of(image(&found)))
}

async fn delete(app: App, call: Call<v1::ImageDelete>) -> Result<Reply<Nothing>> {
    let id = ids::of_path(&call.path.image)?;
    app.engine.images().delete(&call.caller.actor, id).await?;
    Ok(Reply::of(Nothing {}))
}

/// An upload that ends with an error when it comes too slowly (A38).
fn paced<E>(
    bytes: impl Stream<Item = std::result::Result<Bytes, E>> + Send,
) -> impl Stream<Item = io::Result<Bytes>> + Send
where
    E: std::error::Error + Send + Sync + 'static,
{
    let state = (Box::pin(bytes), Instant::now(), 0_u64);
    stream::try_unfold(state, |(mut bytes, start, mut total)| async move {
        let next = tokio::time::timeout(STALL, bytes.next()).await.map_err(|_| {
            let message = format!("nothing came for {} s", STALL.as_secs());
            io::Error::new(io::ErrorKind::TimedOut, message)
        })?;
        let Some(chunk) = next.transpose().map_err(io::Error::other)? else { return Ok(None) };
        total += chunk.len() as u64;
        let counted = start.elapsed().saturating_sub(GRACE).as_secs();
        if total < counted.saturating_mul(RATE_MIN) {
            let message = format!("came in at less than {RATE_MIN} bytes a second");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        Ok(Some((chunk, (bytes, start, total))))
    })
}

fn image(image: &Image) -> v1::Image {
    v1::Image {
        id: image.id.to_string(),
        name: image.name.clone(),
        description: image.description.clone(),
        format: image.format.into(),
        file_bytes: image.file_bytes,
        virtual_bytes: image.virtual_bytes,
        sha256: image.sha256.clone(),
        created_at: Time(image.created_at),
    }
}

/// An image as a row of a list.
struct Listed(Image);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let image = &self.0;
        match field {
            "name" => image.name.as_str().into(),
            "format" => image.format.as_str().into(),
            "file_bytes" => image.file_bytes.into(),
            "virtual_bytes" => image.virtual_bytes.into(),
            "created_at" => image.created_at.as_micros().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.0.name.to_lowercase().contains(needle)
            || self.0.description.to_lowercase().contains(needle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collected(chunk: usize, every: Duration, count: usize) -> io::Result<usize> {
        let chunks = stream::unfold(0, move |n| async move {
            tokio::time::sleep(every).await;
            (n < count).then(|| (Ok::<_, io::Error>(Bytes::from(vec![0; chunk])), n + 1))
        });
        let mut paced = pin!(paced(chunks));
        let mut total = 0;
        while let Some(chunk) = paced.next().await {
            total += chunk?.len();
        }
        Ok(total)
    }

    #[tokio::test(start_paused = true)]
    async fn a38_an_upload_that_dribbles_in_is_ended() {
        let dribble = collected(1, Duration::from_secs(5), 10_000).await.unwrap_err();
        assert_eq!(dribble.kind(), io::ErrorKind::TimedOut);
        let stalled = collected(1 << 20, Duration::from_secs(31), 2).await.unwrap_err();
        assert_eq!(stalled.to_string(), "nothing came for 30 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_may_take_its_hours() {
        let hour = collected(64 << 10, Duration::from_secs(2), 1800).await.unwrap();
        assert_eq!(hour, 1800 * (64 << 10));
    }
}
