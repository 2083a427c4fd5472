//! Where the history is sent to, and how that goes.

use hostler_api::v1::{self, OutputDropped, OutputRefused, OutputStatus, OutputWaiting};
use hostler_api::{Page, Time};
use hostler_core::query::{Field, Row, Value};
use hostler_core::{Error, Timestamp};
use hostler_engine::{OutputState, OutputView};

use super::error::Result;
use super::{Api, Call, Reply, lists};
use crate::app::App;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::OutputList, list)
}

const FIELDS: &[Field] = &[Field::text("name"), Field::text("kind"), Field::text("state")];

async fn list(app: App, call: Call<v1::OutputList>) -> Result<Reply<Page<OutputStatus>>> {
    let (now, engine) = (app.clock.now(), app.engine.clone());
    // A queue may be waiting for its disk just now.
    let views = tokio::task::spawn_blocking(move || engine.outputs()).await;
    let views = views.map_err(|error| Error::bug(format!("outputs cannot be told: {error}")))?;
    let rows: Vec<Listed> = views.into_iter().map(|view| Listed(status(view, now))).collect();
    let of_row = |row: &Listed| row.0.clone();
    lists::of_rows(&app, "outputs", &call.query, FIELDS, &rows, of_row).map(Reply::page)
}

struct Listed(OutputStatus);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.name.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.0.name.as_str().into(),
            "kind" => self.0.kind.as_str().into(),
            "state" => self.0.state.as_str().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        [&self.0.name, &self.0.target].iter().any(|text| text.to_lowercase().contains(needle))
    }
}

fn status(view: OutputView, now: Timestamp) -> OutputStatus {
    let (state, reason, since, next) = match view.state {
        OutputState::Untried => ("untried", None, None, None),
        OutputState::Ok => ("ok", None, None, None),
        OutputState::Failing { told, since, next_at } => {
            ("failing", Some(told), Some(Time(since)), Some(Time(next_at)))
        }
    };
    let oldest = view.waiting.oldest_ms.map(Timestamp::from_millis);
    OutputStatus {
        name: view.name,
        kind: view.kind.to_owned(),
        target: view.target,
        state: state.to_owned(),
        reason: reason.or(view.queue_error),
        failing_since: since,
        next_try_at: next,
        sent_at: view.sent_at.map(Time),
        waiting: OutputWaiting {
            samples: view.waiting.samples,
            bytes: view.waiting.bytes,
            oldest_at: oldest.map(Time),
            oldest_age_seconds: oldest.map(|at| now.since(at).as_secs_f64()),
        },
        sent: view.counts.sent,
        failed_tries: view.counts.failed_tries,
        dropped: OutputDropped {
            full: view.waiting.losses.full,
            old: view.waiting.losses.old,
            disk: view.waiting.losses.disk,
            refused: view.counts.refused,
            unsupported: view.counts.left_out,
        },
        last_refusal: view.refusal.map(|refusal| OutputRefused {
            at: Time(refusal.at),
            reason: refusal.told,
            samples: refusal.samples,
        }),
    }
}
