//! The promises of [`crate::InstanceTypes`].

use std::collections::BTreeSet;

use hostler_core::vm::{InstanceType, PowerState, TypeRef, VmSpec};

use super::trial::{Check, Trial, check, fail, refused, skip};
use crate::{Kind, Offered};

pub(super) async fn instance_types_are_told_once_in_order_and_with_their_size(
    t: &Trial<'_>,
) -> Check {
    let cx = t.cx();
    let told = t.instance_types()?.instance_types(&cx).await?;
    is_in_order(told.items.iter().map(|one| &one.id))?;
    has_reasons(&told)?;
    for one in &told.items {
        check(one.observed_at <= cx.now(), || format!("\"{}\" is of the future", one.id))?;
        let sizes = [
            ("processors", one.cpu_count.value().map(|n| u64::from(*n)), one.cpu_count.reason()),
            ("memory", one.memory_bytes.value().copied(), one.memory_bytes.reason()),
        ];
        for (what, size, why) in sizes {
            let is_told = size.is_some_and(|size| size > 0) || why.is_some();
            check(is_told, || format!("\"{}\" tells no {what}, and not why", one.id))?;
        }
    }
    Ok(())
}

pub(super) async fn preferences_are_told_once_and_in_order(t: &Trial<'_>) -> Check {
    let told = t.instance_types()?.preferences(&t.cx()).await?;
    has_reasons(&told)?;
    is_in_order(told.items.iter().map(|one| &one.id))
}

fn has_reasons<T>(told: &Offered<T>) -> Check {
    let is_silent = told.unread.iter().any(|why| why.trim().is_empty());
    check(!is_silent, || "something was not read, and nothing says why".to_owned())
}

/// Those of the whole provider first, then by namespace, each by name, and each once.
fn is_in_order<'a>(names: impl Iterator<Item = &'a TypeRef>) -> Check {
    let names: Vec<_> = names.map(|one| (one.namespace.clone(), one.name.clone())).collect();
    let sorted: BTreeSet<_> = names.iter().cloned().collect();
    let sorted: Vec<_> = sorted.into_iter().collect();
    check(names == sorted, || format!("{names:?} should be {sorted:?}"))?;
    let nameless = names.iter().any(|(namespace, name)| {
        name.is_empty() || namespace.as_ref().is_some_and(String::is_empty)
    });
    check(!nameless, || "one has no name".to_owned())
}

/// The smallest type of the provider as a whole, and the smallest VM of it.
async fn of_type(t: &Trial<'_>) -> Check<(InstanceType, VmSpec)> {
    let told = t.instance_types()?.instance_types(&t.cx()).await?;
    let sized = told.items.into_iter().filter(|one| {
        one.id.namespace.is_none()
            && one.cpu_count.value().is_some()
            && one.memory_bytes.value().is_some()
    });
    let smallest = sized.min_by_key(|one| one.memory_bytes.value().copied());
    let Some(found) = smallest else { return skip("the provider offers no instance type") };
    let mut spec = t.spec();
    spec.instance_type = Some(found.id.clone());
    (spec.cpu.count, spec.memory.bytes) = (0, 0);
    match spec.size_by(&found) {
        Ok(()) => Ok((found, spec)),
        Err(error) => fail(format!("no VM can be of its size: {error:?}")),
    }
}

pub(super) async fn a_vm_of_an_instance_type_has_its_size_and_says_so(t: &Trial<'_>) -> Check {
    let (found, spec) = of_type(t).await?;
    let made = t.make(spec, Vec::new()).await?;
    t.is(&made.vm, PowerState::Stopped).await?;
    let Some(seen) = t.listed(&made.vm).await? else { return fail("it is not in the inventory") };
    check(seen.instance_type.as_ref() == Some(&found.id), || {
        format!("it is of {:?}, not of {}", seen.instance_type, found.id)
    })?;
    let (cpus, wanted) = (seen.cpu_count.value(), found.cpu_count.value());
    check(cpus == wanted, || format!("its processors are {cpus:?}, not {wanted:?}"))?;
    let memory = seen.memory_max_bytes.value().or(seen.memory_bytes.value());
    let wanted = found.memory_bytes.value();
    check(memory == wanted, || format!("its memory is {memory:?}, not {wanted:?}"))
}

pub(super) async fn a_vm_of_an_instance_type_is_made_once_and_runs(t: &Trial<'_>) -> Check {
    let (_, spec) = of_type(t).await?;
    let made = t.make(spec, Vec::new()).await?;
    let again = t.ensure(made.id, &made.spec, &made.disks).await??;
    check(!again.created && again.vm == made.vm, || format!("made twice: {again:?}"))?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn a_vm_of_a_preference_says_so(t: &Trial<'_>) -> Check {
    let told = t.instance_types()?.preferences(&t.cx()).await?;
    let mut spec = t.spec();
    let fits = told.items.into_iter().find(|one| {
        one.id.namespace.is_none() && one.firmware.is_none() && spec.check_preference(one).is_ok()
    });
    let Some(found) = fits else { return skip("no preference fits the smallest VM") };
    spec.preference = Some(found.id.clone());
    let made = t.make(spec, Vec::new()).await?;
    let Some(seen) = t.listed(&made.vm).await? else { return fail("it is not in the inventory") };
    check(seen.preference.as_ref() == Some(&found.id), || {
        format!("it is of {:?}, not of {}", seen.preference, found.id)
    })
}

pub(super) async fn an_unknown_type_or_preference_is_refused_and_nothing_is_made(
    t: &Trial<'_>,
) -> Check {
    t.instance_types()?;
    let unknown = || Some(TypeRef::wide("no-such-type"));
    let (mut of_type, mut of_preference) = (t.spec(), t.spec());
    of_type.instance_type = unknown();
    of_preference.preference = unknown();
    for spec in [of_type, of_preference] {
        let made = t.ensure(t.id(), &spec, &[]).await?;
        let error = refused(made, &[Kind::Invalid, Kind::NotFound])?;
        check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
        let there = t.provider.inventory(&t.cx()).await?;
        let is_there = there.vms.iter().any(|vm| vm.name == spec.name);
        check(!is_there, || "it was made all the same".to_owned())?;
    }
    Ok(())
}

pub(super) async fn a_type_that_has_changed_since_is_refused(t: &Trial<'_>) -> Check {
    let (_, mut spec) = of_type(t).await?;
    // As if it had been another size when it was looked up.
    spec.memory.bytes = spec.memory.bytes.saturating_mul(2);
    let error = refused(t.ensure(t.id(), &spec, &[]).await?, &[Kind::Conflict, Kind::Invalid])?;
    check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())
}
