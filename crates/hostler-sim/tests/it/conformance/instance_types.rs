//! Lies about instance types and preferences.

use async_trait::async_trait;
use hostler_core::vm::{InstanceType, Preference};
use hostler_provider::{Cx, InstanceTypes, Offered, Result};

use super::{Liar, Lie};

#[async_trait]
impl InstanceTypes for Liar {
    async fn instance_types(&self, cx: &Cx) -> Result<Offered<InstanceType>> {
        let mut told = self.sim.instance_types(cx).await?;
        if self.tells(Lie::OffersTwice) {
            told.items.extend(told.items.clone());
        }
        Ok(told)
    }

    async fn preferences(&self, cx: &Cx) -> Result<Offered<Preference>> {
        let mut told = self.sim.preferences(cx).await?;
        if self.tells(Lie::OffersTwice) {
            told.items.reverse();
        }
        Ok(told)
    }
}
