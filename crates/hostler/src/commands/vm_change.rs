//! `hostler vm set` with a size: what VMs are, changed by operations.
//!
//! ```text
//! read VM ─► plan ─► told ─┬─ --dry-run ──────────────────► nothing is done
//!                          ├─ others manage fields of it ─► asked, or --take-over
//!                          └─► sent for the version that was read ─► waited for
//! ```

use std::collections::HashMap;

use clap::Args;
use hostler_api::v1::{FieldChange, TakesEffect, VmChangePlanned, VmChangeRequest, VmSpec};
use hostler_api::{Nothing, v1};
use hostler_client::{Client, Item, Terms};
use hostler_core::Kind;

use super::confirm;
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::select::called;
use crate::text::{parse_size, printable, show_size};
use crate::work::{self, Target, WaitArgs, Words};

/// What VMs are to be, and whose fields may be taken for it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChangeArgs {
    /// How many processors it is to have.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cpus: Option<u32>,
    /// How much memory it is to have, for example 4G.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// Take over fields that others manage, once they were shown, without asking.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Also from a tool that puts back what it has written down elsewhere.
    #[arg(long)]
    pub(crate) from_gitops: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

impl ChangeArgs {
    /// Whether what a VM is is to change, and not only what is said of it.
    pub(crate) fn is_given(&self) -> bool {
        self.cpus.is_some() || self.memory.is_some()
    }

    /// The specification as it is to be.
    fn applied(&self, mut spec: VmSpec, patch: &v1::VmPatch) -> VmSpec {
        if let Some(count) = self.cpus {
            spec.cpu.count = Some(count);
            // More than there could be: then there can be so many from now on.
            spec.cpu.max_count = spec.cpu.max_count.filter(|most| *most >= count);
        }
        if let Some(bytes) = self.memory {
            spec.memory.bytes = Some(bytes);
        }
        if let Some(description) = &patch.description {
            spec.description.clone_from(description);
        }
        for (key, value) in &patch.labels {
            match value {
                Some(value) => drop(spec.labels.insert(key.clone(), value.clone())),
                None => drop(spec.labels.remove(key)),
            }
        }
        spec
    }
}

/// Changes VMs, after all of their plans were shown.
pub(crate) async fn run(
    app: &App,
    client: &Client,
    vms: Vec<Item<v1::VmSummary>>,
    (args, patch): (ChangeArgs, v1::VmPatch),
    (is_list, is_dry): (bool, bool),
) -> Result {
    let mut requests = HashMap::new();
    let mut targets = Vec::new();
    for vm in vms {
        let called = called(&vm.value);
        let failed = |error| Failure::from(error).during(format!("cannot change {called}"));
        let path = v1::VmPath { vm: vm.value.id.clone() };
        let shown = client.show::<v1::VmShow>(&path).await.map_err(failed)?;
        let spec = shown.value.spec.clone().ok_or_else(|| unmanaged(&called))?;
        let mut body = VmChangeRequest {
            spec: args.applied(spec, &patch),
            take_over: Vec::new(),
            from_gitops: args.from_gitops,
        };
        let terms = Terms::default();
        let asked = client.ask::<v1::VmChangePlan>(&path, &Nothing {}, &body, &terms).await;
        let plan = asked.map_err(failed)?.value;
        for line in lines(&called, &plan) {
            match is_dry {
                true => app.terminal.write(&(printable(&line) + "\n"))?,
                false => app.say(line),
            }
        }
        if is_dry || plan.changes.is_empty() {
            continue;
        }
        may_take(app, &called, &plan, &args)?;
        body.take_over = plan.managed_by_others;
        let if_match = shown.etag().map(str::to_owned);
        requests.insert(path.vm.clone(), (body, Terms { if_match, ..Terms::default() }));
        targets.push(Target { called, id: path.vm });
    }
    if is_dry {
        app.say("nothing was done");
        return Ok(());
    }
    if targets.is_empty() {
        return Ok(());
    }
    let words = Words { verb: "change", done: "changed" };
    let submit = |vm: String| {
        let (client, request) = (client.clone(), requests.get(&vm).cloned());
        async move {
            let path = v1::VmPath { vm };
            let (body, terms) = request.expect("each target has its request");
            client.ask::<v1::VmChange>(&path, &Nothing {}, &body, &terms).await
        }
    };
    work::run(app, client, args.wait, words, targets, is_list, submit).await
}

fn unmanaged(called: &str) -> Failure {
    let message = format!("Hostler only observes {called}");
    Failure::new(Kind::Conflict.exit_code(), message).with_hint("adopt it before changing it")
}

/// Asks whether fields of others are to be taken over, once they were shown.
fn may_take(app: &App, called: &str, plan: &VmChangePlanned, args: &ChangeArgs) -> Result {
    if plan.managed_by_others.is_empty() {
        return Ok(());
    }
    if let Some(keeper) = plan.kept_by.as_ref().filter(|_| !args.from_gitops) {
        let message = format!("{called} is kept by {}, by its {}", keeper.tool, keeper.evidence);
        return Err(Failure::new(Kind::Conflict.exit_code(), message)
            .with_hint("change it there, or give --from-gitops; it may be put back"));
    }
    confirm(app, args.take_over, &[], None).map_err(|failure| match app.terminal.is_interactive {
        true => failure,
        false => Failure::usage(format!("others manage fields of {called}"))
            .with_hint("--take-over takes over what is shown above"),
    })
}

/// A plan, a line each: `~` changes, `!` is to be known.
fn lines(called: &str, plan: &VmChangePlanned) -> Vec<String> {
    if plan.changes.is_empty() {
        return vec![format!("  {called} is so already")];
    }
    let mut lines = Vec::new();
    for change in &plan.changes {
        let takes = match (change.takes, &change.reason) {
            (TakesEffect::Live, _) => "at once".to_owned(),
            (TakesEffect::NextStart, _) => "at its next start".to_owned(),
            (TakesEffect::Refused, Some(why)) => format!("refused: {why}"),
            (TakesEffect::Refused, None) => "refused".to_owned(),
        };
        let (from, to) = (told(change, &change.from), told(change, &change.to));
        lines.push(format!("~ {called}: {} from {from} to {to}, {takes}", change.path));
        lines.extend(change.at_risk.iter().map(|risk| format!("! {called}: {risk}")));
    }
    let others = plan.managed_by_others.iter();
    lines.extend(
        others.map(|one| format!("! {called}: {} is managed by {}", one.field, one.manager)),
    );
    if let Some(keeper) = &plan.kept_by {
        let name = keeper.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        lines.push(format!(
            "! {called}: it is kept by {}{name}, by its {}",
            keeper.tool, keeper.evidence
        ));
    }
    lines
}

fn told(change: &FieldChange, value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "nothing".to_owned(),
        value if change.path.ends_with("/bytes") => {
            value.as_u64().map_or_else(|| value.to_string(), show_size)
        }
        value => value.to_string(),
    }
}
