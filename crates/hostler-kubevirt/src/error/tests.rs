//! The recorded answers, and what they mean.

use hostler_provider::Effect;
use serde_json::{Value, json};

use super::*;

fn status(code: u16, reason: &str, message: &str, details: Value) -> Vec<u8> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    });
    body.to_string().into_bytes()
}

fn asked(code: u16, body: &[u8], verb: Verb) -> Failure {
    let from_virt_api = matches!(verb, Verb::Subresource | Verb::Stream);
    classify(&Answer { status: code, retry_after: None, body, from_virt_api }, verb, "test")
}

fn by(code: u16, reason: &str, message: &str, details: Value, verb: Verb) -> Failure {
    asked(code, &status(code, reason, message, details), verb)
}

fn text(code: u16, body: &str, verb: Verb) -> Failure {
    asked(code, body.as_bytes(), verb)
}

#[track_caller]
fn is(failure: &Failure, kind: Kind, cause: &Cause, effect: Effect, counts: bool) {
    assert_eq!(failure.error.kind(), kind, "{failure:?}");
    assert_eq!(&failure.cause, cause, "{failure:?}");
    assert_eq!(failure.error.effect(), effect, "{failure:?}");
    assert_eq!(failure.counts(), counts, "{failure:?}");
}

#[test]
fn e8_the_three_conflicts_are_told_apart_by_reason_and_causes() {
    let named = json!({"name": "vm1", "group": "kubevirt.io", "kind": "virtualmachines"});
    let exists = by(
        409,
        "AlreadyExists",
        "virtualmachines.kubevirt.io \"vm1\" already exists",
        named.clone(),
        Verb::Write,
    );
    is(&exists, Kind::Conflict, &Cause::AlreadyExists, Effect::None, false);

    let stale = by(
        409,
        "Conflict",
        "Operation cannot be fulfilled on virtualmachines.kubevirt.io \"vm1\": the object has been \
         modified; please apply your changes to the latest version and try again",
        named,
        Verb::Write,
    );
    is(&stale, Kind::Conflict, &Cause::Changed, Effect::None, false);
}

#[test]
fn x25_a_conflict_of_field_managers_names_managers_and_fields() {
    let details = json!({"causes": [
        {"reason": "FieldManagerConflict", "message": "conflict with \"argocd\"",
         "field": ".spec.runStrategy"},
        {"reason": "FieldManagerConflict",
         "message": "conflict with \"virt-api\" using kubevirt.io/v1", "field": ".spec.template"},
    ]});
    let failure = by(409, "Conflict", "Apply failed with 2 conflicts: …", details, Verb::Write);
    let owned = |manager: &str, field: &str| Owned { manager: manager.into(), field: field.into() };
    let cause = Cause::Owned(vec![
        owned("argocd", ".spec.runStrategy"),
        owned("virt-api", ".spec.template"),
    ]);
    is(&failure, Kind::Conflict, &cause, Effect::None, false);
    assert_eq!(
        failure.error.message(),
        "test: others manage these fields: .spec.runStrategy (argocd), .spec.template (virt-api)"
    );
}

#[test]
fn x25_however_many_fields_conflict_the_message_stays_short() {
    let cause = |n| {
        json!({"reason": "FieldManagerConflict", "message": "conflict with \"a\nb\"",
               "field": format!(".spec.f{n}{}", "x".repeat(500))})
    };
    let details = json!({"causes": (0..500).map(cause).collect::<Vec<_>>()});
    let failure = by(409, "Conflict", "Apply failed", details, Verb::Write);
    assert!(failure.error.message().contains("and 492 more"));
    assert!(failure.error.message().len() < 2000);
    assert!(!failure.error.message().contains('\n'));
}

