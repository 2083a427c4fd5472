//! Every verb of the command line on a guest that really boots (C2, C4, C10).

use std::path::Path;

use expect_test::{Expect, expect};
use hostler_api::v1;
use hostler_lab::{Lab, guest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::rig::{Api, Golden, Home, check, domains, eventually, lab, virsh, volumes};

/// One story's things.
struct Story<'a> {
    home: &'a Home,
    lab: &'a Lab,
    api: Api,
    golden: Golden,
}

impl Story<'_> {
    /// Runs `hostler` and compares everything it says.
    #[track_caller]
    fn tell(&self, words: &[&str], expected: &Expect) {
        let ended = self.home.hostler(words);
        let told = format!("$ hostler {}\n{}", words.join(" "), ended.all());
        expected.assert_eq(&self.golden.of(&told));
    }

    /// What libvirt says of `web`.
    fn domstate(&self) -> String {
        virsh(self.lab, &["domstate", "web"]).trim().to_owned()
    }

    /// The serial console in a pipe until `text` has come; `typed` is sent first.
    #[track_caller]
    fn console(&self, typed: &[u8], text: &str) -> String {
        let words = ["console", "web", "--until", text, "--for", "180s"];
        let ended = self.home.hostler_with(&words, typed);
        assert_eq!(ended.code, 0, "{}", ended.all());
        ended.out
    }
}

#[test]
fn c2_c4_every_verb_does_to_a_real_guest_what_it_says() {
    let lab = lab("verbs");
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    let images = guest::build(&guest::checkout_dir(), &mut |line| eprintln!("{line}")).unwrap();
    let host = home.json(&["host", "list"])[0]["name"].as_str().unwrap().to_owned();
    let golden = Golden::default()
        .with(images.disk_qcow2.display().to_string(), "SAMPLE.qcow2")
        .with(format!("host {host}"), "host HOST");
    let story = Story { home: &home, lab: &lab, api: home.api(), golden };
    create(&story, &images.disk_qcow2);
    read(&story);
    pause_and_reset(&story);
    restart_and_stop(&story);
    save(&story);
    delete(&story);
}

