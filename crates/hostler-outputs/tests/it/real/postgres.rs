//! PostgreSQL 15: by TCP with TLS and a password, and by a socket.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_lab::time_series::{Kind as Server, Store};
use hostler_lab::{is_root, run_quietly};
use hostler_outputs::{
    Failed, Kind, Options, Output, PostgresOptions, PostgresTls, Retry, SecretFile,
};

use super::{NASTY, START_MS, VALUES, end, key, pass};

/// A server with a certificate for its name, and where that is.
fn encrypted(directory: &Path) -> Store {
    let name = |name: &str| directory.join(name);
    let made = rcgen::generate_simple_self_signed(vec!["db.example".into()]).unwrap();
    std::fs::write(name("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(name("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut install = Command::new("install");
    install.args(["-m", "600"]);
    if is_root() {
        install.args(["-o", "postgres"]);
    }
    run_quietly(install.arg(name("key.pem")).arg(name("server.key"))).unwrap();
    let setting = |key: &str, file: &str| format!("-c{key}={}", name(file).display());
    let settings = [
        "-cssl=on".to_owned(),
        setting("ssl_cert_file", "cert.pem"),
        setting("ssl_key_file", "server.key"),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    Store::start(Server::PostgreSql, directory, &settings)
}

fn output(url: String, password: &Path, tls: PostgresTls, ca_file: Option<&Path>) -> Output {
    let password = Some(SecretFile(password.into()));
    Output::new(&Options {
        kind: Kind::Postgres(PostgresOptions { url, password, tls }),
        labels: vec![("site".into(), "north".into())],
        timeout: Duration::from_secs(60),
        ca_file: ca_file.map(Into::into),
    })
    .unwrap()
}

/// What somebody who asks in SQL sees: by VM and time, the bits of the values.
fn rows(store: &Store) -> Vec<String> {
    let sql = "SELECT labels->>'vm', labels->>'site', \
               (extract(epoch FROM time) * 1000)::bigint, encode(float8send(value), 'hex') \
               FROM hostler_metrics WHERE name = 'hostler_test_ratio' \
               ORDER BY (labels->>'vm') COLLATE \"C\", time";
    store.sql(sql).unwrap().lines().map(str::to_owned).collect()
}

fn expected(passes: usize) -> Vec<String> {
    let mut names = NASTY.to_vec();
    names.sort_unstable();
    let row = |(vm, at): (&str, usize)| {
        let (at_ms, value) = (START_MS + 1000 * at as i64, VALUES[at % VALUES.len()]);
        format!("{vm}|north|{at_ms}|{:016x}", value.to_bits())
    };
    names.iter().flat_map(|vm| (0..passes).map(move |at| row((vm, at)))).collect()
}

#[tokio::test]
async fn d22_postgresql_has_every_bit_once_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = encrypted(directory.path());
    let (password, certificate) =
        (directory.path().join("password"), directory.path().join("cert.pem"));
    // By a name that its certificate bears, which leads to its address.
    let (ip, _) =
        store.address().rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let url = format!("postgresql://postgres@{ip}/postgres");
    let stranger = output(url.clone(), &password, PostgresTls::Verify, None);
    let failed = stranger.send(&pass(0)).await.unwrap_err();
    assert!(failed.told.contains("certificate"), "not one that the system trusts: {failed:?}");
    let misnamed = output(url.clone(), &password, PostgresTls::Verify, Some(&certificate));
    let failed = misnamed.send(&pass(0)).await.unwrap_err();
    assert!(failed.told.contains("not valid for"), "not who was meant: {failed:?}");

    let named = format!("postgresql://postgres@db.example/postgres?hostaddr={ip}");
    let output = output(named, &password, PostgresTls::Verify, Some(&certificate));
    for at in 0..9 {
        output.send(&pass(at)).await.unwrap();
    }
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE ssl AND application_name = 'hostler'";
    assert_eq!(store.sql(encrypted).unwrap().trim(), "1", "one connection for all of them");
    // Somebody tidied up: what is gone is made anew.
    store.sql("DELETE FROM hostler_samples; DELETE FROM hostler_series").unwrap();
    let failed = output.send(&pass(0)).await.unwrap_err();
    assert!(matches!(failed.retry, Retry::Later { .. }), "{failed:?}");
    for at in 0..9 {
        output.send(&pass(at)).await.unwrap();
    }
    let again: Vec<(SeriesKey, Sample)> = [pass(3), pass(2), pass(3)].concat();
    output.send(&again).await.unwrap();
    store.stop();
    let failed: Failed = output.send(&pass(9)).await.unwrap_err();
    assert!(matches!(failed.retry, Retry::Later { .. }), "{failed:?}");
    store.resume();
    output.send(&pass(9)).await.unwrap();
    // X17: an end is absence.
    output.send(&[end("web 1", 10)]).await.unwrap();
    assert_eq!(rows(&store), expected(10));
}

#[tokio::test]
async fn what_postgresql_cannot_keep_is_refused_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(Server::PostgreSql, directory.path(), &[]);
    let password = directory.path().join("password");
    let url = format!("postgresql://postgres@/postgres?host={}", directory.path().display());
    let output = output(url, &password, PostgresTls::Verify, None);
    let sample = Sample { at_ms: START_MS, value: 1.0 };
    // No text of PostgreSQL holds a zero byte.
    let failed = output.send(&[(key("a\0b"), sample)]).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Never, "{failed:?}");
    output.send(&pass(0)).await.unwrap();
    assert_eq!(rows(&store), expected(1));
    // Infinite ones are values to it.
    let infinite = Sample { at_ms: START_MS, value: f64::NEG_INFINITY };
    output.send(&[(SeriesKey::new("other", [("a", "b")]).unwrap(), infinite)]).await.unwrap();
    let found = store.sql("SELECT value FROM hostler_metrics WHERE name = 'other'").unwrap();
    assert_eq!(found.trim(), "-Infinity");
}

#[tokio::test]
async fn somebody_who_may_only_write_needs_the_tables_made_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(Server::PostgreSql, directory.path(), &[]);
    let password = directory.path().join("password");
    let folder = directory.path().display();
    let made = store.sql("CREATE ROLE writer LOGIN PASSWORD 'secret'");
    made.unwrap();
    let of = |user: &str| {
        let url = format!("postgresql://{user}@/postgres?host={folder}");
        output(url, &password, PostgresTls::Off, None)
    };
    let (owner, writer) = (of("postgres"), of("writer"));
    let failed = writer.send(&pass(0)).await.unwrap_err();
    assert!(failed.told.contains("permission denied"), "{failed:?}");
    assert!(matches!(failed.retry, Retry::Later { .. }), "somebody can repair that: {failed:?}");
    owner.send(&pass(0)).await.unwrap();
    store.sql("GRANT SELECT, INSERT ON hostler_series, hostler_samples TO writer").unwrap();
    writer.send(&pass(1)).await.unwrap();
    assert_eq!(rows(&store), expected(2));
}
