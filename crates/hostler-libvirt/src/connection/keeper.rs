//! Keeps the connection: connects, listens to events, notices the end, pauses,
//! and starts over. One task for each host, for the life of the driver.

use std::time::Duration;

use hostler_libvirt_rpc::{
    CloseReason, Connection, DomainEventKind, Event, Events, Role, StoragePoolEventKind,
};
use hostler_provider::{Change, Kind};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::backoff::Backoff;
use super::{ConnectionState, Kept, ScreenClient, SharedLink, reference};
use crate::error::{Intent, translate};

/// Unread events before some are dropped (and that is told).
const EVENTS: usize = 8192;
/// How often slow watchers are looked after.
const FLUSH: Duration = Duration::from_millis(100);
/// However impatient callers are, attempts are at least this far apart.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// A host that refuses us would take the usual pace for an attack, and lock us
/// out for longer.
const DENIED_PAUSE: Duration = Duration::from_secs(30);

/// What domains tell us. Statistics-like events are left out: nobody here would
/// act on them.
const KINDS: &[DomainEventKind] = &[
    DomainEventKind::Lifecycle,
    DomainEventKind::Reboot,
    DomainEventKind::Watchdog,
    DomainEventKind::Graphics,
    DomainEventKind::IoErrorReason,
    DomainEventKind::ControlError,
    DomainEventKind::BlockJob2,
    DomainEventKind::DiskChange,
    DomainEventKind::TrayChange,
    DomainEventKind::PmWakeup,
    DomainEventKind::PmSuspend,
    DomainEventKind::PmSuspendDisk,
    DomainEventKind::BalloonChange,
    DomainEventKind::DeviceAdded,
    DomainEventKind::DeviceRemoved,
    DomainEventKind::DeviceRemovalFailed,
    DomainEventKind::Tunable,
    DomainEventKind::AgentLifecycle,
    DomainEventKind::JobCompleted,
    DomainEventKind::MigrationIteration,
    DomainEventKind::MetadataChange,
    DomainEventKind::MemoryDeviceSizeChange,
];

/// `VIR_DOMAIN_EVENT_GRAPHICS_CONNECT`.
const GRAPHICS_CONNECT: i32 = 0;

/// Why a session ended or did not begin.
struct Ended {
    reason: String,
    raw: Option<String>,
    denied: bool,
}

/// Runs until it is dropped.
pub(crate) async fn keep(link: SharedLink) {
    if link.uri.is_none() {
        // Nothing will change that; the state says why since the beginning.
        return std::future::pending().await;
    }
    let mut backoff = Backoff::new(link.config.max_backoff);
    loop {
        let ended = session(&link, &mut backoff).await;
        tracing::warn!(
            uri = link.config.uri,
            reason = ended.reason,
            raw = ended.raw,
            "libvirt lost"
        );
        let pause = match ended.denied {
            true => backoff.pause().max(DENIED_PAUSE),
            false => backoff.pause(),
        };
        mark_lost(&link, ended);
        sleep(SHORTEST_PAUSE.min(link.config.max_backoff)).await;
        tokio::select! {
            () = sleep(pause) => {}
            () = link.hurry.notified() => {}
        }
    }
}

/// From connecting to the end of the connection.
async fn session(link: &SharedLink, backoff: &mut Backoff) -> Ended {
    let (connection, mut events) = match open(link).await {
        Ok(opened) => opened,
        Err(error) => {
            let sorted = translate(&error, Intent::Look, "cannot connect");
            return Ended {
                denied: sorted.kind() == Kind::Denied,
                reason: sorted.message().to_owned(),
                raw: sorted.raw().map(str::to_owned),
            };
        }
    };
    backoff.reset();
    link.cache.clear();
    link.host.clear();
    let since = link.config.clock.now();
    link.state.send_replace(ConnectionState::Connected { since });
    tracing::info!(uri = link.config.uri, "libvirt connected");
    link.hub.publish(&Change::Lost { reason: "connected anew".to_owned() });
    listen(link, &mut events).await;
    let reason = connection.close_reason();
    // They do not watch the daemon themselves.
    link.pool.close_streams(reason.as_ref().unwrap_or(&CloseReason::Requested));
    let raw = reason.map(|reason| reason.to_string());
    hang_up(&connection).await;
    Ended { reason: "the connection to libvirt was lost".to_owned(), raw, denied: false }
}

