//! What can be known of a laboratory without starting one.

use super::*;

#[test]
fn a_socket_path_never_outgrows_the_kernels_limit() {
    for length in 1..300 {
        let dir = PathBuf::from(format!("/{}", "d".repeat(length)));
        let (state, run) = split(&dir, "default");
        assert!(state.starts_with(&dir));
        assert!(run.join("libvirt-admin-sock").as_os_str().len() < SOCKET_PATH_LIMIT);
    }
}

#[test]
fn long_directories_do_not_share_a_run_directory() {
    let of = |letter: &str| split(Path::new(&format!("/{}", letter.repeat(200))), "x").1;
    assert_ne!(of("a"), of("b"));
}

#[test]
fn only_what_dead_owners_left_is_swept_away() {
    let temporary = std::env::temp_dir().join(format!("sweep-{}", std::process::id()));
    let alive = temporary.join(format!("{THROWAWAY}{}", std::process::id()));
    let dead = temporary.join(format!("{THROWAWAY}{}", u32::MAX));
    let other = temporary.join(format!("{THROWAWAY}notes"));
    for directory in [&alive, &dead, &other] {
        fs::create_dir_all(directory.join("state")).unwrap();
    }
    sweep(&temporary);
    assert_eq!((alive.exists(), dead.exists(), other.exists()), (true, false, true));
    fs::remove_dir_all(temporary).unwrap();
}

#[test]
fn a_name_cannot_leave_the_directory() {
    for name in ["", "..", "a/b", "a b"] {
        let dir = std::env::temp_dir();
        let options =
            LabOptions { name: name.into(), dir, remove_on_drop: false, containers: None };
        assert!(places(&options).is_err(), "{name:?} was accepted");
    }
}
