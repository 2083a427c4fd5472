//! Which version of a group is spoken.

use hostler_kubevirt::versions::{CLONE, CORE, INSTANCETYPE, SNAPSHOT};

#[test]
fn the_clusters_preference_is_taken_where_it_is_known() {
    assert_eq!(SNAPSHOT.choose(Some("v1alpha1"), &["v1beta1", "v1alpha1"]), Some("v1alpha1"));
    assert_eq!(CORE.choose(Some("v1"), &["v1", "v1alpha3"]), Some("v1"));
}

#[test]
fn else_the_best_that_both_know() {
    assert_eq!(SNAPSHOT.choose(Some("v2"), &["v2", "v1alpha1", "v1beta1"]), Some("v1beta1"));
    assert_eq!(CLONE.choose(None, &["v1alpha1"]), Some("v1alpha1"), "as KubeVirt 1.4 had it");
    assert_eq!(INSTANCETYPE.choose(Some("v1beta1"), &["v1beta1"]), Some("v1beta1"));
}

#[test]
fn what_is_not_served_is_not_chosen() {
    assert_eq!(CORE.choose(Some("v1"), &["v1alpha3"]), Some("v1alpha3"));
    assert_eq!(CORE.choose(Some("v1"), &[]), None);
    assert_eq!(CORE.choose(Some("v7"), &["v7"]), None);
}
