//! `hostler cluster declare`: which hardware a cluster has or lacks, whatever its hosts tell.

use std::collections::BTreeMap;

use hostler_api::{Nothing, v1};
use hostler_client::{Item, Terms};

use crate::app::App;
use crate::commands::{DryRunArg, view_one};
use crate::failure::{Failure, Result};
use crate::resolve::by_name;

/// What is said of one piece of hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    name: String,
    /// `None`: nothing any more, so that what hosts tell counts.
    is_there: Option<bool>,
}

/// Reads `NAME=there`, `NAME=absent` or `NAME=detected`.
pub(super) fn parse(text: &str) -> Result<Said, String> {
    let said = match text.rsplit_once('=') {
        Some((name, "there")) => (name, Some(true)),
        Some((name, "absent")) => (name, Some(false)),
        Some((name, "detected")) => (name, None),
        _ => ("", None),
    };
    match said {
        ("", _) => Err("give NAME=there, NAME=absent or NAME=detected".to_owned()),
        (name, is_there) => Ok(Said { name: name.to_owned(), is_there }),
    }
}

pub(super) async fn declare(app: &App, cluster: &str, said: &[Said], dry_run: DryRunArg) -> Result {
    let mut names: Vec<&str> = said.iter().map(|said| said.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::usage(format!("`{}` is named twice", twice[0])));
    }
    let client = app.client()?;
    let found = by_name::<v1::ClusterList, _>(&client, cluster, |_| None).await?;
    let called = format!("cluster \"{}\"", found.value.name);
    let before = |name: &str| found.value.declared_hardware.get(name).copied();
    let lines: Vec<String> = said
        .iter()
        .filter_map(|Said { name, is_there }| line(name, before(name), *is_there))
        .collect();
    if lines.is_empty() {
        app.say(format!("that is what is said of {called} already"));
        return if app.view()?.is_for_people() { Ok(()) } else { view_one(app, &found) };
    }
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    // Nothing but what was said here: what others say meanwhile of other hardware stays.
    let hardware: BTreeMap<_, _> =
        said.iter().map(|said| (said.name.clone(), said.is_there)).collect();
    let path = v1::ClusterPath { cluster: found.value.id };
    let body = v1::ClusterHardwarePatch { hardware };
    let answer = client
        .ask::<v1::ClusterDeclare>(&path, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| {
            Failure::from(error).during(format!("cannot declare the hardware of {called}"))
        })?;
    app.say(format!("{called}: {}", told(&answer.value)));
    let item = Item { value: answer.value, json: answer.json };
    if app.view()?.is_for_people() { Ok(()) } else { view_one(app, &item) }
}

/// What changes; `None` where it is so already.
fn line(name: &str, before: Option<bool>, after: Option<bool>) -> Option<String> {
    match (before, after) {
        (before, after) if before == after => None,
        (None, Some(now)) => Some(format!("+ {name} is {}", word(now))),
        (Some(then), Some(now)) => Some(format!("~ {name} is {}, not {}", word(now), word(then))),
        (then, None) => {
            let then = then.map_or("", word);
            Some(format!("- {name} is {then}: what hosts tell counts again"))
        }
    }
}

fn word(is_there: bool) -> &'static str {
    if is_there { "there" } else { "absent" }
}

/// All that is declared now.
fn told(cluster: &v1::Cluster) -> String {
    let all = cluster.declared_hardware.iter();
    let all: Vec<String> = all.map(|(name, now)| format!("{name} is {}", word(*now))).collect();
    match all.is_empty() {
        true => "nothing is declared of its hardware".to_owned(),
        false => format!("declared is that {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e15_what_is_said_of_hardware_is_one_of_three_words() {
        let said = |name: &str, is_there| Ok(Said { name: name.to_owned(), is_there });
        assert_eq!(parse("nvidia.com/TU104GL=there"), said("nvidia.com/TU104GL", Some(true)));
        assert_eq!(parse("kvm=absent"), said("kvm", Some(false)));
        assert_eq!(parse("kvm=detected"), said("kvm", None));
        for bad in ["", "kvm", "kvm=", "kvm=yes", "=there", "there"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
