//! The roles that are shipped for Kubernetes, our list of what we have to be allowed to do, and
//! what is really asked for: the three are the same, or somebody's cluster finds out.

use std::collections::BTreeSet;

use hostler_core::vm::PowerState;
use hostler_kubevirt::config::Namespaces;
use hostler_kubevirt::health::{helps, needs};
use hostler_provider::StopMode;
use serde_json::Value;

use crate::place::{Place, busy, cx};

const ROLES: &str = include_str!("../../../../deploy/kubernetes/base/server/roles.yaml");

/// Every right of a role, as `verb resource.group`.
fn rights(role: &Value) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let words = |key: &str| {
            let words = rule[key].as_array().unwrap().iter();
            words.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for group in words("apiGroups") {
            for resource in words("resources") {
                let right = |verb: String| format!("{verb} {resource}.{group}");
                rights.extend(words("verbs").into_iter().map(right));
            }
        }
    }
    rights
}

fn role(name: &str) -> BTreeSet<String> {
    let roles: Vec<Value> = serde_saphyr::from_multiple(ROLES).unwrap();
    rights(roles.iter().find(|role| role["metadata"]["name"] == name).unwrap())
}

#[test]
fn e12_x28_the_shipped_roles_are_what_we_say_that_we_need() {
    let said = |is_of_a_namespace: bool| -> BTreeSet<String> {
        let namespaces = Namespaces::Only(vec!["vms".to_owned()]);
        let needs = [needs(&namespaces), helps(&namespaces)].concat();
        let needs = needs.iter().filter(|need| need.namespace.is_some() == is_of_a_namespace);
        needs.map(|need| format!("{} {}.{}", need.verb, need.resource, need.group)).collect()
    };
    assert_eq!(role("hostler-kubevirt-vms"), said(true));
    assert_eq!(role("hostler-kubevirt-cluster"), said(false));
}

#[tokio::test]
async fn b10_b11_nothing_is_asked_for_that_the_shipped_roles_do_not_allow() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    place.power().start(&cx(), &vm).await.unwrap();
    place.power().pause(&cx(), &vm).await.unwrap();
    place.power().resume(&cx(), &vm).await.unwrap();
    place.power().reset(&cx(), &vm).await.unwrap();
    place.power().reboot(&cx(), &vm).await.unwrap();
    place.until(&vm, PowerState::Running).await;
    place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();

    let allowed: BTreeSet<String> =
        role("hostler-kubevirt-vms").union(&role("hostler-kubevirt-cluster")).cloned().collect();
    // What anybody who has logged in may ask: by the roles that every cluster has, and KubeVirt's.
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    let anybodys = [["version", "healthz", "discovery"].as_slice(), &reviews].concat();
    let counts = place.double.counts();
    let mut asked = 0;
    for seen in counts.recent().filter(|seen| !anybodys.contains(&seen.class.as_str())) {
        let path = &seen.path;
        let group = match path.strip_prefix("/apis/") {
            Some(rest) => rest.split('/').next().unwrap(),
            None => "",
        };
        let right = format!("{} {}.{group}", seen.verb, seen.class);
        assert!(allowed.contains(&right), "{right} is asked for, by {path}");
        asked += 1;
    }
    assert!(asked > 10, "it was asked for little: {asked}");
}
