//! The server killed at every journal write of every kind of end (F1, F2, F3).
//!
//! ```text
//!  server that freezes ── submit ──► frozen at write n ── kill -9 ──► (again) ──► server
//!                                                                                  │
//!        the same key gives the same operation, it ends, nothing is left over ◄────┘
//! ```
//!
//! Frozen *before* a write, the effect is there and not recorded; *after* it, it is recorded and
//! nobody acted on it. Many servers, each with its own state and its own VM, are at it at once on
//! one libvirtd: starting them is most of the time.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hostler_api::{Nothing, v1};
use hostler_client::Terms;
use hostler_lab::{Lab, guest};
use serde_json::json;

use super::small_vm;
use crate::rig::{Api, Exchange, Home, Server, check, domains, eventually, files, lab, volumes};

/// How many cases are at work at once.
const AT_ONCE: usize = 8;

/// The key under which each case submits.
const KEY: &str = "once and no more";

/// What is done while the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Place, disks, seed, define, start.
    Create,
    /// The same with a disk that is uploaded from an image.
    CreateFromImage,
    /// The same, but the start fails, so everything is undone.
    CreateInVain,
    /// Cut power, remove, remove volumes.
    Delete,
}

impl Deed {
    /// How many journal writes it takes: each step begins and ends, then the operation does.
    /// A creation also notes the pool that it chose, before it makes the first disk.
    const fn writes(self) -> u64 {
        match self {
            Self::Create | Self::CreateFromImage => 5 * 2 + 1 + 1,
            // Five begun and four done, one failed, five undone.
            Self::CreateInVain => 5 * 2 + 1 + 5 * 2 + 1,
            Self::Delete => 3 * 2 + 1,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::CreateFromImage => "image",
            Self::CreateInVain => "vain",
            Self::Delete => "delete",
        }
    }

    fn request(self, name: &str) -> v1::VmRequest {
        let mut request = small_vm(name, true);
        match self {
            Self::Create | Self::Delete => {}
            Self::CreateFromImage => {
                let image = json!({ "image": { "image": "sample" } });
                request.spec.disks[0].source = serde_json::from_value(image).unwrap();
            }
            Self::CreateInVain => {
                // Defining does not look for the bridge, starting does.
                let nic = json!([{ "source": { "bridge": "no-such-bridge" } }]);
                request.spec.nics = serde_json::from_value(nic).unwrap();
            }
        }
        request
    }
}

/// One death.
#[derive(Debug)]
struct Case {
    name: String,
    deed: Deed,
    /// The write at which the first server freezes.
    at: String,
    /// The write at which the one after it does, where that is killed too.
    then: Option<&'static str>,
}

impl Case {
    fn new(deed: Deed, write: u64, side: &str) -> Self {
        let name = format!("{}-{write}-{side}", deed.word());
        Self { name, deed, at: format!("{write}:{side}"), then: None }
    }

    /// The same with a second death, soon after the rebirth.
    fn then(mut self, at: &'static str) -> Self {
        // No name is the beginning of another: what belongs to a case is found by its name.
        self.name = format!("twice-{}", self.name);
        self.then = Some(at);
        self
    }
}

/// Both sides of each write from `first` on.
fn every_write(deed: Deed, first: u64) -> Vec<Case> {
    let sides = ["before", "after"];
    let writes = first..deed.writes();
    writes.flat_map(|write| sides.map(|side| Case::new(deed, write, side))).collect()
}

#[test]
fn f1_f2_f3_a_server_killed_at_any_write_of_a_creation_finishes_it_later() {
    let mut cases = every_write(Deed::Create, 0);
    // Killed again while it resumes the step at which it was killed (F2).
    cases.push(Case::new(Deed::Create, 4, "before").then("0:before"));
    cases.push(Case::new(Deed::Create, 8, "before").then("0:after"));
    cases.push(Case::new(Deed::CreateFromImage, 4, "before"));
    cases.push(Case::new(Deed::CreateFromImage, 4, "after"));
    die("create", cases);
}

#[test]
fn f1_f2_a_server_killed_at_any_write_of_a_deletion_finishes_it_later() {
    let mut cases = every_write(Deed::Delete, 0);
    cases.push(Case::new(Deed::Delete, 3, "before").then("0:before"));
    cases.push(Case::new(Deed::Delete, 5, "before").then("0:after"));
    die("delete", cases);
}

#[test]
fn f2_a_server_killed_while_it_undoes_a_creation_undoes_it_later() {
    // The writes before the failed start are those of a creation that succeeds.
    let failure = 10;
    let mut cases = every_write(Deed::CreateInVain, failure);
    cases.push(Case::new(Deed::CreateInVain, 14, "before").then("0:before"));
    die("vain", cases);
}

/// Goes through the cases, several at once; then nothing may be left over.
fn die(name: &str, cases: Vec<Case>) {
    let lab = lab(name);
    let images = guest::build(&guest::checkout_dir(), &mut |line| eprintln!("{line}")).unwrap();
    let deeds: Vec<Deed> = cases.iter().map(|case| case.deed).collect();
    // No write may be overlooked: one more, and the server does not freeze.
    for deed in [Deed::Create, Deed::CreateInVain, Deed::Delete] {
        if deeds.contains(&deed) {
            does_not_freeze(&lab, deed);
        }
    }
    let queue = Mutex::new(cases.into_iter());
    let failures = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        let work = || {
            while let Some(case) = { queue.lock().unwrap().next() } {
                let told = std::panic::catch_unwind(|| one(&lab, &images.disk_qcow2, &case));
                if let Err(panic) = told {
                    let text = panic.downcast_ref::<String>().cloned();
                    failures.lock().unwrap().insert(case.name, text.unwrap_or_default());
                }
            }
        };
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    assert_eq!(failures.into_inner().unwrap(), BTreeMap::new());
    assert_eq!((domains(&lab), volumes(&lab)), (vec![], vec![]), "something is orphaned");
}

