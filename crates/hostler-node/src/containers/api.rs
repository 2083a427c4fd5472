//! What engines answer, as far as it is needed. Everything may be missing: the
//! two engines differ, and so do their versions.

use hostler_provider::{Error, Kind, Result};
use serde::Deserialize;

/// A container of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    /// In the engine's word: `running`, `exited` …
    pub(super) state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

/// The list of containers. Those whose id could not stand in an address are left out.
pub(super) fn list(text: &[u8]) -> Result<Vec<Listed>> {
    let rows: Option<Vec<Row>> = read(text)?;
    let listed = rows.unwrap_or_default().into_iter().filter(|row| is_id(&row.id)).map(|row| {
        let names = row.names.unwrap_or_default();
        let name = names.first().map(|name| name.trim_start_matches('/').to_owned());
        let (image, state) = (row.image.unwrap_or_default(), row.state.unwrap_or_default());
        Listed { name: name.unwrap_or_else(|| row.id.clone()), id: row.id, image, state }
    });
    Ok(listed.collect())
}

fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "State", default)]
    state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "Pid", default)]
    pid: Option<i64>,
}

/// The container's first process, as this machine counts processes.
pub(super) fn pid(text: &[u8]) -> Result<Option<u32>> {
    let inspected: Inspected = read(text)?;
    let pid = inspected.state.and_then(|state| state.pid);
    Ok(pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0))
}

/// What an engine counts of a container.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Statistics {
    #[serde(default)]
    pub(super) cpu_stats: Option<Cpu>,
    #[serde(default)]
    pub(super) memory_stats: Option<Memory>,
    #[serde(default)]
    pub(super) blkio_stats: Option<Blocks>,
    #[serde(default)]
    pub(super) networks: Option<std::collections::BTreeMap<String, Network>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Cpu {
    #[serde(default)]
    pub(super) cpu_usage: Option<CpuUsage>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct CpuUsage {
    /// In nanoseconds.
    #[serde(default)]
    pub(super) total_usage: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Memory {
    #[serde(default)]
    pub(super) usage: Option<u64>,
    #[serde(default)]
    pub(super) limit: Option<u64>,
    #[serde(default)]
    pub(super) stats: Option<MemoryParts>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct MemoryParts {
    /// With control groups of version 2.
    #[serde(default)]
    pub(super) inactive_file: Option<u64>,
    /// With those of version 1, where the other is without what is below.
    #[serde(default)]
    pub(super) total_inactive_file: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Blocks {
    #[serde(default)]
    pub(super) io_service_bytes_recursive: Option<Vec<Block>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) op: String,
    #[serde(default)]
    pub(super) value: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Network {
    #[serde(default)]
    pub(super) rx_bytes: Option<u64>,
    #[serde(default)]
    pub(super) tx_bytes: Option<u64>,
}

/// What an engine counts of a container.
pub(super) fn statistics(text: &[u8]) -> Result<Statistics> {
    read(text)
}

fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| {
        Error::new(Kind::Unavailable, "the engine's answer cannot be read").with_raw(error)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d3_what_both_engines_list_is_understood() {
        let docker =
            br#"[{"Id":"ab12","Names":["/web","/a/link"],"Image":"nginx:1","State":"running"}]"#;
        let web = Listed {
            id: "ab12".into(),
            name: "web".into(),
            image: "nginx:1".into(),
            state: "running".into(),
        };
        assert_eq!(list(docker).unwrap(), [web]);
        let bare = br#"[{"Id":"ab12","Names":null}]"#;
        assert_eq!(list(bare).unwrap().first().map(|one| one.name.as_str()), Some("ab12"));
        assert_eq!(list(b"null").unwrap(), []);
        assert!(list(b"<html>").is_err());
    }

    #[test]
    fn an_id_that_would_change_the_address_is_left_out() {
        for id in ["", "../json?x", "a b", "a/b", "%2e"] {
            let text = format!(r#"[{{"Id":"{id}"}}]"#);
            assert_eq!(list(text.as_bytes()).unwrap(), [], "{id}");
        }
    }

    #[test]
    fn a_container_that_does_not_run_has_no_process() {
        assert_eq!(pid(br#"{"State":{"Pid":0}}"#).unwrap(), None);
        assert_eq!(pid(br#"{"State":{"Pid":-1}}"#).unwrap(), None);
        assert_eq!(pid(br#"{}"#).unwrap(), None);
        assert_eq!(pid(br#"{"State":{"Pid":42}}"#).unwrap(), Some(42));
    }

    proptest! {
        #[test]
        fn whatever_answers_nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (list(&text), pid(&text), statistics(&text));
        }
    }
}
