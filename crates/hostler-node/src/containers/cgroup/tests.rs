//! Groups as Debian 12 and 11, Docker and Podman make them.

use proptest::prelude::*;

use super::*;

const ID: &str = "048726f1595b6c94cdea3ea4c3ef998c";

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path.replace("ID", ID));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::new(directory.path().to_owned());
    (directory, tree)
}

#[test]
fn d7_a_group_of_version_2_is_read_without_caches_that_can_be_given_back() {
    let group = "sys/fs/cgroup/system.slice/docker-ID.scope";
    let at = |name: &str| format!("{group}/{name}");
    let (_kept, tree) = tree(&[
        (&at("cpu.stat"), "usage_usec 2500000\nuser_usec 1\n"),
        (&at("cpu.max"), "150000 100000\n"),
        (&at("cpuset.cpus.effective"), "0-3\n"),
        (&at("memory.current"), "10000\n"),
        (&at("memory.stat"), "anon 1\ninactive_file 4000\n"),
        (&at("memory.max"), "20000\n"),
        (&at("io.stat"), "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=6\n"),
    ]);
    // Systemd within the container has made a group of its own.
    let text = format!("0::/system.slice/docker-{ID}.scope/init.scope\n");
    let usage = Group::of(&text, ID).unwrap().usage(&tree);
    let expected = Usage {
        cpu_seconds: Some(2.5),
        cpu_limit: Some(1.5),
        memory_bytes: Some(6000),
        memory_limit_bytes: Some(20_000),
        read_bytes: Some(15),
        written_bytes: Some(26),
    };
    assert_eq!(usage, expected);
}

#[test]
fn x17_no_limit_and_no_io_controller_are_absent_in_version_2() {
    let group = "sys/fs/cgroup/libpod-ID";
    let (_kept, tree) = tree(&[
        (&format!("{group}/cpu.max"), "max 100000\n"),
        (&format!("{group}/memory.max"), "max\n"),
        (&format!("{group}/memory.current"), "10\n"),
    ]);
    let usage = Group::of(&format!("0::/libpod-{ID}\n"), ID).unwrap().usage(&tree);
    // Without memory.stat nobody knows how much of it is caches.
    assert_eq!(usage, Usage::default());
}

#[test]
fn d7_a_group_of_version_1_is_read_controller_by_controller() {
    let (_kept, tree) = tree(&[
        ("sys/fs/cgroup/cpu,cpuacct/docker/ID/cpuacct.usage", "3000000000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/docker/ID/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/docker/ID/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/memory/docker/ID/memory.usage_in_bytes", "10000\n"),
        (
            "sys/fs/cgroup/memory/docker/ID/memory.stat",
            "inactive_file 9\ntotal_inactive_file 4000\n",
        ),
        ("sys/fs/cgroup/memory/docker/ID/memory.limit_in_bytes", "9223372036854771712\n"),
        (
            "sys/fs/cgroup/blkio/docker/ID/blkio.throttle.io_service_bytes",
            "8:0 Read 7\n8:0 Write 8\n8:0 Total 15\n8:16 Read 1\nTotal 16\n",
        ),
    ]);
    let text = format!(
        "4:memory:/docker/{ID}\n3:cpu,cpuacct:/docker/{ID}\n2:blkio:/docker/{ID}\n\
         1:name=systemd:/docker/{ID}\n0::/\n"
    );
    let usage = Group::of(&text, ID).unwrap().usage(&tree);
    let expected = Usage {
        cpu_seconds: Some(3.0),
        cpu_limit: None,
        memory_bytes: Some(6000),
        memory_limit_bytes: Some(9_223_372_036_854_771_712),
        read_bytes: Some(8),
        written_bytes: Some(8),
    };
    assert_eq!(usage, expected);
}

#[test]
fn x16_a_process_of_something_else_is_not_taken_for_the_container() {
    assert_eq!(Group::of("0::/system.slice/ssh.service\n", ID), None);
    assert_eq!(Group::of("", ID), None);
}

#[test]
fn a_group_beyond_the_namespace_is_not_read() {
    let (_kept, tree) = tree(&[("sys/fs/memory.current", "1\n")]);
    let group = Group::of(&format!("0::/../{ID}/..\n"), ID).unwrap();
    assert_eq!(group.usage(&tree), Usage::default());
}

proptest! {
    #[test]
    fn whatever_the_kernel_writes_nothing_panics(text in "\\PC{0,80}|([0-9]*:[a-z,]*:/[a-z/.]*\n)*") {
        if let Some(group) = Group::of(&text, "a") {
            let (_kept, tree) = tree(&[]);
            group.usage(&tree);
        }
        let all = |_: &str| Some(text.clone());
        let any = |_: &str, _: &str| Some(text.clone());
        let _ = (second(&all), first(&any));
    }
}
