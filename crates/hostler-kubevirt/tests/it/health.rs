//! A cluster's health, asked for over a real connection.

use std::time::Duration;

use hostler_kubevirt::config::Namespaces;
use hostler_kubevirt::health::{Api, Facts, Found, Health, Reason, ask, judge};
use hostler_provider::Cx;
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server, ok, refusal, text};

fn well(asked: &Asked) -> Answer {
    match asked.path.as_str() {
        "/version" => ok(&json!({"gitVersion": "v1.36.2"})),
        "/apis/kubevirt.io/v1/kubevirts" => ok(&json!({
            "metadata": {"resourceVersion": "1"},
            "items": [{"status": {"phase": "Deployed", "observedKubeVirtVersion": "v1.6.0",
                "conditions": [{"type": "Available", "status": "True"}]}}],
        })),
        "/apis/subresources.kubevirt.io/v1/healthz" => text(200, "{}"),
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            ok(&json!({"status": {"allowed": true}}))
        }
        other => panic!("{other}"),
    }
}

async fn facts(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Facts {
    facts_of(&Server::start(answers).await, &Namespaces::All).await
}

async fn facts_of(server: &Server, namespaces: &Namespaces) -> Facts {
    let caller = server.caller().await;
    ask(&caller, &Cx::within(Duration::from_secs(30)), namespaces).await
}

/// A hundred namespaces.
fn many() -> Namespaces {
    Namespaces::Only((0..100).map(|n| format!("ns{n}")).collect())
}

fn rules(incomplete: bool, rules: &Value) -> Answer {
    ok(&json!({"status": {"resourceRules": rules, "incomplete": incomplete}}))
}

fn codes(facts: &Facts) -> (Health, Vec<&'static str>) {
    let judgement = judge(Some(facts));
    (judgement.health, judgement.reasons.iter().map(Reason::code).collect())
}

#[tokio::test]
async fn e13_a_cluster_that_is_well_is_healthy() {
    let facts = facts(well).await;
    assert_eq!(facts.api, Api::Answers("v1.36.2".into()));
    assert_eq!(codes(&facts), (Health::Healthy, vec![]));
}

#[tokio::test]
async fn x28_an_expired_token_is_noticed_although_the_version_is_told_to_anybody() {
    let facts = facts(|asked| match asked.path.as_str() {
        "/version" => well(asked),
        _ => refusal(401, "Unauthorized", "Unauthorized"),
    })
    .await;
    assert_eq!(codes(&facts), (Health::Unhealthy, vec!["AuthFailed"]));
}

#[tokio::test]
async fn x28_rights_that_are_missing_are_listed_one_by_one() {
    let facts = facts(|asked| {
        if !asked.path.contains("selfsubjectaccessreviews") {
            return well(asked);
        }
        let attributes = asked.json()["spec"]["resourceAttributes"].clone();
        let may = attributes["subresource"] != "start" && attributes["resource"] != "nodes";
        ok(&json!({"status": {"allowed": may}}))
    })
    .await;
    let Found::Yes(gaps) = &facts.gaps else { panic!("{:?}", facts.gaps) };
    let told: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["update virtualmachines/start.subresources.kubevirt.io", "list nodes", "watch nodes"]
    );
    assert_eq!(codes(&facts), (Health::Unhealthy, vec!["RightsMissing"]));
}

#[tokio::test]
async fn x28_a_right_that_one_thing_alone_needs_is_missed_by_a_warning() {
    let facts = facts(|asked| {
        if !asked.path.contains("selfsubject") {
            return well(asked);
        }
        let attributes = asked.json()["spec"]["resourceAttributes"].clone();
        let barred = ["secrets", "virtualmachinesnapshots"];
        let may = !barred.contains(&attributes["resource"].as_str().unwrap());
        ok(&json!({"status": {"allowed": may}}))
    })
    .await;
    assert_eq!(codes(&facts), (Health::Healthy, vec!["RightsLimited"]));
    let told = judge(Some(&facts)).reasons[0].to_string();
    assert!(told.contains("snapshots (get virtualmachinesnapshots.snapshot."), "{told}");
    assert!(!told.contains("secrets"), "of the whole cluster nobody is to grant them: {told}");
}

#[tokio::test]
async fn x28_rights_in_many_namespaces_are_asked_for_by_one_question_each() {
    let server = Server::start(|asked| match asked.path.ends_with("selfsubjectrulesreviews") {
        true if asked.json()["spec"]["namespace"] == "ns7" => rules(
            false,
            &json!([{"verbs": ["*"], "apiGroups": ["kubevirt.io"], "resources": ["*"]}]),
        ),
        true => rules(false, &json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}])),
        false => well(asked),
    })
    .await;
    let facts = facts_of(&server, &many()).await;
    let Found::Yes(gaps) = &facts.gaps else { panic!("{:?}", facts.gaps) };
    assert!(!gaps.is_empty());
    for gap in gaps {
        assert_eq!(gap.namespace.as_deref(), Some("ns7"), "{gap}");
        assert_ne!(gap.group, "kubevirt.io", "{gap}");
    }
    let of = |what: &str| server.asked().iter().filter(|it| it.path.ends_with(what)).count();
    // What is of no namespace is in no namespace's rules.
    assert_eq!((of("selfsubjectrulesreviews"), of("selfsubjectaccessreviews")), (100, 9));
}

#[tokio::test]
async fn x28_where_rules_cannot_be_listed_each_right_is_asked_for() {
    for refused in [true, false] {
        let server =
            Server::start(move |asked| match asked.path.ends_with("selfsubjectrulesreviews") {
                true if refused => refusal(403, "Forbidden", "may not"),
                true => rules(true, &json!([])),
                false => well(asked),
            })
            .await;
        let one = Namespaces::Only(vec!["a".into()]);
        let facts = facts_of(&server, &one).await;
        assert_eq!(facts.gaps, Found::Yes(Vec::new()));
        let asked = server.asked();
        let singly = asked.iter().filter(|it| it.path.ends_with("selfsubjectaccessreviews"));
        assert_eq!(singly.count(), hostler_kubevirt::health::needs(&one).len());
    }
}

#[tokio::test]
async fn e12_a_cluster_without_kubevirt_is_unhealthy() {
    let facts = facts(|asked| match asked.path.contains("kubevirt.io") {
        true => text(404, "404 page not found"),
        false => well(asked),
    })
    .await;
    assert_eq!((&facts.kubevirt, &facts.virt_api), (&Found::Absent, &Found::Absent));
    assert_eq!(codes(&facts), (Health::Unhealthy, vec!["NoKubeVirt"]));
}

#[tokio::test]
async fn x28_virt_api_that_is_down_is_told() {
    let facts = facts(|asked| match asked.path.contains("subresources") {
        true => text(503, "service unavailable"),
        false => well(asked),
    })
    .await;
    assert_eq!(codes(&facts), (Health::Unhealthy, vec!["VirtApiDown"]));
}

#[tokio::test]
async fn e12_what_is_no_kubernetes_is_unreachable() {
    for answer in ["<html>welcome</html>", "{}"] {
        let facts = facts(move |_| text(200, answer)).await;
        assert_eq!(codes(&facts).0, Health::Unreachable);
    }
    let facts = facts(|_| Answer::Cut).await;
    assert_eq!(codes(&facts).0, Health::Unreachable);
}
