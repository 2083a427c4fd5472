//! Notices to send, some about VMs with names that somebody thought about.

use std::path::PathBuf;
use std::sync::Arc;

use hostler_core::Timestamp;
use hostler_core::alert::LabelSet;
use hostler_core::alert::group::Why;
use hostler_core::alert::notice::{Notice, NoticeAlert, Status};
use hostler_core::clock::ManualClock;
use hostler_deliver::{Integration, Receiver};
use tempfile::TempDir;

/// Means something to everybody that a notice goes through.
pub(crate) const HOSTILE: &str = "web\"},{\r\nBcc: all@example.org\r\n.\r\n<!channel> <script>&amp; *x* `{{ $labels.x }}`\u{202e}";

pub(crate) fn set(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_750_000_000_000 + seconds * 1000)
}

pub(crate) fn alert(vm: &str, status: Status) -> NoticeAlert {
    NoticeAlert {
        id: "alert-1".into(),
        status,
        labels: set(&[
            ("alertname", "VmPaused"),
            ("severity", "critical"),
            ("vm", vm),
            ("host", "h1"),
        ]),
        annotations: set(&[
            ("summary", &format!("VM {vm} is paused")),
            ("description", "It was paused by an error of its disk."),
            ("runbook_url", "https://docs.example/runbooks/VmPaused"),
        ]),
        value: 1.0,
        starts_at: at(0),
        ends_at: (status == Status::Resolved).then(|| at(90)),
        link: Some("https://hostler.example/alerts/alert-1".into()),
    }
}

pub(crate) fn notice(alerts: Vec<NoticeAlert>) -> Notice {
    let fires = alerts.iter().any(|alert| alert.status == Status::Firing);
    Notice {
        id: "ops:{}:{host=\"h1\"}#3".into(),
        group_key: "ops:{}:{host=\"h1\"}".into(),
        receiver: "ops".into(),
        status: if fires { Status::Firing } else { Status::Resolved },
        why: if fires { Why::New } else { Why::Resolved },
        made_at: at(30),
        group_labels: set(&[("alertname", "VmPaused"), ("host", "h1")]),
        alerts,
        more_firing: 0,
        more_resolved: 0,
        server_url: Some("https://hostler.example".into()),
    }
}

pub(crate) fn firing() -> Notice {
    notice(vec![alert("web", Status::Firing)])
}

pub(crate) fn resolved() -> Notice {
    Notice { id: "ops:{}:{host=\"h1\"}#4".into(), ..notice(vec![alert("web", Status::Resolved)]) }
}

/// Some of each, more than are told in full, and one with that name.
pub(crate) fn many() -> Notice {
    let alerts = vec![
        alert(HOSTILE, Status::Firing),
        alert("db", Status::Firing),
        alert("old", Status::Resolved),
    ];
    Notice { more_firing: 5, more_resolved: 2, ..notice(alerts) }
}

/// Files with secrets; gone with it.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn with(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// A receiver, by its configuration in TOML; its clock stands at 60 seconds.
pub(crate) fn receiver(toml: &str) -> Receiver {
    let integration: Integration = toml::from_str(toml).unwrap();
    let clock = Arc::new(ManualClock::at(at(60)));
    Receiver::new(&integration).unwrap().with_clock(clock)
}
