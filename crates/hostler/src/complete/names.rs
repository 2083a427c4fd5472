//! The names themselves: from the cache, else from the server within a second.

use std::collections::BTreeMap;
use std::time::Duration;

use hostler_api::{Endpoint, ListQuery, Nothing, Page, PageQuery, v1};
use hostler_client::{Client, Options};
use hostler_core::{Clock, clock::SystemClock};
use serde::Serialize;

use super::Names;
use super::cache::{self, Candidate, Entry};
use super::line::Line;
use crate::commands::{explain, hosts, instance_types, networks, pools, templates};
use crate::config::{self, Contexts, Environment};
use crate::output::Resource;
use crate::resolve::by_name;
use crate::select::quote;
use crate::text::printable;

/// How long the shell may be kept waiting, unless `HOSTLER_COMPLETE_SECONDS` says otherwise.
const DEADLINE_SECONDS: u64 = 1;
/// Nobody waits longer at a prompt, and a typing error must not make it hang.
const DEADLINE_SECONDS_MAX: u64 = 60;
/// The most names that are asked for; nobody reads more.
const MOST: u32 = 500;
/// The most operations: only the latest are of interest.
const OPERATIONS: u32 = 50;

/// What could be meant by `word`; none where nothing can be known.
pub(super) fn find(line: &Line, kind: Names, word: &str) -> Option<Vec<Candidate>> {
    let environment = Environment::read();
    match kind {
        Names::Context => contexts(&environment),
        Names::Field => Some(explain::paths(word).map(plain).collect()),
        _ => of_server(line, &environment, kind, word),
    }
}

fn plain(name: String) -> Candidate {
    Candidate { name, about: String::new() }
}

fn contexts(environment: &Environment) -> Option<Vec<Candidate>> {
    let contexts = Contexts::read(&environment.config_file).ok()?.contexts;
    let about = |context: config::Context| context.url.unwrap_or_default();
    Some(contexts.into_iter().map(|(name, c)| Candidate { name, about: about(c) }).collect())
}

/// Names that the server knows, kept for a moment.
fn of_server(
    line: &Line,
    environment: &Environment,
    kind: Names,
    word: &str,
) -> Option<Vec<Candidate>> {
    let mut options = config::options(&line.global(), environment).ok()?;
    let seconds = environment.complete_seconds.unwrap_or(DEADLINE_SECONDS);
    let deadline = Duration::from_secs(seconds.min(DEADLINE_SECONDS_MAX));
    options.connect_timeout = deadline;
    let pool = line.positionals.first().filter(|_| kind == Names::Volume);
    let login = options.token.as_ref().map(|token| token.reveal().to_owned());
    let subject = (options.address.to_string(), login, kind, pool);
    let file = environment.cache_folder.as_ref().map(|folder| cache::file(folder, &subject));
    let now = SystemClock.now();
    if let Some(known) = file.as_ref().and_then(|file| cache::read(file, word, now)) {
        return Some(known);
    }
    let (candidates, is_whole) = ask(options, deadline, kind, word, pool.map(String::as_str))?;
    let entry = Entry::new(now, word, is_whole, candidates.clone());
    // Without a cache it is only slower.
    let _ = file.and_then(|file| cache::write(&file, &entry));
    Some(candidates)
}

/// Asks the server, within the deadline.
fn ask(
    options: Options,
    deadline: Duration,
    kind: Names,
    word: &str,
    pool: Option<&str>,
) -> Option<(Vec<Candidate>, bool)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let asked = runtime.block_on(async {
        let client = Client::new(options).ok()?;
        tokio::time::timeout(deadline, fetch(&client, kind, word, pool)).await.ok()?
    });
    runtime.shutdown_background();
    asked
}