#[test]
fn e8_a_vm_in_another_state_is_told_by_virt_api_under_three_statuses() {
    let details = json!({"name": "vm1", "group": "kubevirt.io", "kind": "virtualmachine"});
    let of = |state| Cause::WrongState(state);
    let table = [
        ("VM is already running", WrongState::Running),
        ("VM is not running", WrongState::NotRunning),
        ("Halted does not support manual restart requests", WrongState::Other),
    ];
    for (words, state) in table {
        let message =
            format!("Operation cannot be fulfilled on virtualmachine.kubevirt.io \"vm1\": {words}");
        let failure = by(409, "Conflict", &message, details.clone(), Verb::Subresource);
        is(&failure, Kind::Conflict, &of(state), Effect::None, false);
    }
    let guest = "Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io \"vm1\": VMI \
                 is not running";
    let failure = text(500, guest, Verb::Read);
    is(&failure, Kind::Conflict, &of(WrongState::NotRunning), Effect::None, false);
    let words = "Internal error occurred: unable to complete request: stop/start already underway";
    let failure = by(500, "InternalError", words, json!(null), Verb::Subresource);
    is(&failure, Kind::Conflict, &of(WrongState::Underway), Effect::None, false);
    let failure = by(400, "BadRequest", "VMI is not running", json!(null), Verb::Read);
    is(&failure, Kind::Conflict, &of(WrongState::NotRunning), Effect::None, false);
}

#[test]
fn x27_a_500_that_wraps_a_refusal_is_no_failure_of_the_cluster() {
    let wrapped = |words: &str| {
        let message = format!("Internal error occurred: admission webhook \"{words}");
        let details = json!({"causes": [{"message": message}]});
        by(500, "InternalError", &message, details, Verb::Subresource)
    };
    let second = wrapped(
        "migration-create-validator.kubevirt.io\" denied the request: in-flight migration \
         detected. Active migration job (c2015c5c) is currently already in progress for VMI life.",
    );
    let cause = Cause::WrongState(WrongState::Migrating);
    is(&second, Kind::Conflict, &cause, Effect::None, false);
    let restricted = wrapped(
        "virtualmachineinstances-update-validator.kubevirt.io\" denied the request: update of VMI \
         object is restricted",
    );
    let cause = Cause::WrongState(WrongState::Other);
    is(&restricted, Kind::Conflict, &cause, Effect::None, false);
    let other = wrapped("policy.example\" denied the request: no VMs on fridays");
    is(&other, Kind::Invalid, &Cause::Refused, Effect::None, false);

    // A check that names no status answers 403, which is not about our rights.
    let message = "admission webhook \"policy.example\" denied the request: no";
    let failure = by(403, "Forbidden", message, json!({}), Verb::Write);
    is(&failure, Kind::Invalid, &Cause::Refused, Effect::None, false);
}

#[test]
fn e11_virt_api_that_is_down_fails_every_write_without_effect() {
    let message = "Internal error occurred: failed calling webhook \
                   \"virtualmachines-mutator.kubevirt.io\": failed to call webhook: Post …: \
                   connection refused";
    let failure = by(500, "InternalError", message, json!({}), Verb::Write);
    is(&failure, Kind::Unavailable, &Cause::ServerDown, Effect::None, true);
    assert!(failure.error.message().contains("virt-api"));
}

#[test]
fn e8_texts_of_virt_api_are_understood() {
    let unknown = "unknown api endpoint: /apis/subresources.kubevirt.io/v1/namespaces/default/…";
    let failure = text(401, unknown, Verb::Subresource);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
    let failure = text(404, "404: Page Not Found", Verb::Subresource);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
    let failure = text(405, "405: Method Not Allowed", Verb::Subresource);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
    for failure in [
        by(400, "BadRequest", "No virt-handler on node n1 found", json!(null), Verb::Subresource),
        text(500, "No virt-handler on node n1 found", Verb::Read),
    ] {
        is(&failure, Kind::Unavailable, &Cause::Refused, Effect::None, false);
    }
}

