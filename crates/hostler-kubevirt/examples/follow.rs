//! Follows a cluster as a process of its own, so that its time and memory can be measured:
//! with the driver, or with a plain loop that lists, watches and keeps what it is told.
//!
//! `follow KUBECONFIG driver|plain`
//!
//! Prints `listed COUNT SECONDS` when everything is known; from then on a line `digest` on its
//! standard input is answered with `digest COUNT SUM` of all machines that it knows.

#![expect(clippy::print_stdout, reason = "a program that answers on its standard output")]

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use hostler_kube_double::Digest;
use hostler_kubevirt::{KubeVirt, KubeVirtConfig};
use hostler_provider::{Cx, Provider};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Longer than any list takes.
const PATIENCE: Duration = Duration::from_secs(300);
const DESCRIPTION: &str = "kubernetes.io/description";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kubeconfig, who] = arguments.as_slice() else {
        return Err("follow KUBECONFIG driver|plain".into());
    };
    let begun = Instant::now();
    let follower = match who.as_str() {
        "driver" => Follower::Driver(driver(kubeconfig)?),
        "plain" => {
            let (kept, watches) = plain(kubeconfig).await?;
            Follower::Plain(kept, watches)
        }
        other => return Err(format!("who is {other:?}?").into()),
    };
    let known = follower.digest().await?.count;
    println!("listed {known} {:.6}", begun.elapsed().as_secs_f64());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "digest" {
            let Digest { count, sum } = follower.digest().await?;
            println!("digest {count} {sum}");
        }
    }
    Ok(())
}

enum Follower {
    Driver(KubeVirt),
    /// Dropping the set stops the watches.
    Plain(Kept, #[expect(dead_code, reason = "held")] JoinSet<()>),
}

impl Follower {
    async fn digest(&self) -> Result<Digest> {
        let mut digest = Digest::default();
        match self {
            Self::Driver(driver) => {
                for vm in driver.inventory(&Cx::within(PATIENCE)).await?.vms {
                    let namespace = vm.namespace.unwrap_or_default();
                    digest.add(&namespace, &vm.name, &vm.description.unwrap_or_default());
                }
            }
            Self::Plain(kept, _) => {
                for machine in lock(kept).values().filter(|one| one.types.is_none()) {
                    let meta = &machine.metadata;
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    let described = meta.annotations.as_ref().and_then(|all| all.get(DESCRIPTION));
                    let description = described.cloned().unwrap_or_default();
                    digest.add(&text(&meta.namespace), &text(&meta.name), &description);
                }
            }
        }
        Ok(digest)
    }
}

fn driver(kubeconfig: &str) -> Result<KubeVirt> {
    let mut config = KubeVirtConfig::parse(&format!("kubevirt://{kubeconfig}"))?;
    // The double speaks in the clear, as no cluster does: TLS would cost both sides the same.
    config.allowed.insecure = true;
    Ok(KubeVirt::new(config))
}

/// Objects by their uid, as they came.
type Kept = Arc<Mutex<HashMap<String, DynamicObject>>>;

fn lock(kept: &Kept) -> std::sync::MutexGuard<'_, HashMap<String, DynamicObject>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists machines and instances, and goes on watching both.
async fn plain(kubeconfig: &str) -> Result<(Kept, JoinSet<()>)> {
    let config = kube::config::Kubeconfig::read_from(Path::new(kubeconfig))?;
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(config, &options).await?;
    let client = kube::Client::try_from(config)?;
    let (kept, mut watches) = (Kept::default(), JoinSet::new());
    for (kind, plural) in [
        ("VirtualMachine", "virtualmachines"),
        ("VirtualMachineInstance", "virtualmachineinstances"),
    ] {
        let resource = ApiResource {
            group: "kubevirt.io".into(),
            version: "v1".into(),
            api_version: "kubevirt.io/v1".into(),
            kind: kind.into(),
            plural: plural.into(),
        };
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let is_instance = kind == "VirtualMachineInstance";
        let version = list(&api, &kept, is_instance).await?;
        watches.spawn(watch(api, Arc::clone(&kept), is_instance, version));
    }
    Ok((kept, watches))
}

async fn list(api: &Api<DynamicObject>, kept: &Kept, is_instance: bool) -> Result<String> {
    let mut parameters = ListParams::default().limit(u32::try_from(hostler_kubevirt::call::PAGE)?);
    let mut found = HashMap::new();
    let version = loop {
        let page = api.list(&parameters).await?;
        found.extend(page.items.into_iter().filter_map(|one| keyed(one, is_instance)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => break page.metadata.resource_version.unwrap_or_default(),
        }
    };
    let mut kept = lock(kept);
    kept.retain(|_, one| one.types.is_some() != is_instance);
    kept.extend(found);
    Ok(version)
}

/// Watches for ever; what it missed it lists anew.
async fn watch(api: Api<DynamicObject>, kept: Kept, is_instance: bool, mut version: String) {
    loop {
        let followed = follow(&api, &kept, is_instance, &mut version).await;
        if followed.is_err() {
            match list(&api, &kept, is_instance).await {
                Ok(listed) => version = listed,
                Err(error) => eprintln!("follow: {error}"),
            }
        }
    }
}

async fn follow(
    api: &Api<DynamicObject>,
    kept: &Kept,
    is_instance: bool,
    version: &mut String,
) -> Result<()> {
    let mut events = std::pin::pin!(api.watch(&WatchParams::default(), version).await?);
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(one) | WatchEvent::Modified(one) => {
                if let Some(newer) = &one.metadata.resource_version {
                    version.clone_from(newer);
                }
                lock(kept).extend(keyed(one, is_instance));
            }
            WatchEvent::Deleted(one) => {
                lock(kept).remove(&one.metadata.uid.unwrap_or_default());
            }
            WatchEvent::Bookmark(mark) => version.clone_from(&mark.metadata.resource_version),
            WatchEvent::Error(status) => return Err(status.message.into()),
        }
    }
    Ok(())
}

/// With its uid; instances keep their type, by which they are told from machines.
fn keyed(mut one: DynamicObject, is_instance: bool) -> Option<(String, DynamicObject)> {
    if !is_instance {
        one.types = None;
    } else if one.types.is_none() {
        one.types = Some(kube::api::TypeMeta::default());
    }
    Some((one.metadata.uid.clone()?, one))
}
