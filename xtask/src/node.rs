//! A Node.js recent enough for the user interface: the machine's own, or one in `build/node`.
//!
//! ```text
//! node ≥ 20.19 in PATH ──────────────────────────────► use it
//! an older one, or none ─► apt/dnf bring npm ─► npm puts Node.js and npm into build/node ─► use it
//! ```
//! Nothing is ever installed system-wide but what the distribution itself packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use hostler_lab::{Error, Result, command_line, find_program, run, run_quietly};

use crate::{needs, paths, say};

/// What Vite runs on: this in the line of 20, or [`MINIMUM_22`].
const MINIMUM_20: Version = (20, 19);
/// The first of the line of 22 (and later) that Vite runs on.
const MINIMUM_22: Version = (22, 12);
/// The lines fetched where the machine has none: current long-term Node.js, and an npm made for it.
const NODE_LINE: &str = "24";
const NPM_LINE: &str = "11";

type Version = (u32, u32);

/// Where node and npm are.
#[derive(Debug)]
pub(crate) struct Node {
    directory: PathBuf,
    version: String,
}

impl Node {
    /// The machine's Node.js if it is recent enough, else the checkout's, fetched when missing.
    ///
    /// # Errors
    /// When there is none and none can be fetched.
    pub(crate) fn ensure() -> Result<Node> {
        if let Some(node) = system().or_else(local) {
            return Ok(node);
        }
        needs::any_node()?;
        // What the distribution brings may be recent enough already.
        if let Some(node) = system() {
            return Ok(node);
        }
        fetch()?;
        local().ok_or_else(|| Error::new("npm fetched a Node.js that does not run here"))
    }

    /// Its version, as it prints it.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A command for npm in `directory`, with this Node.js first in `PATH`.
    pub(crate) fn npm(&self, directory: &Path) -> Result<Command> {
        let system = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.directory.clone()).chain(std::env::split_paths(&system));
        let path = std::env::join_paths(all).map_err(|error| Error::new(error.to_string()))?;
        let own = self.directory.join("npm");
        let mut command = Command::new(if own.exists() { own } else { PathBuf::from("npm") });
        command.current_dir(directory).env("PATH", path);
        Ok(command)
    }
}

fn system() -> Option<Node> {
    let node = find_program("node")?;
    find_program("npm")?;
    usable(&node)
}

fn local() -> Option<Node> {
    usable(&home().join("bin/node"))
}

fn usable(node: &Path) -> Option<Node> {
    let output = run_quietly(Command::new(node).arg("--version")).ok()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let directory = node.parent()?.to_owned();
    is_recent(parse(&version)?).then_some(Node { directory, version })
}

fn home() -> PathBuf {
    paths::build().join("node")
}

/// Puts Node.js and npm into `build/node`, and links to both into its `bin`.
fn fetch() -> Result<()> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => {
            return Err(Error::new(format!(
                "npm has no Node.js for {other}: install Node.js 20.19 or later yourself"
            )));
        }
    };
    let home = home();
    std::fs::create_dir_all(home.join("bin"))?;
    let package = format!("node-linux-{architecture}");
    let mut command = Command::new("npm");
    command.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(&home);
    command.args([format!("{package}@{NODE_LINE}"), format!("npm@{NPM_LINE}")]);
    say::step(&format!("Node.js here is missing or too old: {}", command_line(&command)));
    run(&mut command)?;
    let links = [
        ("node", format!("../node_modules/{package}/bin/node")),
        ("npm", "../node_modules/npm/bin/npm-cli.js".to_owned()),
        ("npx", "../node_modules/npm/bin/npx-cli.js".to_owned()),
    ];
    for (name, target) in links {
        let link = home.join("bin").join(name);
        let _ = std::fs::remove_file(&link); // of an earlier fetch
        std::os::unix::fs::symlink(target, link)?;
    }
    Ok(())
}

/// `v20.20.2` is (20, 20).
fn parse(version: &str) -> Option<Version> {
    let mut numbers = version.trim_start_matches('v').split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn is_recent(version: Version) -> bool {
    version >= MINIMUM_22 || (version.0 == 20 && version >= MINIMUM_20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        let recent = |text| parse(text).is_some_and(is_recent);
        for text in ["v20.19.0", "v20.20.2", "v22.12.0", "v24.21.0", "v100.0.0"] {
            assert!(recent(text), "{text}");
        }
        for text in ["v18.20.4", "v20.9.0", "v20.18.9", "v21.7.0", "v22.11.0", "none", ""] {
            assert!(!recent(text), "{text}");
        }
    }
}