#[test]
fn x28_credentials_and_rights_are_two_things() {
    let failure = by(401, "Unauthorized", "Unauthorized", json!(null), Verb::Read);
    is(&failure, Kind::Denied, &Cause::AuthFailed, Effect::None, false);
    // Kubernetes itself may say so as text, and at KubeVirt's paths as a document.
    let failure = text(401, "Unauthorized", Verb::Read);
    is(&failure, Kind::Denied, &Cause::AuthFailed, Effect::None, false);
    let failure = by(401, "Unauthorized", "Unauthorized", json!(null), Verb::Subresource);
    is(&failure, Kind::Denied, &Cause::AuthFailed, Effect::None, false);

    let details = json!({"group": "kubevirt.io", "kind": "virtualmachines"});
    let message = "virtualmachines.kubevirt.io is forbidden: User \"viewer\" cannot list resource";
    let failure = by(403, "Forbidden", message, details, Verb::Read);
    is(&failure, Kind::Denied, &Cause::Forbidden, Effect::None, false);
    assert!(failure.error.message().contains("may not look at virtualmachines"));
    assert!(!failure.error.message().contains("viewer"), "the raw text is not public");
}

#[test]
fn f5_a_quota_and_a_dying_namespace_are_no_missing_rights() {
    let message = "pods \"p\" is forbidden: exceeded quota: q, requested: cpu=2, used: cpu=1";
    let failure = by(403, "Forbidden", message, json!({"name": "p"}), Verb::Write);
    is(&failure, Kind::Exhausted, &Cause::Quota, Effect::None, false);
    let details = json!({"causes": [{"reason": "NamespaceTerminating", "message": "…"}]});
    let failure = by(403, "Forbidden", "… is being terminated", details, Verb::Write);
    let cause = Cause::WrongState(WrongState::Other);
    is(&failure, Kind::Conflict, &cause, Effect::None, false);
}

#[test]
fn e8_an_object_that_is_missing_is_not_a_kind_that_is_missing() {
    let details = json!({"name": "nope", "group": "kubevirt.io", "kind": "virtualmachines"});
    let failure =
        by(404, "NotFound", "virtualmachines.kubevirt.io \"nope\" not found", details, Verb::Read);
    is(&failure, Kind::NotFound, &Cause::ObjectMissing, Effect::None, false);
    let failure = text(404, "404 page not found", Verb::Read);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
    let message = "the server could not find the requested resource";
    let failure = by(404, "NotFound", message, json!({}), Verb::Write);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
    let failure = by(
        404,
        "NotFound",
        "namespaces \"x\" not found",
        json!({"name": "x", "kind": "namespaces"}),
        Verb::Write,
    );
    assert!(failure.error.message().contains("no namespace \"x\""));
}

#[test]
fn x26_gone_is_recognised_in_each_of_its_forms() {
    let too_old = "The resourceVersion for the provided list is too old.";
    let gone = Cause::Gone { next: None };
    for failure in [
        by(410, "Expired", too_old, json!(null), Verb::Read),
        by(410, "Gone", "too old resource version: 1 (306)", json!(null), Verb::Watch),
        text(410, "gone", Verb::Watch),
    ] {
        is(&failure, Kind::Unavailable, &gone, Effect::None, false);
        assert!(failure.is_gone());
    }
    let page = json!({"kind": "Status", "metadata": {"continue": "abc"}, "reason": "Expired",
                      "code": 410});
    let failure = asked(410, page.to_string().as_bytes(), Verb::Read);
    let cause = Cause::Gone { next: Some("abc".into()) };
    is(&failure, Kind::Unavailable, &cause, Effect::None, false);

    let event = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 344 (366)", "reason": "Expired", "code": 410});
    let failure = classify_event(&Status::of_value(event).unwrap(), "watch");
    is(&failure, Kind::Unavailable, &gone, Effect::None, false);
    // An event may tell the reason and no code.
    for reason in ["Expired", "Gone"] {
        let event = json!({"kind": "Status", "reason": reason});
        let failure = classify_event(&Status::of_value(event).unwrap(), "watch");
        is(&failure, Kind::Unavailable, &gone, Effect::None, false);
    }
}

#[test]
fn x26_another_error_in_a_watch_is_a_failure() {
    let event = json!({"kind": "Status", "message": "RequestWatchProgress is disabled",
                       "code": 500});
    let failure = classify_event(&Status::of_value(event).unwrap(), "watch");
    is(&failure, Kind::Unavailable, &Cause::Broken, Effect::None, true);
}

