//! Where VMs of a template may go: a cluster that has all the features and all the hardware that
//! it requires (E16). What tells neither has none, as far as anybody can know.

use std::sync::Arc;

use hostler_core::cluster::Lack;
use hostler_core::id::{ProviderId, TemplateId};
use hostler_core::placement::Wish;
use hostler_core::template::Content;
use hostler_core::vm::VmSpec;
use hostler_core::{Code, Error, Result};

use super::Templates;
use crate::clusters::all;
use crate::{Inner, Wanted};

impl From<&Content> for Wanted {
    fn from(content: &Content) -> Self {
        Self {
            features: content.required_features.clone(),
            hardware: content.required_hardware.clone(),
        }
    }
}

impl Templates<'_> {
    /// What a version of a template requires of a cluster.
    ///
    /// # Errors
    /// As [`Templates::version_or_default`].
    pub async fn wanted(&self, id: TemplateId, number: Option<u32>) -> Result<Wanted> {
        let (_, version) = self.version_or_default(id, number).await?;
        Ok(Wanted::from(&version.content))
    }
}

impl Inner {
    /// The wish for a place that has what `content` requires: the one that is wished for, if it
    /// has; else the first that has and takes `spec`.
    pub(super) fn wish_for(
        self: &Arc<Self>,
        content: &Content,
        wish: &Wish,
        spec: &VmSpec,
    ) -> Result<Wish> {
        if !content.requires_anything() {
            return Ok(wish.clone());
        }
        let snapshot = self.fleet.snapshot();
        let wanted = Wanted::from(content);
        let clusters = all(self, &snapshot, &wanted);
        let of_host = wish.host.and_then(|host| snapshot.hosts.get(&host));
        if let Some(id) = wish.provider.or_else(|| of_host.map(|host| host.provider.0)) {
            let Some(cluster) = clusters.iter().find(|it| it.provider.row.id == id) else {
                return Err(tells_nothing(&snapshot_name(self, id), &wanted));
            };
            return match cluster.lacks.as_deref().unwrap_or_default() {
                [] => Ok(wish.clone()),
                lacks => Err(lacking(&cluster.provider.row.name, lacks)),
            };
        }
        let mut refused = None;
        for cluster in clusters.iter().filter(|cluster| cluster.fits() == Some(true)) {
            let there = Wish { provider: Some(cluster.provider.row.id), ..wish.clone() };
            match self.would_place(spec, &there) {
                Ok(_) => return Ok(there),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        Err(match clusters.as_slice() {
            [] => tells_nothing("no place", &wanted),
            [first, ..] => lacking(
                &format!("{} (and no other cluster has all)", first.provider.row.name),
                first.lacks.as_deref().unwrap_or_default(),
            ),
        })
    }
}

fn snapshot_name(engine: &Inner, id: ProviderId) -> String {
    engine.fleet.provider_name(id).unwrap_or_else(|| id.to_string())
}

fn tells_nothing(place: &str, wanted: &Wanted) -> Error {
    let names: Vec<&str> =
        wanted.features.iter().chain(&wanted.hardware).map(String::as_str).collect();
    let message = format!(
        "the template requires {}, and {place} is no cluster that tells of such things",
        names.join(", ")
    );
    Error::new(Code::TemplateIncompatible, message)
}

fn lacking(place: &str, lacks: &[Lack]) -> Error {
    let told: Vec<String> = lacks.iter().map(|it| format!("{} ({})", it.name, it.why)).collect();
    let names: Vec<&str> = lacks.iter().map(|it| it.name.as_str()).collect();
    let message = format!("{place} lacks what the template requires: {}", told.join("; "));
    Error::new(Code::TemplateIncompatible, message).with_detail("lacks", names.join(","))
}
