//! A running agent: sources being measured, and what was measured being served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::Clock;
use hostler_core::metrics::Cost;
use hostler_provider::Machine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::collect::Collector;
use crate::config::Intervals;
use crate::failure::Result;
use crate::http::App;
use crate::serve;
use crate::shelf::Shelf;
use crate::sources::Source;
use crate::tls::Identity;
use crate::wire;

/// How long stopping may take.
const STOP_MAX: Duration = Duration::from_secs(15);

/// What an agent is made of.
pub struct Setup {
    /// Where it serves.
    pub listen: Vec<SocketAddr>,
    /// What clients have to show, if anything.
    pub token: Option<String>,
    /// What it shows to clients; `None`: it speaks no TLS.
    pub identity: Option<Arc<Identity>>,
    /// Which machine it is on.
    pub machine: Machine,
    /// What is measured.
    pub sources: Vec<Source>,
    /// How often.
    pub intervals: Intervals,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// A number that no other agent has: they do not all measure at the same moment.
    pub seed: u64,
}

/// A running agent.
pub struct Agent {
    addresses: Vec<SocketAddr>,
    intervals: watch::Sender<Intervals>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Agent {
    /// Starts it; when this returns it serves.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(setup: Setup) -> Result<Self> {
        let tls = setup.identity.as_ref().map(Identity::acceptor).transpose()?;
        let listeners = serve::bind(&setup.listen).await?;
        let addresses = listeners.iter().filter_map(|one| one.local_addr().ok()).collect();
        let (sender, receiver) = watch::channel(setup.intervals);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let shelf = Arc::new(Shelf::default());
        let collector = Collector {
            shelf: Arc::clone(&shelf),
            clock: Arc::clone(&setup.clock),
            intervals: receiver,
            stop: stop.clone(),
        };
        let sources: Vec<Arc<Source>> = setup.sources.into_iter().map(Arc::new).collect();
        let jitter = jitter(setup.intervals, setup.seed);
        for source in &sources {
            let mut passes = source.passes();
            if passes.is_empty() {
                // Its first pass says why there is nothing of it.
                passes.push(Cost::Stats);
            }
            for cost in passes {
                tasks.spawn(collector.clone().keep(Arc::clone(source), cost, jitter));
            }
        }
        let origin = wire::Origin { machine: setup.machine, started_at: setup.clock.now() };
        let app = App { shelf, clock: setup.clock, origin, token: setup.token, sources };
        let app = Arc::new(app);
        for listener in listeners {
            let serving = serve::Serving {
                app: Arc::clone(&app),
                tls: tls.clone(),
                tasks: tasks.clone(),
                stop: stop.clone(),
            };
            tasks.spawn(serving.run(listener));
        }
        Ok(Self { addresses, intervals: sender, stop, tasks })
    }

    /// Where it serves: the port is known when it was asked for as 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Measures that often from now on.
    pub fn set_intervals(&self, intervals: Intervals) {
        self.intervals.send_if_modified(|current| {
            let is_other = *current != intervals;
            *current = intervals;
            is_other
        });
    }

    /// Stops in order: requests at work are answered.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(STOP_MAX, self.tasks.wait()).await;
    }
}

/// A part of a second, so that a fleet that was started at once does not ask at once,
/// and so that nobody waits for the first figures.
fn jitter(intervals: Intervals, seed: u64) -> Duration {
    let shortest = intervals.node.min(intervals.containers).min(intervals.vms);
    let most = shortest.min(Duration::from_secs(1)).as_micros();
    let most = u64::try_from(most).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(seed % most)
}
