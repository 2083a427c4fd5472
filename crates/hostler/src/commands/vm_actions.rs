//! Actions on VMs: power and deletion.

use std::collections::{BTreeMap, BTreeSet};

use hostler_api::{Nothing, v1};
use hostler_client::{Answer, Client, Item, Terms};
use hostler_core::{Code, Kind};

use super::confirm;
use super::vms::{DeleteArgs, PowerArgs};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, opt, text};
use crate::select::{Selection, called};
use crate::terminal::Tone;
use crate::work::{self, Target, Words};

/// An action that changes a VM's power.
#[derive(Debug, Clone)]
pub(crate) enum Power {
    Start,
    Stop(v1::VmStopRequest),
    Reboot,
    Reset,
    Pause,
    Resume,
    Save,
}

impl Power {
    fn words(&self) -> Words {
        let (verb, done) = match self {
            Self::Start => ("start", "started"),
            Self::Stop(_) => ("stop", "stopped"),
            Self::Reboot => ("restart", "restarted"),
            Self::Reset => ("reset", "reset"),
            Self::Pause => ("pause", "paused"),
            Self::Resume => ("resume", "resumed"),
            Self::Save => ("save", "saved"),
        };
        Words { verb, done }
    }

    /// The action's word in the API.
    fn action(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop(stop) if stop.mode == v1::VmStopMode::Force => "force_stop",
            Self::Stop(_) => "stop",
            Self::Reboot => "reboot",
            Self::Reset => "reset",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Save => "save",
        }
    }

    /// Asks the server to do it; the answer is the operation.
    async fn submit(
        &self,
        client: &Client,
        vm: String,
    ) -> hostler_client::Result<Answer<v1::Operation>> {
        let (path, terms, nothing) = (v1::VmPath { vm }, Terms::default(), Nothing {});
        match self {
            Self::Start => client.ask::<v1::VmStart>(&path, &nothing, &nothing, &terms).await,
            Self::Stop(stop) => client.ask::<v1::VmStop>(&path, &nothing, stop, &terms).await,
            Self::Reboot => client.ask::<v1::VmReboot>(&path, &nothing, &nothing, &terms).await,
            Self::Reset => client.ask::<v1::VmReset>(&path, &nothing, &nothing, &terms).await,
            Self::Pause => client.ask::<v1::VmPause>(&path, &nothing, &nothing, &terms).await,
            Self::Resume => client.ask::<v1::VmResume>(&path, &nothing, &nothing, &terms).await,
            Self::Save => client.ask::<v1::VmSave>(&path, &nothing, &nothing, &terms).await,
        }
    }
}

/// Does `power` to the selected VMs.
pub(crate) async fn power(app: &App, args: PowerArgs, power: Power) -> Result {
    let client = app.client()?;
    let vms = args.selection.resolve(&client).await?;
    if args.dry_run.is_given() {
        return plan(app, &vms, power.action());
    }
    if vms.is_empty() {
        app.say("no VM fits");
    }
    for vm in vms.iter().map(|vm| &vm.value) {
        if let Some(warning) = warning(vm, power.action()) {
            app.say(format!("warning: {}: {warning}", called(vm)));
        }
    }
    let is_list = !args.selection.is_single();
    let submit = |vm| {
        let (client, power) = (client.clone(), power.clone());
        async move { power.submit(&client, vm).await }
    };
    work::run(app, &client, args.wait(), power.words(), targets(&vms), is_list, submit).await
}

