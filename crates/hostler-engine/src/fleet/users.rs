//! Which VM uses which volume: by what we made it for, and by what was seen.
//!
//! A volume is looked up by the words that stand for it at its provider, its
//! path and `pool/name`. The same words on two hosts are two volumes, unless
//! the pool is shared between hosts.

use std::sync::Arc;

use hostler_core::id::{ProviderId, VmId};
use hostler_core::storage::{ObservedPool, ObservedVolume};

use super::shelf::Shelf;
use super::views::VmView;
use crate::bound::{LEFT_BEHIND, bindings};

/// The words that stand for a volume at a provider.
pub(crate) type Source = (ProviderId, Arc<str>);

/// A VM that uses a volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    vm: VmId,
    /// The host it uses it on, in the provider's terms; `None` when it is on
    /// none at present, so that it may be any.
    host_ref: Option<Arc<str>>,
}

/// The users of volumes, by source.
#[derive(Clone, Default)]
pub(crate) struct Users(Shelf<Source, Arc<Vec<User>>>);

impl Users {
    /// The VM that uses a volume of this pool. Where several do, the oldest.
    pub(crate) fn of(
        &self,
        provider: ProviderId,
        pool: &ObservedPool,
        volume: &ObservedVolume,
    ) -> Option<VmId> {
        self.all_of(provider, pool, &volume.name, volume.path.as_deref()).min()
    }

    /// The VMs that use a volume of this pool, which has these paths.
    pub(crate) fn all_of<'a>(
        &'a self,
        provider: ProviderId,
        pool: &'a ObservedPool,
        name: &str,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> impl Iterator<Item = VmId> {
        let by_pool: Arc<str> = Arc::from(format!("{}/{name}", pool.name));
        let sources = paths.into_iter().map(Arc::from).chain([by_pool]);
        let users = sources
            .filter_map(move |source| self.0.get(&(provider, source)))
            .flat_map(|users| users.iter());
        let same_place = |user: &&User| match (&pool.host_ref, &user.host_ref) {
            (Some(pool), Some(user)) => **pool == **user,
            // A shared pool is everywhere; and whoever is nowhere may use it when
            // it is somewhere again, so the volume is taken.
            (None, _) | (_, None) => true,
        };
        users.filter(same_place).map(|user| user.vm)
    }

    /// Takes a change of a VM into account.
    pub(crate) fn change(&mut self, before: Option<&VmView>, after: Option<&VmView>) {
        if let (Some(before), Some(after)) = (before, after)
            && same_uses(before, after)
        {
            return;
        }
        for (source, user) in before.into_iter().flat_map(uses) {
            let Some(users) = self.0.get(&source) else { continue };
            let left: Vec<_> = users.iter().filter(|other| **other != user).cloned().collect();
            if left.is_empty() {
                self.0.remove(&source);
            } else {
                self.0.insert(source, Arc::new(left));
            }
        }
        for (source, user) in after.into_iter().flat_map(uses) {
            let users = self.0.get(&source).map(|users| users.as_slice()).unwrap_or_default();
            if !users.contains(&user) {
                let all = users.iter().cloned().chain([user]).collect();
                self.0.insert(source, Arc::new(all));
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<String> {
        let of = |source: &Source| {
            let mut users = self.0.get(source).map(|users| users.to_vec()).unwrap_or_default();
            users.sort();
            format!("{source:?}: {users:?}")
        };
        let mut all: Vec<_> = self.0.keys().map(of).collect();
        all.sort();
        all
    }
}

/// Whether two pictures of a VM surely use the same volumes. Reading what a row
/// says of them costs more than comparing it.
fn same_uses(before: &VmView, after: &VmView) -> bool {
    let same_row = match (&before.row, &after.row) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            Arc::ptr_eq(before, after)
                || (before.provider == after.provider && before.bindings == after.bindings)
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    let same_seen = match (&before.observed, &after.observed) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            before.host_ref == after.host_ref && before.disks.value() == after.disks.value()
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    let provider = |view: &VmView| view.provider.as_ref().map(|(id, _)| *id);
    same_row && same_seen && provider(before) == provider(after)
}

/// What a VM uses.
fn uses(view: &VmView) -> Vec<(Source, User)> {
    let mut uses = Vec::new();
    let mut note = |provider: ProviderId, source: &str, host_ref: Option<&str>| {
        let user = User { vm: view.id, host_ref: host_ref.map(Arc::from) };
        uses.push(((provider, Arc::from(source)), user));
    };
    if let Some((row, provider)) = view.row.as_ref().and_then(|row| Some((row, row.provider?))) {
        let used = bindings(&row.bindings).into_iter().filter(|b| b.disk != LEFT_BEHIND);
        for binding in used {
            let volume = &binding.volume;
            note(provider, &volume.to_string(), Some(&volume.host_ref));
        }
    }
    if let (Some(seen), Some((provider, _))) = (&view.observed, &view.provider) {
        let disks = seen.disks.value().into_iter().flatten();
        for source in disks.filter_map(|disk| disk.source.as_deref()) {
            note(*provider, source, seen.host_ref.as_deref());
        }
    }
    uses.sort();
    uses.dedup();
    uses
}
