//! The promises of [`crate::Cluster`].

use std::collections::BTreeSet;

use hostler_core::cluster::{Health, Report};

use super::trial::{Check, Trial, check};

async fn report(t: &Trial<'_>) -> Check<Report> {
    Ok(t.cluster()?.report(&t.cx()).await?)
}

pub(super) async fn whatever_is_not_healthy_has_a_reason(t: &Trial<'_>) -> Check {
    let report = report(t).await?;
    let grave = report.reasons.iter().filter(|reason| !reason.is_warning).count();
    check(report.health != Health::Unknown, || "who was asked is not unknown".to_owned())?;
    check((report.health == Health::Healthy) == (grave == 0), || format!("{report:#?}"))?;
    let silent = |reason: &hostler_core::cluster::Reason| {
        reason.code.is_empty() || reason.message.is_empty()
    };
    check(!report.reasons.iter().any(silent), || format!("a reason says nothing: {report:#?}"))
}

pub(super) async fn features_and_hardware_are_told_once_and_why(t: &Trial<'_>) -> Check {
    let report = report(t).await?;
    let Some(can) = report.capabilities else {
        let is_well = report.health == Health::Healthy;
        check(!is_well, || "it is healthy, and what it can is not told".to_owned())?;
        return check(!report.reasons.is_empty(), || "nothing says why".to_owned());
    };
    let features: BTreeSet<_> = can.features.iter().map(|one| &one.name).collect();
    let hardware: BTreeSet<_> = can.hardware.iter().map(|one| &one.name).collect();
    check(features.len() == can.features.len(), || format!("twice: {:#?}", can.features))?;
    check(hardware.len() == can.hardware.len(), || format!("twice: {:#?}", can.hardware))?;
    let unfounded = can.features.iter().find(|one| one.why.is_empty());
    check(unfounded.is_none(), || format!("says no why: {unfounded:?}"))
}
