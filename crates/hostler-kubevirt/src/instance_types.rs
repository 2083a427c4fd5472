//! Instance types and preferences, of the cluster and of namespaces: what VMs can be made of.
//! (Those that VMs name already are read with the inventory: [`crate::fleet`].)
//!
//! ```text
//!   two lists of each: of the cluster ─┐              ┌─► what is offered, in order
//!                      of namespaces ──┴─► read one ──┴─► why a part was not: our account may
//!                                                         not, the kind is not served
//! ```
//!
//! KubeVirt lets a VM in that names a type which is not there, and then never starts it; and it
//! sizes a VM by what the type is when it starts first. So both are looked at here before a VM
//! is made.

use async_trait::async_trait;
use hostler_core::vm::{InstanceType, Preference, TypeRef};
use hostler_provider::{Cx, InstanceTypes, Kind, Offered, Result};

use crate::call::{Caller, Selection};
use crate::create::Making;
use crate::error::Cause;
use crate::link::without_effect;
use crate::mapper::Incompatible;
use crate::mapper::instance_types::{
    map_cluster_instance_type, map_cluster_preference, map_instance_type, map_preference,
};
use crate::objects::{self, Object};
use crate::provider::KubeVirt;
use crate::resource::Resource;

/// How many objects that cannot be read are named.
const UNREADABLE_TOLD: usize = 4;

#[async_trait]
impl InstanceTypes for KubeVirt {
    async fn instance_types(&self, cx: &Cx) -> Result<Offered<InstanceType>> {
        let doing = "cannot list instance types";
        let listed = cx.run(doing, async {
            let caller = self.shared.link.caller(cx).await?;
            self.sizes(cx, &caller).await
        });
        listed.await.map_err(without_effect)
    }

    async fn preferences(&self, cx: &Cx) -> Result<Offered<Preference>> {
        let doing = "cannot list preferences";
        let listed = cx.run(doing, async {
            let caller = self.shared.link.caller(cx).await?;
            self.tastes(cx, &caller).await
        });
        listed.await.map_err(without_effect)
    }
}

impl KubeVirt {
    async fn sizes(&self, cx: &Cx, caller: &Caller) -> Result<Offered<InstanceType>> {
        let at = cx.now();
        let mut told = Offered::default();
        let (cluster, of_namespaces) = (Resource::CLUSTER_INSTANCE_TYPES, Resource::INSTANCE_TYPES);
        self.offered(cx, caller, &Selection::all(cluster, None), &mut told, |one| {
            map_cluster_instance_type(one, at).map(|(id, it)| it.into_offered(id, at))
        })
        .await?;
        for namespace in self.shared.config.namespaces.scopes() {
            let all = Selection::all(of_namespaces, namespace);
            self.offered(cx, caller, &all, &mut told, |one| {
                map_instance_type(one, at).map(|(id, it)| it.into_offered(id, at))
            })
            .await?;
        }
        told.items.sort_by(|one, other| in_order(&one.id).cmp(&in_order(&other.id)));
        Ok(told)
    }

    async fn tastes(&self, cx: &Cx, caller: &Caller) -> Result<Offered<Preference>> {
        let at = cx.now();
        let mut told = Offered::default();
        let all = Selection::all(Resource::CLUSTER_PREFERENCES, None);
        self.offered(cx, caller, &all, &mut told, |one| {
            map_cluster_preference(one).map(|(id, it)| it.into_offered(id, at))
        })
        .await?;
        for namespace in self.shared.config.namespaces.scopes() {
            let all = Selection::all(Resource::PREFERENCES, namespace);
            self.offered(cx, caller, &all, &mut told, |one| {
                map_preference(one).map(|(id, it)| it.into_offered(id, at))
            })
            .await?;
        }
        told.items.sort_by(|one, other| in_order(&one.id).cmp(&in_order(&other.id)));
        Ok(told)
    }

    /// Adds one list to what is told, or why it was not read.
    async fn offered<O: Object, T>(
        &self,
        cx: &Cx,
        caller: &Caller,
        all: &Selection,
        told: &mut Offered<T>,
        map: impl Fn(&O) -> std::result::Result<T, Incompatible>,
    ) -> Result<()> {
        let kind = all.resource.full_name();
        let page = match caller.list(cx, all).await {
            Ok(page) => page,
            Err(failure) => {
                let of = all.namespace.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
                let why = match failure.cause {
                    Cause::Forbidden => {
                        format!("our account may not list {kind}{of}; grant `list` of it")
                    }
                    Cause::KindMissing => {
                        format!("the cluster serves no {kind} in a version that this driver reads")
                    }
                    Cause::VersionStrange => failure.error.message().to_owned(),
                    _ => return Err(self.shared.link.noted(failure)),
                };
                if !told.unread.contains(&why) {
                    told.unread.push(why);
                }
                return Ok(());
            }
        };
        let mut unreadable = 0;
        for document in page.items {
            match objects::read::<O>(document).and_then(|object| map(&object)) {
                Ok(one) => told.items.push(one),
                Err(error) => {
                    unreadable += 1;
                    if unreadable <= UNREADABLE_TOLD {
                        told.unread.push(error.to_string());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Those of the cluster first.
fn in_order(id: &TypeRef) -> (Option<&str>, &str) {
    (id.namespace.as_deref(), &id.name)
}

impl Making<'_> {
    /// What it names has to be there, and a type has to be of the size by which it was placed.
    pub(crate) async fn check_types(&self) -> Result<()> {
        let spec = self.request.spec;
        if let Some(wanted) = &spec.instance_type {
            let told = self.provider.sizes(self.cx, &self.caller).await;
            let told = told.map_err(|error| error.context(&self.doing))?;
            match told.items.iter().find(|one| one.id == *wanted) {
                Some(found) => self.check_size(found)?,
                None => self.check_unread("instance type", wanted, &told.unread)?,
            }
        }
        if let Some(wanted) = &spec.preference {
            let told = self.provider.tastes(self.cx, &self.caller).await;
            let told = told.map_err(|error| error.context(&self.doing))?;
            if !told.items.iter().any(|one| one.id == *wanted) {
                self.check_unread("preference", wanted, &told.unread)?;
            }
        }
        Ok(())
    }

    fn check_unread(&self, what: &str, wanted: &TypeRef, unread: &[String]) -> Result<()> {
        if unread.is_empty() {
            let what = format!("the cluster has no {what} \"{wanted}\"");
            return Err(self.error(Kind::Invalid, &what));
        }
        // Without having seen it nothing says that the cluster would start the VM.
        let what =
            format!("whether there is {what} \"{wanted}\" is not known: {}", unread.join("; "));
        Err(self.error(Kind::Invalid, &what))
    }

    fn check_size(&self, found: &InstanceType) -> Result<()> {
        let spec = self.request.spec;
        let (cpus, memory) = (found.cpu_count.value(), found.memory_bytes.value());
        let is_same = cpus.is_none_or(|cpus| *cpus == spec.cpu.count)
            && memory.is_none_or(|bytes| *bytes == spec.memory.bytes);
        if is_same {
            return Ok(());
        }
        let told = |size: Option<String>| size.unwrap_or_else(|| "?".to_owned());
        let what = format!(
            "instance type \"{}\" has {} processors and {} bytes of memory now, not the {} and {} \
             by which it was placed; ask again",
            found.id,
            told(cpus.map(u32::to_string)),
            told(memory.map(u64::to_string)),
            spec.cpu.count,
            spec.memory.bytes
        );
        Err(self.error(Kind::Conflict, &what))
    }
}
