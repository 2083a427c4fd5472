//! The one task that makes frames: of passes that end, and of events.

use std::collections::HashMap;
use std::time::Duration;

use hostler_api::v1::LiveTopic;
use hostler_core::id::VmId;
use hostler_core::metrics::Cost;
use hostler_core::query::ListRequest;
use hostler_engine::{Collected, Item, Subscription, Tick};
use hostler_store::StoredEvent;
use tracing::warn;

use super::frame::{Entry, FRAME_BYTES_MAX, Frame};
use super::{entries, figures, topics};
use crate::app::App;
use crate::http::events;

/// How soon following events is tried again when it failed.
const AGAIN: Duration = Duration::from_secs(1);
/// So many VMs that are gone may be remembered with their projects.
const GONE_MAX: usize = 1024;

/// Makes frames for as long as the server runs.
pub(crate) async fn run(app: App) {
    let mut ticks = app.engine.metrics().ticks();
    let mut projects = Projects::of(&app);
    while let Some(mut events) = subscribe(&app).await {
        loop {
            tokio::select! {
                () = app.draining.cancelled() => return,
                tick = ticks.next() => match tick {
                    Some(tick) => of_tick(&app, tick),
                    None => return,
                },
                item = events.next() => match item {
                    Some(Item::Event(event)) => of_event(&app, &mut projects, &event),
                    Some(Item::Resync) => app.live.tell(|seq| Some(Frame::gap(seq))),
                    None => break,
                },
            }
        }
        if app.draining.is_cancelled() {
            return;
        }
    }
}

/// Follows events from now on; `None` when the server stops.
async fn subscribe(app: &App) -> Option<Subscription> {
    loop {
        match app.engine.events().subscribe_own().await {
            Ok(events) => return Some(events),
            Err(error) => warn!(%error, "the live stream cannot follow events"),
        }
        tokio::select! {
            () = app.draining.cancelled() => return None,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn of_tick(app: &App, tick: Tick) {
    let is_wanted = |topic| app.live.is_wanted(topic);
    let (vms, nodes) = (is_wanted(LiveTopic::VmMetrics), is_wanted(LiveTopic::NodeMetrics));
    let told = figures::is_told(tick.pass);
    let jobs = tick.pass == Cost::Job && is_wanted(LiveTopic::Migrations);
    if !(told && (vms || nodes) || jobs) {
        return;
    }
    let found = app.engine.metrics().at(tick.provider);
    // One that was removed is told by its absence, and by an event.
    let Some(name) = found.providers.first().map(|it| it.of.row.name.as_str()) else { return };
    let Ok(name) = serde_json::to_string(name) else { return };
    let (live, now, pass) = (&app.live, app.clock.now(), tick.pass.as_str());
    let head = format!("\"provider\":{name},\"pass\":\"{pass}\"");
    let tell = |topic, kind, head: (&str, &str), entries: Vec<Entry>| {
        for some in split(entries) {
            live.tell(|seq| Some(Frame::of_many((seq, now), topic, kind, head, some)));
        }
    };
    let Collected { vms: of_vms, hosts, .. } = &found;
    if vms && told {
        let entries = of_vms.iter().filter_map(entries::vm).collect();
        tell(LiveTopic::VmMetrics, "vm_metrics", (&head, "vms"), entries);
    }
    if nodes && told {
        let entries = hosts.iter().filter_map(entries::node).collect();
        tell(LiveTopic::NodeMetrics, "node_metrics", (&head, "nodes"), entries);
    }
    if jobs {
        let entries = of_vms.iter().filter_map(entries::job).collect();
        let head = format!("\"provider\":{name}");
        tell(LiveTopic::Migrations, "migration_progress", (&head, "vms"), entries);
    }
}

/// In pieces that each fit into a frame; nothing is told of nothing.
fn split(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut frames: Vec<Vec<Entry>> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let size = entry.text.len() + 1;
        match frames.last_mut().filter(|_| size <= room) {
            Some(frame) => frame.push(entry),
            None => {
                frames.push(vec![entry]);
                room = FRAME_BYTES_MAX;
            }
        }
        room = room.saturating_sub(size);
    }
    frames
}

fn of_event(app: &App, projects: &mut Projects, event: &StoredEvent) {
    let project = projects.of_event(app, event);
    let now = app.clock.now();
    for topic in topics::of(event).iter().filter(|topic| app.live.is_wanted(**topic)) {
        let thing = (event.resource_id.clone().unwrap_or_default(), project.clone());
        let told = topics::tell(*topic, events::told(event));
        app.live.tell(|seq| Frame::of_one(seq, now, *topic, thing, told));
    }
}

/// The projects of VMs, of those that have just gone, too: their end is told to
/// whoever was told of their life.
struct Projects {
    of: HashMap<VmId, String>,
    /// When there are more, those that are gone are forgotten.
    max: usize,
}

impl Projects {
    fn of(app: &App) -> Self {
        let vms = app.engine.vms().list(&ListRequest::first(usize::MAX)).items;
        let of = vms.iter().filter_map(|vm| Some((vm.id, vm.project.clone()?)));
        Self { of: of.collect(), max: vms.len() + GONE_MAX }
    }

    fn of_event(&mut self, app: &App, event: &StoredEvent) -> Option<String> {
        if event.resource_kind.as_deref() != Some("vm") {
            return None;
        }
        let id: VmId = event.resource_id.as_ref()?.parse().ok()?;
        let Ok(vm) = app.engine.vms().get(id) else { return self.of.get(&id).cloned() };
        if let Some(project) = &vm.project {
            self.of.insert(id, project.clone());
        }
        if self.of.len() > self.max {
            self.of.retain(|id, _| app.engine.vms().get(*id).is_ok());
            self.max = self.of.len() + GONE_MAX;
        }
        vm.project.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d18_many_things_come_in_several_frames_of_bounded_size() {
        let entry =
            |size: usize| Entry { id: String::new(), project: None, text: "x".repeat(size) };
        let sizes = |entries| split(entries).iter().map(Vec::len).collect::<Vec<_>>();
        assert!(sizes(Vec::new()).is_empty());
        assert_eq!(sizes(vec![entry(10), entry(10)]), [2]);
        assert_eq!(sizes((0..300).map(|_| entry(1023)).collect()), [64, 64, 64, 64, 44]);
        let huge = entry(FRAME_BYTES_MAX * 2);
        assert_eq!(sizes(vec![entry(1), huge, entry(1)]), [1, 1, 1], "alone, but told");
    }
}
