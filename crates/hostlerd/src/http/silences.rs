//! Silences.

use std::time::Duration;

use hostler_api::v1;
use hostler_api::{Nothing, Page, Time};
use hostler_core::alert::matcher::LabelMatcher;
use hostler_core::error::Fault;
use hostler_core::query::{Field, Row, Value};
use hostler_core::{Code, Error, Timestamp};
use hostler_engine::{NewSilence, SilenceView, SilencedFor};

use super::error::Result;
use super::{Api, Call, Reply, ids, lists};
use crate::app::App;

const FIELDS: &[Field] = &[
    Field::text("state"),
    Field::text("created_by"),
    Field::number("starts_at"),
    Field::number("ends_at"),
    Field::number("created_at"),
];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::SilenceList, list)
        .route(v1::SilenceCreate, create)
        .route(v1::SilenceShow, show)
        .route(v1::SilenceExpire, expire)
}

async fn list(app: App, call: Call<v1::SilenceList>) -> Result<Reply<Page<v1::Silence>>> {
    let rows: Vec<_> = app.engine.alerts().silences().into_iter().map(Listed).collect();
    let page = lists::of_rows(&app, "silences", &call.query, FIELDS, &rows, |row| silence(&row.0))?;
    Ok(Reply::page(page))
}

async fn show(app: App, call: Call<v1::SilenceShow>) -> Result<Reply<v1::Silence>> {
    let found = app.engine.alerts().silence(ids::of_path(&call.path.silence)?)?;
    Ok(Reply::of(silence(&found)))
}

async fn create(app: App, call: Call<v1::SilenceCreate>) -> Result<Reply<v1::Silence>> {
    let new = read(call.body, app.clock.now())?;
    let made = app.engine.alerts().silence_for(&call.caller.actor, new).await?;
    Ok(Reply::of(silence(&made)).at(&format!("/api/v1/silences/{}", made.id)))
}

async fn expire(app: App, call: Call<v1::SilenceExpire>) -> Result<Reply<Nothing>> {
    let id = ids::of_path(&call.path.silence)?;
    app.engine.alerts().expire_silence(&call.caller.actor, id).await?;
    Ok(Reply::of(Nothing {}))
}

fn read(request: v1::SilenceRequest, now: Timestamp) -> Result<NewSilence> {
    let mut faults = Vec::new();
    let mut matchers = Vec::new();
    for (at, text) in request.matchers.iter().enumerate() {
        match text.parse::<LabelMatcher>() {
            Ok(matcher) => matchers.push(matcher),
            Err(bad) => {
                faults.push(Fault::new(format!("/matchers/{at}"), "invalid", bad.to_string()));
            }
        }
    }
    let starts_at = request.starts_at.map_or(now, |at| at.0);
    let ends_at = match (request.ends_at, request.duration_seconds) {
        (Some(at), None) => at.0,
        (None, Some(seconds)) => starts_at.plus(Duration::from_secs(seconds)),
        _ => {
            let detail = "either this or duration_seconds is needed, not both";
            faults.push(Fault::new("/ends_at", "ambiguous", detail));
            starts_at
        }
    };
    let of = match request.alert {
        Some(alert) if request.matchers.is_empty() => SilencedFor::Alert(alert),
        Some(_) => {
            let detail = "either this or matchers, not both";
            faults.push(Fault::new("/alert", "ambiguous", detail));
            SilencedFor::Matchers(Vec::new())
        }
        None => SilencedFor::Matchers(matchers),
    };
    match faults.is_empty() {
        true => Ok(NewSilence { of, starts_at, ends_at, comment: request.comment }),
        false => Err(Error::faults(Code::SpecInvalid, faults).into()),
    }
}

fn silence(view: &SilenceView) -> v1::Silence {
    let silence = &view.silence;
    v1::Silence {
        id: view.id.to_string(),
        state: view.state.as_str().to_owned(),
        matchers: silence.matchers.iter().map(ToString::to_string).collect(),
        starts_at: Time(silence.starts_at),
        ends_at: Time(silence.ends_at),
        created_by: silence.created_by.clone(),
        created_at: Time(silence.created_at),
        comment: silence.comment.clone(),
        silences: view.silences as u64,
    }
}

/// A silence as a row of a list.
struct Listed(SilenceView);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let silence = &self.0.silence;
        match field {
            "state" => self.0.state.as_str().into(),
            "created_by" => silence.created_by.as_str().into(),
            "starts_at" => silence.starts_at.as_micros().into(),
            "ends_at" => silence.ends_at.as_micros().into(),
            "created_at" => silence.created_at.as_micros().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let silence = &self.0.silence;
        let matchers = silence.matchers.iter().map(ToString::to_string);
        let texts = matchers.chain([silence.comment.clone(), silence.created_by.clone()]);
        texts.into_iter().any(|text| text.to_lowercase().contains(needle))
    }
}
