//! virt-api's verbs on machines and instances: what each wants, and how it refuses.
//!
//! What did well is 202 with nothing in it, a dry run too. Kinds in refusals are lower-case and
//! singular.

use std::sync::Arc;

use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::answer::{Content, read};
use crate::console;
use crate::json;
use crate::kinds::{KUBEVIRT, Kind, VM, VMI};
use crate::query::Query;
use crate::respond::{self, Body};
use crate::route::{VERBS, VerbPath};
use crate::shared::{Shared, State};
use crate::status::Refused;
use crate::store::Key;

mod instance;
mod machine;
pub(crate) mod volumes;

/// A verb that is known: on what, with which method.
const KNOWN: &[(&str, &str, Method)] = &[
    ("virtualmachines", "start", Method::PUT),
    ("virtualmachines", "stop", Method::PUT),
    ("virtualmachines", "restart", Method::PUT),
    ("virtualmachines", "migrate", Method::PUT),
    ("virtualmachines", "addvolume", Method::PUT),
    ("virtualmachines", "removevolume", Method::PUT),
    ("virtualmachines", "memorydump", Method::PUT),
    ("virtualmachines", "expand-spec", Method::GET),
    ("virtualmachineinstances", "pause", Method::PUT),
    ("virtualmachineinstances", "unpause", Method::PUT),
    ("virtualmachineinstances", "freeze", Method::PUT),
    ("virtualmachineinstances", "unfreeze", Method::PUT),
    ("virtualmachineinstances", "softreboot", Method::PUT),
    ("virtualmachineinstances", "reset", Method::PUT),
    ("virtualmachineinstances", "addvolume", Method::PUT),
    ("virtualmachineinstances", "removevolume", Method::PUT),
    ("virtualmachineinstances", "guestosinfo", Method::GET),
    ("virtualmachineinstances", "userlist", Method::GET),
    ("virtualmachineinstances", "filesystemlist", Method::GET),
    ("virtualmachineinstances", "console", Method::GET),
    ("virtualmachineinstances", "vnc", Method::GET),
];

/// A call of a verb, its body read.
pub(crate) struct Call<'a> {
    pub(crate) key: Key,
    pub(crate) verb: &'a str,
    pub(crate) body: Value,
    /// What an instance's verb answers when it did well.
    pub(crate) accepted: u16,
}

impl Call<'_> {
    /// `dryRun: ["All"]`.
    pub(crate) fn is_dry(&self) -> bool {
        json::list(&self.body, "/dryRun").iter().any(|value| value == "All")
    }
}

/// Answers a verb.
///
/// # Errors
/// As virt-api refuses it.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    path: &VerbPath,
    query: &Query,
    mut request: Request<impl Content>,
) -> Result<Response<Body>, Refused> {
    check_reachable(&shared.lock(), VERBS)?;
    let known = KNOWN.iter().find(|(on, verb, _)| *on == path.resource && *verb == path.verb);
    let Some((_, verb, method)) = known else {
        let name = format!("{}/{}", path.resource, path.verb);
        return Err(match crate::discovery::SUBRESOURCES.contains(&name.as_str()) {
            // A real server has it: saying that it is not there would be a lie.
            true => Refused::text(501, format!("the double does not serve {name}")),
            false => Refused::text(404, "404: Page Not Found"),
        });
    };
    if request.method() != method {
        return Err(Refused::text(405, "405: Method Not Allowed"));
    }
    let key = Key::new(&path.namespace, &path.name);
    if matches!(*verb, "console" | "vnc") {
        // virt-api reaches for the guest first: a request that is no WebSocket's ends the
        // session of another one all the same.
        let preserve = *verb == "vnc" && query.truth("preserveSession");
        let session = shared.change(|state| {
            let instance = instance::check_console(state, &key, verb)?;
            state.consoles.begin(&instance, verb, preserve)
        })?;
        return console::answer(shared, session, &key, &mut request);
    }
    let bytes = read(request.into_body()).await?;
    let body = if bytes.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&bytes).map_err(|error| {
            Refused::bad_request(format!(
                "Can not unmarshal Request body to struct, error: {error}"
            ))
        })?
    };
    let accepted = shared.options.instance_verbs_answer;
    let call = Call { key, verb, body, accepted };
    shared.change(|state| match path.resource.as_str() {
        "virtualmachines" => machine::answer(state, &call),
        _ => instance::answer(state, &call),
    })
}

/// Refuses what virt-api serves while it cannot be reached, as the aggregator does.
///
/// # Errors
/// 503, a text.
pub(crate) fn check_reachable(state: &State, group: &str) -> Result<(), Refused> {
    match group == VERBS && state.world.switches.virt_api_down {
        true => Err(Refused::text(503, "service unavailable\n")),
        false => Ok(()),
    }
}

/// The version that the installation says it has.
pub(crate) fn kubevirt_version(state: &State) -> String {
    let found = state.world.store.list(&KUBEVIRT, None).next();
    found
        .map(|(_, object)| json::text(object, "/status/observedKubeVirtVersion").to_owned())
        .unwrap_or_default()
}

fn singular(kind: &Kind) -> String {
    format!("{}.{}", kind.kind.to_lowercase(), kind.group)
}

fn details(kind: &Kind, name: &str) -> Value {
    json!({ "name": name, "group": kind.group, "kind": kind.kind.to_lowercase() })
}

/// 404 in virt-api's words.
pub(crate) fn not_found(kind: &Kind, name: &str) -> Refused {
    let words = format!("{} \"{name}\" not found", singular(kind));
    Refused::new(404, "NotFound", words, details(kind, name))
}

/// 409 in virt-api's words.
pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Refused {
    let words = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", singular(kind));
    Refused::new(409, "Conflict", words, details(kind, name))
}

/// 500 around what a write of virt-api's own was refused with.
pub(crate) fn wrapped(refused: &Refused) -> Refused {
    Refused::internal(refused.message())
}

pub(crate) fn machine_of(state: &State, key: &Key) -> Result<Arc<Value>, Refused> {
    state.world.store.get(&VM, key).cloned().ok_or_else(|| not_found(&VM, &key.name))
}

pub(crate) fn instance_of(state: &State, key: &Key) -> Result<Arc<Value>, Refused> {
    state.world.store.get(&VMI, key).cloned().ok_or_else(|| not_found(&VMI, &key.name))
}

/// Refuses a write of virt-api's own, where the double was told so.
pub(crate) fn check_denial(state: &State) -> Result<(), Refused> {
    match &state.world.switches.denial {
        Some((webhook, words)) => Err(wrapped(&Refused::denied(webhook, words))),
        None => Ok(()),
    }
}

/// 202 and nothing.
pub(crate) fn accepted() -> Response<Body> {
    respond::empty(202)
}