#[test]
fn e8_wrong_fields_are_named() {
    let details = json!({"name": "bad", "causes": [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.template"},
        {"reason": "FieldValueInvalid", "message": "Invalid value: null", "field": "<nil>"},
    ]});
    let failure = by(422, "Invalid", "VirtualMachine \"bad\" is invalid", details, Verb::Write);
    let fields = vec![("spec.template".to_owned(), "Required value".to_owned())];
    is(&failure, Kind::Invalid, &Cause::Fields(fields), Effect::None, false);
    assert_eq!(
        failure.error.message(),
        "test: the cluster refuses these fields: spec.template (Required value)"
    );
    let denied = json!({"causes": [{"reason": "FieldValueInvalid", "message": "'zz' not found.",
        "field": "spec.template.spec.domain.devices.disks[0].name"}]});
    let message = "admission webhook \"virtualmachine-validator.kubevirt.io\" denied the request";
    let failure = by(422, "Invalid", message, denied, Verb::Write);
    assert!(failure.error.message().contains("devices.disks[0].name"));
}

#[test]
fn e8_a_failed_test_of_a_json_patch_means_that_it_was_changed() {
    let message = "the server rejected our request due to an error in our request";
    let failure = by(422, "Invalid", message, json!({}), Verb::JsonPatch);
    is(&failure, Kind::Conflict, &Cause::Changed, Effect::None, false);
    let failure = by(422, "Invalid", message, json!({}), Verb::Write);
    is(&failure, Kind::Invalid, &Cause::Refused, Effect::None, false);
}

#[test]
fn e8_requests_that_were_built_wrongly_are_no_trouble_of_the_cluster() {
    let strict = "strict decoding error: unknown field \"spec.bogus\"";
    let failure = by(400, "BadRequest", strict, json!(null), Verb::Write);
    is(&failure, Kind::Invalid, &Cause::Refused, Effect::None, false);
    let failure = by(415, "UnsupportedMediaType", "unknown format", json!(null), Verb::Write);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
}

#[test]
fn x27_retry_after_is_taken_from_header_and_document_within_a_limit() {
    let wait = |header: Option<u64>, document: u64| {
        let body = status(429, "TooManyRequests", "", json!({"retryAfterSeconds": document}));
        let retry_after = header.map(Duration::from_secs);
        let answer = Answer { status: 429, retry_after, body: &body, from_virt_api: false };
        let failure = classify(&answer, Verb::Write, "test");
        is(&failure, Kind::Unavailable, &Cause::Busy, Effect::None, true);
        failure.error.retry_after()
    };
    assert_eq!(wait(None, 0), None);
    assert_eq!(wait(Some(7), 0), Some(Duration::from_secs(7)));
    assert_eq!(wait(Some(1), 9), Some(Duration::from_secs(9)));
    assert_eq!(wait(Some(u64::MAX / 2), 0), Some(MAX_RETRY_AFTER));
}

#[test]
fn e8_an_eviction_that_a_budget_forbids_is_a_conflict() {
    let details = json!({"causes": [{"reason": "DisruptionBudget", "message": "…"}]});
    let failure = by(429, "TooManyRequests", "Cannot evict pod", details, Verb::Write);
    let cause = Cause::WrongState(WrongState::Other);
    is(&failure, Kind::Conflict, &cause, Effect::None, false);
}

#[test]
fn e11_after_a_write_that_broke_nobody_knows_and_after_a_look_all_is_known() {
    for code in [500, 502, 503, 504, 520] {
        for verb in [Verb::Write, Verb::JsonPatch, Verb::Subresource] {
            let failure = text(code, "upstream broke", verb);
            assert_eq!(failure.error.effect(), Effect::Unknown, "{code} {verb:?}");
            assert!(failure.counts(), "{code} {verb:?}");
        }
        for verb in [Verb::Read, Verb::Watch] {
            let failure = text(code, "upstream broke", verb);
            assert_eq!(failure.error.effect(), Effect::None, "{code} {verb:?}");
        }
    }
    let details = json!({"causes": [{"reason": "ResourceVersionTooLarge"}],
                         "retryAfterSeconds": 1});
    let failure = by(504, "Timeout", "Too large resource version", details, Verb::Read);
    is(&failure, Kind::Timeout, &Cause::Broken, Effect::None, true);
    assert_eq!(failure.error.retry_after(), Some(Duration::from_secs(1)));
}

