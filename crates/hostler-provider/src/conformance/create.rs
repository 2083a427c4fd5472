//! The promises of [`crate::Create`].

use hostler_core::vm::PowerState;
use hostler_core::vm::devices::{NicModel, NicSource, NicSpec};

use super::read::told;
use super::trial::{Check, Stop, Trial, check, disk, fail, refused, skip};
use crate::{DiskBinding, EnsureVm, Kind, VolumeContent};

/// Text that breaks whatever joins strings into XML, JSON or a command line.
const HOSTILE: &str = "a <b> & \"c\" 'd' ]]> \"/><qemu:arg value='x'/> \\ $(e) é 漢 🙂";

pub(super) async fn validate_makes_nothing(t: &Trial<'_>) -> Check {
    let (id, spec) = (t.id(), t.spec());
    let host_ref = &t.setting.host_ref;
    let request = EnsureVm { vm: id, spec: &spec, host_ref, disks: &[], seed: None };
    t.create()?.validate(&t.cx(), &request).await?;
    let found = t.create()?.find_vm(&t.cx(), id).await?;
    check(found.is_none(), || "validate made the VM".to_owned())
}

pub(super) async fn ensure_vm_makes_it_stopped(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    check(!made.vm.external_ref.is_empty(), || "it has no reference".to_owned())?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn ensure_vm_twice_makes_one_vm(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let again = t.ensure(made.id, &made.spec, &made.disks).await??;
    check(!again.created, || "the second call says that it made it".to_owned())?;
    check(again.vm == made.vm, || format!("two references: {:?}, {:?}", made.vm, again.vm))?;
    count(t, &made.spec.name, 1).await
}

/// Two servers may recover the same operation; at worst one of them is told of
/// a conflict.
pub(super) async fn ensure_vm_at_the_same_time_makes_one_vm(t: &Trial<'_>) -> Check {
    let (id, spec) = (t.id(), t.spec());
    let (one, two) = tokio::join!(t.ensure(id, &spec, &[]), t.ensure(id, &spec, &[]));
    let mut made = 0;
    for result in [one?, two?] {
        match result {
            Ok(handle) => made += usize::from(handle.created),
            Err(error) => drop(refused::<()>(Err(error), &[Kind::Conflict, Kind::Unavailable])?),
        }
    }
    check(made <= 1, || "both calls say that they made it".to_owned())?;
    count(t, &spec.name, 1).await
}

async fn count(t: &Trial<'_>, name: &str, wanted: usize) -> Check {
    let inventory = t.provider.inventory(&t.cx()).await?;
    let found = inventory.vms.iter().filter(|vm| vm.name == name).count();
    check(found == wanted, || format!("there are {found} VMs of that name, not {wanted}"))
}

pub(super) async fn find_vm_finds_by_tag(t: &Trial<'_>) -> Check {
    let (made, _other) = (t.vm().await?, t.vm().await?);
    let Some(found) = t.create()?.find_vm(&t.cx(), made.id).await? else {
        return fail("it is not found");
    };
    check(found.vm == made.vm, || format!("found {:?}, not {:?}", found.vm, made.vm))?;
    check(!found.created, || "finding says that it made it".to_owned())
}

pub(super) async fn find_vm_of_an_unknown_id_is_none(t: &Trial<'_>) -> Check {
    let found = t.create()?.find_vm(&t.cx(), t.id()).await?;
    check(found.is_none(), || format!("found {found:?} for an id that nobody has"))
}

pub(super) async fn inventory_shows_what_was_made_with_its_tag(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let Some(seen) = t.listed(&made.vm).await? else { return fail("it is not in the inventory") };
    let tag = seen.tag.as_ref().map(|tag| tag.vm);
    check(tag == Some(made.id), || format!("its tag is {tag:?}"))?;
    check(seen.name == made.spec.name, || format!("its name is {}", seen.name))?;
    // A place may decide how far it can grow when it starts, and tell what it has.
    let memory = seen.memory_max_bytes.value().or(seen.memory_bytes.value());
    check(memory == Some(&made.spec.memory.bytes), || format!("its memory is {memory:?}"))?;
    let cpus = seen.cpu_count.value();
    check(cpus == Some(&made.spec.cpu.count), || format!("its processors are {cpus:?}"))
}

pub(super) async fn a_stopped_vm_is_on_the_host_it_was_made_on(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let Some(seen) = t.listed(&made.vm).await? else { return fail("it is not in the inventory") };
    let host = seen.host_ref.as_deref();
    check(host == Some(&t.setting.host_ref), || format!("its host is {host:?}"))
}

pub(super) async fn description_comes_back_unchanged(t: &Trial<'_>) -> Check {
    let mut spec = t.spec();
    HOSTILE.clone_into(&mut spec.description);
    let made = t.make(spec, Vec::new()).await?;
    let Some(seen) = t.listed(&made.vm).await? else { return fail("it is not in the inventory") };
    let text = seen.description.as_deref();
    check(text == Some(HOSTILE), || format!("the description became {text:?}"))
}

pub(super) async fn a_nic_is_shown_with_its_network_and_address(t: &Trial<'_>) -> Check {
    let Some(network) = &t.setting.network else { return skip("the harness names no network") };
    let mac = "52:54:00:c0:ff:ee";
    let mut spec = t.spec();
    spec.nics.push(NicSpec {
        source: NicSource::Network(network.clone()),
        model: NicModel::Virtio,
        mac: Some(mac.to_owned()),
        link_up: true,
    });
    let made = t.make(spec, Vec::new()).await?;
    let Some(seen) = t.listed(&made.vm).await? else { return fail("it is not in the inventory") };
    let Some(nics) = seen.nics.value() else { return fail("its NICs are not told") };
    let found = nics.iter().any(|nic| {
        nic.mac.as_deref() == Some(mac) && nic.source.as_deref() == Some(network.as_str())
    });
    check(found, || format!("its NICs are {nics:?}"))
}

pub(super) async fn another_vm_of_the_same_name_is_a_conflict(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let error = refused(t.ensure(t.id(), &made.spec, &[]).await?, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
    count(t, &made.spec.name, 1).await
}

pub(super) async fn a_foreign_vm_of_the_same_name_is_a_conflict(t: &Trial<'_>) -> Check {
    let spec = t.spec();
    let foreign = t.foreign(&spec.name).await?;
    let error = refused(t.ensure(t.id(), &spec, &[]).await?, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
    let there = t.listed(&foreign).await?;
    check(there.is_some(), || "the foreign VM is gone".to_owned())?;
    count(t, &spec.name, 1).await
}

pub(super) async fn a_foreign_vm_bears_no_tag(t: &Trial<'_>) -> Check {
    let foreign = t.foreign(&t.name()).await?;
    let Some(seen) = t.listed(&foreign).await? else { return fail("it is not in the inventory") };
    check(seen.tag.is_none(), || format!("it bears {:?}", seen.tag))
}

pub(super) async fn an_unknown_host_is_refused(t: &Trial<'_>) -> Check {
    let (id, spec) = (t.id(), t.spec());
    let host_ref = "no-such-host";
    let request = EnsureVm { vm: id, spec: &spec, host_ref, disks: &[], seed: None };
    let made = t.create()?.ensure_vm(&t.cx(), &request).await;
    refused(made, &[Kind::NotFound, Kind::Invalid])?;
    count(t, &spec.name, 0).await
}

pub(super) async fn remove_vm_takes_it_out_of_inventory_and_search(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    check(t.listed(&made.vm).await?.is_none(), || "it is still listed".to_owned())?;
    let found = t.create()?.find_vm(&t.cx(), made.id).await?;
    check(found.is_none(), || "it is still found".to_owned())
}

pub(super) async fn remove_of_absent_vm_succeeds(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    Ok(())
}

/// What a driver has seen last may lack a VM that is there. Where the harness can leave it with
/// such a picture, it has none but that; elsewhere the driver keeps none, and asks anyway.
pub(super) async fn remove_vm_asks_the_place_before_it_says_absent(t: &Trial<'_>) -> Check {
    let is_behind = match t.fall_behind().await {
        Ok(()) => true,
        Err(Stop::Skipped(_)) => false,
        Err(failed) => return Err(failed),
    };
    let vm = t.unseen(&t.name()).await?;
    let removed = t.create()?.remove_vm(&t.cx(), &vm).await;
    if is_behind {
        t.catch_up().await;
        let after = told(t, false).await?;
        check(after.stale.is_none(), || format!("it stays old: {:?}", after.stale))?;
    }
    match removed {
        // Not to know is no absence: it may be refused, and is there then.
        Err(error) => check(is_behind, || format!("nothing was in the way: {error:?}")),
        Ok(()) => {
            let until = tokio::time::Instant::now() + t.setting.boot_within;
            while t.listed(&vm).await?.is_some() {
                let is_late = tokio::time::Instant::now() >= until;
                check(!is_late, || "it says that it is absent, and it is there".to_owned())?;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            t.is_gone(&vm);
            Ok(())
        }
    }
}

pub(super) async fn remove_of_a_running_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    let error = refused(t.create()?.remove_vm(&t.cx(), &made.vm).await, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it removed it".to_owned())?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn remove_vm_leaves_its_volumes(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, 1 << 20, VolumeContent::Empty).await??;
    let mut spec = t.spec();
    spec.disks.push(disk("data", &volume));
    let disk = DiskBinding { disk: "data".to_owned(), volume: volume.clone(), owned: true };
    let made = t.make(spec, vec![disk]).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    let volumes = t.storage()?.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    let there = volumes.iter().any(|seen| seen.name == volume.name);
    check(there, || "the volume went with the VM".to_owned())
}

pub(super) async fn definition_names_the_vm(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let text = t.create()?.definition(&t.cx(), &made.vm).await?;
    check(text.contains(&made.spec.name), || format!("its name is not in it:\n{text}"))
}

pub(super) async fn definition_of_absent_vm_is_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    refused(t.create()?.definition(&t.cx(), &made.vm).await, &[Kind::NotFound])?;
    Ok(())
}
