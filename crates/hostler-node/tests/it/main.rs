//! The machine from outside: a whole pass over what a kernel wrote, engines that
//! answer well, badly and not at all, and this machine itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod containers;
mod engine;
mod host;
mod launchers;
mod real;

use hostler_core::metrics::Point;

/// A point's value by metric and labels, as `metric,label,label`.
fn value(points: &[Point], wanted: &str) -> Option<f64> {
    let name = |point: &Point| {
        let labels = point.labels.values().iter().map(AsRef::as_ref);
        std::iter::once(point.metric.name()).chain(labels).collect::<Vec<&str>>().join(",")
    };
    points.iter().find(|point| name(point) == wanted).map(|point| point.value)
}

/// Writes files below a directory.
fn write(root: &std::path::Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a directory")).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
