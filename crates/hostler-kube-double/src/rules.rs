//! What a user may do in a namespace, as a list of rules: `SelfSubjectRulesReview`.
//!
//! A real server lists the rules of roles. Here is what is refused and not what is allowed, so
//! whoever is refused nothing gets the rule of `cluster-admin`, and everybody else one for each
//! resource with what is left.

use http::Response;
use serde_json::{Value, json};

use crate::access::{Access, Asked};
use crate::discovery::{OBJECT_VERBS, SUBRESOURCES};
use crate::json;
use crate::kinds::Catalog;
use crate::respond::{self, Body};
use crate::route::VERBS;
use crate::shared::Shared;
use crate::status::Refused;

/// Answers a review.
///
/// # Errors
/// 400 without a namespace, as the server refuses it, and for what is no review.
pub(crate) fn review(shared: &Shared, user: &str, body: &[u8]) -> Result<Response<Body>, Refused> {
    let mut review: Value = serde_json::from_slice(body)
        .map_err(|error| Refused::bad_request(format!("no rules review: {error}")))?;
    let namespace = json::text(&review, "/spec/namespace").to_owned();
    if namespace.is_empty() {
        return Err(Refused::bad_request("no namespace on request"));
    }
    let state = shared.lock();
    let rules = rules(&state.access, &state.world.catalog, user, &namespace);
    let is_incomplete = state.access.has_unlisted_rules;
    let mut status = json!({
        "resourceRules": if is_incomplete { Vec::new() } else { rules },
        "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/healthz", "/version"] }],
        "incomplete": is_incomplete,
    });
    if is_incomplete {
        let words = "webhook authorizer does not support user rule resolution";
        json::set(&mut status, "/evaluationError", words.into());
    }
    json::set(&mut review, "/status", status);
    Ok(respond::json(201, &review))
}

fn rules(access: &Access, catalog: &Catalog, user: &str, namespace: &str) -> Vec<Value> {
    let rule = |verbs: &[&str], group: &str, resource: &str| json!({ "verbs": verbs, "apiGroups": [group], "resources": [resource] });
    if access.refuses_nothing(user) {
        return vec![rule(&["*"], "*", "*")];
    }
    let groups = catalog.groups().flat_map(|(group, _)| catalog.of_group(group));
    let objects = catalog.of_group("").into_iter().chain(groups);
    let objects = objects.map(|kind| (kind.group, kind.plural, OBJECT_VERBS));
    let verbs: &[&str] = &["get", "update"];
    let all = objects.chain(SUBRESOURCES.iter().map(|name| (VERBS, *name, verbs)));
    all.filter_map(|(group, resource, verbs)| {
        let may = |verb: &&&str| {
            let asked = Asked {
                verb: (**verb).to_owned(),
                group: group.to_owned(),
                resource: resource.to_owned(),
                namespace: namespace.to_owned(),
                name: String::new(),
            };
            access.allows(user, &asked)
        };
        let verbs: Vec<&str> = verbs.iter().filter(may).copied().collect();
        (!verbs.is_empty()).then(|| rule(&verbs, group, resource))
    })
    .collect()
}
