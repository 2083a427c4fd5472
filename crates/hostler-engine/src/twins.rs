//! VMs that are seen twice: one place that is configured as two providers shows each of its
//! VMs through both. They would be offered and taken into care twice, and two operations would
//! work on one VM, each holding a claim of its own.
//!
//! What a kind of provider calls a VM for good is no other VM's name anywhere (a UUID), so the
//! same name at two providers of one kind is the same VM, or what was left of it when it moved.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hostler_core::cluster::Reason;
use hostler_core::id::ProviderId;
use hostler_core::vm::adoption::Risk;
use hostler_provider::Group;

use crate::fleet::snapshot::Snapshot;
use crate::{ProviderView, VmView};

/// The word for machines where two providers show the same VMs.
const CODE: &str = "SeenTwice";

/// A VM's lasting name with the kind of its provider.
type Name<'a> = (&'static str, &'a str);

fn name<'a>(snapshot: &Snapshot, vm: &'a VmView) -> Option<(ProviderId, Name<'a>)> {
    let (provider, _) = vm.provider.as_ref()?;
    let kind = snapshot.providers.get(provider)?.kind;
    Some((*provider, (kind, vm.external_ref()?)))
}

/// The kinds of which there is more than one provider that `counts`: only VMs of these are seen
/// twice.
fn plural_kinds(snapshot: &Snapshot, counts: impl Fn(&ProviderView) -> bool) -> Vec<&'static str> {
    let counted = snapshot.providers.values().filter(|provider| counts(provider));
    let mut kinds: Vec<_> = counted.map(|provider| provider.kind).collect();
    kinds.sort_unstable();
    let mut plural: Vec<_> =
        kinds.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    plural.dedup();
    plural
}

/// The VMs that Hostler manages, by their lasting names.
pub(crate) struct Managed<'a> {
    snapshot: &'a Snapshot,
    by_name: HashMap<Name<'a>, Vec<(ProviderId, &'a Arc<VmView>)>>,
}

impl<'a> Managed<'a> {
    /// All of them, as far as they can be seen twice.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let plural = plural_kinds(snapshot, |_| true);
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        let vms = if plural.is_empty() { None } else { Some(snapshot.vms.values()) };
        for vm in vms.into_iter().flatten().filter(|vm| vm.managed) {
            match name(snapshot, vm) {
                Some((provider, name)) if plural.contains(&name.0) => {
                    by_name.entry(name).or_default().push((provider, vm));
                }
                _ => {}
            }
        }
        Self { snapshot, by_name }
    }

    /// What forbids to adopt a VM: it is managed already, through another provider.
    pub(crate) fn risk(&self, vm: &VmView) -> Option<Risk> {
        let (here, name) = name(self.snapshot, vm)?;
        let (_, twin) = self.by_name.get(&name)?.iter().find(|(there, _)| *there != here)?;
        Some(managed_as(twin))
    }
}

/// The same of one VM alone: nothing is made of all the others for that.
pub(crate) fn risk_of_one(snapshot: &Snapshot, vm: &VmView) -> Option<Risk> {
    let (here, wanted) = name(snapshot, vm)?;
    if !plural_kinds(snapshot, |_| true).contains(&wanted.0) {
        return None;
    }
    let is_twin = |other: &&Arc<VmView>| {
        other.managed
            && other.external_ref() == Some(wanted.1)
            && name(snapshot, other).is_some_and(|(there, name)| there != here && name == wanted)
    };
    snapshot.vms.values().find(is_twin).map(|twin| managed_as(twin))
}

fn managed_as(twin: &VmView) -> Risk {
    let there = twin.provider.as_ref().map_or("", |(_, name)| name);
    let detail = format!(
        "it is managed already as VM \"{}\" of provider {there}, which shows the same VM; \
         manage it there, or let that one go first",
        twin.name
    );
    Risk { code: "managed_elsewhere", detail, forbids: true }
}

/// How many of a cluster's VMs others show as well.
#[derive(Default)]
pub(crate) struct SeenTwice(HashMap<ProviderId, BTreeMap<ProviderId, usize>>);

impl SeenTwice {
    /// Over all clusters: of other providers nobody is told this, and two hosts of one kind are
    /// how fleets are made.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let plural = plural_kinds(snapshot, |it| it.groups.contains(&Group::Cluster));
        if plural.is_empty() {
            return Self::default();
        }
        let mut by_name: HashMap<Name<'_>, Vec<ProviderId>> = HashMap::new();
        for vm in snapshot.vms.values().filter(|vm| vm.observed.is_some()) {
            match name(snapshot, vm) {
                Some((provider, name)) if plural.contains(&name.0) => {
                    by_name.entry(name).or_default().push(provider);
                }
                _ => {}
            }
        }
        let mut counts = Self::default();
        for providers in by_name.values().filter(|providers| providers.len() > 1) {
            for (here, there) in
                providers.iter().flat_map(|a| providers.iter().map(move |b| (a, b)))
            {
                if here != there {
                    *counts.0.entry(*here).or_default().entry(*there).or_default() += 1;
                }
            }
        }
        counts
    }

    /// What is to be noticed of a provider because of it.
    pub(crate) fn reasons(&self, snapshot: &Snapshot, of: ProviderId) -> Vec<Reason> {
        let others = self.0.get(&of).into_iter().flatten();
        let reason = |(other, count): (&ProviderId, &usize)| {
            let other = &snapshot.providers.get(other)?.row.name;
            let message = format!(
                "{count} of its VMs are also VMs of provider {other}: it seems to be the same \
                 place, given twice; remove one of the two"
            );
            Some(Reason { code: CODE.to_owned(), message, is_warning: true })
        };
        others.filter_map(reason).collect()
    }
}
