//! Placement in the engine: memory is never promised twice.

use hostler_core::Code;
use hostler_core::operation::OperationState;
use hostler_sim::{Verb, World};

use crate::world::{Lab, admin};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i16_vms_in_the_making_do_not_share_the_same_free_memory() {
    let lab = Lab::with(World::small(1), None).await;
    // None of them is made before all are asked for.
    lab.world.faults().hang_verb(Verb::EnsureVm, 0);
    let mut asked = Vec::new();
    let mut refused = 0;
    for n in 0..8 {
        let mut request = lab.request(&format!("big-{n}"));
        request.spec.memory.bytes = 10 << 30; // three of them fit into 32 GiB
        match lab.engine.vms().create(&admin(), None, request).await {
            Ok(accepted) => asked.push(accepted),
            Err(error) => {
                assert_eq!(error.code(), Code::NoHostFits);
                refused += 1;
            }
        }
    }
    lab.world.faults().unhang();
    let mut made = 0;
    for accepted in &asked {
        let ended = lab.end(accepted).await;
        match ended.state() {
            OperationState::Succeeded => made += 1,
            _ => {
                assert_eq!(ended.error().unwrap().code, "no_host_fits");
                refused += 1;
            }
        }
    }
    assert!((1..=3).contains(&made), "{made} were made");
    assert_eq!(made + refused, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_where_and_what_and_makes_nothing() {
    let lab = Lab::new().await;
    let plan = lab.engine.vms().plan(&admin(), &lab.request("web")).await.unwrap();
    assert_eq!(plan.placement.name, "h1");
    assert_eq!(plan.steps, ["place", "make disks", "make seed", "define", "start"]);
    assert_eq!(plan.changes.len(), 5, "{:?}", plan.changes);
    lab.assert_clean(&[], &[], "after a plan");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_host_takes_nothing_and_says_why() {
    let lab = Lab::new().await;
    lab.world.close_host("h1", Some("is in maintenance"));
    lab.until("it is closed", || {
        let all = hostler_core::query::ListRequest::first(1);
        lab.engine.hosts().list(&all).items.iter().all(|h| h.reason.is_some())
    })
    .await;
    let error = lab.engine.vms().create(&admin(), None, lab.request("web")).await.unwrap_err();
    assert!(error.to_string().contains("h1 is in maintenance"), "{error}");
}
