//! What is looked up when somebody asks: the engine's state, told as metrics.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use hostler_core::query::ListRequest;
use hostler_core::vm::status::VmState;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::process;
use crate::app::App;

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// A registry that holds the present.
pub(super) async fn registry(app: &App) -> Registry {
    let mut registry = Registry::default();
    let version = ("version", env!("CARGO_PKG_VERSION").to_owned());
    gauge(&mut registry, "hostler_build_info", "Always 1", [(vec![version], 1.0)]);
    providers(app, &mut registry);
    vms(app, &mut registry);
    operations(app, &mut registry).await;
    let followers = app.engine.events().followers() as f64;
    let help = "Clients that follow events";
    one(&mut registry, "hostler_event_subscribers", help, Some(followers));
    process(&mut registry);
    registry
}

fn gauge(
    registry: &mut Registry,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels, f64)>,
) {
    let family = Gauges::default();
    registry.register(name, help, family.clone());
    for (labels, value) in samples {
        family.get_or_create(&labels).set(value);
    }
}

/// Made-up data bears a label, so that no dashboard can mistake it (X17).
fn labels(provider: &str, simulated: bool) -> Labels {
    let mut labels = vec![("provider", provider.to_owned())];
    if simulated {
        labels.push(("simulated", "true".to_owned()));
    }
    labels
}

fn providers(app: &App, registry: &mut Registry) {
    let now = app.clock.now();
    let listed = app.engine.providers().list(&ListRequest::first(usize::MAX));
    let age = listed.items.iter().filter_map(|view| {
        let age = now.since(view.observed_at?).as_secs_f64();
        Some((labels(&view.row.name, view.simulated), age))
    });
    let help = "Time since the latest inventory was taken";
    gauge(registry, "hostler_provider_inventory_age_seconds", help, age);
    let took = listed.items.iter().filter_map(|view| {
        let took = view.inventory_took?.as_secs_f64();
        Some((labels(&view.row.name, view.simulated), took))
    });
    let help = "How long the latest inventory took";
    gauge(registry, "hostler_provider_inventory_duration_seconds", help, took);
}

fn vms(app: &App, registry: &mut Registry) {
    let mut counts: BTreeMap<(Labels, VmState), f64> = BTreeMap::new();
    let providers = app.engine.providers().list(&ListRequest::first(usize::MAX));
    // Of a provider that was seen, "none" is known; of others, nothing is.
    for view in providers.items.iter().filter(|view| view.observed_at.is_some()) {
        for state in VmState::ALL {
            counts.insert((labels(&view.row.name, view.simulated), *state), 0.0);
        }
    }
    for vm in app.engine.vms().list(&ListRequest::first(usize::MAX)).items {
        let provider = vm.provider.as_ref().map_or("", |(_, name)| name.as_str());
        *counts.entry((labels(provider, vm.simulated), vm.status.state)).or_default() += 1.0;
    }
    let samples = counts.into_iter().map(|((mut labels, state), count)| {
        labels.push(("state", state.as_str().to_owned()));
        (labels, count)
    });
    gauge(registry, "hostler_vms", "VMs by provider and state", samples);
}

async fn operations(app: &App, registry: &mut Registry) {
    // A store that does not answer has no numbers; readiness tells of it.
    let Ok(counts) = app.engine.operations().open_by_state().await else { return };
    let samples = counts
        .into_iter()
        .map(|(state, count)| (vec![("state", state.as_str().to_owned())], count as f64));
    let help = "Operations that have not ended, by state";
    gauge(registry, "hostler_op_state", help, samples);
}

/// A metric without labels; without a value there is no sample.
fn one(registry: &mut Registry, name: &str, help: &str, value: Option<f64>) {
    let Some(value) = value else { return };
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn process(registry: &mut Registry) {
    let help = "Memory of this process that is in RAM";
    let bytes = process::resident_bytes().map(|bytes| bytes as f64);
    one(registry, "process_resident_memory_bytes", help, bytes);
    let help = "File descriptors that this process has open";
    let files = process::open_files().map(|files| files as f64);
    one(registry, "process_open_fds", help, files);
}
