//! What others own is shown first, and taken over only by who asks again with it (X25); and
//! when a change takes effect is told as the cluster tells it.

use hostler_core::Code;
use hostler_core::vm::VmSpec;
use hostler_core::vm::change::{ChangePlan, Managed, Takes};
use hostler_kube_double::{Fault, What};
use hostler_provider::{ChangeVm, Configure, DiskBinding, Kind, Provider, Result, VmRef};
use serde_json::{Value, json};

use crate::create::{VMS, ensure, id, owners, spec, stored};
use crate::place::{Place, busy, cx};

const MEMORY: &str = ".spec.template.spec.domain.memory.guest";
const OURS: &[&str] = &["spec", "template", "spec", "domain", "memory", "guest"];

/// What was asked of a VM, and what is.
pub(crate) struct Asked<'a> {
    place: &'a Place,
    at: VmRef,
    before: VmSpec,
    pub(crate) disks: Vec<DiskBinding>,
    pub(crate) take_over: Vec<Managed>,
    from_gitops: bool,
}

impl<'a> Asked<'a> {
    /// Of a VM without disks; nothing is taken over.
    pub(crate) fn of(place: &'a Place, at: VmRef, before: VmSpec) -> Self {
        let (disks, take_over) = (Vec::new(), Vec::new());
        Self { place, at, before, disks, take_over, from_gitops: false }
    }
}

impl Asked<'_> {
    pub(crate) async fn plan(&self, spec: &VmSpec) -> Result<ChangePlan> {
        self.configure().plan_change(&cx(), &self.request(spec)).await
    }

    pub(crate) async fn change(&self, spec: &VmSpec) -> Result<ChangePlan> {
        self.configure().change_vm(&cx(), &self.request(spec)).await
    }

    fn configure(&self) -> &dyn Configure {
        self.place.provider.configure().unwrap()
    }

    fn request<'a>(&'a self, spec: &'a VmSpec) -> ChangeVm<'a> {
        ChangeVm {
            vm: id(1),
            at: &self.at,
            before: &self.before,
            spec,
            disks: &self.disks,
            seed: None,
            take_over: &self.take_over,
            from_gitops: self.from_gitops,
        }
    }
}

async fn made(place: &Place) -> Asked<'_> {
    let before = spec("web");
    let at = ensure(place, 1, &before).await.unwrap().vm;
    Asked::of(place, at, before)
}

fn edit(place: &Place, edit: impl FnOnce(&mut Value)) {
    place.double.edit(VMS, "default", "web", edit).unwrap();
}

/// A VM of 64 MiB of which somebody made 96, by the name of `test`.
async fn grown(place: &Place) -> Asked<'_> {
    let asked = made(place).await;
    edit(place, |vm| vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = json!("96Mi"));
    asked
}

fn memory(place: &Place) -> String {
    let vm = stored(place, "web");
    vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"].as_str().unwrap().to_owned()
}

fn forced(place: &Place) -> usize {
    place.double.counts().recent().filter(|one| one.path.contains("force=true")).count()
}

fn paths(plan: &ChangePlan) -> Vec<(&str, &Takes)> {
    plan.changes.iter().map(|one| (&*one.field.path, &one.takes)).collect()
}

#[tokio::test]
async fn x25_fields_of_others_are_shown_before_they_are_taken_over() {
    let place = Place::start(busy()).await;
    let mut asked = grown(&place).await;
    let wanted = asked.before.clone();
    let plan = asked.plan(&wanted).await.unwrap();
    assert_eq!(paths(&plan), [("/memory/bytes", &Takes::NextStart)]);
    assert_eq!(plan.changes[0].field.from, Some(json!(96 << 20)), "what it is, not what was asked");
    let owned = Managed { manager: "test".into(), field: MEMORY.into() };
    assert_eq!(plan.managed_by_others, [owned]);
    let refused = asked.change(&wanted).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
    assert_eq!(refused.code(), Code::VmFieldsManaged);
    for words in [MEMORY, "(test)"] {
        assert!(refused.message().contains(words), "{refused}");
    }
    assert_eq!((memory(&place).as_str(), forced(&place)), ("96Mi", 0));
    asked.take_over = plan.managed_by_others;
    asked.change(&wanted).await.unwrap();
    let vm = stored(&place, "web");
    assert_eq!((memory(&place).as_str(), owners(&vm, OURS)), ("64Mi", vec!["hostler!".to_owned()]));
    assert_eq!(vm["spec"]["runStrategy"], "Manual");
    assert!(asked.change(&wanted).await.unwrap().is_empty(), "as wanted is success");
}

#[tokio::test]
async fn x25_what_was_not_shown_is_not_taken_over() {
    let place = Place::start(busy()).await;
    let mut asked = grown(&place).await;
    asked.take_over =
        vec![Managed { manager: "test".into(), field: ".spec.template.spec.hostname".into() }];
    asked.from_gitops = true;
    let refused = asked.change(&asked.before.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmFieldsManaged);
    assert_eq!((memory(&place).as_str(), forced(&place)), ("96Mi", 0));
}

