//! Precedence, and errors that help.

use super::*;

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
    let (_kept, mut given) = file("data_dir = \"/file\"\nlog_filter = \"file\"\nlog = \"json\"");
    given.data_dir = Some("/flag".into());
    let environment = env(&[("HOSTLER_DATA_DIR", "/env"), ("HOSTLER_LOG_FILTER", "env")]);
    let config = Config::load_with(&given, environment).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/flag"));
    assert_eq!(config.log_filter, "env");
    assert_eq!(config.log, LogFormat::Json);
    assert_eq!(config.listen, ["127.0.0.1:7443".parse().unwrap()]);
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
