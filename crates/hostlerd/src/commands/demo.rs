//! `hostlerd demo`: the real server on a simulated fleet, gone when it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Clock;
use hostler_core::alert::route::Route;
use hostler_core::clock::SystemClock;
use hostler_core::id::{Entropy, IdSource};
use hostler_engine::Pace;
use hostler_store::Store;

use super::run::{DATABASE, Signals, make_data_dir, open, stop};
use super::{fleet, print};
use crate::arguments::{DemoFlags, RunFlags};
use crate::auth::LocalUsers;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::failure::{Failure, Result};
use crate::listen::{Limits, Passed};
use crate::logging;
use crate::server::{Server, Setup};
use crate::wiring::Wiring;

/// How long the first page may be waited for.
const FIRST_LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(flags: DemoFlags) -> Result<()> {
    let temporary = match flags.data_dir {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("hostlerd-demo-")
                .tempdir()
                .map_err(|error| Failure::new(format!("no temporary directory: {error}")))?,
        ),
    };
    let data_dir = flags.data_dir.clone().or(temporary.as_ref().map(|dir| dir.path().to_owned()));
    if let Some(dir) = &flags.data_dir {
        refuse_used(dir)?;
    }
    let mut config = Config::load(&RunFlags {
        data_dir,
        listen: vec![flags.listen],
        socket: flags.socket,
        ..RunFlags::default()
    })?;
    apart(&mut config, flags.send);
    logging::start(config.log, "warn")?;
    let store = match temporary.is_some() {
        true => Store::in_memory().await.map_err(hostler_core::Error::from)?,
        false => {
            make_data_dir(&config.data_dir)?;
            open(&config.data_dir).await?
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let ids = IdSource::new(Arc::clone(&clock), Arc::clone(&entropy));
    let simulated = fleet::furnish(&store, &ids, &*clock, (flags.seed, flags.vms)).await?;
    // Before anything is served: whoever is answered may stop the server at once.
    let mut signals = Signals::new()?;
    let server = Server::start(Setup {
        store,
        wiring: Wiring::demo(Arc::clone(&clock)),
        clock,
        entropy,
        providers: simulated.providers(),
        own_machine: None,
        local_users: LocalUsers::of_system(),
        limits: Limits::default(),
        sockets: Passed::default(),
        pace: Pace::default(),
        is_demo: true,
        config: config.clone(),
    })
    .await?;
    server.first_look(FIRST_LOOK).await;
    fleet::begin_some_work(server.app(), &simulated).await?;
    let _life = simulated.live(flags.seed);
    print(&announcement(&server, &config, &server.login_link().await?))?;
    signals.wait_for_stop(&server, None).await;
    stop(server, signals).await
}

fn announcement(server: &Server, config: &Config, link: &str) -> String {
    let url = server.base_url();
    let socket = config.socket.display();
    format!(
        "A simulated fleet: nothing in it is real, nothing of it stays.\n\n\
         Open    {url}/\n\
         Log in  {link}   (once, within 10 minutes)\n\
         Socket  {socket}\n\n\
         Ctrl-C ends it.\n"
    )
}

/// A simulated fleet is not mixed into what is there: neither into what a real server keeps nor
/// into that of an earlier demo, whose fleet was another one.
fn refuse_used(dir: &Path) -> Result<()> {
    let path = dir.join(DATABASE);
    let exists =
        path.try_exists().map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    if !exists {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is there already, and a demo begins with nothing: name a directory without one, remove \
         it if nobody needs it, or leave --data-dir out",
        path.display()
    )))
}

/// A demo beside a real server must not take its place; and what is made up goes nowhere
/// unless somebody wants that (X17).
fn apart(config: &mut Config, is_sent: bool) {
    config.metrics_listen = None;
    config.providers.clear();
    config.agents.clear();
    if !is_sent {
        config.history.outputs.clear();
        config.alerting.receivers.clear();
        config.alerting.route = Route::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x17_a_demo_is_not_mixed_into_what_is_kept_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        refuse_used(dir.path()).unwrap();
        refuse_used(&dir.path().join("not-there")).unwrap();
        std::fs::write(dir.path().join(DATABASE), "what somebody has").unwrap();
        let refused = refuse_used(dir.path()).unwrap_err();
        let told = refused.to_string();
        assert!(told.contains("hostler.db is there already"), "{told}");
        assert!(told.contains("leave --data-dir out"), "{told}");
    }

    #[tokio::test]
    async fn x17_a_demo_looks_before_it_does_anything() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(DATABASE), "what somebody has").unwrap();
        let flags = DemoFlags {
            listen: ([127, 0, 0, 1], 0).into(),
            seed: 1,
            vms: 1,
            data_dir: Some(dir.path().to_owned()),
            socket: None,
            send: false,
        };
        let refused = run(flags).await.unwrap_err();
        assert!(refused.to_string().contains("is there already"), "{refused}");
        let kept = std::fs::read_to_string(dir.path().join(DATABASE)).unwrap();
        assert_eq!(kept, "what somebody has");
    }

    #[test]
    fn x17_a_demo_tells_nobody_what_it_made_up_unless_that_is_wanted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "[[agents]]\nname = \"a\"\nurl = \"http://h:9177\"\n\
                    [[history.outputs]]\nname = \"o\"\nkind = \"remote_write\"\n\
                    url = \"http://h/write\"\n\
                    [alerting]\nroute = { receiver = \"ops\" }\n\
                    [[alerting.receiver]]\nname = \"ops\"\n\
                    webhook = { url = \"https://h/hook\" }\n";
        std::fs::write(&file, text).unwrap();
        let flags = RunFlags { config: Some(file.path().to_owned()), ..RunFlags::default() };
        let read = || Config::load(&flags).unwrap();
        let mut config = read();
        apart(&mut config, true);
        let sent = (config.history.outputs.len(), config.alerting.receivers.len());
        assert_eq!((sent, config.agents.len()), ((1, 1), 0));
        let mut config = read();
        apart(&mut config, false);
        assert!(config.history.outputs.is_empty() && config.alerting.receivers.is_empty());
        assert_eq!(config.alerting.route, Route::default());
    }
}