/// Deletes the selected VMs.
pub(crate) async fn delete(app: &App, args: DeleteArgs) -> Result {
    let client = app.client()?;
    let selection = &args.power.selection;
    let vms = if args.if_exists {
        existing(app, &client, selection).await?
    } else {
        selection.resolve(&client).await?
    };
    if args.power.dry_run.is_given() {
        return plan(app, &vms, "delete");
    }
    if vms.is_empty() {
        app.say("there is no VM to delete");
        return Ok(());
    }
    // What was shown is what goes: whatever changed since, the server refuses.
    let mut shown = BTreeMap::new();
    if !args.yes {
        let mut what = Vec::new();
        for vm in &vms {
            let (lines, etag) = consequences(&client, &vm.value, &args).await?;
            what.extend(lines);
            shown.insert(vm.value.id.clone(), etag);
        }
        // Data that is gone cannot be brought back, so a habitual `y` is not enough.
        let typed = match (args.disks, vms.as_slice()) {
            (false, _) => None,
            (true, [only]) => Some(only.value.name.clone()),
            (true, several) => Some(several.len().to_string()),
        };
        confirm(app, false, &what, typed.as_deref())?;
    }
    let query = v1::VmDeleteQuery { disks: args.disks, force: args.force };
    let submit = |vm: String| {
        let (client, query) = (client.clone(), query.clone());
        let terms = Terms { if_match: shown.get(&vm).cloned().flatten(), ..Terms::default() };
        async move {
            let path = v1::VmPath { vm };
            client.ask::<v1::VmDelete>(&path, &query, &Nothing {}, &terms).await
        }
    };
    let words = Words { verb: "delete", done: "deleted" };
    let is_list = !selection.is_single();
    work::run(app, &client, args.power.wait(), words, targets(&vms), is_list, submit).await
}

/// The selected VMs that exist; a name that nothing has is told and left out.
async fn existing(
    app: &App,
    client: &Client,
    selection: &Selection,
) -> Result<Vec<Item<v1::VmSummary>>> {
    if selection.names.is_empty() {
        return selection.resolve(client).await;
    }
    let mut found: Vec<Item<v1::VmSummary>> = Vec::new();
    for name in &selection.names {
        let one = Selection { names: vec![name.clone()], ..selection.clone() };
        match one.resolve(client).await {
            Ok(vms) => {
                let new =
                    |vm: &Item<v1::VmSummary>| found.iter().all(|f| f.value.id != vm.value.id);
                let vms: Vec<_> = vms.into_iter().filter(new).collect();
                found.extend(vms);
            }
            Err(failure) if failure.is_not_found() => app.say(format!("there is no VM \"{name}\"")),
            Err(failure) => return Err(failure),
        }
    }
    Ok(found)
}

/// What deleting a VM does, a line each, and as what it was read.
async fn consequences(
    client: &Client,
    vm: &v1::VmSummary,
    args: &DeleteArgs,
) -> Result<(Vec<String>, Option<String>)> {
    let path = v1::VmPath { vm: vm.id.clone() };
    let shown = client.show::<v1::VmShow>(&path).await?;
    let etag = shown.etag().map(str::to_owned);
    let query = v1::VmDeletionQuery { disks: args.disks };
    let deletion = client.call::<v1::VmDeletionShow>(&path, &query, &Nothing {}).await?;
    let place = vm.host.as_ref().map(|host| format!(" at host {}", host.name)).unwrap_or_default();
    let state = &shown.value.summary.status.state;
    let snapshots = match deletion.ends_snapshots {
        Some(true) => ", saved memory and snapshots",
        Some(false) => " and saved memory; its snapshots stay",
        None => " and saved memory",
    };
    let mut lines = vec![format!(
        "{} ({state}{place}) is deleted, with its firmware variables, TPM state{snapshots}",
        called(vm)
    )];
    if args.force {
        lines.push("  its power is cut first if it runs".into());
    }
    lines.extend(volumes(&deletion));
    Ok((lines, etag))
}

/// What becomes of a VM's volumes, a line each.
fn volumes(deletion: &v1::VmDeletion) -> Vec<String> {
    let named = |one: &v1::VmVolume| {
        let place = format!("{}/{}", one.pool, one.volume);
        match (&one.disk, one.kind) {
            (_, v1::VmVolumeKind::LeftBehind) => format!("{place} (left behind)"),
            (Some(disk), _) => format!("{place} ({disk})"),
            (None, _) => place,
        }
    };
    // Of the seed there is nothing to lose, and it goes in any case.
    let data = deletion.volumes.iter().filter(|one| one.kind != v1::VmVolumeKind::Seed);
    let (gone, kept): (Vec<_>, Vec<_>) = data.partition(|one| one.goes);
    let listed = |all: &[&v1::VmVolume]| all.iter().map(|one| named(one)).collect::<Vec<_>>();
    let mut lines = Vec::new();
    if !gone.is_empty() {
        lines.push(format!("  ALL DATA is lost on: {}", listed(&gone).join(", ")));
    }
    let kept: Vec<_> = listed(&kept).into_iter().chain(deletion.others.iter().cloned()).collect();
    if !kept.is_empty() {
        lines.push(format!("  kept: {}", kept.join(", ")));
    }
    let used = gone.iter().filter_map(|one| Some((named(one), one.used_by.as_ref()?)));
    lines.extend(
        used.map(|(one, by)| format!("  it will be refused: {one} belongs to VM \"{}\"", by.name)),
    );
    lines
}

