//! Everything there is on a host now: a few list calls for all VMs together,
//! and the configurations of those that changed.

pub(crate) mod addresses;
pub(crate) mod cache;
pub(crate) mod host;
mod networks;
mod pools;
mod vms;

use hostler_provider::{Cx, Inventory, Kind, Result};

use crate::connection::Link;
use crate::error::{Intent, translate};

/// Calls that an inventory has under way at once. The daemon works on four of
/// a connection, and there are two connections for this.
pub(crate) const PARALLEL: usize = 8;

impl Link {
    /// Everything that exists now.
    pub(crate) async fn inventory(&self, cx: &Cx) -> Result<Inventory> {
        let host = self.observe_host(cx).await?;
        let networks = self.networks(cx, &host.host.external_ref).await?;
        let vms = match self.holds_containers {
            true => Vec::new(),
            false => {
                let leases = self.leases(cx, &networks).await;
                self.vms(cx, &host.host.external_ref, &leases).await?
            }
        };
        Ok(Inventory {
            vms,
            pools: self.pools(cx, &host.host.external_ref).await?,
            networks: networks.into_iter().map(|network| network.observed).collect(),
            hosts: vec![host],
            ..Inventory::default()
        })
    }
}

/// Leaves out what vanished between being listed and being read.
pub(crate) fn present<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells what concerns this thing alone from what concerns the whole host: one
/// that does not answer now has not told anything of its other things either.
/// `None`: it vanished. The inner error is the thing's own.
fn unreadable<T>(read: Result<T>) -> Result<Option<Result<T>>> {
    match present(read) {
        Ok(read) => Ok(read.map(Ok)),
        Err(error) if error.kind().is_transient() || error.kind() == Kind::Cancelled => Err(error),
        Err(error) => Ok(Some(Err(error))),
    }
}

/// What a driver may not be able to tell at all. That it did not tell it in
/// time, or not to us, is a failure like any other.
pub(crate) fn optional<T>(
    told: hostler_libvirt_rpc::Result<T>,
) -> hostler_libvirt_rpc::Result<Option<T>> {
    match told {
        Ok(value) => Ok(Some(value)),
        Err(error) => match translate(&error, Intent::Look, "optional").kind() {
            Kind::Unsupported | Kind::Invalid => Ok(None),
            _ => Err(error),
        },
    }
}

/// The same of what was asked already: `None` only where it cannot be told.
fn if_able<T>(told: Result<T>) -> Result<Option<T>> {
    match told {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A list that a driver may not have at all.
pub(crate) fn or_none<T>(list: Result<Vec<T>>) -> Result<Vec<T>> {
    match list {
        Err(error) if error.kind() == Kind::Unsupported => Ok(Vec::new()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hostler_libvirt_rpc::{Error, ErrorCode, RemoteError, procedure};
    use hostler_provider::Error as Sorted;

    use super::*;

    #[test]
    fn x17_what_vanished_is_left_out_and_a_silent_host_told_nothing() {
        let failed = |kind| unreadable::<()>(Err(Sorted::new(kind, "no")));
        assert!(matches!(failed(Kind::NotFound), Ok(None)));
        for kind in [Kind::Timeout, Kind::Unavailable, Kind::Cancelled] {
            assert_eq!(failed(kind).unwrap_err().kind(), kind);
        }
        assert!(matches!(failed(Kind::Denied), Ok(Some(Err(_)))));
        assert!(matches!(unreadable(Ok(7)), Ok(Some(Ok(7)))));
    }

    #[test]
    fn x17_what_was_not_told_in_time_is_not_taken_for_what_cannot_be_told() {
        let procedure = procedure::DOMAIN_HAS_MANAGED_SAVE_IMAGE;
        let remote = |code| Error::Remote {
            procedure,
            error: Box::new(RemoteError {
                code,
                domain: 0,
                level: 2,
                message: String::new(),
                str1: None,
                str2: None,
                str3: None,
                int1: 0,
                int2: 0,
            }),
        };
        assert!(matches!(optional(Ok(7)), Ok(Some(7))));
        assert!(matches!(optional::<()>(Err(remote(ErrorCode::NO_SUPPORT))), Ok(None)));
        assert!(optional::<()>(Err(remote(ErrorCode::NO_DOMAIN))).is_err());
        let late = Error::Timeout { procedure, after: Duration::from_secs(1), sent: true };
        assert!(optional::<()>(Err(late)).is_err());
    }

    #[test]
    fn x17_a_hypervisor_that_is_not_told_now_is_not_one_that_is_never_told() {
        let failed = |kind| if_able::<()>(Err(Sorted::new(kind, "no")));
        for kind in [Kind::Unsupported, Kind::Invalid] {
            assert!(matches!(failed(kind), Ok(None)));
        }
        for kind in [Kind::Timeout, Kind::Unavailable, Kind::Cancelled, Kind::Denied] {
            assert_eq!(failed(kind).unwrap_err().kind(), kind);
        }
    }
}
