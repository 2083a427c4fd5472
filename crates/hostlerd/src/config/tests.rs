//! Precedence, and errors that help.

use super::*;
use crate::arguments::RunFlags;

fn flags() -> RunFlags {
    RunFlags::default()
}

fn file(text: &str) -> (tempfile::TempDir, RunFlags) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostlerd.toml");
    std::fs::write(&path, text).unwrap();
    (directory, RunFlags { config: Some(path), ..flags() })
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let (_kept, mut given) = file("data_dir = \"/file\"\nlog_filter = \"warn\"\nlog = \"json\"");
    given.data_dir = Some("/flag".into());
    let environment = env(&[("HOSTLER_DATA_DIR", "/env"), ("HOSTLER_LOG_FILTER", "debug")]);
    let config = Config::load_with(&given, environment).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/flag"));
    assert_eq!(config.log_filter, "debug");
    assert_eq!(config.log, LogFormat::Json);
    assert_eq!(config.listen, ["127.0.0.1:7443".parse().unwrap()]);
}

#[test]
fn x20_the_configurations_that_are_shipped_for_kubernetes_are_understood() {
    for (text, uri) in [
        (
            include_str!("../../../../deploy/kubernetes/base/server/hostlerd.toml"),
            "kubevirt+in-cluster:",
        ),
        (
            include_str!(
                "../../../../deploy/kubernetes/overlays/server-in-namespaces/hostlerd.toml"
            ),
            "kubevirt+in-cluster:?namespace=vms",
        ),
    ] {
        let (_kept, given) = file(text);
        let config = Config::load_with(&given, []).unwrap();
        assert_eq!(config.providers[0].uri, uri);
        // As the StatefulSet mounts them.
        assert_eq!(config.socket, PathBuf::from("/run/hostler/hostlerd.sock"));
        assert_eq!(config.listen, ["0.0.0.0:7443".parse().unwrap()]);
        assert_eq!(config.metrics_listen, None);
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    let (_kept, given) = file("# a comment\n\nlisten_ = [\"127.0.0.1:1\"]\n");
    let error = Config::load_with(&given, []).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("hostlerd.toml:3: unknown key `listen_`; did you mean `listen`?"),
        "{text}"
    );
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_key_that_resembles_none_gets_the_list_of_keys() {
    let error = document::parse("[limits]\nzzzzzzzz = 1", "f").unwrap_err().to_string();
    assert!(
        error.starts_with("f:2: unknown key `zzzzzzzz`; the keys here are connections"),
        "{error}"
    );
}

#[test]
fn a_value_of_the_wrong_type_names_its_line() {
    let error = document::parse("\nlisten = 7", "f").unwrap_err().to_string();
    assert!(error.starts_with("f:2: invalid type"), "{error}");
}

#[test]
fn the_printed_default_file_is_the_default() {
    let (_kept, given) = file(DEFAULT_TEXT);
    assert_eq!(Config::load_with(&given, []).unwrap(), Config::load_with(&flags(), []).unwrap());
}

#[test]
fn a_directory_of_ones_own_holds_the_socket_too() {
    let given = RunFlags { data_dir: Some("/d".into()), ..flags() };
    assert_eq!(Config::load_with(&given, []).unwrap().socket, PathBuf::from("/d/hostlerd.sock"));
    let system = Config::load_with(&flags(), []).unwrap();
    assert_eq!(system.socket, PathBuf::from("/run/hostler/hostlerd.sock"));
}

#[test]
fn providers_are_names_and_uris() {
    let given = RunFlags { provider: vec!["lab=qemu+ssh://h2/system?a=b".into()], ..flags() };
    let config = Config::load_with(&given, []).unwrap();
    assert_eq!(config.providers[0].uri, "qemu+ssh://h2/system?a=b");
    for wrong in ["nothing", "..=x", "=x"] {
        let given = RunFlags { provider: vec![wrong.into()], ..flags() };
        assert!(Config::load_with(&given, []).is_err(), "{wrong}");
    }
    let twice = RunFlags { provider: vec!["a=x".into(), "a=y".into()], ..flags() };
    assert!(Config::load_with(&twice, []).is_err());
}

#[test]
fn metrics_without_credentials_stay_on_this_machine() {
    let refused = Config::load_with(&flags(), env(&[("HOSTLER_METRICS_LISTEN", "0.0.0.0:7444")]));
    assert!(refused.unwrap_err().to_string().contains("loopback"));
    let off = Config::load_with(&flags(), env(&[("HOSTLER_METRICS_LISTEN", "off")])).unwrap();
    assert_eq!(off.metrics_listen, None);
}

#[test]
fn the_address_for_browsers_is_one_the_certificate_names() {
    let config = Config::load_with(&flags(), []).unwrap();
    assert_eq!(config.base_url_for(&["127.0.0.1:9".parse().unwrap()]), "https://localhost:9");
    assert_eq!(config.base_url_for(&["0.0.0.0:9".parse().unwrap()]), "https://localhost:9");
    assert_eq!(config.base_url_for(&["10.0.0.1:9".parse().unwrap()]), "https://10.0.0.1:9");
}

/// A main file and files beside it.
fn files(main: &str, beside: &[(&str, &str)]) -> (tempfile::TempDir, RunFlags) {
    let (kept, given) = file(main);
    let directory = kept.path().join("hostlerd.d");
    std::fs::create_dir(&directory).unwrap();
    for (name, text) in beside {
        std::fs::write(directory.join(name), text).unwrap();
    }
    (kept, given)
}

#[test]
fn files_beside_the_main_one_win_over_it_in_the_order_of_their_names() {
    let (_kept, given) = files(
        "log_filter = \"warn\"\n[limits]\nconnections = 10\nconsoles = 11",
        &[
            ("20-b.toml", "log_filter = \"debug\"\n[limits]\nconnections = 20"),
            ("10-a.toml", "log_filter = \"info\"\nlog = \"json\""),
            ("30-c.toml~", "log_filter = ["),
            (".hidden.toml", "log_filter = ["),
            ("README", "log_filter = ["),
        ],
    );
    let config = Config::load_with(&given, []).unwrap();
    assert_eq!((config.log_filter.as_str(), config.log), ("debug", LogFormat::Json));
    // A table is put together key by key; what nobody says is the default.
    assert_eq!((config.limits.connections, config.limits.consoles), (20, 11));
    assert_eq!(config.limits.event_subscribers, ConfiguredLimits::default().event_subscribers);
}

#[test]
fn a_fault_in_a_file_beside_the_main_one_names_that_file_and_its_line() {
    let (_kept, given) =
        files("", &[("10-a.toml", "log = \"json\""), ("20-b.toml", "\nlisten_ = 1")]);
    let text = Config::load_with(&given, []).unwrap_err().to_string();
    let told = "hostlerd.d/20-b.toml:2: unknown key `listen_`; did you mean `listen`?";
    assert!(text.ends_with(told), "{text}");
}

#[test]
fn providers_of_several_files_come_together_and_a_later_file_changes_one() {
    let provider =
        |name: &str, uri: &str| format!("[[provider]]\nname = \"{name}\"\nuri = \"{uri}\"\n");
    let main = provider("a", "qemu:///system") + &provider("b", "test:///default");
    let (_kept, given) =
        files(&main, &[("x.toml", &(provider("b", "xen:///system") + &provider("c", "lxc:///")))]);
    let config = Config::load_with(&given, []).unwrap();
    let told: Vec<_> = config.providers.iter().map(|p| (p.name.as_str(), p.uri.as_str())).collect();
    assert_eq!(told, [("a", "qemu:///system"), ("b", "xen:///system"), ("c", "lxc:///")]);
    let (_kept, given) = file(&(provider("a", "x") + &provider("a", "y")));
    let error = Config::load_with(&given, []).unwrap_err().to_string();
    assert!(error.contains("two providers named \"a\""), "{error}");
    // Flags name all that are wanted.
    let (_kept, mut given) = file(&main);
    given.provider = vec!["z=qemu:///session".into()];
    let config = Config::load_with(&given, []).unwrap();
    assert_eq!(config.providers.len(), 1);
}

#[test]
fn it_is_shown_with_who_said_what_and_can_be_read_again() {
    let (kept, mut given) = files(
        "base_url = \"https://h.example\"\n[limits]\nconsoles = 7\n[[provider]]\nname = \"p\"\nuri = \"qemu+ssh://root:hunter2@h/system\"",
        &[("10-a.toml", "[limits]\nconnections = 9")],
    );
    given.data_dir = Some("/d".into());
    let loaded = Loaded::read_with(&given, env(&[("HOSTLER_METRICS_LISTEN", "off")])).unwrap();
    let text = loaded.config.show(&loaded.origins).unwrap();
    let (main, beside) =
        (kept.path().join("hostlerd.toml"), kept.path().join("hostlerd.d/10-a.toml"));
    for (what, who) in [
        ("data_dir = \"/d\"", "--data-dir"),
        ("listen = [\"127.0.0.1:7443\"]", "default"),
        ("metrics_listen = \"off\"", "HOSTLER_METRICS_LISTEN"),
        ("base_url = \"https://h.example\"", main.to_str().unwrap()),
        ("consoles = 7", main.to_str().unwrap()),
        ("connections = 9", beside.to_str().unwrap()),
        ("connections_per_address = 256", "default"),
        ("[[provider]]", main.to_str().unwrap()),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{what} ")))
            .unwrap_or_else(|| panic!("{what}: {text}"));
        assert_eq!(line.split_once(" # ").unwrap().1, who);
    }
    // A36: what is shown is pasted into tickets.
    assert!(!text.contains("hunter2") && text.contains("qemu+ssh://root@h/system"), "{text}");
    let (_kept, again) = file(&text);
    let mut expected = loaded.config;
    expected.providers[0].uri = "qemu+ssh://root@h/system".into();
    assert_eq!(Config::load_with(&again, []).unwrap(), expected);
}

#[test]
fn a_filter_that_makes_no_sense_is_refused_before_anything_starts() {
    let (_kept, given) = file("log_filter = \"hostlerd=loud\"");
    let error = Config::load_with(&given, []).unwrap_err();
    assert!(error.to_string().contains("log_filter"), "{error}");
}

#[test]
fn a_running_server_says_which_keys_have_to_wait() {
    let (_kept, given) = file("log_filter = \"debug\"\n[limits]\nconsoles = 1\n[tls]");
    let running = Config::load_with(&flags(), []).unwrap();
    let changed = Config::load_with(&given, []).unwrap();
    assert_eq!(changed.differs_from(&running), ["limits"]);
    assert!(running.differs_from(&running).is_empty());
}
