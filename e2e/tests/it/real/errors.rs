//! What the command line says when something is wrong, and the exit code by which scripts know.

use expect_test::{Expect, expect};
use hostler_lab::Lab;

use crate::rig::{Golden, Home, check, eventually, lab};

/// What is needed to create a VM that boots nothing.
const SMALL: [&str; 7] = ["--memory", "48M", "--disk", "8M", "--accelerator", "tcg", "--no-start"];

/// One story's things.
struct Story<'a> {
    home: &'a Home,
    golden: Golden,
}

impl Story<'_> {
    /// Runs `hostler` and compares everything it says.
    #[track_caller]
    fn tell(&self, words: &[&str], expected: Expect) {
        let ended = self.home.hostler(words);
        let told = format!("$ hostler {}\n{}", words.join(" "), ended.all());
        expected.assert_eq(&self.golden.of(&told));
    }
}

#[test]
fn c4_each_kind_of_failure_has_its_words_and_its_exit_code() {
    let lab = lab("errors");
    let home = Home::new();
    let server = home.serve(&[("lab", lab.uri())]);
    let host = home.json(&["host", "list"])[0]["name"].as_str().unwrap().to_owned();
    let golden = Golden::default()
        .with(home.path().display().to_string(), "HOME")
        .with(format!("host {host}"), "host HOST");
    let story = Story { home: &home, golden };
    home.done(&[&["vm", "create", "cold"], SMALL.as_slice()].concat());
    bad_input(&story);
    unknown(&story);
    wrong_state(&story);
    lost_libvirtd(&story, &lab);
    server.stop();
    nobody_there(&story);
}

