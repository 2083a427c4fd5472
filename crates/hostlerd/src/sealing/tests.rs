//! What is sealed opens for whom it was sealed, and for nobody else.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::sync::Arc;

use hostler_core::clock::SystemClock;
use hostler_core::id::SeededEntropy;
use proptest::prelude::*;

use super::*;

const TEXT: &str = "token: hunter2";

fn keyring(seed: u64) -> (tempfile::TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(SeededEntropy::new(seed)));
    let keyring = Keyring::of(folder.path(), ids);
    (folder, keyring)
}

fn of(id: &str) -> BoundTo<'_> {
    BoundTo { id, uri: "kubevirt+kubeconfig:?context=lab" }
}

#[test]
fn a36_what_is_sealed_opens_and_does_not_show() {
    let (_folder, keyring) = keyring(1);
    let sealed = keyring.seal(of("a"), TEXT).unwrap();
    assert_eq!(keyring.open(of("a"), &sealed).unwrap().as_str(), TEXT);
    let shown = format!("{sealed:?} {keyring:?} {}", String::from_utf8_lossy(&sealed.bytes));
    assert!(!shown.contains("hunter2"));
    let again = keyring.seal(of("a"), TEXT).unwrap();
    assert_ne!(again.bytes, sealed.bytes, "every secret has a key of its own");
    assert_eq!(again.key_id, sealed.key_id);
}

#[test]
fn a36_the_key_is_its_owners_alone_and_made_once() {
    let (_folder, keyring) = keyring(1);
    assert!(!keyring.file().exists(), "not before it is needed");
    let sealed = keyring.seal(of("a"), TEXT).unwrap();
    let about = std::fs::metadata(keyring.file()).unwrap();
    assert_eq!(about.mode() & 0o777, 0o600);
    let first = std::fs::read(keyring.file()).unwrap();
    keyring.seal(of("b"), TEXT).unwrap();
    assert_eq!(std::fs::read(keyring.file()).unwrap(), first);
    assert!(keyring.has(&sealed.key_id).unwrap());
    let folder = keyring.file().parent().unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a36_a_key_that_others_may_read_is_refused_with_the_remedy() {
    let (_folder, keyring) = keyring(1);
    let sealed = keyring.seal(of("a"), TEXT).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(keyring.file(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = keyring.open(of("a"), &sealed).unwrap_err();
        assert!(error.to_string().contains("chmod 0600"), "{error}");
        keyring.seal(of("a"), TEXT).unwrap_err();
    }
}

#[test]
fn a36_by_another_key_it_stays_shut_and_the_remedy_is_told() {
    let (_folder, ours) = keyring(1);
    let (_other, theirs) = keyring(2);
    let sealed = ours.seal(of("a"), TEXT).unwrap();
    let told = theirs.open(of("a"), &sealed).unwrap_err();
    assert!(matches!(told, SealingError::NoKey { .. }), "there is no key at all");
    theirs.seal(of("a"), TEXT).unwrap();
    let told = theirs.open(of("a"), &sealed).unwrap_err();
    assert!(told.to_string().contains("put that key back"), "{told}");
    // Who passes another key off as the one it names opens nothing either.
    let forged = Sealed { key_id: theirs.seal(of("a"), TEXT).unwrap().key_id, ..sealed };
    assert_eq!(theirs.open(of("a"), &forged).unwrap_err(), SealingError::Changed);
}

#[test]
fn a36_what_was_sealed_for_one_opens_for_no_other() {
    let (_folder, keyring) = keyring(1);
    let sealed = keyring.seal(of("a"), TEXT).unwrap();
    let elsewhere = BoundTo { id: "a", uri: "kubevirt+kubeconfig:?context=lab&exec=allowed" };
    for other in [of("b"), of(""), elsewhere] {
        assert_eq!(keyring.open(other, &sealed).unwrap_err(), SealingError::Changed);
    }
}

#[test]
fn a36_a_second_key_opens_what_the_first_one_sealed() {
    let (_folder, keyring) = keyring(1);
    let (_other, newer) = self::keyring(2);
    let old = keyring.seal(of("a"), TEXT).unwrap();
    newer.seal(of("x"), TEXT).unwrap();
    let lines = [newer.file(), keyring.file()].map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(keyring.file(), format!("# newest first\n\n{}", lines.concat())).unwrap();
    assert_eq!(keyring.open(of("a"), &old).unwrap().as_str(), TEXT);
    assert_ne!(keyring.seal(of("a"), TEXT).unwrap().key_id, old.key_id);
}

#[test]
fn a_file_that_holds_something_else_is_never_overwritten() {
    for text in ["", "# nothing\n", "hostler-key-1 short\n", "hostler-key-2 AAAA\n", "x"] {
        let (_folder, keyring) = keyring(1);
        std::fs::write(keyring.file(), text).unwrap();
        std::fs::set_permissions(keyring.file(), std::fs::Permissions::from_mode(0o600)).unwrap();
        keyring.seal(of("a"), TEXT).unwrap_err();
        assert_eq!(std::fs::read_to_string(keyring.file()).unwrap(), text);
    }
    let (folder, keyring) = keyring(1);
    let target = folder.path().join("elsewhere");
    std::fs::write(&target, "x").unwrap();
    std::os::unix::fs::symlink(&target, keyring.file()).unwrap();
    keyring.seal(of("a"), TEXT).unwrap_err();
}

proptest! {
    #[test]
    fn a36_whatever_is_changed_in_it_is_noticed(at in any::<prop::sample::Index>(), with in 1_u8..) {
        let (_folder, keyring) = keyring(1);
        let mut sealed = keyring.seal(of("a"), TEXT).unwrap();
        let at = at.index(sealed.bytes.len());
        sealed.bytes[at] ^= with;
        prop_assert_eq!(keyring.open(of("a"), &sealed).unwrap_err(), SealingError::Changed);
    }

    #[test]
    fn what_is_no_seal_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let (_folder, keyring) = keyring(1);
        let key_id = keyring.seal(of("a"), TEXT).unwrap().key_id;
        let opened = keyring.open(of("a"), &Sealed { key_id, bytes });
        prop_assert_eq!(opened.unwrap_err(), SealingError::Changed);
    }
}
