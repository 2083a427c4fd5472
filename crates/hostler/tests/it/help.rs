//! The help texts, as they are promised.

use expect_test::{Expect, expect, expect_file};
use hostler_client::testing::{Reply, TestServer};

use crate::rig::run;

fn help(arguments: &[&str]) -> String {
    let server = TestServer::start(|_| Reply::Drop);
    let ended = run(&server, arguments);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    ended.out
}

fn check(arguments: &[&str], expected: &Expect) {
    expected.assert_eq(&help(arguments));
}

#[test]
fn the_short_help_fits_a_screen() {
    check(
        &["-h"],
        &expect![[r#"
            One truthful control plane for virtual machines, wherever they run

            Usage: hostler [OPTIONS] <COMMAND>

            Commands:
              vm             Virtual machines
              adopt          VMs that were made elsewhere, and what becomes of them [alias: adoption]
              host           Machines that run VMs
              pool           Places that hold volumes
              volume         Volumes of a pool
              disk           Disks of VMs that exist: attached and detached
              snapshot       Snapshots of VMs, and going back to them
              migration      Moves of running VMs from host to host
              image          What VMs are made from
              template       What several VMs are made from, in versions
              instance-type  Sizes that providers offer for VMs
              preference     What providers fill in where a VM says nothing
              network        Networks that VMs can be connected to
              op             Operations: changes that take time [alias: operation]
              event          What happened
              alert          What is wrong now, and who cares for it
              silence        For how long nobody is told about which alerts
              provider       Connections to places where VMs run
              cluster        Clusters: providers that are many hosts under one authority
              agent          Programs on machines that measure them from within
              metric         Metrics that you measure yourself
              output         Places that the history of metrics is sent to
              token          API tokens
              context        Servers that this command line knows
              ls             List VMs (vm list)
              start          Start VMs (vm start)
              stop           Stop VMs (vm stop)
              restart        Restart VMs (vm restart)
              pause          Pause VMs (vm pause)
              resume         Resume VMs (vm resume)
              console        Open a VM's serial console (vm console)
              rm             Delete VMs (vm delete)
              api            Send a request to the API as it is
              explain        Tell what a field means, which values it takes and what is so by default
              version        Show the versions of this program and of the server, and who you are there
              completion     Print the script by which a shell completes commands, flags and names
              help           Print this message or the help of the given subcommand(s)

            Options:
              -h, --help     Print help (see more with '--help')
              -V, --version  Print version
        "#]],
    );
}

#[test]
fn every_noun_tells_its_verbs() {
    let mut all = String::new();
    for noun in [
        "vm",
        "adopt",
        "host",
        "pool",
        "volume",
        "disk",
        "snapshot",
        "migration",
        "image",
        "template",
        "instance-type",
        "preference",
        "network",
        "op",
        "event",
        "alert",
        "silence",
        "provider",
        "cluster",
        "agent",
        "metric",
        "output",
        "token",
        "context",
    ] {
        all.push_str(&format!("$ hostler {noun} -h\n{}\n", help(&[noun, "-h"])));
    }
    expect_file!["golden/nouns.txt"].assert_eq(&all);
}

#[test]
fn the_long_help_of_creating_tells_every_flag() {
    expect_file!["golden/vm-create.txt"].assert_eq(&help(&["vm", "create", "--help"]));
}

#[test]
fn no_virsh_word_is_advertised() {
    let text = help(&["--help"]);
    for word in ["destroy", "dominfo", "dumpxml", "undefine"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn the_exit_codes_of_the_help_are_those_of_the_kinds() {
    let text = help(&["--help"]);
    let (_, codes) = text.split_once("Exit codes: ").unwrap();
    let codes = codes.replace('\n', " ");
    let told: Vec<u8> =
        codes.split(", ").map(|part| part.split(' ').next().unwrap().parse().unwrap()).collect();
    let mut known = vec![0, 1, 130];
    known.extend(hostler_core::Code::ALL.iter().map(|code| code.kind().exit_code()));
    known.sort_unstable();
    known.dedup();
    assert_eq!(told, known);
}
