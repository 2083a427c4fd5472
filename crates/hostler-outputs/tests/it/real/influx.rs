//! InfluxDB 1.6, and VictoriaMetrics by the same lines.

use std::collections::BTreeMap;

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_lab::time_series::{Kind as Server, Store};
use hostler_outputs::{HttpOptions, InfluxOptions, InfluxVersion, Kind, Output, Retry, Sent};

use super::{NASTY, START_MS, VALUES, end, expected, output, pass};

fn influx(store: &Store, database: &str) -> Output {
    output(Kind::Influx(InfluxOptions {
        http: HttpOptions { url: format!("http://{}", store.address()), ..HttpOptions::default() },
        version: InfluxVersion::V1 { database: database.into(), retention_policy: None },
    }))
}

/// Times and bits by VM, as InfluxDB tells them.
fn read(store: &Store) -> BTreeMap<String, Vec<(i64, u64)>> {
    let query = "/query?db=hostler&epoch=ms&q=SELECT%20value%20FROM%20hostler_test_ratio%20\
                 GROUP%20BY%20*";
    let (status, said) = store.ask("GET", query).unwrap();
    assert_eq!(status, 200, "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let series = said["results"][0]["series"].as_array().into_iter().flatten().map(|series| {
        assert_eq!(series["tags"]["host"], "h1");
        let samples = series["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sample| (sample[0].as_i64().unwrap(), sample[1].as_f64().unwrap().to_bits()));
        (series["tags"]["vm"].as_str().unwrap().to_owned(), samples.collect())
    });
    series.collect()
}

#[tokio::test]
async fn d22_influxdb_has_every_bit_and_no_value_for_ends() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::start(Server::InfluxDb, directory.path(), &[]);
    let output = influx(&store, "hostler");
    for at in 0..9 {
        output.send(&pass(at)).await.unwrap();
    }
    // Twice, and in any order, is the same.
    let again = [pass(3), pass(2)].concat();
    output.send(&again).await.unwrap();
    store.stop();
    let failed = output.send(&pass(9)).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: None });
    store.resume();
    output.send(&pass(9)).await.unwrap();
    assert_eq!(output.send(&[end("web 1", 10)]).await.unwrap(), Sent::default());
    let infinite = Sample { at_ms: START_MS, value: f64::INFINITY };
    let left_out = output.send(&[(super::key("inf"), infinite)]).await.unwrap();
    assert_eq!(left_out, Sent { taken: 0, left_out: 1 });
    let all: BTreeMap<_, _> =
        NASTY.iter().map(|vm| ((*vm).to_owned(), expected(&VALUES, 10))).collect();
    assert_eq!(read(&store), all);
}

#[tokio::test]
async fn what_influxdb_cannot_keep_literally_is_told_as_documented() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(Server::InfluxDb, directory.path(), &[]);
    let output = influx(&store, "hostler");
    let sample = Sample { at_ms: START_MS, value: 0.5 };
    let told = [("c:\\", "c:\\ "), ("two\nlines", "two\\nlines"), ("\\,=\\", "\\,=\\ ")];
    let samples: Vec<_> = told.iter().map(|(vm, _)| (super::key(vm), sample)).collect();
    output.send(&samples).await.unwrap();
    let found: Vec<String> = read(&store).into_keys().collect();
    let mut expected: Vec<&str> = told.iter().map(|(_, told)| *told).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let reserved = SeriesKey::new("hostler_test_ratio", [("time", "x"), ("_field", "y")]).unwrap();
    output.send(&[(reserved, sample)]).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_missing_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(Server::InfluxDb, directory.path(), &[]);
    let failed = influx(&store, "other").send(&pass(0)).await.unwrap_err();
    assert_eq!(failed.retry, Retry::Later { after: None });
    assert!(failed.told.contains("database not found"), "{failed:?}");
}

#[tokio::test]
async fn victoriametrics_takes_the_lines_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(Server::VictoriaMetrics, directory.path(), &[]);
    influx(&store, "hostler").send(&pass(0)).await.unwrap();
    let query = format!(
        "/api/v1/query?query=hostler_test_ratio_value%5B1h%5D&time={}",
        START_MS / 1000 + 60
    );
    let found = hostler_lab::poll_until(std::time::Duration::from_secs(60), || {
        let said = store.ask("GET", &query).unwrap().1;
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let count = said["data"]["result"].as_array().unwrap().len();
        if count == NASTY.len() { Ok(said) } else { Err(said) }
    });
    found.unwrap_or_else(|said| panic!("{said}"));
}
