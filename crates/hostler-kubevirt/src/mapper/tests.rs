//! How words of clusters are spelt here.

use super::*;

#[test]
fn words_of_a_cluster_are_spelt_like_ours() {
    for (theirs, ours) in [
        ("ErrImagePull", "err_image_pull"),
        ("ImagePullBackOff", "image_pull_back_off"),
        ("ErrorPvcNotFound", "error_pvc_not_found"),
        ("Once", "once"),
        ("a b-C", "a_b_c"),
        ("", ""),
    ] {
        assert_eq!(word(theirs), ours);
    }
    assert!(word(&"Ab".repeat(500)).len() < 100);
    assert_eq!(message(&"é".repeat(5_000)).chars().count(), MAX_MESSAGE_CHARS);
}

#[test]
fn architectures_have_one_spelling() {
    assert_eq!(arch("amd64"), "x86_64");
    assert_eq!(arch("arm64"), "aarch64");
    assert_eq!(arch("s390x"), "s390x");
}
