//! virt-api's verbs.

use hostler_kube_double::Options;
use serde_json::{Value, json};

use crate::client::{
    Ask, Client, VERBS, VMIMS, VMIS, VMS, failure, running, start, start_with, vm,
};

fn about(kind: &str, name: &str) -> Option<Value> {
    Some(json!({ "name": name, "group": "kubevirt.io", "kind": kind }))
}

fn conflict(kind: &str, why: &str) -> Value {
    let words = format!("Operation cannot be fulfilled on {kind}.kubevirt.io \"vm1\": {why}");
    failure(409, "Conflict", &words, about(kind, "vm1"))
}

async fn with_body(client: &Client, path: &str, body: &Value) -> crate::client::Answer {
    client.put(format!("{VERBS}/{path}"), body).await
}

#[tokio::test]
async fn a_verb_on_nothing_is_404_in_the_singular() {
    let (_double, client) = start().await;
    let words = "virtualmachine.kubevirt.io \"nope\" not found";
    let body = failure(404, "NotFound", words, about("virtualmachine", "nope"));
    client.call("virtualmachines/nope/start").await.is(404, &body);
}

#[tokio::test]
async fn a_start_is_202_with_an_empty_body_and_sets_always() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    client.call("virtualmachines/vm1/start").await.is_accepted();
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["spec"]["runStrategy"], "Always");
}

#[tokio::test]
async fn a_start_when_running_is_409() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let body = conflict("virtualmachine", "VM is already running");
    client.call("virtualmachines/vm1/start").await.is(409, &body);
    let odd = json!({ "paused": "notabool" });
    with_body(&client, "virtualmachines/vm1/start", &odd).await.is(409, &body);
}

#[tokio::test]
async fn a_stop_or_a_migrate_when_not_running_is_409() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    let body = conflict("virtualmachine", "VM is not running");
    client.call("virtualmachines/vm1/stop").await.is(409, &body);
    client.call("virtualmachines/vm1/start").await.is_accepted();
    double.step();
    let instance = double.get("virtualmachineinstances", "default", "vm1").unwrap();
    assert_eq!(instance["status"]["phase"], "Pending");
    client.call("virtualmachines/vm1/migrate").await.is(409, &body);
}

#[tokio::test]
async fn a_restart_when_halted_is_409() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    // The misspelling is the server's.
    let body =
        conflict("virtualmachine", "RunStategy Halted does not support manual restart requests");
    client.call("virtualmachines/vm1/restart").await.is(409, &body);
}

#[tokio::test]
async fn a_migrate_without_an_instance_is_404_for_the_instance() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    let words = "virtualmachineinstance.kubevirt.io \"vm1\" not found";
    let body = failure(404, "NotFound", words, about("virtualmachineinstance", "vm1"));
    client.call("virtualmachines/vm1/migrate").await.is(404, &body);
}

#[tokio::test]
async fn a_second_migrate_is_a_500_that_wraps_a_denial() {
    let (double, client) = start().await;
    running(&double, &client, "life").await;
    client.call("virtualmachines/life/migrate").await.is_accepted();
    let job = double.list("virtualmachineinstancemigrations").remove(0);
    let name = job["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("kubevirt-migrate-vm-"), "{name}");
    let denial = format!(
        "admission webhook \"migration-create-validator.kubevirt.io\" denied the request: in-flight \
         migration detected. Active migration job ({}) is currently already in progress for VMI \
         life.",
        job["metadata"]["uid"].as_str().unwrap()
    );
    let words = format!("Internal error occurred: {denial}");
    let details = json!({ "causes": [{ "message": denial }] });
    client
        .call("virtualmachines/life/migrate")
        .await
        .is(500, &failure(500, "InternalError", &words, Some(details)));
    // Made directly, it is denied with the same words, and no reason.
    let direct = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": { "name": "m1" }, "spec": { "vmiName": "life" },
    });
    let answer = client.post(VMIMS, &direct).await;
    assert_eq!(answer.json()["message"], denial);
    assert_eq!(answer.json().get("reason"), None);
    double.settle();
    assert_eq!(client.post(VMIMS, &direct).await.status, 201);
}

#[tokio::test]
async fn verbs_on_an_instance_that_does_not_run_are_409_each_in_its_words() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    client.call("virtualmachines/vm1/start").await;
    double.step();
    for (verb, why) in [
        ("pause", "VM is not running"),
        ("unpause", "VMI is not running"),
        ("freeze", "VM is not running"),
        ("softreboot", "VM is not running"),
    ] {
        let body = conflict("virtualmachineinstance", why);
        client.call(&format!("virtualmachineinstances/vm1/{verb}")).await.is(409, &body);
    }
    let body = conflict("virtualmachineinstance", "VMI is not running");
    with_body(&client, "virtualmachines/vm1/memorydump", &json!({ "claimName": "x" }))
        .await
        .is(409, &body);
}

#[tokio::test]
async fn pause_and_unpause_take_effect_and_refuse_to_be_repeated() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let state = || {
        double.settle();
        let machine = double.get("virtualmachines", "default", "vm1").unwrap();
        machine["status"]["printableStatus"].as_str().unwrap().to_owned()
    };
    client.call("virtualmachineinstances/vm1/pause").await.is_accepted();
    assert_eq!(state(), "Paused");
    let again = client.call("virtualmachineinstances/vm1/pause").await;
    again.is(409, &conflict("virtualmachineinstance", "VMI is already paused"));
    client.call("virtualmachineinstances/vm1/unpause").await.is_accepted();
    assert_eq!(state(), "Running");
    let again = client.call("virtualmachineinstances/vm1/unpause").await;
    again.is(409, &conflict("virtualmachineinstance", "VMI is not paused"));
    for verb in ["softreboot", "reset", "freeze", "unfreeze"] {
        client.call(&format!("virtualmachineinstances/vm1/{verb}")).await.is_accepted();
    }
}

