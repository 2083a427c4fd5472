//! `hostler cluster rotate`: another kubeconfig, which looks at no more than the one before
//! unless somebody says so.

use std::path::PathBuf;

use clap::Args;
use hostler_api::{Nothing, Secret, v1};
use hostler_client::{Item, Terms};

use super::files;
use crate::app::App;
use crate::commands::{DryRunArg, view_one};
use crate::failure::{Failure, Result};
use crate::resolve::by_name;

/// Another kubeconfig, and how it is to be used.
#[derive(Debug, Clone, Args)]
pub(crate) struct Fresh {
    /// The file with the kubeconfig; `-` reads it from stdin.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// The context of it; when not given, the one before if this kubeconfig has it, else its
    /// current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// A namespace that is looked at, may be repeated; those before when not given.
    #[arg(long = "namespace", value_name = "NAME")]
    namespaces: Vec<String>,
    /// Look at all namespaces, which needs rights in the whole cluster.
    #[arg(long, conflicts_with = "namespaces")]
    all_namespaces: bool,
    /// How many questions are put to the cluster at once, from 1 to 200; as before when not given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    at_once: Option<u32>,
    /// Let the server run the command that the kubeconfig gets its credentials by; only for
    /// root and the server's own user, on its machine.
    #[arg(long)]
    allow_exec: bool,
}

impl Fresh {
    fn read(self) -> Result<v1::ClusterRotateRequest> {
        let Self { kubeconfig, context, namespaces, all_namespaces, at_once, allow_exec } = self;
        let text = files::kubeconfig(&kubeconfig)?;
        Ok(v1::ClusterRotateRequest {
            kubeconfig: Secret::new(text),
            context,
            // Without any name this says: all of them.
            namespaces: (all_namespaces || !namespaces.is_empty()).then_some(namespaces),
            at_once,
            allow_exec,
        })
    }
}

pub(super) async fn run(app: &App, cluster: &str, fresh: Fresh, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let found = by_name::<v1::ClusterList, _>(&client, cluster, |_| None).await?.value;
    let body = fresh.read()?;
    let called = format!("cluster \"{}\"", found.name);
    let mut lines = vec![format!("~ the kubeconfig of {called}")];
    lines.extend(scope(&body, found.kubeconfig.as_ref()));
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    let path = v1::ClusterPath { cluster: found.id };
    let answer = client
        .ask::<v1::ClusterRotate>(&path, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| {
            Failure::from(error).during(format!("cannot use this kubeconfig for {called}"))
        })?;
    let looks = match &answer.value.kubeconfig {
        Some(used) => format!(", and looks at {}", named(used.namespaces.as_deref())),
        None => String::new(),
    };
    let health = &answer.value.health;
    app.say(format!("{called} is reached by this kubeconfig now; it is {health}{looks}"));
    let item = Item { value: answer.value, json: answer.json };
    if app.view()?.is_for_people() { Ok(()) } else { view_one(app, &item) }
}

/// What would be looked at, beside what is.
fn scope(
    body: &v1::ClusterRotateRequest,
    used: Option<&v1::ClusterKubeconfigUse>,
) -> Option<String> {
    // Without a kubeconfig there is none to take the place of, which the server says.
    let before = used?.namespaces.as_deref();
    let after = match body.namespaces.as_deref() {
        None => before,
        Some(names) => Some(names).filter(|names| !names.is_empty()),
    };
    Some(match before == after {
        true => format!("  it looks at {}, as before", named(after)),
        false => format!("~ it looks at {}, and not at {}", named(after), named(before)),
    })
}

/// Namespaces for people.
fn named(namespaces: Option<&[String]>) -> String {
    match namespaces {
        None => "all namespaces".to_owned(),
        Some([one]) => format!("namespace {one}"),
        Some(several) => format!("namespaces {}", several.join(", ")),
    }
}
