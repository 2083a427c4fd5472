//! `hostler vm stats --watch`: the main figures of a VM, each time they are measured.

use std::collections::VecDeque;

use hostler_api::Time;
use hostler_api::v1::{LiveQuery, LiveVm};
use hostler_client::{Client, Item, LiveNews};
use serde::Deserialize;
use serde_json::Value;

use super::stats::size;
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Format, Resource, View, json_line, opt, text};
use crate::terminal::Tone;
use crate::work::Interrupts;

/// So many rows stay on a screen.
const ROWS: usize = 20;

/// What was measured of a VM at one time.
#[derive(Debug, Deserialize)]
struct Sample {
    ts: Time,
    #[serde(flatten)]
    vm: LiveVm,
}

impl Resource for Sample {
    const NOUN: &'static str = "measurement";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("at", |it, _| text(it.ts.to_string())),
        Column::wide("name", |it, _| text(it.vm.name.as_str())),
        Column::new("cpu", |it, _| percent(it.vm.cpu_usage_ratio)),
        Column::new("memory-used", |it, _| percent(it.vm.memory_guest_used_ratio)),
        Column::new("resident", |it, _| opt(it.vm.memory_host_resident_bytes.map(size))),
        Column::new("disk-read", |it, _| speed(it.vm.disk_read_bytes_per_second)),
        Column::new("disk-written", |it, _| speed(it.vm.disk_written_bytes_per_second)),
        Column::new("received", |it, _| speed(it.vm.network_received_bytes_per_second)),
        Column::new("sent", |it, _| speed(it.vm.network_sent_bytes_per_second)),
        Column::new("quality", |it, _| quality(&it.vm)),
    ];

    fn id(&self) -> String {
        self.vm.vm_id.clone()
    }

    fn name(&self) -> String {
        self.vm.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.vm.simulated
    }
}

fn percent(ratio: Option<f64>) -> Cell {
    opt(ratio.map(|ratio| format!("{:.1} %", ratio * 100.0)))
}

fn speed(bytes: Option<f64>) -> Cell {
    opt(bytes.map(|bytes| format!("{}/s", size(bytes))))
}

fn quality(vm: &LiveVm) -> Cell {
    if vm.quality == "ok" {
        return text("ok");
    }
    let reason = vm.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    text(format!("{}{reason}", vm.quality)).toned(Tone::Warn)
}

/// Shows the figures of the VM with that id as they come, until Ctrl-C.
pub(super) async fn watch_vm(app: &App, client: &Client, vm: String) -> Result {
    let mut interrupts = Interrupts::listen();
    let query =
        LiveQuery { topics: Some("vm:metrics".into()), only: Some(vm), ..LiveQuery::default() };
    let mut live = client.live(query).await?;
    if app.terminal.is_screen {
        app.say("waiting until it is measured again");
    }
    let mut shown = Shown::default();
    loop {
        let news = tokio::select! {
            news = live.next() => news?,
            () = interrupts.heard() => return Err(Failure::told(130)),
        };
        match news {
            LiveNews::Frame(frame) => {
                let Some(sample) = sample(&frame.json)? else { continue };
                shown.show(app, sample)?;
            }
            LiveNews::Resync => app.say("some measurements were lost here"),
        }
    }
}

/// The VM in a frame, with the frame's time.
fn sample(frame: &Value) -> Result<Option<Item<Sample>>> {
    let (Some(Value::Object(vm)), Some(ts)) = (frame.pointer("/data/vms/0"), frame.get("ts"))
    else {
        return Ok(None);
    };
    let mut json = vm.clone();
    json.insert("ts".into(), ts.clone());
    let read = Item::from_json(Value::Object(json));
    read.map(Some).map_err(|error| Failure::new(70, format!("what was measured is odd: {error}")))
}

/// The latest rows.
#[derive(Default)]
struct Shown {
    rows: VecDeque<Item<Sample>>,
    is_begun: bool,
}

impl Shown {
    fn show(&mut self, app: &App, sample: Item<Sample>) -> Result {
        let view = app.view()?;
        match view.format {
            Format::Json | Format::Yaml => app.terminal.write(&json_line(&sample.json))?,
            Format::Table | Format::Wide if app.terminal.is_screen => {
                self.rows.push_back(sample);
                if self.rows.len() > ROWS {
                    self.rows.pop_front();
                }
                let text = view.render_list(self.rows.make_contiguous())?;
                app.terminal.write(&format!("\u{1b}[H\u{1b}[2J{text}"))?;
            }
            _ => {
                let view = View { headers: view.headers && !self.is_begun, ..view };
                app.terminal.write(&view.render_list(&[sample])?)?;
            }
        }
        self.is_begun = true;
        Ok(())
    }
}