pub(crate) fn targets(vms: &[Item<v1::VmSummary>]) -> Vec<Target> {
    let target =
        |vm: &Item<v1::VmSummary>| Target { called: called(&vm.value), id: vm.value.id.clone() };
    vms.iter().map(target).collect()
}

/// Whether an action is possible, for one VM.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Planned {
    id: String,
    name: String,
    state: String,
    action: String,
    /// The host that it is to go to; left out for all that moves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    pub(crate) allowed: bool,
    code: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Planned {
    /// It is not possible for this reason.
    pub(crate) fn refuse(&mut self, code: Code, why: String) {
        self.allowed = false;
        self.code = Some(code.as_str().to_owned());
        self.reason = Some(why);
    }
}

impl Resource for Planned {
    const NOUN: &'static str = "vm";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |plan, _| text(plan.name.as_str())),
        Column::new("state", |plan, _| text(plan.state.as_str())),
        Column::new("action", |plan, _| match &plan.to {
            Some(to) => text(format!("{} to {to}", plan.action)),
            None => text(plan.action.as_str()),
        }),
        Column::new("possible", |plan, _| match plan.allowed {
            true => text("yes").toned(Tone::Good),
            false => text("no").toned(Tone::Bad),
        }),
        Column::new("reason", |plan, _| opt(plan.reason.as_ref())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Shows what the server says about `action` for each VM. Nothing is done.
pub(crate) fn plan(app: &App, vms: &[Item<v1::VmSummary>], action: &str) -> Result {
    show_plan(app, verdicts(vms, action))
}

/// What the server says is to be known before `action`.
fn warning<'a>(vm: &'a v1::VmSummary, action: &str) -> Option<&'a str> {
    vm.actions.get(action)?.warning.as_deref()
}

/// What the server says about `action` for each VM.
pub(crate) fn verdicts(vms: &[Item<v1::VmSummary>], action: &str) -> Vec<Planned> {
    let verdict = |vm: &Item<v1::VmSummary>| {
        let vm = &vm.value;
        let verdict = vm.actions.get(action);
        Planned {
            id: vm.id.clone(),
            name: vm.name.clone(),
            state: vm.status.state.clone(),
            action: action.to_owned(),
            to: None,
            allowed: verdict.is_some_and(|verdict| verdict.allowed),
            code: verdict.and_then(|verdict| verdict.code.clone()),
            reason: match verdict {
                Some(verdict) => verdict.reason.clone().or_else(|| verdict.warning.clone()),
                None => Some("the server does not know this action".into()),
            },
        }
    };
    vms.iter().map(verdict).collect()
}

/// Shows what is possible, and ends with the code that doing it would end with, as far as it is
/// one.
pub(crate) fn show_plan(app: &App, planned: Vec<Planned>) -> Result {
    let mut plans = Vec::new();
    for planned in planned {
        let json = serde_json::to_value(&planned)
            .map_err(|error| Failure::new(70, format!("the plan cannot be shown: {error}")))?;
        plans.push(Item { value: planned, json });
    }
    app.view()?.list(&plans)?;
    let exits = plans.iter().filter(|plan| !plan.value.allowed).map(|plan| {
        let code = plan.value.code.as_deref().and_then(Code::parse);
        code.map_or(Kind::Conflict, Code::kind).exit_code()
    });
    let exits: BTreeSet<u8> = exits.collect();
    match (exits.len(), exits.first()) {
        (0, _) => Ok(()),
        (1, Some(exit)) => Err(Failure::told(*exit)),
        _ => Err(Failure::told(1)),
    }
}
