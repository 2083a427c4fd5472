//! The configuration from outside.

use super::*;

fn file(text: &str) -> (tempfile::NamedTempFile, Flags) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let flags = Flags { config: Some(file.path().to_owned()), ..Flags::default() };
    (file, flags)
}

fn load(text: &str) -> Result<Config> {
    let (_kept, flags) = file(text);
    Config::load(&flags)
}

fn refused(text: &str) -> String {
    load(text).expect_err(text).to_string()
}

#[test]
fn d5_the_file_of_defaults_says_what_happens_without_one() {
    assert_eq!(load(DEFAULT_TEXT).unwrap(), load("").unwrap());
    let config = load("").unwrap();
    assert_eq!(config.listen, ["127.0.0.1:9177".parse().unwrap()]);
    assert_eq!(config.intervals.node, Duration::from_secs(5));
    assert_eq!(config.intervals.vms, Duration::from_secs(10));
    assert_eq!((config.libvirt, config.token_file), (None, None));
    assert_eq!(config.kubevirt, Switch::Off, "X2: optional");
}

#[test]
fn every_key_is_in_the_file_of_defaults() {
    for key in [
        "listen",
        "token_file",
        "tls_certificate",
        "tls_key",
        "host",
        "libvirt",
        "kubevirt",
        "docker",
        "podman",
        "log",
        "log_filter",
    ] {
        let has = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{key} ="));
        assert!(DEFAULT_TEXT.lines().any(has), "{key}");
    }
}

#[test]
fn x20_an_unknown_key_is_refused_by_line_with_the_one_that_was_meant() {
    let said = refused("host = \"a\"\nlisten_on = [\"127.0.0.1:1\"]\n");
    assert!(said.contains(":2: unknown key `listen_on`"), "{said}");
    let said = refused("[interval_seconds]\nnodes = 5\n");
    assert!(said.ends_with(":2: unknown key `nodes`; did you mean `node`?"), "{said}");
}

#[test]
fn an_address_that_others_reach_needs_a_token_and_the_lack_of_tls_is_told() {
    let said = refused("listen = [\"127.0.0.1:9177\", \"0.0.0.0:9177\"]\n");
    assert!(said.contains("0.0.0.0:9177") && said.contains("token_file"), "{said}");
    assert!(said.contains("tls_certificate") && said.contains("others can read"), "{said}");
    assert!(load("listen = [\"0.0.0.0:9177\"]\ntoken_file = \"/t\"\n").is_ok());
}

#[test]
fn a_token_that_others_can_read_or_guess_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let token = tempfile::NamedTempFile::new().unwrap();
    let of = |text: &str, mode: u32| {
        std::fs::write(token.path(), text).unwrap();
        std::fs::set_permissions(token.path(), PermissionsExt::from_mode(mode)).unwrap();
        let text = format!("token_file = {:?}\n", token.path().display().to_string());
        load(&text).unwrap().token()
    };
    let long = "0123456789abcdef\n";
    assert_eq!(of(long, 0o600).unwrap().as_deref(), Some("0123456789abcdef"));
    assert!(of(long, 0o640).unwrap_err().to_string().contains("chmod 600"));
    assert!(of("short", 0o600).unwrap_err().to_string().contains("less than 16"));
}

#[test]
fn x20_the_configuration_that_is_shipped_for_kubernetes_is_understood() {
    let (_kept, mut flags) =
        file(include_str!("../../../../deploy/kubernetes/base/agent/agent.toml"));
    // The DaemonSet gives each node's own address.
    flags.listen = vec!["192.0.2.7:9177".parse().unwrap()];
    let config = Config::load(&flags).unwrap();
    assert_eq!(config.kubevirt, Switch::On);
    assert_eq!((config.libvirt, config.docker, config.podman), (None, None, None));
    assert!(config.token_file.is_some() && config.tls.is_some());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_starts() {
    assert!(refused("[interval_seconds]\nvms = 0\n").contains("interval_seconds.vms: 0 is not"));
    assert!(refused("libvirt = \"not a uri\"\n").starts_with("libvirt: "));
    assert!(refused("log_filter = \"a=b=c\"\n").starts_with("log_filter "));
    assert!(refused("listen = []\n").starts_with("listen: "));
    assert!(refused("tls_key = \"/k\"\n").contains("without tls_certificate"));
    assert!(refused("tls_certificate = \"/c\"\n").contains("without tls_key"));
    let files = "tls_certificate = \"/nonexistent/c\"\ntls_key = \"/nonexistent/k\"\n";
    let said = load(files).unwrap().identity().unwrap_err().to_string();
    assert!(said.starts_with("tls_certificate /nonexistent/c: "), "{said}");
    assert!(refused("listen = 7\n").contains(":1: "));
    let nowhere = Flags { config: Some("/nonexistent/agent.toml".into()), ..Flags::default() };
    assert!(Config::load(&nowhere).is_err());
}

#[test]
fn flags_win_over_the_file() {
    let (_kept, mut flags) =
        file("host = \"file\"\nlibvirt = \"qemu:///system\"\ndocker = \"off\"\n");
    flags.host = Some("flag".to_owned());
    flags.libvirt = Some("off".to_owned());
    flags.kubevirt = Some(Switch::On);
    flags.podman = Some("/p.sock".to_owned());
    let config = Config::load(&flags).unwrap();
    assert_eq!((config.host.as_deref(), config.libvirt), (Some("flag"), None));
    assert_eq!((config.docker, config.kubevirt), (None, Switch::On));
    assert_eq!(config.podman, Some(EngineSocket { path: "/p.sock".into(), is_named: true }));
}

#[test]
fn x20_intervals_and_the_log_are_taken_over_and_the_rest_waits_for_a_start() {
    let running = load("").unwrap();
    let same = load("log_filter = \"debug\"\n[interval_seconds]\nnode = 7\n").unwrap();
    assert!(same.differs_from(&running).is_empty());
    let other = load("host = \"b\"\nlisten = [\"127.0.0.1:1\"]\n").unwrap();
    assert_eq!(other.differs_from(&running), ["listen", "host"]);
}
