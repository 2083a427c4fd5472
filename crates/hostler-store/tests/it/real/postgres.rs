//! Every statement of the store is prepared by a real PostgreSQL too, so that
//! the same text can serve several servers on one database later.
//!
//! The server is a private one in a temporary directory, reached by a socket
//! there, and ends with the test.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hostler_store::portable_statements;
use tokio::time::{Duration, Instant};

/// The schema, in PostgreSQL's words for the same things.
fn schema() -> String {
    [
        include_str!("../../../migrations/0001_foundation.sql"),
        include_str!("../../../migrations/0002_fair_turns.sql"),
        include_str!("../../../migrations/0003_alerts.sql"),
        include_str!("../../../migrations/0004_adoption.sql"),
        include_str!("../../../migrations/0005_clusters.sql"),
        include_str!("../../../migrations/0006_templates.sql"),
        include_str!("../../../migrations/0007_vm_migrations.sql"),
    ]
    .concat()
    .replace(" INTEGER", " BIGINT")
    .replace(" BLOB", " BYTEA")
    .replace(") STRICT;", ");")
}

/// The newest PostgreSQL that is installed.
fn programs() -> PathBuf {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.retain(|bin: &PathBuf| bin.join("initdb").is_file());
    versions.sort();
    versions.pop().expect("PostgreSQL is not installed: apt-get install postgresql")
}

struct Cluster {
    directory: tempfile::TempDir,
    bin: PathBuf,
    server: Child,
}

/// A command that runs as `postgres` when this test is root, as PostgreSQL
/// refuses to be.
fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL"]);
    command.arg(program);
    command
}

impl Cluster {
    async fn start() -> Self {
        let bin = programs();
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = directory.path().join("data");
        let made = unprivileged(&bin.join("initdb"))
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "-D"])
            .arg(&data)
            .current_dir("/")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        let server = unprivileged(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Self { directory, bin, server };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !cluster.run("SELECT 1").0 {
            assert!(Instant::now() < deadline, "PostgreSQL does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cluster
    }

    /// Runs a script; tells whether all of it succeeded, and what was said.
    fn run(&self, script: &str) -> (bool, String) {
        let mut psql = Command::new(self.bin.join("psql"))
            .arg("-h")
            .arg(self.directory.path())
            .args(["-U", "postgres", "-d", "postgres", "-X", "-q", "-t", "-A"])
            .args(["-v", "ON_ERROR_STOP=1", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = psql.stdin.take().unwrap();
        // A server that is not there yet closes the pipe; the status tells.
        let _ = stdin.write_all(script.as_bytes());
        drop(stdin);
        let output = psql.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test]
async fn every_statement_is_one_that_postgresql_prepares() {
    let cluster = Cluster::start().await;
    let (made, said) = cluster.run(&schema());
    assert!(made, "the schema: {said}");

    let mut script = String::new();
    let mut count = 0;
    for (name, sql) in portable_statements() {
        script += &format!("\\echo {name}\nPREPARE \"{name}\" AS {sql};\n");
        count += 1;
    }
    script += "SELECT 'prepared ' || COUNT(*) FROM pg_prepared_statements;";
    let (prepared, said) = cluster.run(&script);
    // The last name that was echoed is the statement that was refused.
    assert!(prepared, "{said}");
    assert!(said.ends_with(&format!("prepared {count}\n")), "{said}");
}

#[tokio::test]
async fn a_statement_that_only_sqlite_understands_would_be_noticed() {
    let cluster = Cluster::start().await;
    let (prepared, said) = cluster.run("PREPARE x AS SELECT 1 WHERE $1 IS NULL AND $1 = ?;");
    assert!(!prepared, "{said}");
}
