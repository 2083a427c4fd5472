//! Reading events. Each begins with the id of the callback it is for; the fields that follow
//! belong to the event's own procedure number.

use bytes::Bytes;

use super::Event;
use crate::procedure as p;
use crate::procedure::Procedure;
use crate::types::{Domain, Network, StoragePool, TypedParam};
use crate::xdr::{Decode, Decoder, XdrError, from_bytes};

/// The callback an event is for; subscribers get every event, so it is not kept.
type Callback = i32;
type Text = String;

impl Event {
    /// Reads an event. What cannot be understood is kept as [`Event::Unknown`]: something
    /// happened, and that alone is a reason to look.
    pub fn decode(procedure: Procedure, payload: &Bytes) -> Self {
        let event = match domain_event(procedure, payload) {
            Ok(None) => device_event(procedure, payload),
            known => known,
        };
        let event = match event {
            Ok(None) => other_event(procedure, payload),
            known => known,
        };
        match event {
            Ok(Some(event)) => event,
            Ok(None) => Self::Unknown { procedure, payload: payload.clone() },
            Err(error) => {
                tracing::warn!(%procedure, %error, "an event cannot be read");
                Self::Unknown { procedure, payload: payload.clone() }
            }
        }
    }
}

/// Events about a domain as a whole.
fn domain_event(procedure: Procedure, payload: &[u8]) -> Result<Option<Event>, XdrError> {
    let event = match procedure {
        p::DOMAIN_EVENT_CALLBACK_LIFECYCLE => {
            let (_, domain, event, detail): (Callback, Domain, i32, i32) = from_bytes(payload)?;
            Event::Lifecycle { domain, event, detail }
        }
        p::DOMAIN_EVENT_CALLBACK_REBOOT => {
            let (_, domain): (Callback, Domain) = from_bytes(payload)?;
            Event::Reboot { domain }
        }
        p::DOMAIN_EVENT_CALLBACK_RTC_CHANGE => {
            let (_, domain, offset_s): (Callback, Domain, i64) = from_bytes(payload)?;
            Event::RtcChange { domain, offset_s }
        }
        p::DOMAIN_EVENT_CALLBACK_WATCHDOG => {
            let (_, domain, action): (Callback, Domain, i32) = from_bytes(payload)?;
            Event::Watchdog { domain, action }
        }
        p::DOMAIN_EVENT_CALLBACK_CONTROL_ERROR => {
            let (_, domain): (Callback, Domain) = from_bytes(payload)?;
            Event::ControlError { domain }
        }
        p::DOMAIN_EVENT_CALLBACK_PMWAKEUP => {
            let (_, reason, domain): (Callback, i32, Domain) = from_bytes(payload)?;
            Event::PmWakeup { domain, reason }
        }
        p::DOMAIN_EVENT_CALLBACK_PMSUSPEND | p::DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK => {
            let (_, reason, domain): (Callback, i32, Domain) = from_bytes(payload)?;
            let to_disk = procedure == p::DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK;
            Event::PmSuspend { domain, reason, to_disk }
        }
        p::DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE => {
            let (_, domain, actual_kib): (Callback, Domain, u64) = from_bytes(payload)?;
            Event::BalloonChange { domain, actual_kib }
        }
        p::DOMAIN_EVENT_CALLBACK_TUNABLE => {
            let (_, domain, params): (Callback, Domain, Vec<TypedParam>) = from_bytes(payload)?;
            Event::Tunable { domain, params }
        }
        p::DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE => {
            let (_, domain, state, reason): (Callback, Domain, i32, i32) = from_bytes(payload)?;
            Event::AgentLifecycle { domain, state, reason }
        }
        p::DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION => {
            let (_, domain, iteration): (Callback, Domain, i32) = from_bytes(payload)?;
            Event::MigrationIteration { domain, iteration }
        }
        p::DOMAIN_EVENT_CALLBACK_JOB_COMPLETED => {
            let (_, domain, params): (Callback, Domain, Vec<TypedParam>) = from_bytes(payload)?;
            Event::JobCompleted { domain, params }
        }
        p::DOMAIN_EVENT_CALLBACK_METADATA_CHANGE => {
            let (_, domain, kind, uri): (Callback, Domain, i32, Option<Text>) =
                from_bytes(payload)?;
            Event::MetadataChange { domain, kind, uri }
        }
        p::DOMAIN_EVENT_MEMORY_FAILURE => {
            let (_, domain, recipient, action, flags): (Callback, Domain, i32, i32, u32) =
                from_bytes(payload)?;
            Event::MemoryFailure { domain, recipient, action, flags }
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}

/// Events about a domain's devices.
fn device_event(procedure: Procedure, payload: &[u8]) -> Result<Option<Event>, XdrError> {
    let event = match procedure {
        p::DOMAIN_EVENT_CALLBACK_IO_ERROR | p::DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON => {
            let mut decoder = Decoder::new(payload);
            let (_, domain, source_path, device_alias, action) =
                <(Callback, Domain, Text, Text, i32)>::decode(&mut decoder)?;
            let reason = if procedure == p::DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON {
                Some(Text::decode(&mut decoder)?)
            } else {
                None
            };
            decoder.finish()?;
            Event::IoError { domain, source_path, device_alias, action, reason }
        }
        p::DOMAIN_EVENT_CALLBACK_BLOCK_JOB | p::DOMAIN_EVENT_BLOCK_JOB_2 => {
            let (_, domain, disk, kind, status): (Callback, Domain, Text, i32, i32) =
                from_bytes(payload)?;
            let is_target = procedure == p::DOMAIN_EVENT_BLOCK_JOB_2;
            Event::BlockJob { domain, disk, kind, status, is_target }
        }
        p::DOMAIN_EVENT_CALLBACK_DISK_CHANGE => {
            let (_, domain, old_source_path, new_source_path, device_alias, reason): (
                Callback,
                Domain,
                Option<Text>,
                Option<Text>,
                Text,
                i32,
            ) = from_bytes(payload)?;
            Event::DiskChange { domain, old_source_path, new_source_path, device_alias, reason }
        }
        p::DOMAIN_EVENT_CALLBACK_TRAY_CHANGE => {
            let (_, domain, device_alias, reason): (Callback, Domain, Text, i32) =
                from_bytes(payload)?;
            Event::TrayChange { domain, device_alias, reason }
        }
        p::DOMAIN_EVENT_CALLBACK_DEVICE_ADDED => {
            let (_, domain, device_alias): (Callback, Domain, Text) = from_bytes(payload)?;
            Event::DeviceAdded { domain, device_alias }
        }
        p::DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED => {
            let (_, domain, device_alias): (Callback, Domain, Text) = from_bytes(payload)?;
            Event::DeviceRemoved { domain, device_alias }
        }
        p::DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED => {
            let (_, domain, device_alias): (Callback, Domain, Text) = from_bytes(payload)?;
            Event::DeviceRemovalFailed { domain, device_alias }
        }
        p::DOMAIN_EVENT_BLOCK_THRESHOLD => {
            let (_, domain, device, path, threshold_bytes, excess_bytes): (
                Callback,
                Domain,
                Text,
                Option<Text>,
                u64,
                u64,
            ) = from_bytes(payload)?;
            Event::BlockThreshold { domain, device, path, threshold_bytes, excess_bytes }
        }
        p::DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE => {
            let (_, domain, device_alias, size_kib): (Callback, Domain, Text, u64) =
                from_bytes(payload)?;
            Event::MemoryDeviceSizeChange { domain, device_alias, size_kib }
        }
        p::DOMAIN_EVENT_CALLBACK_GRAPHICS => graphics(payload)?,
        _ => return Ok(None),
    };
    Ok(Some(event))
}

/// Who connected to a display, and from where.
fn graphics(payload: &[u8]) -> Result<Event, XdrError> {
    type Address = (i32, Text, Text);
    let mut decoder = Decoder::new(payload);
    let (_, domain, phase) = <(Callback, Domain, i32)>::decode(&mut decoder)?;
    let (_, node, service) = Address::decode(&mut decoder)?;
    let local = format!("{node}:{service}");
    let (_, node, service) = Address::decode(&mut decoder)?;
    let remote = format!("{node}:{service}");
    let auth_scheme = Text::decode(&mut decoder)?;
    // Identities of the client, by type: not needed to know that somebody came.
    Vec::<(Text, Text)>::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(Event::Graphics { domain, phase, local, remote, auth_scheme })
}

/// Events about anything but domains.
fn other_event(procedure: Procedure, payload: &[u8]) -> Result<Option<Event>, XdrError> {
    let event = match procedure {
        p::NETWORK_EVENT_LIFECYCLE => {
            let (_, network, event, detail): (Callback, Network, i32, i32) = from_bytes(payload)?;
            Event::NetworkLifecycle { network, event, detail }
        }
        p::STORAGE_POOL_EVENT_LIFECYCLE => {
            let (_, pool, event, detail): (Callback, StoragePool, i32, i32) = from_bytes(payload)?;
            Event::StoragePoolLifecycle { pool, event, detail }
        }
        p::STORAGE_POOL_EVENT_REFRESH => {
            let (_, pool): (Callback, StoragePool) = from_bytes(payload)?;
            Event::StoragePoolRefresh { pool }
        }
        p::CONNECT_EVENT_CONNECTION_CLOSED => {
            let (reason,): (i32,) = from_bytes(payload)?;
            Event::ConnectionClosed { reason }
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Uuid;
    use crate::xdr::to_bytes;
    use proptest::prelude::*;

    fn domain() -> Domain {
        Domain { name: "d".into(), uuid: Uuid([7; 16]), id: 3 }
    }

    fn decode(procedure: Procedure, payload: Vec<u8>) -> Event {
        Event::decode(procedure, &Bytes::from(payload))
    }

    #[test]
    fn the_reason_of_a_suspend_stands_before_the_domain() {
        let payload = to_bytes(&(1, 0, domain())).unwrap();
        let event = decode(p::DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK, payload);
        assert_eq!(event, Event::PmSuspend { domain: domain(), reason: 0, to_disk: true });
    }

    #[test]
    fn a_display_event_is_read_to_its_end() {
        let mut payload = to_bytes(&(1, domain(), 2, (0, "127.0.0.1", "5900"))).unwrap();
        payload.extend(to_bytes(&((1, "::1", "40000"), "none", vec![("x509", "cn")])).unwrap());
        let Event::Graphics { phase, local, remote, .. } =
            decode(p::DOMAIN_EVENT_CALLBACK_GRAPHICS, payload)
        else {
            panic!("no graphics event")
        };
        assert_eq!((phase, local.as_str(), remote.as_str()), (2, "127.0.0.1:5900", "::1:40000"));
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        let procedure = Procedure::new(p::REMOTE_PROGRAM, 9_999);
        assert!(matches!(decode(procedure, vec![1, 2]), Event::Unknown { .. }));
        let cut = to_bytes(&(1, domain())).unwrap();
        assert!(matches!(
            decode(p::DOMAIN_EVENT_CALLBACK_LIFECYCLE, cut),
            Event::Unknown { procedure: p::DOMAIN_EVENT_CALLBACK_LIFECYCLE, .. }
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event(number in 300u32..460, payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            decode(Procedure::new(p::REMOTE_PROGRAM, number), payload);
        }
    }
}
