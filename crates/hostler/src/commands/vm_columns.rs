//! How VMs are shown, in lists and by themselves.

use hostler_api::{Fact, v1};
use hostler_core::Timestamp;

use crate::output::{
    Cell, Column, Resource, View, age, bytes, count, fact, list, opt, reference, render, text,
};
use crate::terminal::Tone;

impl Resource for v1::VmSummary {
    const NOUN: &'static str = "vm";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |vm, _| text(vm.name.as_str())),
        Column::new("state", |vm, _| state(&vm.status)),
        Column::new("host", |vm, _| reference(vm.host.as_ref())),
        Column::new("cpus", |vm, _| opt(vm.cpu_count)),
        Column::new("memory", |vm, _| bytes(vm.memory_bytes)),
        Column::new("addresses", |vm, _| list(&vm.addresses)),
        Column::wide("reason", |vm, _| text(vm.status.reason.as_str())),
        Column::wide("quality", |vm, _| quality(&vm.status)),
        Column::wide("seen", |vm, now| age(vm.status.observed_at, now)),
        Column::wide("provider", |vm, _| reference(vm.provider.as_ref())),
        Column::wide("namespace", |vm, _| opt(vm.namespace.as_ref())),
        Column::wide("system", |vm, _| opt(vm.governance.system.as_ref())),
        Column::wide("service", |vm, _| opt(vm.governance.service.as_ref())),
        Column::wide("instance", |vm, _| opt(vm.governance.instance.as_ref())),
        Column::wide("project", |vm, _| opt(vm.project.as_ref())),
        Column::wide("managed", |vm, _| text(vm.managed.to_string())),
        Column::wide("labels", |vm, _| labels(vm)),
        Column::wide("operation", |vm, _| opt(vm.operation.as_ref())),
        Column::wide("age", |vm, now| age(Some(vm.created_at), now)),
        Column::wide("id", |vm, _| text(vm.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated == Some(true)
    }
}

/// The state, marked where it is not what is so now (X17): a table without the
/// mark would tell an old state as the present one.
fn state(status: &v1::VmStatus) -> Cell {
    let tone = match (status.quality.as_str(), status.state.as_str()) {
        (_, "unknown") => Tone::Warn,
        (_, "crashed" | "failed" | "missing") => Tone::Bad,
        ("ok", "running") => Tone::Good,
        ("ok", "stopped" | "saved") => Tone::Weak,
        ("ok", _) => Tone::Plain,
        _ => Tone::Warn,
    };
    let mark = match (&status.last_seen, status.quality.as_str()) {
        (Some(last), _) => format!(" (was {last})"),
        (None, "ok") => String::new(),
        // "unknown" says already that nothing is known.
        (None, _) if status.state == "unknown" => String::new(),
        (None, quality) => format!(" ({quality})"),
    };
    let raw = Some(status.state.clone());
    Cell { text: Some(format!("{}{mark}", status.state)), raw, tone }
}

fn primary_address(vm: &v1::Vm) -> Option<&str> {
    Some(vm.observed.as_ref()?.primary_address.as_ref()?.address.as_str())
}

fn quality(status: &v1::VmStatus) -> Cell {
    let tone = if status.quality == "ok" { Tone::Plain } else { Tone::Warn };
    text(status.quality.as_str()).toned(tone)
}

fn labels(vm: &v1::VmSummary) -> Cell {
    list(&vm.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>())
}

impl Resource for v1::Vm {
    const NOUN: &'static str = "vm";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |vm, _| text(vm.summary.name.as_str())),
        Column::new("id", |vm, _| text(vm.summary.id.as_str())),
        Column::new("state", |vm, _| state(&vm.summary.status)),
        Column::new("reason", |vm, _| text(vm.summary.status.reason.as_str())),
        Column::new("message", |vm, _| opt(vm.summary.status.message.as_ref())),
        Column::new("quality", |vm, _| quality(&vm.summary.status)),
        Column::new("seen", |vm, now| age(vm.summary.status.observed_at, now)),
        Column::new("operation", |vm, _| opt(vm.summary.operation.as_ref())),
        Column::new("host", |vm, _| reference(vm.summary.host.as_ref())),
        Column::new("provider", |vm, _| reference(vm.summary.provider.as_ref())),
        Column::new("project", |vm, _| opt(vm.summary.project.as_ref())),
        Column::new("managed", |vm, _| text(vm.summary.managed.to_string())),
        Column::new("description", |vm, _| text(vm.description.as_str())),
        Column::new("labels", |vm, _| labels(&vm.summary)),
        Column::new("cpus", |vm, _| opt(vm.summary.cpu_count)),
        Column::new("memory", |vm, _| bytes(vm.summary.memory_bytes)),
        Column::new("addresses", |vm, _| list(&vm.summary.addresses)),
        Column::new("primary", |vm, _| opt(primary_address(vm))),
        Column::new("machine", |vm, now| seen(vm, now, |o| fact(&o.machine, |v| text(v.as_str())))),
        Column::new("arch", |vm, now| seen(vm, now, |o| fact(&o.arch, |v| text(v.as_str())))),
        Column::new("hypervisor", |vm, now| {
            seen(vm, now, |o| fact(&o.hypervisor, |v| text(v.as_str())))
        }),
        Column::new("confidence", |vm, now| {
            seen(vm, now, |o| opt(o.hypervisor_confidence.as_ref()))
        }),
        Column::new("firmware", |vm, now| {
            seen(vm, now, |o| fact(&o.firmware, |v| text(v.as_str())))
        }),
        Column::new("autostart", |vm, now| seen(vm, now, |o| fact(&o.autostart, |v| count(v)))),
        Column::new("persistent", |vm, now| seen(vm, now, |o| fact(&o.persistent, |v| count(v)))),
        Column::new("needs-restart", |vm, now| {
            seen(vm, now, |o| {
                o.needs_restart.as_ref().map(|it| fact(it, |v| count(v))).unwrap_or_default()
            })
        }),
        Column::new("consoles", |vm, _| consoles(vm)),
        Column::new("actions", |vm, _| actions(&vm.summary)),
        Column::new("external-ref", |vm, _| opt(vm.external_ref.as_ref())),
        Column::new("namespace", |vm, _| opt(vm.summary.namespace.as_ref())),
        Column::new("system", |vm, _| opt(vm.summary.governance.system.as_ref())),
        Column::new("service", |vm, _| opt(vm.summary.governance.service.as_ref())),
        Column::new("instance", |vm, _| opt(vm.summary.governance.instance.as_ref())),
        Column::new("generation", |vm, _| count(vm.generation)),
        Column::new("age", |vm, now| age(Some(vm.summary.created_at), now)),
    ];

