//! Prometheus 2.42 and VictoriaMetrics 1.79.

use std::collections::BTreeMap;

use hostler_core::metrics::series::SeriesKey;
use hostler_lab::poll_until;
use hostler_lab::time_series::{Kind as Server, Store};
use hostler_outputs::{HttpOptions, Kind, Retry};

use super::{DECIMALS, NASTY, START_MS, VALUES, end, expected, key, output, pass, pass_of};

/// Times and bits by VM, as the server tells them.
fn read(store: &Store, at_ms: i64) -> BTreeMap<String, Vec<(i64, u64)>> {
    let query = format!(
        "/api/v1/query?query=hostler_test_ratio%7Bhost%3D%22h1%22%7D%5B1h%5D&time={}",
        at_ms / 1000
    );
    let (status, said) = store.ask("GET", &query).unwrap();
    assert_eq!(status, 200, "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let series = said["data"]["result"].as_array().unwrap().iter().map(|series| {
        // VictoriaMetrics shows the end of a series as a value.
        let samples = series["values"].as_array().unwrap().iter().filter_map(|sample| {
            let at_ms = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
            let value: f64 = sample[1].as_str().unwrap().parse().unwrap();
            (!value.is_nan()).then_some((at_ms, value.to_bits()))
        });
        assert_eq!(series["metric"].as_object().unwrap().len(), 3, "{series}");
        (series["metric"]["vm"].as_str().unwrap().to_owned(), samples.collect())
    });
    series.collect()
}

/// How many series have a value at a time.
fn present(store: &Store, at_ms: i64) -> usize {
    let query = format!("/api/v1/query?query=hostler_test_ratio&time={}", at_ms / 1000);
    let said: serde_json::Value =
        serde_json::from_str(&store.ask("GET", &query).unwrap().1).unwrap();
    said["data"]["result"].as_array().unwrap().len()
}

fn remote_write(store: &Store) -> hostler_outputs::Output {
    let url = format!("http://{}/api/v1/write", store.address());
    output(Kind::RemoteWrite(HttpOptions { url, ..HttpOptions::default() }))
}

/// Everything that holds for both.
async fn prove(server: Server, values: &[f64]) {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::start(server, directory.path(), &[]);
    let output = remote_write(&store);
    for at in 0..9 {
        output.send(&pass_of(values, at)).await.unwrap();
    }
    // As after a crash that kept us from noting that it arrived.
    output.send(&pass_of(values, 8)).await.unwrap();
    store.stop();
    let failed = output.send(&pass_of(values, 9)).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: None });
    store.resume();
    output.send(&pass_of(values, 9)).await.unwrap();
    // X17: of one, the end.
    output.send(&[end("web 1", 10)]).await.unwrap();

    let all: BTreeMap<_, _> =
        NASTY.iter().map(|vm| ((*vm).to_owned(), expected(values, 10))).collect();
    let at_ms = START_MS + 11_000;
    // What VictoriaMetrics took can be asked for after a moment.
    poll_until(std::time::Duration::from_secs(60), || {
        let mut found = read(&store, at_ms);
        found.values_mut().for_each(|samples| samples.dedup());
        if found == all && present(&store, at_ms) == NASTY.len() - 1 { Ok(()) } else { Err(found) }
    })
    .unwrap_or_else(|found| panic!("{found:#?}\n{all:#?}"));
}

#[tokio::test]
async fn d22_prometheus_has_every_bit_and_the_ends() {
    prove(Server::Prometheus, &VALUES).await;
}

#[tokio::test]
async fn d22_victoriametrics_has_the_values_and_the_ends() {
    prove(Server::VictoriaMetrics, &DECIMALS).await;
}

#[tokio::test]
async fn what_prometheus_refuses_is_final_and_said_in_its_words() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(Server::Prometheus, directory.path(), &[]);
    let output = remote_write(&store);
    output.send(&pass(5)).await.unwrap();
    let failed = output.send(&pass(4)).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Never);
    assert!(failed.told.contains("out of order"), "{failed:?}");
    // Others are not concerned.
    let other: SeriesKey = key("another");
    output.send(&[(other, pass(6)[0].1)]).await.unwrap();
    let elsewhere = format!("http://{}/api/v1/wrong", store.address());
    let wrong =
        super::output(Kind::RemoteWrite(HttpOptions { url: elsewhere, ..HttpOptions::default() }));
    let failed = wrong.send(&pass(6)).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: None }, "a wrong path loses nothing");
}
