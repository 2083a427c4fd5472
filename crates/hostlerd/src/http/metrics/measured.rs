//! What was measured and what is said beside it, as a page for Prometheus: every value
//! with its thing's labels. Old values are not on it; how old the newest are is (D4, X17).

use hostler_core::metrics::exposition::{Format, Writer};
use hostler_core::metrics::{Dropped, Metric, Page, Point, SERIES_MAX};
use hostler_engine::{Collected, PassFigures, Said};

/// What a page tells.
pub(super) struct Told {
    pub(super) collected: Collected,
    pub(super) said: Vec<Said>,
    /// What the server says of itself.
    pub(super) own: Vec<Point>,
}

/// The page without its end, and what was left out of it.
pub(super) fn page(told: &Told, format: Format) -> (String, Dropped) {
    let Told { collected, said, own } = told;
    // What the page borrows, made first.
    let ids: Vec<String> = collected.vms.iter().map(|it| it.of.id.to_string()).collect();
    let mut page = Page::new(SERIES_MAX);
    for it in said {
        page.add(it.owner(), &it.points);
    }
    for (figures, id) in collected.vms.iter().zip(&ids) {
        page.add(figures.of.metric_labels(id), measured(&figures.passes));
    }
    for figures in &collected.hosts {
        page.add(figures.of.metric_labels(), measured(&figures.passes));
    }
    for figures in &collected.pools {
        page.add(figures.of.metric_labels(), measured(&figures.passes));
    }
    for figures in &collected.containers {
        page.add(figures.of.metric_labels(), measured(&figures.passes));
    }
    for figures in &collected.machines {
        page.add(figures.of.metric_labels(), measured(&figures.passes));
    }
    page.add(Vec::new(), own);
    let mut writer = Writer::new(format);
    let dropped = page.write(&mut writer);
    (writer.into_part(), dropped)
}

/// What was read and computed, and is fresh. A VM's state is told from its present
/// picture, which events keep, and not from the latest pass.
fn measured(passes: &[PassFigures]) -> impl Iterator<Item = &Point> {
    passes.iter().flat_map(PassFigures::points).filter(|point| point.metric != Metric::VmState)
}