fn create(story: &Story<'_>, disk: &Path) {
    let disk = disk.display().to_string();
    story.tell(
        &["image", "import", "--name", "sample", &disk],
        &expect![[r#"
        $ hostler image import --name sample SAMPLE.qcow2
        image "sample" imported
        exit 0
    "#]],
    );
    let words = ["vm", "create", "web", "--image", "sample", "--memory", "192M"];
    let more = ["--accelerator", "tcg", "--network", "default", "--label", "tier=web"];
    story.tell(&[words.as_slice(), &more].concat(), &expect![[r#"
        $ hostler vm create web --image sample --memory 192M --accelerator tcg --network default --label tier=web
        vm "web" created and started
        exit 0
    "#]]);
    assert_eq!(story.domstate(), "running");
    let shown = story.console(b"", guest::BANNER);
    assert!(shown.contains(guest::BANNER), "{shown}");
}

/// What `-o json` prints has the API's shape, and is what the API answers.
#[track_caller]
fn same_as_the_api<T: Serialize + DeserializeOwned>(
    printed: Value,
    answered: &Value,
) -> Result<(), String> {
    let typed: T = serde_json::from_value(printed.clone()).map_err(|error| error.to_string())?;
    let again = serde_json::to_value(&typed).map_err(|error| error.to_string())?;
    assert_eq!(again, printed, "a field is printed that the API does not have");
    // Times of observation move on between two questions; then both are asked again.
    check(printed == *answered, || format!("printed {printed}\nanswered {answered}"))
}

fn read(story: &Story<'_>) {
    story.tell(
        &["vm", "list", "--columns", "name,state,cpus,memory,provider"],
        &expect![[r#"
        $ hostler vm list --columns name,state,cpus,memory,provider
        NAME  STATE    CPUS  MEMORY   PROVIDER
        web   running  1     192 MiB  lab
        exit 0
    "#]],
    );
    story.tell(
        &["ls", "-l", "tier=web", "-o", "name"],
        &expect![[r#"
        $ hostler ls -l tier=web -o name
        web
        exit 0
    "#]],
    );
    story.tell(
        &["ls", "-l", "tier=db"],
        &expect![[r#"
        $ hostler ls -l tier=db
        there is no vm
        exit 0
    "#]],
    );
    let path = v1::VmPath { vm: story.api.vm("web").summary.id };
    eventually("show prints what the API answers", || {
        let answered = story.api.show::<v1::VmShow>(&path).unwrap().json;
        same_as_the_api::<v1::Vm>(story.home.json(&["vm", "show", "web"]), &answered)
    });
    eventually("list prints what the API answers", || {
        let listed = story.api.list::<v1::VmList, v1::VmSummary>(hostler_api::Nothing {});
        let answered: Vec<Value> = listed.into_iter().map(|item| item.json).collect();
        let printed = story.home.json(&["vm", "list"]);
        same_as_the_api::<Vec<v1::VmSummary>>(printed, &Value::Array(answered))
    });
    // The provider's definition goes through unchanged. It tells whether the guest's agent is
    // connected, which may come to be between the two questions.
    eventually("xml prints what libvirt says", || {
        let printed = story.home.done(&["vm", "xml", "web"]);
        let said = virsh(story.lab, &["dumpxml", "web"]);
        check(printed == said, || format!("printed {printed}\nlibvirt says {said}"))
    });
}

fn pause_and_reset(story: &Story<'_>) {
    story.tell(
        &["pause", "web"],
        &expect![[r#"
        $ hostler pause web
        vm "web" paused
        exit 0
    "#]],
    );
    assert_eq!(story.domstate(), "paused");
    story.tell(
        &["pause", "web"],
        &expect![[r#"
        $ hostler pause web
        vm "web": already paused
        exit 0
    "#]],
    );
    story.tell(
        &["resume", "web"],
        &expect![[r#"
        $ hostler resume web
        vm "web" resumed
        exit 0
    "#]],
    );
    assert_eq!(story.domstate(), "running");
    story.tell(
        &["start", "web"],
        &expect![[r#"
        $ hostler start web
        vm "web": already running
        exit 0
    "#]],
    );
    // A change that is asked for as data gives the operation, in the API's shape.
    let operation: v1::Operation =
        serde_json::from_value(story.home.json(&["vm", "start", "web"])).unwrap();
    assert_eq!((operation.state.as_str(), operation.kind.as_str()), ("succeeded", "vm.start"));
    story.tell(
        &["vm", "reset", "web"],
        &expect![[r#"
        $ hostler vm reset web
        vm "web" reset
        exit 0
    "#]],
    );
    // It boots again, so it greets again.
    story.console(b"", guest::BANNER);
}

fn restart_and_stop(story: &Story<'_>) {
    let before = story.lab.qemu_pid("web").unwrap();
    story.tell(
        &["restart", "web"],
        &expect![[r#"
        $ hostler restart web
        vm "web" restarted
        exit 0
    "#]],
    );
    story.console(b"", guest::BANNER);
    assert_eq!(story.lab.qemu_pid("web").unwrap(), before, "a reboot keeps the process");
    story.tell(
        &["stop", "web"],
        &expect![[r#"
        $ hostler stop web
        vm "web" stopped
        exit 0
    "#]],
    );
    assert_eq!(story.domstate(), "shut off");
    story.tell(
        &["stop", "web"],
        &expect![[r#"
        $ hostler stop web
        vm "web": already stopped
        exit 0
    "#]],
    );
    story.tell(
        &["start", "web", "-o", "name"],
        &expect![[r#"
        $ hostler start web -o name
        web
        vm "web" started
        exit 0
    "#]],
    );
    assert_eq!(story.domstate(), "running");
    story.console(b"", guest::BANNER);
}

fn save(story: &Story<'_>) {
    // Ctrl-D ends the session on the console; the next one says how long the guest is up.
    let before = uptime(&story.console(b"\x04", "kernel"));
    story.tell(
        &["vm", "save", "web"],
        &expect![[r#"
        $ hostler vm save web
        vm "web" saved
        exit 0
    "#]],
    );
    assert_eq!(story.domstate(), "shut off");
    story.tell(
        &["vm", "list", "--columns", "name,state"],
        &expect![[r#"
        $ hostler vm list --columns name,state
        NAME  STATE
        web   saved
        exit 0
    "#]],
    );
    let info = virsh(story.lab, &["dominfo", "web"]);
    let saved = info.lines().find(|line| line.starts_with("Managed save:"));
    assert!(saved.is_some_and(|line| line.ends_with("yes")), "{info}");
    story.tell(
        &["start", "web"],
        &expect![[r#"
        $ hostler start web
        vm "web" started
        exit 0
    "#]],
    );
    assert_eq!(story.domstate(), "running");
    let after = uptime(&story.console(b"\x04", "kernel"));
    assert!(after >= before, "it went on, it did not boot: up {before} s, then {after} s");
}

/// The seconds in the latest `…, up 4.21s, kernel`.
#[track_caller]
fn uptime(console: &str) -> f64 {
    let last = console.rsplit(", up ").next().and_then(|rest| rest.split('s').next());
    last.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no uptime in {console:?}"))
}

fn delete(story: &Story<'_>) {
    story.tell(&["vm", "delete", "web", "--yes"], &expect![[r#"
        $ hostler vm delete web --yes
        error: cannot delete VM "web": the VM is running; stop it first, or delete it with force [vm_wrong_state] (request ID)
        hint: The message says the state and what is possible from it.
        exit 5
    "#]]);
    // Nobody can be asked in a pipe, so nothing is done; what would be lost is said.
    story.tell(&["vm", "delete", "web", "--force"], &expect![[r#"
        $ hostler vm delete web --force
        vm "web" (running at host HOST) is deleted, with its firmware variables, TPM state, saved memory and snapshots
          its power is cut first if it runs
          kept: default/web-root-TAIL.qcow2 (root)
        error: nobody can be asked here
        hint: --yes does it unasked
        exit 2
    "#]]);
    assert_eq!(domains(story.lab), ["web"]);
    story.tell(
        &["rm", "web", "--force", "--yes"],
        &expect![[r#"
        $ hostler rm web --force --yes
        vm "web" deleted (keeps default/web-root-TAIL.qcow2)
        exit 0
    "#]],
    );
    assert_eq!(domains(story.lab), Vec::<String>::new());
    let kept = volumes(story.lab);
    assert!(matches!(kept.as_slice(), [root] if root.starts_with("web-root-")), "{kept:?}");
    story.tell(
        &["rm", "web", "--yes"],
        &expect![[r#"
        $ hostler rm web --yes
        error: there is no vm `web`
        hint: `hostler vm list` shows those there are
        exit 4
    "#]],
    );
    story.tell(
        &["rm", "web", "--yes", "--if-exists"],
        &expect![[r#"
        $ hostler rm web --yes --if-exists
        there is no VM "web"
        there is no VM to delete
        exit 0
    "#]],
    );

    let again = ["vm", "create", "web", "--image", "sample", "--memory", "64M", "--no-start"];
    story.tell(
        &[again.as_slice(), &["--accelerator", "tcg"]].concat(),
        &expect![[r#"
        $ hostler vm create web --image sample --memory 64M --no-start --accelerator tcg
        vm "web" created
        exit 0
    "#]],
    );
    assert_eq!(volumes(story.lab).len(), 2);
    story.tell(
        &["rm", "web", "--disks", "--yes"],
        &expect![[r#"
        $ hostler rm web --disks --yes
        vm "web" deleted
        exit 0
    "#]],
    );
    assert_eq!(volumes(story.lab), kept, "only its own disk went with it");
    assert_eq!(domains(story.lab), Vec::<String>::new());
}