#[tokio::test]
async fn x25_what_gitops_keeps_is_left_alone_unless_it_is_asked_for_by_that_name() {
    let place = Place::start(busy()).await;
    let mut asked = grown(&place).await;
    edit(&place, |vm| {
        vm["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = json!("apps");
    });
    let wanted = asked.before.clone();
    let plan = asked.plan(&wanted).await.unwrap();
    assert_eq!(plan.kept_by.as_ref().unwrap().to_string(), "flux (apps)");
    asked.take_over = plan.managed_by_others;
    let refused = asked.change(&wanted).await.unwrap_err();
    assert!(refused.message().contains("flux (apps)"), "{refused}");
    assert_eq!(memory(&place), "96Mi");
    asked.from_gitops = true;
    asked.change(&wanted).await.unwrap();
    assert_eq!(memory(&place), "64Mi");
}

#[tokio::test]
async fn x25_a_change_keeps_what_nobody_of_us_set_and_what_is_not_about_it() {
    let place = Place::start(busy()).await;
    let asked = made(&place).await;
    place.power().start(&cx(), &asked.at).await.unwrap();
    let before = stored(&place, "web");
    // A policy made this of what was asked for; it is not fought over.
    edit(&place, |vm| {
        vm["spec"]["template"]["spec"]["domain"]["machine"]["type"] = json!("pc-q35");
    });
    let mut wider = asked.before.clone();
    wider.cpu.count = 2;
    let plan = asked.change(&wider).await.unwrap();
    assert_eq!(paths(&plan), [("/cpu/count", &Takes::NextStart)]);
    let vm = stored(&place, "web");
    let domain = |vm: &Value| vm["spec"]["template"]["spec"]["domain"].clone();
    assert_eq!(domain(&vm)["cpu"]["sockets"], 2);
    assert_eq!(domain(&vm)["firmware"], domain(&before)["firmware"]);
    assert_eq!(domain(&vm)["machine"]["type"], "pc-q35");
    let template = |vm: &Value| vm["spec"]["template"]["spec"]["affinity"].clone();
    assert_eq!(template(&vm), template(&before), "where it was to run");
    assert_eq!(vm["spec"]["runStrategy"], before["spec"]["runStrategy"]);
    assert_eq!(vm["status"]["created"], true, "it runs on");
    assert_eq!(forced(&place), 0);
}

#[tokio::test]
async fn c20_what_the_cluster_rolls_out_live_is_told_as_live() {
    let place = Place::start(busy()).await;
    let installation = |one: &mut Value| {
        one["spec"]["configuration"]["vmRolloutStrategy"] = json!("LiveUpdate");
    };
    place.double.edit("kubevirts", "kubevirt", "kubevirt", installation).unwrap();
    let mut before = spec("web");
    before.cpu.max_count = Some(4);
    let at = ensure(&place, 1, &before).await.unwrap().vm;
    place.power().start(&cx(), &at).await.unwrap();
    let mut asked = Asked::of(&place, at, before.clone());
    let mut wider = before.clone();
    wider.cpu.count = 3;
    assert_eq!(paths(&asked.plan(&wider).await.unwrap()), [("/cpu/count", &Takes::Live)]);
    assert_eq!(paths(&asked.change(&wider).await.unwrap()), [("/cpu/count", &Takes::Live)]);
    // Fewer, or something else beside it, waits.
    asked.before = wider.clone();
    assert_eq!(paths(&asked.plan(&before).await.unwrap()), [("/cpu/count", &Takes::NextStart)]);
    let mut other = wider.clone();
    (other.cpu.count, other.rng) = (4, false);
    let told = asked.change(&other).await.unwrap();
    assert_eq!(
        paths(&told),
        [("/cpu/count", &Takes::NextStart), ("/rng", &Takes::NextStart)],
        "the cluster says that it needs a restart"
    );
}

#[tokio::test]
async fn c20_what_the_cluster_does_not_keep_is_an_error() {
    let place = Place::start(busy()).await;
    let asked = made(&place).await;
    let mut wanted = asked.before.clone();
    wanted.tpm = Some(hostler_core::vm::devices::TpmSpec {
        model: hostler_core::vm::devices::TpmModel::Tis,
    });
    let refused = asked.plan(&wanted).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
    assert!(refused.message().contains("/tpm/model"), "{refused}");
    let mut renamed = asked.before.clone();
    renamed.name = "other".into();
    let plan = asked.plan(&renamed).await.unwrap();
    assert!(matches!(plan.changes[0].takes, Takes::Refused(_)));
    assert_eq!(asked.change(&renamed).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn e8_a_change_whose_answer_is_lost_may_have_happened() {
    let place = Place::start(busy()).await;
    let asked = made(&place).await;
    let mut wider = asked.before.clone();
    wider.cpu.count = 2;
    asked.plan(&wider).await.unwrap();
    let lose = Fault::new(What::LoseAnswer).verb("apply").class(VMS).times(2);
    place.double.fault(lose);
    // The plan itself is tried by such a call.
    assert!(asked.plan(&wider).await.is_err());
    place.double.clear_faults();
    asked.change(&wider).await.unwrap();
    assert!(asked.change(&wider).await.unwrap().is_empty());
}