/// Connects and registers for events.
async fn open(link: &SharedLink) -> hostler_libvirt_rpc::Result<(Connection, Events)> {
    let connection = link.pool.get(Role::Events).await?.with_timeout(link.config.connect_timeout);
    // Before registering, so that nothing falls between.
    let events = connection.subscribe(EVENTS);
    match register(&connection).await {
        Ok(()) => Ok((connection, events)),
        Err(error) => {
            hang_up(&connection).await;
            Err(error)
        }
    }
}

/// A driver that lacks a kind of event is listened to without it.
async fn register(connection: &Connection) -> hostler_libvirt_rpc::Result<()> {
    let unless_refused = |what: &str, result: hostler_libvirt_rpc::Result<()>| match result {
        Err(error) if error.remote().is_some() => {
            tracing::debug!(%error, what, "no such events from this libvirt");
            Ok(())
        }
        other => other,
    };
    for kind in KINDS {
        let result = connection.register_domain_event(*kind, None).await;
        unless_refused("domain", result.map(drop))?;
    }
    unless_refused("network", connection.register_network_event(None).await.map(drop))?;
    for kind in [StoragePoolEventKind::Lifecycle, StoragePoolEventKind::Refresh] {
        let result = connection.register_storage_pool_event(kind, None).await;
        unless_refused("pool", result.map(drop))?;
    }
    unless_refused("close", connection.register_close_callback().await)
}

/// Registrations live as long as the connection, so it must not be used again.
async fn hang_up(connection: &Connection) {
    let goodbye = connection.with_timeout(Duration::from_secs(1)).close().await;
    if let Err(error) = goodbye {
        tracing::debug!(%error, "libvirt did not answer the goodbye");
    }
}

/// Passes events on until the connection ends.
async fn listen(link: &SharedLink, events: &mut Events) {
    let mut flush = interval(FLUSH);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::ConnectionClosed { .. }) | None => return,
                Some(event) => on_event(link, &event),
            },
            _ = flush.tick() => link.hub.flush(),
        }
    }
}

fn on_event(link: &SharedLink, event: &Event) {
    // Who looks at a screen is no change of the VM.
    if let Event::Graphics { domain, phase, local, .. } = event {
        if *phase == GRAPHICS_CONNECT {
            let client = ScreenClient { uuid: domain.uuid, id: domain.id, local: local.clone() };
            // Most of the time nobody waits for one.
            let _: Result<_, _> = link.screens.send(client);
        }
        return;
    }
    if let Event::DeviceRemovalFailed { domain, device_alias } = event {
        let kept = Kept { uuid: domain.uuid, alias: device_alias.clone() };
        // Somebody else may have asked for it.
        let _: Result<_, _> = link.kept_devices.send(kept);
    }
    // Nothing of the VM has changed, and there may be many of them.
    if let Event::MigrationIteration { domain, .. } = event {
        link.jobs.hint(domain.uuid);
        return;
    }
    if let Some(domain) = event.domain() {
        link.cache.touch(domain.uuid);
        link.hub.publish(&Change::Vm(reference(domain)));
        return;
    }
    match event {
        Event::Lost { count } => {
            link.cache.clear();
            let reason = format!("{count} events of libvirt were not read in time");
            link.hub.publish(&Change::Lost { reason });
        }
        Event::Unknown { procedure, .. } => {
            tracing::debug!(%procedure, "an event this version does not know");
        }
        _ => link.hub.publish(&Change::Inventory),
    }
}

fn mark_lost(link: &SharedLink, ended: Ended) {
    let now = link.config.clock.now();
    let mut was_connected = true;
    link.state.send_modify(|state| {
        let (since, attempts) = match state {
            ConnectionState::Lost { since, attempts, .. } => {
                was_connected = false;
                (*since, attempts.saturating_add(1))
            }
            ConnectionState::Connecting | ConnectionState::Connected { .. } => (now, 1),
        };
        let Ended { reason, raw, denied } = &ended;
        let (reason, raw, denied) = (reason.clone(), raw.clone(), *denied);
        *state = ConnectionState::Lost { since, reason, raw, attempts, denied };
    });
    if was_connected {
        link.hub.publish(&Change::Lost { reason: ended.reason });
    }
}