    fn id(&self) -> String {
        self.summary.id.clone()
    }

    fn name(&self) -> String {
        self.summary.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.summary.simulated == Some(true)
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let Some(observed) = &self.observed else { return Vec::new() };
        let mut tables = Vec::new();
        // Without a value there is no table: an empty one would say "no disks".
        if let Fact { value: Some(disks), .. } = &observed.disks {
            let columns: Vec<_> = DISKS.iter().collect();
            tables.push(("Disks", render(&columns, disks.iter(), view)));
        }
        if let Fact { value: Some(nics), .. } = &observed.nics {
            let columns: Vec<_> = NICS.iter().collect();
            tables.push(("Network interfaces", render(&columns, nics.iter(), view)));
        }
        tables
    }
}

/// A value of what was seen; none when the VM never was.
fn seen(vm: &v1::Vm, _: Timestamp, show: impl FnOnce(&v1::VmObserved) -> Cell) -> Cell {
    vm.observed.as_ref().map(show).unwrap_or_default()
}

fn consoles(vm: &v1::Vm) -> Cell {
    let word = |kind: &v1::ConsoleKind| match kind {
        v1::ConsoleKind::Serial => "serial",
        v1::ConsoleKind::Vnc => "vnc",
        v1::ConsoleKind::Spice => "spice",
    };
    list(&vm.consoles.iter().map(word).collect::<Vec<_>>())
}

/// What is possible now, by the server's own verdict.
fn actions(vm: &v1::VmSummary) -> Cell {
    let allowed = vm.actions.iter().filter(|(_, verdict)| verdict.allowed);
    list(&allowed.map(|(action, _)| action).collect::<Vec<_>>())
}

const DISKS: &[Column<v1::DiskObserved>] = &[
    Column::new("target", |disk, _| text(disk.target.as_str())),
    Column::new("device", |disk, _| text(disk.device.as_str())),
    Column::new("bus", |disk, _| opt(disk.bus.as_ref())),
    Column::new("size", |disk, _| bytes(disk.capacity_bytes)),
    Column::new("format", |disk, _| opt(disk.format.as_ref())),
    Column::new("access", |disk, _| text(if disk.read_only { "read-only" } else { "read-write" })),
    Column::new("source", |disk, _| opt(disk.source.as_ref())),
];

const NICS: &[Column<v1::NicObserved>] = &[
    Column::new("mac", |nic, _| opt(nic.mac.as_ref())),
    Column::new("kind", |nic, _| text(nic.kind.as_str())),
    Column::new("source", |nic, _| opt(nic.source.as_ref())),
    Column::new("model", |nic, _| opt(nic.model.as_ref())),
    Column::new("host-device", |nic, _| opt(nic.host_device.as_ref())),
    Column::new("addresses", |nic, _| {
        // Who says so matters: a guest can say anything.
        let told = |a: &v1::AddressObserved| format!("{} ({})", a.address, a.source);
        list(&nic.addresses.iter().map(told).collect::<Vec<_>>())
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x17_a_state_that_is_not_known_now_is_marked() {
        let status = |state: &str, quality: &str, last: Option<&str>| v1::VmStatus {
            state: state.into(),
            reason: String::new(),
            message: None,
            quality: quality.into(),
            observed_at: None,
            last_seen: last.map(str::to_owned),
        };
        let shown = |status: &v1::VmStatus| super::state(status).text.unwrap();
        assert_eq!(shown(&status("running", "ok", None)), "running");
        assert_eq!(shown(&status("running", "stale", None)), "running (stale)");
        assert_eq!(shown(&status("unknown", "unavailable", None)), "unknown");
        let unknown = status("unknown", "stale", Some("running"));
        assert_eq!(shown(&unknown), "unknown (was running)");
        assert_eq!(super::state(&unknown).raw.as_deref(), Some("unknown"));
    }
}
