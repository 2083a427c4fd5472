//! Which VMs a command is about: names, ids, globs, labels, filters, all, or
//! names from stdin.
//!
//! An exact name that nothing has, or that several have, is an error before
//! anything is changed; so is a glob that fits nothing. A filter may fit
//! nothing: that is an answer.

use std::collections::BTreeSet;
use std::io::Read;

use clap::Args;
use hostler_api::{ListQuery, Nothing, v1};
use hostler_client::{Client, Item};
use hostler_core::Code;

use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::Resource;
use crate::resolve::{ambiguous, unknown};
use crate::text::{glob, is_id};

/// The most bytes of names that are read from stdin.
const STDIN_MAX_BYTES: u64 = 1024 * 1024;
/// How many names are looked through for a similar one.
const SIMILAR_MAX: usize = 10_000;

/// Which VMs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Selection {
    /// Names, ids, or patterns with `*`; `-` reads names from stdin.
    #[arg(value_name = "NAME", add = Names::Vm)]
    pub(crate) names: Vec<String>,
    /// Only those with this label; KEY!=VALUE for those without it.
    #[arg(short = 'l', long = "label-selector", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
    /// Only those for which this holds, for example 'state=running AND host=h1'.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// All of them.
    #[arg(long)]
    pub(crate) all: bool,
}

impl Selection {
    /// Whether exactly one VM is named; then results are one document, not a list.
    pub(crate) fn is_single(&self) -> bool {
        self.labels.is_empty()
            && self.filter.is_none()
            && !self.all
            && matches!(self.names.as_slice(), [name] if !is_glob(name) && name != "-")
    }

    /// The VMs, each once, in the order in which they were named.
    pub(crate) async fn resolve(&self, client: &Client) -> Result<Vec<Item<v1::VmSummary>>> {
        let narrowing = self.narrowing()?;
        let names = expand_stdin(&self.names)?;
        if names.is_empty() && narrowing.is_none() && !self.all {
            return Err(Failure::usage("no VM is named")
                .with_hint("give names, a pattern like 'web-*', -l KEY=VALUE, --filter or --all"));
        }
        if self.all && !names.is_empty() {
            return Err(Failure::usage("names and --all exclude each other"));
        }
        if names.is_empty() {
            return list(client, narrowing).await;
        }
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for name in &names {
            for vm in one_name(client, name, narrowing.as_deref()).await? {
                if seen.insert(vm.value.id.clone()) {
                    found.push(vm);
                }
            }
        }
        Ok(found)
    }

    /// Labels and filter as one filter.
    pub(crate) fn narrowing(&self) -> Result<Option<String>> {
        narrowing(&self.labels, self.filter.as_deref())
    }
}

/// The names, with those from stdin in the place of `-`.
pub(crate) fn expand_stdin(names: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for name in names {
        if name != "-" {
            all.push(name.clone());
            continue;
        }
        let mut text = String::new();
        std::io::stdin()
            .take(STDIN_MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| Failure::usage(format!("cannot read names from stdin: {error}")))?;
        all.extend(text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned));
    }
    Ok(all)
}

/// Labels and filter as one filter of the API.
pub(crate) fn narrowing(labels: &[String], filter: Option<&str>) -> Result<Option<String>> {
    let mut terms = Vec::new();
    for label in labels {
        let (key, operator, value) = match (label.split_once("!="), label.split_once('=')) {
            (Some((key, value)), _) => (key, "!=", value),
            (None, Some((key, value))) => (key, "=", value),
            (None, None) => {
                return Err(Failure::usage(format!("`{label}` is no label; write KEY=VALUE")));
            }
        };
        terms.push(format!("label.{key}{operator}{}", quote(value)));
    }
    terms.extend(filter.map(str::trim).filter(|f| !f.is_empty()).map(str::to_owned));
    Ok((!terms.is_empty()).then(|| terms.join(" AND ")))
}

/// A value as the filter grammar wants it.
pub(crate) fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether `name` is a pattern.
pub(crate) fn is_glob(name: &str) -> bool {
    name.contains('*')
}

