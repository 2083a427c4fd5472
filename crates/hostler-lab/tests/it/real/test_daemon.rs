//! The test driver behind a real libvirtd.

use std::process::Command;

use hostler_lab::TestDaemon;

#[test]
fn a_thousand_domains_are_served_over_the_socket() {
    let daemon = TestDaemon::start("thousand", 1000).unwrap();
    let output =
        Command::new("virsh").args(["-q", "-c", &daemon.uri(), "list", "--name"]).output().unwrap();
    let names = String::from_utf8_lossy(&output.stdout);
    let count = names.lines().filter(|line| line.starts_with("vm")).count();
    assert_eq!(count, 1000, "{}", String::from_utf8_lossy(&output.stderr));
}
