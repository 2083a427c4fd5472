//! What every provider promises: to say what it is and what it holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;

use super::trial::{Check, Trial, check, fail};
use crate::{Group, Inventory, groups};

pub(super) async fn groups_match_accessors(t: &Trial<'_>) -> Check {
    let told = groups(&*t.provider);
    for group in Group::ALL {
        let there = match group {
            Group::Create => t.provider.create().is_some(),
            Group::Power => t.provider.power().is_some(),
            Group::Storage => t.provider.storage().is_some(),
            Group::Console => t.provider.console().is_some(),
            Group::Metrics => t.provider.metrics().is_some(),
            Group::Watch => t.provider.watch().is_some(),
            Group::Cluster => t.provider.cluster().is_some(),
            Group::Snapshots => t.provider.snapshots().is_some(),
            Group::Migrate => t.provider.migrate().is_some(),
            Group::Clones => t.provider.clones().is_some(),
            Group::Configure => t.provider.configure().is_some(),
            Group::InstanceTypes => t.provider.instance_types().is_some(),
            Group::Disks => t.provider.disks().is_some(),
        };
        let word = group.as_str();
        check(told.contains(group) == there, || format!("group {word} comes and goes"))?;
    }
    check(!t.provider.kind().is_empty(), || "the kind has no word".to_owned())
}

pub(super) async fn probe_names_what_answers(t: &Trial<'_>) -> Check {
    let probe = t.provider.probe(&t.cx()).await?;
    check(!probe.product.trim().is_empty(), || "the product has no name".to_owned())?;
    check(!probe.version.trim().is_empty(), || "the interface has no version".to_owned())
}

pub(super) async fn inventory_lists_the_host(t: &Trial<'_>) -> Check {
    let inventory = t.provider.inventory(&t.cx()).await?;
    let wanted = &t.setting.host_ref;
    match inventory.hosts.iter().find(|host| host.host.external_ref == *wanted) {
        None => fail(format!("host {wanted} is not listed")),
        Some(found) => {
            check(!found.host.name.is_empty(), || "the host has no name".to_owned())?;
            if let Some(network) = &t.setting.network {
                let found = inventory.networks.iter().any(|seen| seen.name == *network);
                check(found, || format!("network {network} is not listed"))?;
            }
            if let Some(pool) = &t.setting.pool {
                let found = inventory.pools.iter().any(|seen| seen.name == *pool);
                check(found, || format!("pool {pool} is not listed"))?;
            }
            Ok(())
        }
    }
}

pub(super) async fn references_in_the_inventory_are_unique(t: &Trial<'_>) -> Check {
    let inventory = t.provider.inventory(&t.cx()).await?;
    let vms: Vec<_> = inventory.vms.iter().map(|vm| vm.external_ref.as_str()).collect();
    let hosts: Vec<_> =
        inventory.hosts.iter().map(|host| host.host.external_ref.as_str()).collect();
    let pools: Vec<_> = inventory.pools.iter().map(|pool| pool.external_ref.as_str()).collect();
    let networks: Vec<_> = inventory.networks.iter().map(|n| n.external_ref.as_str()).collect();
    for (what, refs) in [("VM", vms), ("host", hosts), ("pool", pools), ("network", networks)] {
        let mut seen = BTreeSet::new();
        for one in refs {
            check(!one.is_empty() && seen.insert(one), || {
                format!("{what} reference `{one}` is empty or names two things")
            })?;
        }
    }
    Ok(())
}

pub(super) async fn observations_bear_the_time_of_the_context(t: &Trial<'_>) -> Check {
    let now = Timestamp::from_millis(1_234_567_890_000);
    let cx = t.cx().with_clock(Arc::new(ManualClock::at(now)));
    let inventory = t.provider.inventory(&cx).await?;
    let hosts = inventory.hosts.iter().map(|host| host.host.observed_at);
    let vms = inventory.vms.iter().map(|vm| vm.observed_at);
    let pools = inventory.pools.iter().map(|pool| pool.observed_at);
    let networks = inventory.networks.iter().map(|network| network.observed_at);
    let facts = inventory.vms.iter().filter_map(|vm| vm.memory_max_bytes.observed_at());
    for at in hosts.chain(vms).chain(pools).chain(networks).chain(facts) {
        check(at == now, || format!("something was observed at {at}, not at {now}"))?;
    }
    Ok(())
}

pub(super) async fn an_older_picture_is_told_as_old_and_only_as_long_as_it_is(
    t: &Trial<'_>,
) -> Check {
    let before = t.provider.inventory(&t.cx()).await?;
    check(before.stale.is_none(), || format!("it is old without cause: {:?}", before.stale))?;
    t.fall_behind().await?;
    let behind = told(t, true).await?;
    let Some(stale) = &behind.stale else { return fail("an older picture is told as new") };
    check(!stale.reason.is_empty(), || "nothing says why it is old".to_owned())?;
    let refs = |inventory: &Inventory| -> BTreeSet<String> {
        inventory.vms.iter().map(|vm| vm.external_ref.clone()).collect()
    };
    check(refs(&behind) == refs(&before), || {
        format!("it is no picture of before: {:?}, not {:?}", refs(&behind), refs(&before))
    })?;
    let newer = behind.vms.iter().find(|vm| vm.observed_at > stale.since);
    check(newer.is_none(), || format!("told as of {}, and seen later: {newer:?}", stale.since))?;
    t.catch_up().await;
    let after = told(t, false).await?;
    check(after.stale.is_none(), || format!("it stays old: {:?}", after.stale))
}

/// The inventory once it is told as old, or is not any more; as it is when that never happens.
pub(super) async fn told(t: &Trial<'_>, as_old: bool) -> Check<Inventory> {
    let until = tokio::time::Instant::now() + t.setting.call_within;
    loop {
        let inventory = t.provider.inventory(&t.cx()).await?;
        if inventory.stale.is_some() == as_old || tokio::time::Instant::now() >= until {
            return Ok(inventory);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
