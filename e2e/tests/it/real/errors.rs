//! What the command line says when something is wrong, and the exit code by which scripts know.

use expect_test::{Expect, expect};

use crate::rig::{Golden, Home, check, eventually, lab};

#[track_caller]
fn tell(home: &Home, golden: &Golden, words: &[&str], expected: &Expect) {
    let ended = home.hostler(words);
    let told = format!("$ hostler {}\n{}", words.join(" "), ended.all());
    expected.assert_eq(&golden.of(&told));
}

#[test]
fn c4_each_kind_of_failure_has_its_words_and_its_exit_code() {
    let lab = lab("errors");
    let home = Home::new();
    let server = home.serve(&[("lab", lab.uri())]);
    let host = home.json(&["host", "list"])[0]["name"].as_str().unwrap().to_owned();
    let golden = Golden::default()
        .with(home.path().display().to_string(), "HOME")
        .with(lab.socket().display().to_string(), "LIBVIRT")
        .with(host, "HOST");
    let tell = |words: &[&str], expected: Expect| tell(&home, &golden, words, &expected);
    let small = ["--memory", "48M", "--disk", "8M", "--accelerator", "tcg", "--no-start"];
    home.done(&[&["vm", "create", "cold"], small.as_slice()].concat());

    // 2: bad input, seen here and seen by the server.
    tell(&["vm", "create", "cold", "--memory", "much"], expect![[""]]);
    tell(&["vm", "create", "a/b", "--memory", "48M"], expect![[""]]);
    tell(&["vm", "list", "--filter", "colour=red"], expect![[""]]);
    tell(&["vm", "delete", "cold"], expect![[""]]);
    // 4: unknown.
    tell(&["start", "cole"], expect![[""]]);
    tell(&["vm", "create", "web", "--image", "nowhere"], expect![[""]]);
    // 5: wrong state, and a name that is taken.
    tell(&["pause", "cold"], expect![[""]]);
    tell(&["resume", "cold"], expect![[""]]);
    tell(&["console", "cold"], expect![[""]]);
    tell(&[&["vm", "create", "cold"], small.as_slice()].concat(), expect![[""]]);
    // 7: no host has so much.
    let huge = ["vm", "create", "huge", "--memory", "64T", "--accelerator", "tcg"];
    tell(&huge, expect![[""]]);
    // A host that has failed says so; nobody pretends that the VM is off.
    lab.kill_libvirtd().unwrap();
    eventually("the loss of libvirtd is seen", || {
        let status = home.json(&["vm", "show", "cold"])["status"].clone();
        check(status["state"] == "unknown", || status.to_string())
    });
    tell(&["start", "cold"], expect![[""]]);
    tell(&["vm", "list", "--columns", "name,state"], expect![[""]]);
    tell(&["vm", "xml", "cold"], expect![[""]]);
    lab.start_libvirtd().unwrap();
    home.api().until_state("cold", "stopped");
    tell(&["vm", "list", "--columns", "name,state"], expect![[""]]);
    // 8: nobody there.
    server.stop();
    tell(&["vm", "list"], expect![[""]]);
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
