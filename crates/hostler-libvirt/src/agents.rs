//! Asks guest agents in the background, few at a time, so that a guest whose
//! agent does not answer delays neither a look at its VM nor other guests.

use hostler_libvirt_rpc::Domain;
use hostler_provider::{Change, Cx};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::connection::{SharedLink, reference};
use crate::inventory::addresses::AGENT_PATIENCE;

/// Agents asked at once: each may hold one of the connection's slots for as
/// long as libvirt waits for it.
const AT_ONCE: usize = 2;
/// Guests that wait to be asked.
pub(crate) const QUEUE: usize = 256;

/// Runs until it is dropped.
pub(crate) async fn ask(link: SharedLink, mut queue: mpsc::Receiver<Domain>) {
    let mut asking = JoinSet::new();
    while let Some(domain) = queue.recv().await {
        while asking.len() >= AT_ONCE {
            asking.join_next().await;
        }
        let link = link.clone();
        asking.spawn(async move {
            let cx = Cx::within(AGENT_PATIENCE).with_clock(link.config.clock.clone());
            if link.ask_agent(&cx, &domain).await {
                link.hub.publish(&Change::Vm(reference(&domain)));
            }
        });
    }
}
