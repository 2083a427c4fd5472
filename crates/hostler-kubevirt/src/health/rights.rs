//! Whether our account may do what it has to.
//!
//! ```text
//!   in each namespace: what may I do here? ──► a list of rules ──► every need that they allow
//!                                               │ not all of them can be listed
//!                                               ▼
//!   in all namespaces, and for the rest: may I do this one thing?
//! ```
//!
//! One question for each namespace and not one for each need: an account for a hundred
//! namespaces would need thousands, and no answer would ever be complete in time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{BoxFuture, ready};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use hostler_provider::Cx;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Need;
use crate::call::{Caller, Result};
use crate::config::MAX_CONCURRENT;
use crate::error::Cause;

/// Questions at once: half of all turns, so that others get through meanwhile.
const AT_ONCE: usize = MAX_CONCURRENT / 2;

/// What of the needs is not allowed, in their order.
pub(super) async fn gaps(caller: &Caller, cx: &Cx, needs: Vec<Need>) -> Result<Vec<Need>> {
    let namespaces: BTreeSet<&str> =
        needs.iter().filter_map(|need| need.namespace.as_deref()).collect();
    let asked: Vec<BoxFuture<'_, _>> =
        namespaces.into_iter().map(|namespace| rules(caller, cx, namespace).boxed()).collect();
    let rules: BTreeMap<String, Rules> =
        stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    let decided = needs.iter().map(|need| {
        let rules = rules.get(need.namespace.as_deref()?)?;
        rules.decide(need)
    });
    let asked: Vec<BoxFuture<'_, _>> = needs
        .iter()
        .zip(decided)
        .map(|(need, decided)| match decided {
            Some(allowed) => ready(Ok(allowed)).boxed(),
            None => may(caller, cx, need).boxed(),
        })
        .collect();
    let allowed: Vec<bool> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    let all = needs.into_iter().zip(allowed);
    Ok(all.filter(|(_, allowed)| !allowed).map(|(need, _)| need).collect())
}

/// Asks for one need.
async fn may(caller: &Caller, cx: &Cx, need: &Need) -> Result<bool> {
    let (resource, subresource) = need.resource.split_once('/').unwrap_or((need.resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": need.namespace.as_deref().unwrap_or_default(),
            "verb": need.verb,
            "group": need.group,
            "resource": resource,
            "subresource": subresource,
        }},
    });
    let answer = caller.review(cx, "selfsubjectaccessreviews", &review).await?;
    Ok(answer.pointer("/status/allowed") == Some(&Value::Bool(true)))
}

/// Asks for all rules in a namespace, and gives its name with them.
async fn rules(caller: &Caller, cx: &Cx, namespace: &str) -> Result<(String, Rules)> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": namespace },
    });
    let rules = match caller.review(cx, "selfsubjectrulesreviews", &review).await {
        Ok(answer) => Rules::read(&answer),
        // Not everybody lets it be asked; then each need is asked for.
        Err(failure) if matches!(failure.cause, Cause::Forbidden | Cause::KindMissing) => {
            Rules::default()
        }
        Err(failure) => return Err(failure),
    };
    Ok((namespace.to_owned(), rules))
}

/// What may be done in a namespace.
#[derive(Debug, Default)]
struct Rules {
    all: Vec<Rule>,
    /// Whether what is not among them is not allowed.
    is_complete: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

impl Rules {
    /// What cannot be read is not complete.
    fn read(answer: &Value) -> Self {
        let told = answer.pointer("/status/resourceRules").and_then(Value::as_array);
        let all = told.into_iter().flatten().map(Rule::deserialize).collect();
        let all: std::result::Result<Vec<Rule>, _> = all;
        let is_told = answer.pointer("/status/incomplete") == Some(&Value::Bool(false));
        let is_complete = is_told && told.is_some() && all.is_ok();
        Self { all: all.unwrap_or_default(), is_complete }
    }

    /// Whether it is allowed; `None` where the rules do not tell.
    fn decide(&self, need: &Need) -> Option<bool> {
        match self.all.iter().any(|rule| rule.allows(need)) {
            true => Some(true),
            false => self.is_complete.then_some(false),
        }
    }
}

impl Rule {
    fn allows(&self, need: &Need) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|it| it == "*" || it == word);
        // `*/start` is that of every resource.
        let of_any = need.resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
        has(&self.verbs, need.verb)
            && has(&self.api_groups, need.group)
            && (has(&self.resources, need.resource)
                || of_any.is_some_and(|of_any| self.resources.contains(&of_any)))
            // For some objects of those names only is not what is needed.
            && self.resource_names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(verb: &'static str, group: &'static str, resource: &'static str) -> Need {
        Need { verb, group, resource, namespace: Some("a".into()), purpose: None }
    }

    fn rules(incomplete: bool, rules: &Value) -> Rules {
        Rules::read(&json!({ "status": { "resourceRules": rules, "incomplete": incomplete } }))
    }

    #[test]
    fn x28_a_rule_allows_what_it_names_or_all() {
        let start = need("update", "subresources.kubevirt.io", "virtualmachines/start");
        let rule = |verb: &str, group: &str, resource: &str| json!([{ "verbs": ["get", verb], "apiGroups": [group], "resources": ["x", resource] }]);
        let group = "subresources.kubevirt.io";
        for fits in [
            rule("update", group, "virtualmachines/start"),
            rule("*", "*", "*"),
            rule("update", group, "*/start"),
        ] {
            assert_eq!(rules(false, &fits).decide(&start), Some(true), "{fits}");
        }
        for other in [
            rule("patch", group, "virtualmachines/start"),
            rule("update", "kubevirt.io", "virtualmachines/start"),
            rule("update", group, "virtualmachines"),
            rule("update", group, "virtualmachines/*"),
            json!([]),
        ] {
            assert_eq!(rules(false, &other).decide(&start), Some(false), "{other}");
            assert_eq!(rules(true, &other).decide(&start), None, "there may be more");
        }
        let mut one = rule("update", group, "virtualmachines/start");
        one[0]["resourceNames"] = json!(["vm1"]);
        assert_eq!(rules(false, &one).decide(&start), Some(false), "one of them is not all");
    }

    #[test]
    fn x28_what_cannot_be_read_tells_nothing() {
        let need = need("list", "", "nodes");
        for answer in [
            json!({}),
            json!({ "status": { "incomplete": false } }),
            json!({ "status": { "resourceRules": [7], "incomplete": false } }),
            json!({ "status": { "resourceRules": [] } }),
        ] {
            assert_eq!(Rules::read(&answer).decide(&need), None, "{answer}");
        }
    }
}
