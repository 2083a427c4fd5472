//! 410 Gone, in its forms.

use hostler_kube_double::{Fault, Refused, What};
use serde_json::json;

use crate::client::{VMIS, failure, fleet, start, vmi};

const GONE_TOKEN: &str = "The provided continue parameter is too old to display a consistent list \
    result. You can start a new list without the continue parameter, or use the continue token in \
    this response to retrieve the remainder of the results. Continuing with the provided token \
    results in an inconsistent list - objects that were created, modified, or deleted between the \
    time the first chunk was returned and now may show up in the list.";

#[tokio::test]
async fn a_watch_from_an_old_version_is_200_and_one_error_event() {
    let (double, client) = start().await;
    let old = double.revision();
    fleet(&client, 2).await;
    double.compact();
    let mut watch = client.watch(&format!("{VMIS}?watch=1&resourceVersion={old}")).await;
    assert_eq!(watch.status, 200);
    let words = format!("too old resource version: {old} ({})", double.revision());
    let status = failure(410, "Expired", &words, None);
    assert_eq!(watch.next().await, Some(json!({ "type": "ERROR", "object": status })));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn the_first_version_is_too_old_on_any_server() {
    let (_double, client) = start().await;
    for path in [VMIS, "/api/v1/pods"] {
        let mut watch = client.watch(&format!("{path}?watch=1&resourceVersion=1")).await;
        let event = watch.next().await.expect("an event");
        assert_eq!(event["type"], "ERROR");
        assert_eq!(event["object"]["message"], "too old resource version: 1 (280)");
    }
}

#[tokio::test]
async fn a_list_at_an_exact_old_version_is_410() {
    let (double, client) = start().await;
    fleet(&client, 2).await;
    let old = double.revision();
    client.post(VMIS, &vmi("p3", "a")).await;
    let exact = format!("{VMIS}?resourceVersion={old}&resourceVersionMatch=Exact");
    let before = client.get(&exact).await.json();
    assert_eq!(before["items"].as_array().unwrap().len(), 2, "known as it was");
    assert_eq!(before["metadata"]["resourceVersion"], old.to_string());
    double.compact();
    let words = "The resourceVersion for the provided list is too old.";
    client.get(&exact).await.is(410, &failure(410, "Expired", words, None));
    // Not older than it is no matter.
    let path = format!("{VMIS}?resourceVersion={old}&resourceVersionMatch=NotOlderThan");
    assert_eq!(client.get(&path).await.json()["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_expired_token_is_410_with_one_that_goes_on() {
    let (double, client) = start().await;
    fleet(&client, 9).await;
    let first = client.get(format!("{VMIS}?limit=3")).await.json();
    let token = first["metadata"]["continue"].as_str().unwrap();
    double.compact();
    client.delete(format!("{VMIS}/p4")).await;
    double.compact();
    let path = format!("{VMIS}?limit=3&continue={token}");
    let answer = client.get(&path).await;
    // Of the token recorded after p3, which goes on inconsistently.
    let replacement = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoicDNcdTAwMDAifQ";
    let mut expected = failure(410, "Expired", GONE_TOKEN, None);
    expected["metadata"]["continue"] = replacement.into();
    answer.is(410, &expected);

    // It works, and shows what is now: p4 is not told again or missed silently.
    let rest = client.get(format!("{VMIS}?limit=5&continue={replacement}")).await.json();
    let names: Vec<&str> = rest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["p5", "p6", "p7", "p8", "p9"]);
    assert_eq!(rest["metadata"]["resourceVersion"], double.revision().to_string());
}

#[tokio::test]
async fn an_older_server_may_say_410_to_a_watch_by_http() {
    let (_double, client) = start().await;
    _double.fault(Fault::new(What::Answer(Refused::gone())).verb("watch"));
    let answer = client.get(format!("{VMIS}?watch=1&resourceVersion=1")).await;
    assert_eq!((answer.status, &answer.json()["reason"]), (410, &json!("Expired")));
    assert_eq!(client.get(VMIS).await.status, 200);
}

#[tokio::test]
async fn an_open_watch_may_expire() {
    let (double, client) = start().await;
    let mut watch =
        client.watch(&format!("{VMIS}?watch=1&resourceVersion={}", double.revision())).await;
    double.expire_watches();
    let event = watch.next().await.expect("an event");
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_group_that_is_not_there_is_a_text() {
    let (_double, client) = start().await;
    client.get("/apis/bogus.io/v1/things").await.is_text(404, "404 page not found\n");
}