/// The VMs that one name, id or pattern stands for; never none.
async fn one_name(
    client: &Client,
    name: &str,
    narrowing: Option<&str>,
) -> Result<Vec<Item<v1::VmSummary>>> {
    if is_id(name)
        && let Some(vm) = by_id(client, name).await?
    {
        return Ok(vec![vm]);
    }
    let mut filter = format!("name={}", quote(name));
    if let Some(narrowing) = narrowing {
        filter = format!("{filter} AND {narrowing}");
    }
    let mut found = list(client, Some(filter)).await?;
    if is_glob(name) {
        // A VM found elsewhere may really be called `a*`; the pattern fits it as well.
        found.retain(|vm| glob(name, &vm.value.name));
        if found.is_empty() {
            return Err(Failure::not_found(format!("no VM fits `{name}`"))
                .with_hint("`hostler vm list` shows those there are"));
        }
        return Ok(found);
    }
    found.retain(|vm| vm.value.name == name);
    match found.len() {
        1 => Ok(found),
        0 => {
            let some = client.pages::<v1::VmList, _>(Nothing {}, everything());
            let some = some.all(Some(SIMILAR_MAX)).await?;
            Err(unknown("vm", name, some.items.iter().map(|vm| vm.value.name.as_str())))
        }
        _ => {
            let told = |vm: &Item<v1::VmSummary>| {
                let vm = &vm.value;
                let provider = vm.provider.as_ref().map_or("none", |p| p.name.as_str());
                let host = vm.host.as_ref().map_or("none", |host| host.name.as_str());
                let project = vm.project.as_deref().unwrap_or("none");
                format!("{} (provider {provider}, host {host}, project {project})", vm.id)
            };
            Err(ambiguous(name, &found.iter().map(told).collect::<Vec<_>>())
                .with_hint("name the vm by its id, or say more with --filter host=HOST"))
        }
    }
}

/// The VM that `name` names, exactly one.
pub(crate) async fn one_vm(client: &Client, name: &str) -> Result<Item<v1::VmSummary>> {
    if is_glob(name) {
        return Err(Failure::usage(format!("`{name}` is a pattern; this takes one VM")));
    }
    let mut found = one_name(client, name, None).await?;
    found.pop().ok_or_else(|| Failure::not_found(format!("there is no vm `{name}`")))
}

/// The VM with that id, if there is one.
async fn by_id(client: &Client, id: &str) -> Result<Option<Item<v1::VmSummary>>> {
    match client.show::<v1::VmShow>(&v1::VmPath { vm: id.to_owned() }).await {
        Ok(answer) => Ok(Some(Item { value: answer.value.summary, json: answer.json })),
        // A VM may have been given a name that looks like an id.
        Err(error) if error.code() == Code::VmNotFound.as_str() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All VMs that the filter fits, by name.
async fn list(client: &Client, filter: Option<String>) -> Result<Vec<Item<v1::VmSummary>>> {
    let query = ListQuery { filter, sort: Some("name".into()), ..everything() };
    Ok(client.pages::<v1::VmList, _>(Nothing {}, query).all(None).await?.items)
}

fn everything() -> ListQuery {
    ListQuery { limit: Some(hostler_api::LIMIT_MAX), ..ListQuery::default() }
}

/// How a VM is called in messages.
pub(crate) fn called<T: Resource>(resource: &T) -> String {
    format!("{} \"{}\"", T::NOUN, resource.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_filter_become_one_filter() {
        let labels = ["tier=web".to_owned(), "env!=a \"b\" c".to_owned(), "empty=".to_owned()];
        assert_eq!(
            narrowing(&labels, Some("state=running")).unwrap().unwrap(),
            "label.tier=\"web\" AND label.env!=\"a \\\"b\\\" c\" AND label.empty=\"\" \
             AND state=running"
        );
        assert_eq!(narrowing(&[], Some(" ")).unwrap(), None);
        assert_eq!(narrowing(&["tier".to_owned()], None).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn only_one_plain_name_is_a_single_selection() {
        let of = |names: &[&str]| Selection {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Selection::default()
        };
        assert!(of(&["web"]).is_single());
        for names in [&[] as &[&str], &["web", "db"], &["web-*"], &["-"]] {
            assert!(!of(names).is_single(), "{names:?}");
        }
        assert!(!Selection { all: true, ..of(&["web"]) }.is_single());
    }
}
