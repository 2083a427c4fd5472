//! Stores of time series, unpacked beside the machine's own.

use hostler_lab::time_series;

#[test]
fn time_series_stores_are_unpacked_once_and_found() {
    let root = time_series::fetch(&mut |line| eprintln!("{line}")).unwrap();
    let again = time_series::fetch(&mut |line| panic!("it was there: {line}")).unwrap();
    assert_eq!(root, again);
    for program in ["influxd", "victoria-metrics"] {
        assert!(root.join("usr/bin").join(program).is_file(), "{program}");
    }
}
