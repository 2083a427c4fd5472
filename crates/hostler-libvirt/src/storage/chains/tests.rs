//! What is needed, what is left over, and what lies on what.

use super::*;

fn chains(files: &[(&str, Option<&str>)]) -> Chains {
    let filed = |(path, backing): &(&str, Option<&str>)| {
        let (folder, name) = parts(path);
        let volume = StorageVol { pool: folder.into(), name: name.into(), key: (*path).to_owned() };
        let read = Volume {
            name: name.into(),
            kind: Some("file".into()),
            format: Some("qcow2".into()),
            capacity_bytes: 1,
            allocated_bytes: 1,
            path: Some((*path).to_owned()),
            backing: backing.map(str::to_owned),
            backing_format: backing
                .map(|b| if b.contains(OVERLAY) { "qcow2" } else { "raw" }.to_owned()),
        };
        ((*path).to_owned(), Filed { volume, read })
    };
    Chains(files.iter().map(filed).collect())
}

#[test]
fn c14_names_of_files_tell_what_lies_on_what() {
    assert_eq!(overlay("/p/a.qcow2", "x", 0), "/p/a.qcow2.hostler-x");
    assert_eq!(
        overlay("/p/a.qcow2.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000001", "y", 0),
        "/p/a.qcow2.hostler-y"
    );
    let all = chains(&[("/p/a.hostler-x", None), ("/p/a.hostler-x-1", None)]);
    let free = all.free_attempt(|attempt| vec![overlay("/p/a", "x", attempt)]);
    assert_eq!(overlay("/p/a", "x", free), "/p/a.hostler-x-2");
    let id = "0192d0c4-7d5a-7bc0-9a3e-000000000001";
    for added in ["", "-1", ".memory", "-12.memory"] {
        assert_eq!(stem(&format!("a.hostler-b.hostler-{id}{added}")), "a.hostler-b");
    }
    for theirs in ["a", "a.hostler-b", "a.hostler-", &format!("a.hostler-{id}.bak")] {
        assert_eq!(stem(theirs), theirs);
    }
}

#[test]
fn i5_only_what_nobody_needs_is_left_over() {
    let all = chains(&[
        ("/p/a", None),
        ("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000001", Some("/p/a")),
        (
            "/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000002",
            Some("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000001"),
        ),
        ("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000003", Some("/p/a")),
        (
            "/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000004",
            Some("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000003"),
        ),
        ("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000005.memory", None),
        ("/p/b.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000006", Some("/p/a")),
        ("/p/a.theirs", Some("/p/a")),
    ]);
    let mut needed = Needed::default();
    needed.add(["/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000002".to_owned()], Uuid([1; 16]));
    let stems = BTreeSet::from(["a".to_owned()]);
    let left = all.left_over(&stems, &needed);
    let left: Vec<_> = left.iter().map(|f| f.volume.name.as_str()).collect();
    assert_eq!(
        left,
        [
            "a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000004",
            "a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000003",
            "a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000005.memory"
        ],
        "highest first"
    );
    needed.add(
        [
            "/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000004".to_owned(),
            "/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000005.memory".into(),
        ],
        Uuid([1; 16]),
    );
    assert!(all.left_over(&stems, &needed).is_empty());
    assert!(needed.by_others("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000004", Uuid([2; 16])));
    assert!(!needed.by_others("/p/a.hostler-0192d0c4-7d5a-7bc0-9a3e-000000000004", Uuid([1; 16])));
}

#[test]
fn a4_a_chain_ends_where_it_would_go_round_and_is_read_as_what_lies_on_it_says() {
    let mut all = chains(&[("/p/a", Some("/p/b")), ("/p/b", Some("/p/a"))]);
    for filed in all.0.values_mut() {
        filed.read.backing_format = Some("qcow2".into());
    }
    assert_eq!(all.of("/p/a").len(), 2);
    let all = chains(&[("/p/a", None), ("/p/b", Some("/p/a"))]);
    let told = [("/p/b".to_owned(), "qcow2".to_owned()), ("/p/a".into(), "raw".into())];
    assert_eq!(all.of("/p/b"), told);
    // A guest wrote a header into its plain disk that names a file of the host.
    let all = chains(&[("/etc/x", None), ("/p/a", Some("/etc/x")), ("/p/b", Some("/p/a"))]);
    assert_eq!(all.of("/p/b"), told);
    assert_eq!(all.of_disk("/p/a", "raw"), [("/p/a".to_owned(), "raw".to_owned())]);
}