/// The names of a kind, and whether these are all that begin with `word`.
async fn fetch(
    client: &Client,
    kind: Names,
    word: &str,
    pool: Option<&str>,
) -> Option<(Vec<Candidate>, bool)> {
    let all = ListQuery { limit: Some(MOST), ..ListQuery::default() };
    let found = match kind {
        Names::Vm => {
            // There may be very many: the server looks for those that fit.
            let filter = (!word.is_empty()).then(|| format!("name={}", quote(&format!("{word}*"))));
            let query = ListQuery { filter, sort: Some("name".into()), ..all };
            read::<v1::VmList, _>(client, Nothing {}, query, |_| None, vm).await?
        }
        Names::Host => {
            read::<v1::HostList, _>(client, Nothing {}, all, hosts::place, |h| h.state.clone())
                .await?
        }
        Names::Pool => {
            let about = |pool: &v1::Pool| pool.kind.clone();
            read::<v1::PoolList, _>(client, Nothing {}, all, pools::place, about).await?
        }
        Names::Volume => {
            let pool = by_name::<v1::PoolList, _>(client, pool?, pools::place).await.ok()?;
            let path = v1::PoolPath { pool: pool.value.id };
            let about = |volume: &v1::Volume| volume.format.clone().unwrap_or_default();
            read::<v1::VolumeList, _>(client, path, all, |_| None, about).await?
        }
        Names::Image => of_images(client, all).await?,
        Names::Template => of_templates(client, all).await?,
        Names::Network => {
            let about = |network: &v1::Network| network.forward.clone();
            read::<v1::NetworkList, _>(client, Nothing {}, all, networks::place, about).await?
        }
        Names::InstanceType => {
            let about = |one: &v1::InstanceType| one.text.class.clone().unwrap_or_default();
            let place = instance_types::namespace;
            read::<v1::InstanceTypeList, _>(client, Nothing {}, all, place, about).await?
        }
        Names::Preference => {
            let about = |one: &v1::Preference| one.text.display_name.clone().unwrap_or_default();
            let place = instance_types::preference_namespace;
            read::<v1::PreferenceList, _>(client, Nothing {}, all, place, about).await?
        }
        Names::Operation => {
            let query = ListQuery { limit: Some(OPERATIONS), ..all };
            read::<v1::OperationList, _>(client, Nothing {}, query, |_| None, operation).await?
        }
        Names::Provider => {
            let about = |provider: &v1::Provider| provider.uri.clone();
            read::<v1::ProviderList, _>(client, Nothing {}, all, |_| None, about).await?
        }
        Names::Cluster => {
            let about = |cluster: &v1::Cluster| cluster.health.clone();
            read::<v1::ClusterList, _>(client, Nothing {}, all, |_| None, about).await?
        }
        Names::Token => {
            let about = |token: &v1::Token| token.role.clone();
            read::<v1::TokenList, _>(client, Nothing {}, all, |_| None, about).await?
        }
        Names::Alert => {
            let about = |alert: &v1::Alert| alert.summary.clone();
            read::<v1::AlertList, _>(client, Nothing {}, all, |_| None, about).await?
        }
        Names::Silence => {
            let filter = Some("state!=expired".to_owned());
            let about = |silence: &v1::Silence| silence.comment.clone();
            let query = ListQuery { filter, ..all };
            read::<v1::SilenceList, _>(client, Nothing {}, query, |_| None, about).await?
        }
        Names::Context | Names::Field => return None,
    };
    Some(found)
}

async fn of_images(client: &Client, all: ListQuery) -> Option<(Vec<Candidate>, bool)> {
    let about = |image: &v1::Image| image.description.clone();
    read::<v1::ImageList, _>(client, Nothing {}, all, |_| None, about).await
}

async fn of_templates(client: &Client, all: ListQuery) -> Option<(Vec<Candidate>, bool)> {
    let about = |template: &v1::Template| template.description.clone();
    read::<v1::TemplateList, _>(client, Nothing {}, all, templates::project, about).await
}

fn vm(vm: &v1::VmSummary) -> String {
    match &vm.host {
        Some(host) => format!("{} on {}", vm.status.state, host.name),
        None => vm.status.state.clone(),
    }
}

fn operation(operation: &v1::Operation) -> String {
    let target = operation.resources.first().and_then(|resource| resource.name.as_deref());
    format!("{} {} {}", operation.state, operation.kind, target.unwrap_or_default())
}

/// Reads the first page of the list `L`; equal names come with their places.
async fn read<L, T>(
    client: &Client,
    path: L::Path,
    query: ListQuery,
    place: impl Fn(&T) -> Option<String> + Send,
    about: impl Fn(&T) -> String + Send,
) -> Option<(Vec<Candidate>, bool)>
where
    L: Endpoint<Body = Nothing, Reply = Page<T>>,
    L::Query: PageQuery + Sync,
    L::Path: Sync,
    T: Resource + Serialize,
{
    let page = client.pages::<L, T>(path, query).next().await.ok()??;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for item in &page.items {
        *times.entry(item.value.name()).or_default() += 1;
    }
    let candidate = |resource: &T| {
        let name = resource.name();
        let is_unique = times.get(&name).is_none_or(|count| *count == 1);
        let name = match place(resource) {
            _ if is_unique => name,
            Some(place) => format!("{place}/{name}"),
            None => resource.id(),
        };
        let name = if is_harmless(&name) { name } else { resource.id() };
        Candidate { name, about: printable(&about(resource)) }
    };
    let candidates = page.items.iter().map(|item| candidate(&item.value));
    let candidates = candidates.filter(|candidate| is_harmless(&candidate.name)).collect();
    Some((candidates, !page.has_more))
}

/// Whether a shell takes `name` for a plain word. What others call their VMs
/// must not become a command of whoever presses Tab and Enter.
fn is_harmless(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/@%+,".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_are_put_on_a_command_line() {
        for name in ["web-1", "h1/default", "0192d0c4-0000", "müller", "a.qcow2", "a@b"] {
            assert!(is_harmless(name), "{name}");
        }
        for name in [
            "",
            "-rf",
            "$(reboot)",
            "a b",
            "a;b",
            "`x`",
            "a\nb",
            "a'b",
            "a*",
            "a&",
            "~x",
            "a!",
            "a#b",
            "a\\b",
        ] {
            assert!(!is_harmless(name), "{name}");
        }
    }
}
