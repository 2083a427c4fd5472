//! The driver keeps the promises of the boundary. Those of groups that it lacks are
//! skipped and named in the report; power and watch, whose promises want VMs made by
//! the driver, are held to them in `power` and `provider`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;
use hostler_core::id::{IdSource, SeededEntropy};
use hostler_kube_double::{Fault, What};
use hostler_provider::conformance::{Harness, Outcome, Setting, run};
use hostler_provider::{Group, Provider, Result, groups};

use crate::place::{PATIENCE, Place, busy};

#[async_trait]
impl Harness for Place {
    async fn connect(&self) -> Result<Arc<dyn Provider>> {
        Ok(self.provider.clone())
    }

    fn setting(&self) -> Setting {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_228_196_000)));
        Setting {
            prefix: "conformance-".into(),
            ids: IdSource::new(clock, Arc::new(SeededEntropy::new(5))),
            host_ref: "n1".into(),
            pool: None,
            network: None,
            memory_bytes: 64 << 20,
            boot: None,
            call_within: PATIENCE,
            boot_within: PATIENCE,
            stop_within: PATIENCE,
            promise_within: Duration::from_secs(120),
            limits: Vec::new(),
        }
    }

    async fn hang(&self, hung: bool) -> bool {
        match hung {
            true => self.double.fault(Fault::new(What::Silence)),
            false => self.double.clear_faults(),
        }
        true
    }
}

#[tokio::test]
async fn e22_the_promises_of_the_boundary_are_kept() {
    let place = Place::start(busy()).await;
    place.double.seed_vms(3).unwrap();
    assert_eq!(groups(&*place.provider), [Group::Power, Group::Watch, Group::Migrate]);
    let report = run(&place).await;
    report.assert_passed();
    let kept: Vec<_> = report
        .verdicts()
        .iter()
        .filter(|verdict| matches!(verdict.outcome, Outcome::Kept))
        .map(|verdict| verdict.promise)
        .collect();
    for promise in [
        "groups_match_accessors",
        "probe_names_what_answers",
        "inventory_lists_the_host",
        "references_in_the_inventory_are_unique",
        "observations_bear_the_time_of_the_context",
        "cancel_is_obeyed",
        "an_abandoned_call_harms_no_later_one",
        "deadline_is_kept",
        "after_a_hang_it_answers_again",
    ] {
        assert!(kept.contains(&promise), "{promise} was skipped:\n{report}");
    }
}
