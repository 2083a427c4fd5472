//! Which version of a group is spoken.

use hostler_kubevirt::versions::SNAPSHOT;

#[test]
fn the_clusters_preference_is_taken_where_it_is_known() {
    assert_eq!(SNAPSHOT.choose(Some("v1alpha1"), &["v1beta1", "v1alpha1"]), Some("v1alpha1"));
}

#[test]
fn else_the_best_that_both_know() {
    assert_eq!(SNAPSHOT.choose(Some("v2"), &["v2", "v1alpha1", "v1beta1"]), Some("v1beta1"));
    assert_eq!(SNAPSHOT.choose(None, &["v1alpha1"]), Some("v1alpha1"));
}

#[test]
fn what_is_not_served_is_not_chosen() {
    assert_eq!(SNAPSHOT.choose(Some("v1beta1"), &["v1alpha1"]), Some("v1alpha1"));
    assert_eq!(SNAPSHOT.choose(Some("v1beta1"), &[]), None);
    assert_eq!(SNAPSHOT.choose(Some("v7"), &["v7"]), None);
}