#[tokio::test]
async fn verbs_on_instances_may_answer_200_too() {
    let options = Options { instance_verbs_answer: 200, ..Options::default() };
    let (double, client) = start_with(options).await;
    running(&double, &client, "vm1").await;
    let answer = client.call("virtualmachineinstances/vm1/pause").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    client.call("virtualmachines/vm1/stop").await.is_accepted();
}

#[tokio::test]
async fn a_restart_takes_no_grace_but_none() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    for seconds in [5, -1] {
        let body = json!({ "gracePeriodSeconds": seconds });
        let answer = with_body(&client, "virtualmachines/vm1/restart", &body).await;
        assert_eq!((answer.status, &answer.json()["reason"]), (400, &json!("BadRequest")));
    }
    let body = json!({ "gracePeriodSeconds": 0 });
    with_body(&client, "virtualmachines/vm1/restart", &body).await.is_accepted();
}

#[tokio::test]
async fn what_the_guest_tells_is_500_and_a_text_when_there_is_none() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    let path = format!("{VERBS}/virtualmachineinstances/vm1/guestosinfo");
    let words = "virtualmachineinstance.kubevirt.io \"vm1\" not found";
    client.get(&path).await.is_text(500, words);
    client.call("virtualmachines/vm1/start").await;
    double.step();
    let words = "Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io \"vm1\": VMI is \
                 not running";
    client.get(&path).await.is_text(500, words);
    double.settle();
    let told = client.get(&path).await;
    assert_eq!((told.status, &told.json()["os"]["id"]), (200, &json!("debian")));
}

#[tokio::test]
async fn an_unknown_verb_is_404_and_a_text() {
    let (_double, client) = start().await;
    client.call("virtualmachines/vm1/bogus").await.is_text(404, "404: Page Not Found");
}

#[tokio::test]
async fn a_wrong_method_is_405_and_a_text() {
    let (_double, client) = start().await;
    let answer = client.post(format!("{VERBS}/virtualmachines/vm1/start"), &json!({})).await;
    answer.is_text(405, "405: Method Not Allowed");
}

#[tokio::test]
async fn an_unknown_path_is_401_and_a_text() {
    let (_double, client) = start().await;
    let path = format!("{VERBS}/virtualmachineinstances/vm1");
    let words = format!("unknown api endpoint: {path}");
    client.get(path).await.is_text(401, &words);
}

#[tokio::test]
async fn a_dry_run_is_202_and_does_nothing() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let before = double.revision();
    let dry = json!({ "dryRun": ["All"] });
    for path in [
        "virtualmachines/vm1/stop",
        "virtualmachines/vm1/migrate",
        "virtualmachineinstances/vm1/pause",
    ] {
        with_body(&client, path, &dry).await.is_accepted();
    }
    assert_eq!(double.revision(), before);
}

#[tokio::test]
async fn a_denied_write_of_virt_api_is_500_around_its_words() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    double.set_denial(Some((
        "virtualmachineinstances-update-validator.kubevirt.io",
        "update of VMI object is restricted",
    )));
    let denial = "admission webhook \"virtualmachineinstances-update-validator.kubevirt.io\" denied \
                  the request: update of VMI object is restricted";
    let words = format!("Internal error occurred: {denial}");
    let details = json!({ "causes": [{ "message": denial }] });
    with_body(&client, "virtualmachines/vm1/stop", &json!({ "gracePeriod": 0 }))
        .await
        .is(500, &failure(500, "InternalError", &words, Some(details)));
}

#[tokio::test]
async fn volumes_come_and_go() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let volume = json!({
        "name": "h", "disk": { "disk": { "bus": "scsi" } },
        "volumeSource": { "persistentVolumeClaim": { "claimName": "x" } },
    });
    with_body(&client, "virtualmachines/vm1/addvolume", &volume).await.is_accepted();
    let added = json!([{
        "name": "h", "persistentVolumeClaim": { "claimName": "x", "hotpluggable": true },
    }]);
    let of_machine = |part: &str| {
        let machine = double.get("virtualmachines", "default", "vm1").unwrap();
        machine.pointer(&format!("/spec/template/spec/{part}")).cloned().unwrap()
    };
    assert_eq!(of_machine("volumes"), added);
    assert_eq!(
        of_machine("domain/devices/disks"),
        json!([{ "name": "h", "disk": { "bus": "scsi" } }])
    );
    let instance = double.get("virtualmachineinstances", "default", "vm1").unwrap();
    assert_eq!(instance["spec"]["volumes"], added);
    let again = with_body(&client, "virtualmachines/vm1/addvolume", &volume).await;
    assert_eq!((again.status, &again.json()["reason"]), (409, &json!("Conflict")));
    let gone = json!({ "name": "h" });
    with_body(&client, "virtualmachines/vm1/removevolume", &gone).await.is_accepted();
    assert_eq!(of_machine("volumes"), json!([]));
    let again = with_body(&client, "virtualmachines/vm1/removevolume", &gone).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn the_expanded_specification_is_the_machine() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    let told = client.get(format!("{VERBS}/virtualmachines/vm1/expand-spec")).await.json();
    assert_eq!(told, client.get(format!("{VMS}/vm1")).await.json());
}

#[tokio::test]
async fn what_the_double_does_not_serve_says_so() {
    let (_double, client) = start().await;
    let path = format!("{VERBS}/virtualmachineinstances/vm1/portforward");
    let answer = client.send(Ask::new("GET", path)).await;
    assert_eq!(answer.status, 501);
    assert_eq!(client.get(format!("{VMIS}/vm1")).await.status, 404);
}