#[test]
fn x27_no_4xx_ever_counts_but_429() {
    for code in 400..500 {
        let failure = text(code, "", Verb::Write);
        assert_eq!(failure.counts(), code == 429, "{code}");
    }
}

#[test]
fn e8_strange_documents_are_read_as_far_as_they_go() {
    let odd = json!({"kind": "Status", "reason": null, "message": 7, "details": "none",
                     "code": "x", "metadata": []});
    let failure = asked(404, odd.to_string().as_bytes(), Verb::Read);
    is(&failure, Kind::Unsupported, &Cause::KindMissing, Effect::None, false);
    let page = "<html>log in</html>";
    let failure = text(302, page, Verb::Read);
    is(&failure, Kind::Bug, &Cause::Ours, Effect::None, false);
    assert!(failure.error.raw().unwrap().contains("log in"));
    let failure = asked(500, &[0xff; 10_000], Verb::Read);
    assert!(failure.error.raw().unwrap().len() < 20_000);
}

#[test]
fn f1_why_a_console_was_not_opened_is_told_apart_and_speaks_against_no_cluster() {
    let around = |what: &str| format!("Internal error occurred: {what}");
    let rows = [
        (400, "VMI is not running".to_owned(), Kind::Conflict),
        (
            409,
            "Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io \"vm1\": VMI is \
               in failed status"
                .to_owned(),
            Kind::Conflict,
        ),
        (
            400,
            "Unable to connect to VirtualMachineInstance because phase is Scheduling instead of \
               Running or Scheduled"
                .to_owned(),
            Kind::Conflict,
        ),
        (400, "No serial consoles are present.".to_owned(), Kind::Unsupported),
        (400, "No graphics devices are present.".to_owned(), Kind::Unsupported),
        (
            400,
            "websocket: the client is not using the websocket protocol".to_owned(),
            Kind::Unsupported,
        ),
        (
            500,
            around(
                "Can't connect to websocket (503): websocket: bad handshake: application info: \
                      Active VNC connection. Request denied.",
            ),
            Kind::Conflict,
        ),
        (500, around("dialing virt-handler: websocket: bad handshake"), Kind::Unavailable),
        (
            500,
            around("dialing virt-handler: dial tcp 10.0.0.1:8186: connect: connection refused"),
            Kind::Unavailable,
        ),
    ];
    for (code, message, kind) in rows {
        let failure = by(code, "", &message, json!(null), Verb::Stream);
        assert_eq!(
            (failure.error.kind(), failure.counts()),
            (kind, false),
            "{message}: {failure:?}"
        );
        assert_eq!(failure.error.effect(), Effect::None);
    }
    let words = around("Can't connect to websocket (503): Active VNC connection. Request denied.");
    let in_use = by(500, "InternalError", &words, json!(null), Verb::Stream);
    assert_eq!(in_use.cause, Cause::WrongState(WrongState::InUse));
    // The same words of another call are no console's.
    let other = by(500, "InternalError", &words, json!(null), Verb::Subresource);
    is(&other, Kind::Unavailable, &Cause::Broken, Effect::Unknown, true);
    let down = text(503, "service unavailable\n", Verb::Stream);
    is(&down, Kind::Unavailable, &Cause::Busy, Effect::None, true);
    let forbidden =
        by(403, "Forbidden", "no", json!({"kind": "virtualmachineinstances"}), Verb::Stream);
    assert!(forbidden.error.message().contains("virtualmachineinstances/console"));
    is(&forbidden, Kind::Denied, &Cause::Forbidden, Effect::None, false);
}
