//! `--watch`: shows a list or a resource again whenever it changes.
//!
//! Events only say *when* to look; what is shown is always read anew, so a lost
//! event costs a moment and never a wrong row. On a screen the table is drawn
//! again; in a pipe the rows that changed are appended; as JSON each changed
//! document is a line.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use hostler_api::v1;
use hostler_client::{Client, Events, Item};
use serde_json::Value;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::{Format, Resource, View, json_line};
use crate::work::Interrupts;

/// The shortest time between two looks, however many events come.
const LOOK_MIN: Duration = Duration::from_millis(500);
/// The longest time between two looks, should no event come.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// Shows what `look` gives, and again when it changes, until Ctrl-C or until
/// `is_done` holds for what was seen.
pub(crate) async fn run<T, F>(
    app: &App,
    client: &Client,
    look: impl Fn() -> F,
    is_done: impl Fn(&[Item<T>]) -> bool,
) -> Result
where
    T: Resource,
    F: Future<Output = Result<Vec<Item<T>>>>,
{
    let mut interrupts = Interrupts::listen();
    // Subscribed before the first look, so that nothing falls between.
    let mut events = client.events(v1::EventQuery::default()).await?;
    let mut shown = Shown::default();
    loop {
        let items = tokio::select! {
            items = look() => items?,
            () = interrupts.heard() => return Err(Failure::told(130)),
        };
        shown.show(app, &items)?;
        if is_done(&items) {
            return Ok(());
        }
        tokio::select! {
            result = next_change(&mut events) => result?,
            () = tokio::time::sleep(LOOK_MAX) => {}
            () = interrupts.heard() => return Err(Failure::told(130)),
        }
    }
}

/// Ends some time after the next event, so that a burst costs one look.
async fn next_change(events: &mut Events) -> Result {
    events.next().await?;
    let burst = async {
        loop {
            if let Err(error) = events.next().await {
                return error;
            }
        }
    };
    match tokio::time::timeout(LOOK_MIN, burst).await {
        Ok(error) => Err(error.into()),
        Err(_) => Ok(()),
    }
}

/// What was shown last.
#[derive(Default)]
struct Shown {
    documents: BTreeMap<String, Value>,
    is_begun: bool,
}

impl Shown {
    /// Shows what changed since the last look, in the way that suits the output.
    fn show<T: Resource>(&mut self, app: &App, items: &[Item<T>]) -> Result {
        let view = app.view()?;
        let documents: BTreeMap<String, Value> =
            items.iter().map(|item| (item.value.id(), lasting(&item.json))).collect();
        let is_changed = |item: &&Item<T>| {
            self.documents.get(&item.value.id()) != documents.get(&item.value.id())
        };
        let changed: Vec<&Item<T>> = items.iter().filter(is_changed).collect();
        let gone: Vec<&String> =
            self.documents.keys().filter(|id| !documents.contains_key(*id)).collect();
        if self.is_begun && changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        match view.format {
            Format::Json | Format::Yaml => {
                for item in &changed {
                    app.terminal.write(&json_line(&item.json))?;
                }
                tell_gone::<T>(app, &gone);
            }
            Format::Table | Format::Wide if app.terminal.is_screen => {
                let text = view.render_list(items)?;
                app.terminal.write(&format!("\u{1b}[H\u{1b}[2J{text}"))?;
            }
            _ => {
                let rows: Vec<Item<T>> = changed.into_iter().map(copy).collect::<Result<_>>()?;
                let view = View { headers: view.headers && !self.is_begun, ..view };
                app.terminal.write(&view.render_list(&rows)?)?;
                tell_gone::<T>(app, &gone);
            }
        }
        self.is_begun = true;
        self.documents = documents;
        Ok(())
    }
}

/// A row that went has no row to tell it.
fn tell_gone<T: Resource>(app: &App, gone: &[&String]) {
    for id in gone {
        app.say(format!("{} {id} is gone", T::NOUN));
    }
}

fn copy<T: Resource>(item: &Item<T>) -> Result<Item<T>> {
    Item::from_json(item.json.clone())
        .map_err(|error| Failure::new(70, format!("what was read once cannot be read: {error}")))
}

/// The document without the times at which things were looked at: those change
/// all the time and are no news.
fn lasting(json: &Value) -> Value {
    match json {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(name, _)| name.as_str() != "observed_at")
                .map(|(name, value)| (name.clone(), lasting(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(lasting).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_time_of_looking_is_no_news() {
        let seen = |at: u32, state: &str| json!({"status": {"state": state, "observed_at": at}, "disks": [{"observed_at": at}]});
        assert_eq!(lasting(&seen(1, "running")), lasting(&seen(2, "running")));
        assert_ne!(lasting(&seen(1, "running")), lasting(&seen(1, "paused")));
    }
}
