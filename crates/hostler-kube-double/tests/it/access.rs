//! Who may do what.

use hostler_kube_double::{Options, Refusal};
use serde_json::json;

use crate::client::{Client, VERBS, VMS, failure, start, start_with, vm};

async fn with_viewer() -> (hostler_kube_double::Double, Client) {
    let users = vec![
        ("admin-token".to_owned(), "admin".to_owned()),
        ("viewer-token".to_owned(), "viewer".to_owned()),
    ];
    let (double, client) = start_with(Options { users, ..Options::default() }).await;
    double.refuse(Refusal::of("list", "kubevirt.io", "virtualmachines").to("viewer"));
    double.refuse(Refusal::of("update", "subresources.kubevirt.io", "*").to("viewer"));
    (double, client)
}

#[tokio::test]
async fn a_bad_token_is_401() {
    let (_double, client) = start().await;
    let answer = client.with_token("wrong").get(VMS).await;
    answer.is(401, &failure(401, "Unauthorized", "Unauthorized", None));
}

#[tokio::test]
async fn without_a_token_only_health_and_version_are_told() {
    let (_double, client) = start().await;
    let nobody = client.with_token("");
    assert_eq!(nobody.get("/version").await.status, 200);
    assert_eq!(nobody.get("/healthz").await.status, 200);
    let words = "forbidden: User \"system:anonymous\" cannot get path \"/apis\"";
    nobody.get("/apis").await.is(403, &failure(403, "Forbidden", words, Some(json!({}))));
    let refused = nobody.get(VMS).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("User \\\"system:anonymous\\\" cannot list"), "{}", refused.text);
}

#[tokio::test]
async fn what_may_not_be_done_is_403() {
    let (_double, client) = with_viewer().await;
    let viewer = client.with_token("viewer-token");
    let words = "virtualmachines.kubevirt.io is forbidden: User \"viewer\" cannot list resource \
                 \"virtualmachines\" in API group \"kubevirt.io\" in the namespace \"default\"";
    let details = json!({ "group": "kubevirt.io", "kind": "virtualmachines" });
    let body = failure(403, "Forbidden", words, Some(details));
    viewer.get(VMS).await.is(403, &body);
    assert_eq!(client.get(VMS).await.status, 200, "the other may");
}

#[tokio::test]
async fn a_verb_that_may_not_be_called_is_403() {
    let (_double, client) = with_viewer().await;
    client.post(VMS, &vm("vm1")).await;
    let words = "virtualmachines.subresources.kubevirt.io \"vm1\" is forbidden: User \"viewer\" \
                 cannot update resource \"virtualmachines/start\" in API group \
                 \"subresources.kubevirt.io\" in the namespace \"default\"";
    let details = json!({
        "name": "vm1", "group": "subresources.kubevirt.io", "kind": "virtualmachines",
    });
    let body = failure(403, "Forbidden", words, Some(details));
    let viewer = client.with_token("viewer-token");
    viewer.call("virtualmachines/vm1/start").await.is(403, &body);
    let path = format!("{VERBS}/virtualmachines/vm1/expand-spec");
    assert_eq!(viewer.get(path).await.status, 200);
}

#[tokio::test]
async fn a_review_tells_what_requests_will_meet() {
    let (double, client) = with_viewer().await;
    let review = |verb: &str, resource: &str, subresource: &str| {
        let group = if subresource.is_empty() { "kubevirt.io" } else { "subresources.kubevirt.io" };
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                "namespace": "default",
            } },
        })
    };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let viewer = client.with_token("viewer-token");
    for (body, allowed) in [
        (review("list", "virtualmachines", ""), false),
        (review("get", "virtualmachines", ""), true),
        (review("update", "virtualmachines", "start"), false),
    ] {
        let answer = viewer.post(path, &body).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (201, &json!({ "allowed": allowed }))
        );
        assert_eq!(client.post(path, &body).await.json()["status"]["allowed"], true);
    }
    double.refuse(Refusal::of("create", "kubevirt.io", "virtualmachines").within("default"));
    assert_eq!(client.post(VMS, &vm("a")).await.status, 403);
}

#[tokio::test]
async fn all_rules_of_a_namespace_are_told_at_once() {
    let (double, client) = with_viewer().await;
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let review = |namespace: &str| {
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": { "namespace": namespace },
        })
    };
    let told = client.post(path, &review("default")).await;
    assert_eq!(told.status, 201);
    let all = json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }]);
    let status = told.json()["status"].clone();
    assert_eq!((&status["resourceRules"], &status["incomplete"]), (&all, &json!(false)));

    let viewer = client.with_token("viewer-token");
    let told = viewer.post(path, &review("default")).await.json()["status"].clone();
    let verbs = |resource: &str| {
        let rules = told["resourceRules"].as_array().unwrap().iter();
        let mut of = rules.filter(|rule| rule["resources"] == json!([resource]));
        of.next().map(|rule| rule["verbs"].to_string()).unwrap_or_default()
    };
    assert!(verbs("virtualmachines").contains("watch"));
    assert!(!verbs("virtualmachines").contains("list"), "{}", verbs("virtualmachines"));
    assert_eq!(verbs("virtualmachines/start"), "[\"get\"]");

    let nowhere = client.post(path, &review("")).await;
    nowhere.is(400, &failure(400, "BadRequest", "no namespace on request", None));
    double.set_rules_unlisted(true);
    let told = client.post(path, &review("default")).await.json()["status"].clone();
    assert_eq!((&told["resourceRules"], &told["incomplete"]), (&json!([]), &json!(true)));
}
