//! What others own is shown first, and taken over only by who asks again with it (X25).

use hostler_core::vm::VmSpec;
use hostler_kube_double::{Fault, What};
use hostler_kubevirt::create::TakeOver;
use hostler_kubevirt::error::Owned;
use hostler_provider::Kind;
use serde_json::json;

use crate::create::{VMS, ensure, owners, request, spec, stored};
use crate::place::{Place, busy, cx};

const MEMORY: &str = ".spec.template.spec.domain.memory.guest";
const OURS: &[&str] = &["spec", "template", "spec", "domain", "memory", "guest"];

/// A VM of 64 MiB of which somebody made 96, by the name of `test`.
async fn grown(place: &Place) -> VmSpec {
    let web = spec("web");
    ensure(place, 1, &web).await.unwrap();
    grow(place, "96Mi");
    web
}

fn grow(place: &Place, size: &str) {
    place
        .double
        .edit(VMS, "default", "web", |vm| {
            vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = json!(size);
        })
        .unwrap();
}

fn memory(place: &Place) -> String {
    let vm = stored(place, "web");
    vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn x25_fields_of_others_are_shown_before_they_are_taken_over() {
    let place = Place::start(busy()).await;
    let web = grown(&place).await;
    let request = request(1, &web);
    let nothing = TakeOver::default();
    let shown = place.provider.apply_vm(&cx(), &request, &nothing).await.unwrap_err();
    assert_eq!((shown.error.kind(), shown.error.is_unknown()), (Kind::Conflict, false));
    let owned = Owned { manager: "test".into(), field: MEMORY.into() };
    assert_eq!(shown.owned, [owned]);
    for words in [MEMORY, "(test)", "ask again"] {
        assert!(shown.error.message().contains(words), "{}", shown.error);
    }
    assert_eq!(memory(&place), "96Mi");
    assert_eq!(
        place.double.counts().recent().filter(|one| one.path.contains("force=true")).count(),
        0
    );
    let take = TakeOver { shown: shown.owned, from_gitops: false };
    let handle = place.provider.apply_vm(&cx(), &request, &take).await.unwrap();
    assert!(!handle.created);
    let vm = stored(&place, "web");
    assert_eq!((memory(&place).as_str(), owners(&vm, OURS)), ("64Mi", vec!["hostler!".to_owned()]));
    assert_eq!(vm["spec"]["runStrategy"], "Manual");
}

#[tokio::test]
async fn x25_what_was_not_shown_is_not_taken_over() {
    let place = Place::start(busy()).await;
    let web = grown(&place).await;
    let other = Owned { manager: "test".into(), field: ".spec.template.spec.hostname".into() };
    let take = TakeOver { shown: vec![other], from_gitops: true };
    let refused = place.provider.apply_vm(&cx(), &request(1, &web), &take).await.unwrap_err();
    assert_eq!(refused.owned.len(), 1);
    assert_eq!(memory(&place), "96Mi");
}

#[tokio::test]
async fn x25_what_gitops_keeps_is_left_alone_unless_it_is_asked_for_by_that_name() {
    let place = Place::start(busy()).await;
    let web = grown(&place).await;
    let mark = |vm: &mut serde_json::Value| {
        vm["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = json!("apps");
    };
    place.double.edit(VMS, "default", "web", mark).unwrap();
    let request = request(1, &web);
    let shown = place.provider.apply_vm(&cx(), &request, &TakeOver::default()).await.unwrap_err();
    let take = TakeOver { shown: shown.owned.clone(), from_gitops: false };
    let refused = place.provider.apply_vm(&cx(), &request, &take).await.unwrap_err();
    assert!(refused.error.message().contains("flux (apps)"), "{}", refused.error);
    assert_eq!((refused.owned, memory(&place).as_str()), (shown.owned.clone(), "96Mi"));
    let take = TakeOver { shown: shown.owned, from_gitops: true };
    place.provider.apply_vm(&cx(), &request, &take).await.unwrap();
    assert_eq!(memory(&place), "64Mi");
}

#[tokio::test]
async fn x25_a_change_of_the_specification_keeps_what_nobody_of_us_set() {
    let place = Place::start(busy()).await;
    let web = spec("web");
    let made = ensure(&place, 1, &web).await.unwrap();
    place.power().start(&cx(), &made.vm).await.unwrap();
    let before = stored(&place, "web");
    let mut wider = web.clone();
    wider.cpu.count = 2;
    let nothing = TakeOver::default();
    place.provider.apply_vm(&cx(), &request(1, &wider), &nothing).await.unwrap();
    let vm = stored(&place, "web");
    let domain = |vm: &serde_json::Value| vm["spec"]["template"]["spec"]["domain"].clone();
    assert_eq!(domain(&vm)["cpu"]["sockets"], 2);
    assert_eq!(domain(&vm)["firmware"], domain(&before)["firmware"]);
    assert_eq!(vm["spec"]["runStrategy"], before["spec"]["runStrategy"]);
    assert_eq!(vm["status"]["created"], true, "it runs on");
}

#[tokio::test]
async fn e13_a_change_that_fails_of_something_else_shows_no_fields() {
    let place = Place::start(busy()).await;
    let web = spec("web");
    let nothing = TakeOver::default();
    let absent = place.provider.apply_vm(&cx(), &request(1, &web), &nothing).await.unwrap_err();
    assert_eq!((absent.error.kind(), absent.owned.len()), (Kind::NotFound, 0));
    ensure(&place, 1, &web).await.unwrap();
    place.double.fault(Fault::new(What::LoseAnswer).verb("apply").class(VMS).times(1));
    let lost = place.provider.apply_vm(&cx(), &request(1, &web), &nothing).await.unwrap_err();
    assert_eq!((lost.error.is_unknown(), lost.owned.len()), (true, 0));
}
