//! This machine, and containers that Podman really runs on it. Needs root,
//! podman, crun and a static busybox.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_core::metrics::Cost;
use hostler_node::{Containers, Engine, Node};
use hostler_provider::{Batch, Cx, Metrics};

use crate::value;

/// A private Podman. Groups of both versions at once are refused by crun, so it
/// lives where the second is not mounted; where there is only one, nothing changes.
const PODMAN: &str = r#"
umount /sys/fs/cgroup/unified 2>/dev/null
podman="podman --root $DIR/root --runroot $DIR/run --tmpdir $DIR/tmp --storage-driver vfs \
    --cgroup-manager=cgroupfs --events-backend=file --runtime crun"
"#;

const UP: &str = r#"
set -e
mkdir -p "$DIR/image/bin"
cp "$(command -v busybox)" "$DIR/image/bin/busybox"
tar -C "$DIR/image" -cf "$DIR/image.tar" .
$podman import -q "$DIR/image.tar" hostler-test:1
start() {
    $podman run -d --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"
}
start --name hostler-test-burn hostler-test:1 /bin/busybox sh -c 'while :; do :; done'
start --name hostler-test-idle --memory 64m --cpus 0.5 hostler-test:1 /bin/busybox sleep 100000
exec $podman system service --time 0 "unix://$DIR/podman.sock"
"#;

const DOWN: &str = "$podman rm -t 0 -f hostler-test-burn hostler-test-idle";

struct Podman {
    directory: tempfile::TempDir,
    service: Child,
}

fn podman(directory: &Path, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "bash", "-c"]);
    command.arg(format!("{PODMAN}{script}")).env("DIR", directory).stdin(Stdio::null());
    command
}

impl Podman {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let service = podman(directory.path(), UP).spawn();
        Self { service: service.expect("unshare and bash are there"), directory }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("podman.sock")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = podman(self.directory.path(), DOWN).status();
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

fn cx() -> Cx {
    Cx::within(Duration::from_secs(60))
}

/// The container's value, where it was measured.
fn of(batch: &Batch, name: &str, metric: &str) -> Option<f64> {
    let one = batch.containers.iter().find(|one| one.of.name == name)?;
    value(&one.points, metric)
}

/// Asks until `done` says what was looked for.
async fn until<T>(containers: &Containers, pass: Cost, done: impl Fn(&Batch) -> Option<T>) -> T {
    let limit = Duration::from_secs(180);
    let looking = async {
        loop {
            if let Ok(batch) = containers.collect(&cx(), pass).await
                && let Some(found) = done(&batch)
            {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(limit, looking).await.expect("it comes to pass on any machine")
}

#[tokio::test]
async fn d3_d7_a_busy_container_moves_its_own_figure_and_nobody_elses() {
    const CPU: &str = "hostler_container_cpu_seconds_total";
    let (burn, idle) = ("hostler-test-burn", "hostler-test-idle");
    let podman = Podman::start();
    let containers = Containers::new(Engine::Podman, podman.socket(), "/");
    let first = until(&containers, Cost::Stats, |batch| {
        Some((of(batch, burn, CPU)?, of(batch, idle, CPU)?))
    });
    let first = first.await;
    let (batch, last) = until(&containers, Cost::Stats, |batch| {
        let last = (of(batch, burn, CPU)?, of(batch, idle, CPU)?);
        (last.0 - first.0 > 1.0).then(|| (batch.clone(), last))
    })
    .await;
    assert!(last.1 - first.1 < 0.5, "idle took {} s while another took {} s", last.1, last.0);
    // What the engine was told to allow is what is read back from the kernel.
    assert_eq!(of(&batch, idle, "hostler_container_memory_limit_bytes"), Some(67_108_864.0));
    assert_eq!(of(&batch, idle, "hostler_container_cpus"), Some(0.5));
    assert_eq!(of(&batch, burn, "hostler_container_memory_limit_bytes"), None);
    let used = of(&batch, idle, "hostler_container_memory_used_bytes").unwrap();
    assert!(used > 0.0 && used < 67_108_864.0, "{used}");
    assert!(batch.vms.is_empty(), "a container is never a VM (X16)");
    let state = "hostler_container_info,localhost/hostler-test:1,running";
    assert_eq!(until(&containers, Cost::State, |batch| of(batch, idle, state)).await, 1.0);
}

#[tokio::test]
async fn d7_this_machine_tells_as_much_as_its_kernel_does() {
    let node = Node::new("/", "here");
    let lasting = node.collect(&cx(), Cost::State).await.unwrap();
    let moving = node.collect(&cx(), Cost::Stats).await.unwrap();
    let cpus = value(&lasting.hosts[0].points, "hostler_host_cpus").unwrap();
    let online = Command::new("getconf").arg("_NPROCESSORS_ONLN").output().unwrap();
    let online: f64 = String::from_utf8_lossy(&online.stdout).trim().parse().unwrap();
    assert_eq!(cpus, online);
    let points = &moving.hosts[0].points;
    let total = value(&lasting.hosts[0].points, "hostler_host_memory_total_bytes").unwrap();
    let available = value(points, "hostler_host_memory_available_bytes").unwrap();
    assert!(available > 0.0 && available < total, "{available} of {total}");
    assert!(value(points, "hostler_host_cpu_seconds_total,idle").is_some_and(|idle| idle > 0.0));
    assert!(value(points, "hostler_host_load,1m").is_some());
    // Counters of two passes never fall.
    let again = node.collect(&cx(), Cost::Stats).await.unwrap();
    for mode in ["user", "system", "idle"] {
        let name = format!("hostler_host_cpu_seconds_total,{mode}");
        assert!(value(&again.hosts[0].points, &name) >= value(points, &name), "{mode}");
    }
}