fn does_not_freeze(lab: &Lab, deed: Deed) {
    let home = Home::new();
    let case = Case::new(deed, deed.writes(), "before");
    let (server, operation) = begin(lab, &home, &case);
    let ended = home.api().settled(&operation);
    assert!(ended.finished_at.is_some(), "{ended:?}");
    assert!(!server.log().contains("frozen, as asked"), "{deed:?} has more writes than we know");
    // It would freeze at the next operation's first write.
    server.stop();
    let _server = home.serve(&[("lab", lab.uri())]);
    clean_up(&home.api(), &case);
}

fn one(lab: &Lab, image: &std::path::Path, case: &Case) {
    let home = Home::new();
    if case.deed == Deed::CreateFromImage {
        let server = home.serve(&[("lab", lab.uri())]);
        let image = image.display().to_string();
        home.done(&["image", "import", "--name", "sample", &image]);
        server.stop();
    }
    let (server, operation) = begin(lab, &home, case);
    server.until_frozen();
    server.kill();
    if let Some(at) = case.then {
        let server = home.launch().provider("lab", &lab.uri()).frozen_at(at).ready();
        server.until_frozen();
        server.kill();
    }
    let _server = home.serve(&[("lab", lab.uri())]);
    let api = home.api();
    // Whoever did not get an answer asks again, and gets the first one's (F3).
    assert_eq!(submit(&home, &api, case), operation, "the same key made another operation");
    let ended = api.settled(&operation);
    judge(lab, &home, &api, case, &ended);
    clean_up(&api, case);
}

/// Starts a server that will freeze, and submits.
fn begin(lab: &Lab, home: &Home, case: &Case) -> (Server, String) {
    if case.deed == Deed::Delete {
        let server = home.serve(&[("lab", lab.uri())]);
        let api = home.api();
        let made = create(&api, case, "the VM that will be deleted");
        assert_eq!(api.settled(&made).state, "succeeded");
        api.until_state(&case.name, "running");
        server.stop();
    }
    let server = home.launch().provider("lab", &lab.uri()).frozen_at(&case.at).ready();
    let api = home.api();
    if case.deed == Deed::Delete {
        api.until_state(&case.name, "running");
    }
    let operation = submit(home, &api, case);
    (server, operation)
}

/// Submits under the key; gives the operation.
fn submit(home: &Home, api: &Api, case: &Case) -> String {
    if case.deed != Deed::Delete {
        return create(api, case, KEY);
    }
    // Once it is deleted the list does not have it, so its id comes from the first operation.
    let made = api.list::<v1::OperationList, v1::Operation>(Nothing {}).pop().unwrap().value;
    let target = format!("/api/v1/vms/{}?disks=true&force=true", made.resources[0].id);
    let exchange = Exchange::local(&home.socket()).unwrap();
    let answer = exchange.ask("DELETE", &target, &[("idempotency-key", KEY)], b"").unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn create(api: &Api, case: &Case, key: &str) -> String {
    let terms = Terms { idempotency_key: Some(key.into()), ..Terms::default() };
    let request = case.deed.request(&case.name);
    api.ask::<v1::VmCreate>(&Nothing {}, &Nothing {}, &request, &terms).unwrap().value.id
}

/// The operation has ended as it had to, libvirt has what it should have, once, and nothing else.
fn judge(lab: &Lab, home: &Home, api: &Api, case: &Case, ended: &v1::Operation) {
    let (state, operations, is_there) = match case.deed {
        Deed::Create | Deed::CreateFromImage => ("succeeded", 1, true),
        Deed::CreateInVain => ("failed", 1, false),
        Deed::Delete => ("succeeded", 2, false),
    };
    assert_eq!(ended.state, state, "{ended:?}");
    let all = api.list::<v1::OperationList, v1::Operation>(Nothing {});
    assert_eq!(all.len(), operations, "{all:?}");
    assert_eq!(submit(home, api, case), ended.id, "the key is forgotten after the end");

    let of_ours = |names: Vec<String>| -> Vec<String> {
        names.into_iter().filter(|name| name.starts_with(&case.name)).collect()
    };
    // The pool cannot be read afresh while other cases fill it; its directory can.
    let (here, disks) = (of_ours(domains(lab)), of_ours(files(lab)));
    let known = api.vms().into_iter().filter(|vm| vm.name == case.name).count();
    if is_there {
        assert_eq!((here, known), (vec![case.name.clone()], 1));
        let parts = ["root-", "seed-"].map(|part| format!("{}-{part}", case.name));
        assert_eq!(disks.len(), 2, "{disks:?}");
        assert!(disks.iter().zip(&parts).all(|(disk, part)| disk.starts_with(part)), "{disks:?}");
        api.until_state(&case.name, "running");
    } else {
        assert_eq!((here, disks, known), (vec![], vec![], 0));
    }
}

/// Deletes what the case has made.
fn clean_up(api: &Api, case: &Case) {
    let Some(vm) = api.vms().into_iter().find(|vm| vm.managed && vm.name == case.name) else {
        return;
    };
    let query = v1::VmDeleteQuery { disks: true, force: true };
    let path = v1::VmPath { vm: vm.id };
    let operation = eventually("the VM can be deleted", || {
        api.ask::<v1::VmDelete>(&path, &query, &Nothing {}, &Terms::default())
    });
    let ended = api.settled(&operation.value.id);
    check(ended.state == "succeeded", || format!("{ended:?}")).unwrap();
}