/// 2: seen here, and seen by the server.
fn bad_input(story: &Story<'_>) {
    story.tell(
        &["vm", "create", "cold", "--memory", "much"],
        expect![[r#"
        $ hostler vm create cold --memory much
        error: invalid value 'much' for '--memory <SIZE>': `much` is not a size; write for example 2G, 512MiB or 10GB

        For more information, try '--help'.
        exit 2
    "#]],
    );
    story.tell(
        &["vm", "create", "a/b", "--memory", "48M"],
        expect![[r#"
        $ hostler vm create a/b --memory 48M
        error: /name may contain only A-Z, a-z, 0-9, '.', '_' and '-' [spec_invalid]
        exit 2
    "#]],
    );
    story.tell(
        &["vm", "list", "--filter", "colour=red"],
        expect![[r#"
            $ hostler vm list --filter colour=red
            error: filter at character 1: there is no field `colour`; there are name, id, state, host, provider, namespace, project, managed, template, template_version, cpu_count, memory_bytes, created_at, label. [query_invalid] (request ID)
            exit 2
        "#]],
    );
    story.tell(
        &["vm", "delete", "cold"],
        expect![[r#"
        $ hostler vm delete cold
        vm "cold" (stopped at host HOST) is deleted, with its firmware variables, TPM state, saved memory and snapshots
          kept: default/cold-root-TAIL.qcow2 (root)
        error: nobody can be asked here
        hint: --yes does it unasked
        exit 2
    "#]],
    );
}

/// 4.
fn unknown(story: &Story<'_>) {
    story.tell(
        &["start", "cole"],
        expect![[r#"
        $ hostler start cole
        error: there is no vm `cole`
        hint: did you mean cold?
        exit 4
    "#]],
    );
    story.tell(
        &["vm", "create", "web", "--image", "nowhere"],
        expect![[r#"
        $ hostler vm create web --image nowhere
        error: cannot create vm "web": there is no image "nowhere" [image_not_found] (request ID)
        hint: `hostler image list` shows those there are.
        exit 4
    "#]],
    );
}

/// 5: a state, a name that is taken; 7: no host has so much.
fn wrong_state(story: &Story<'_>) {
    story.tell(
        &["pause", "cold"],
        expect![[r#"
        $ hostler pause cold
        error: cannot pause VM "cold": the VM is stopped; start it first [vm_wrong_state] (request ID)
        hint: The message says the state and what is possible from it.
        exit 5
    "#]],
    );
    story.tell(
        &["resume", "cold"],
        expect![[r#"
        $ hostler resume cold
        error: cannot resume VM "cold": the VM is stopped; start it first [vm_wrong_state] (request ID)
        hint: The message says the state and what is possible from it.
        exit 5
    "#]],
    );
    story.tell(
        &["console", "cold"],
        expect![[r#"
        $ hostler console cold
        error: cannot open a console of VM "cold": the VM is stopped; start it first [vm_wrong_state] (request ID)
        hint: The message says the state and what is possible from it.
        exit 5
    "#]],
    );
    story.tell(
        &[&["vm", "create", "cold"], SMALL.as_slice()].concat(),
        expect![[r#"
        $ hostler vm create cold --memory 48M --disk 8M --accelerator tcg --no-start
        error: cannot create vm "cold": a VM named "cold" exists in project "default" [vm_exists] (request ID)
        hint: Choose another name.
        exit 5
    "#]],
    );
    let huge = ["vm", "create", "huge", "--memory", "64T", "--accelerator", "tcg"];
    let refused = story.home.hostler(&huge);
    let needed = "67108864 MiB are needed [no_host_fits]";
    assert!(refused.code == 7 && refused.err.contains(needed), "{}", refused.all());
}

/// A host that has failed says so; nobody pretends that the VM is off.
fn lost_libvirtd(story: &Story<'_>, lab: &Lab) {
    lab.kill_libvirtd().unwrap();
    eventually("the loss of libvirtd is seen", || {
        let status = story.home.json(&["vm", "show", "cold"])["status"].clone();
        check(status["state"] == "unknown", || status.to_string())
    });
    story.tell(
        &["start", "cold"],
        expect![[r#"
        $ hostler start cold
        error: cannot start VM "cold": the VM's present state is unknown; wait until its provider answers [vm_state_unknown] (request ID)
        hint: Wait until its host answers again; nothing is decided on a guess.
        exit 5
    "#]],
    );
    story.tell(
        &["vm", "list", "--columns", "name,state"],
        expect![[r#"
        $ hostler vm list --columns name,state
        NAME  STATE
        cold  unknown (was stopped)
        note: a provider does not answer; part of this is old
        exit 0
    "#]],
    );
    // That the connection was lost, or soon that it cannot be made: both are true in their time.
    let xml = story.home.hostler(&["vm", "xml", "cold"]);
    assert_eq!(xml.code, 8, "{}", xml.all());
    assert!(
        xml.err.starts_with("error: cannot read the configuration of \"cold\": "),
        "{}",
        xml.err
    );
    assert!(xml.err.contains(" [provider_unavailable] (request "), "{}", xml.err);
    assert!(xml.err.contains("\nhint: `hostler provider show` says since when"), "{}", xml.err);
    lab.start_libvirtd().unwrap();
    story.home.api().until_state("cold", "stopped");
    story.tell(
        &["vm", "list", "--columns", "name,state"],
        expect![[r#"
        $ hostler vm list --columns name,state
        NAME  STATE
        cold  stopped
        exit 0
    "#]],
    );
}

/// 8.
fn nobody_there(story: &Story<'_>) {
    story.tell(
        &["vm", "list"],
        expect![[r#"
        $ hostler vm list
        error: cannot reach the server at unix:HOME/data/hostlerd.sock: no such file or directory [server_unreachable]
        hint: is hostlerd running? start it with `systemctl start hostlerd`, or name another server by its URL
        exit 8
    "#]],
    );
}

#[test]
fn completions_are_scripts_that_their_shell_accepts() {
    let home = Home::new();
    let script = home.path().join("hostler.bash");
    std::fs::write(&script, home.done(&["completions", "bash"])).unwrap();
    let shell = std::process::Command::new("bash").arg("-n").arg(&script).output().unwrap();
    assert!(shell.status.success() && shell.stderr.is_empty(), "{shell:?}");
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(home.done(&["completions", shell]).contains("hostler"), "{shell}");
    }
}
