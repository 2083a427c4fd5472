//! A frame: the text that all are told, and where in it each thing is told, so that
//! whoever wants a part gets a cut of it and nothing is written anew.

use std::collections::HashSet;
use std::ops::Range;

use axum::extract::ws::Utf8Bytes;
use hostler_api::Time;
use hostler_api::v1::{LIVE_SCHEMA, LiveFrame, LiveSelection, LiveTold, LiveTopic};
use hostler_core::Timestamp;

/// So much is told in one frame; what is more comes in another. Together with the
/// ring's length it bounds what slow clients can keep in memory.
pub(super) const FRAME_BYTES_MAX: usize = 64 * 1024;

/// What all who want it are told.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) seq: u64,
    /// What it is of; `None` says that events were lost here.
    pub(super) topic: Option<LiveTopic>,
    text: Utf8Bytes,
    parts: Vec<Part>,
}

/// A thing that a frame tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) project: Option<String>,
    /// Where it is in the text.
    at: Range<usize>,
}

/// What a thing is, and its text.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) project: Option<String>,
    pub(super) text: String,
}

impl Frame {
    /// A frame of one thing; `None` where that cannot be written.
    pub(super) fn of_one(
        seq: u64,
        now: Timestamp,
        topic: LiveTopic,
        (id, project): (String, Option<String>),
        told: LiveTold,
    ) -> Option<Self> {
        let text = write(seq, now, told)?;
        // What is of one thing is told as a whole or not at all.
        let part = Part { id, project, at: 0..text.len() };
        Some(Self { seq, topic: Some(topic), text: text.into(), parts: vec![part] })
    }

    /// A frame of a list, which is called `list` and comes last in the document `head`.
    pub(super) fn of_many(
        (seq, now): (u64, Timestamp),
        topic: LiveTopic,
        kind: &str,
        (head, list): (&str, &str),
        entries: Vec<Entry>,
    ) -> Self {
        let mut text = format!("{{\"type\":\"{kind}\",\"data\":{{{head},\"{list}\":[");
        let mut parts = Vec::with_capacity(entries.len());
        for entry in entries {
            if !parts.is_empty() {
                text.push(',');
            }
            let begin = text.len();
            text.push_str(&entry.text);
            parts.push(Part { id: entry.id, project: entry.project, at: begin..text.len() });
        }
        let now = Time(now);
        text.push_str(&format!("]}},\"seq\":{seq},\"ts\":\"{now}\",\"schema\":{LIVE_SCHEMA}}}"));
        Self { seq, topic: Some(topic), text: text.into(), parts }
    }

    /// A mark in the ring: what came before was lost.
    pub(super) fn gap(seq: u64) -> Self {
        Self { seq, topic: None, text: Utf8Bytes::default(), parts: Vec::new() }
    }

    /// Its text for somebody who wants `scope`; `None` where nothing of it is in there.
    pub(super) fn text(&self, scope: &Scope) -> Option<Utf8Bytes> {
        let wanted: Vec<&Part> = self.parts.iter().filter(|part| scope.takes(part)).collect();
        let (first, last) = (self.parts.first()?, self.parts.last()?);
        if wanted.is_empty() {
            return None;
        }
        if wanted.len() == self.parts.len() {
            // The same bytes for all.
            return Some(self.text.clone());
        }
        let mut text = self.text.get(..first.at.start)?.to_owned();
        for (index, part) in wanted.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(self.text.get(part.at.clone())?);
        }
        text.push_str(self.text.get(last.at.end..)?);
        Some(text.into())
    }
}

/// A frame as text.
pub(super) fn write(seq: u64, now: Timestamp, told: LiveTold) -> Option<String> {
    let frame = LiveFrame { told, seq, ts: Time(now), schema: LIVE_SCHEMA };
    serde_json::to_string(&frame).ok()
}

/// What somebody wants of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    only: Option<HashSet<String>>,
    projects: Option<HashSet<String>>,
}

impl Scope {
    /// As chosen.
    pub(super) fn of(selection: &LiveSelection) -> Self {
        let set = |list: &Vec<String>| list.iter().cloned().collect();
        Self {
            only: selection.only.as_ref().map(set),
            projects: selection.projects.as_ref().map(set),
        }
    }

    fn takes(&self, part: &Part) -> bool {
        let in_project = |wanted: &HashSet<String>| {
            part.project.as_ref().is_some_and(|project| wanted.contains(project))
        };
        self.only.as_ref().is_none_or(|only| only.contains(&part.id))
            && self.projects.as_ref().is_none_or(in_project)
    }
}

#[cfg(test)]
mod tests {
    use hostler_api::v1::{LiveLost, LivePing};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T04:00:00Z".parse().unwrap()
    }

    fn entry(id: &str, project: Option<&str>) -> Entry {
        let text = serde_json::json!({ "vm_id": id, "name": format!("n{id}") }).to_string();
        Entry { id: id.into(), project: project.map(str::to_owned), text }
    }

    fn many(entries: Vec<Entry>) -> Frame {
        let head = ("\"provider\":\"lab\",\"pass\":\"stats\"", "vms");
        Frame::of_many((5, now()), LiveTopic::VmMetrics, "vm_metrics", head, entries)
    }

    fn scope(only: Option<&[&str]>, projects: Option<&[&str]>) -> Scope {
        let list = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        Scope::of(&LiveSelection {
            topics: Vec::new(),
            only: only.map(list),
            projects: projects.map(list),
        })
    }

    fn ids(text: &str) -> Vec<String> {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!((&value["seq"], &value["schema"]), (&5.into(), &1.into()), "{text}");
        let vms = value["data"]["vms"].as_array().unwrap();
        vms.iter().map(|vm| vm["vm_id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn d16_whoever_wants_all_of_it_gets_the_same_bytes() {
        let frame = many(vec![entry("a", Some("x")), entry("b", None)]);
        let (one, other) =
            (frame.text(&Scope::default()), frame.text(&scope(Some(&["a", "b"]), None)));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(ids(&one), ["a", "b"]);
        assert!(std::ptr::eq(one.as_str(), other.as_str()));
    }

    #[test]
    fn d6_a_part_is_a_cut_and_nothing_is_told_to_those_who_want_none_of_it() {
        let frame = many(vec![entry("a", Some("x")), entry("b", None), entry("c", Some("y"))]);
        let told = |only, projects| frame.text(&scope(only, projects)).map(|text| ids(&text));
        assert_eq!(told(Some(&["c", "a", "z"]), None).unwrap(), ["a", "c"]);
        assert_eq!(told(None, Some(&["y"])).unwrap(), ["c"]);
        assert_eq!(told(Some(&["a"]), Some(&["y"])), None);
        assert_eq!(told(None, Some(&[])), None, "what is in no project is in none of none");
        assert_eq!(told(Some(&[]), None), None);
    }

    #[test]
    fn what_is_of_one_thing_is_told_as_a_whole() {
        let thing = ("a".to_owned(), Some("x".to_owned()));
        let told = LiveTold::Resync(LiveLost { from: 1, to: 2 });
        let frame = Frame::of_one(9, now(), LiveTopic::Alerts, thing, told).unwrap();
        assert!(frame.text(&scope(Some(&["a"]), Some(&["x"]))).is_some());
        assert!(frame.text(&scope(Some(&["b"]), None)).is_none());
        assert!(Frame::gap(3).text(&Scope::default()).is_none());
        assert_eq!(
            write(9, now(), LiveTold::Ping(LivePing {})).unwrap(),
            "{\"type\":\"ping\",\"data\":{},\"seq\":9,\"ts\":\"2026-11-21T04:00:00.000000Z\",\"schema\":1}"
        );
    }

    proptest! {
        #[test]
        fn a_cut_has_exactly_what_is_wanted_in_its_order(
            things in proptest::collection::btree_map("[a-e\"\\\\é]{1,3}", proptest::option::of("[xy]"), 1..8),
            only in proptest::option::of(proptest::collection::vec("[a-e\"\\\\é]{1,3}", 0..6)),
            projects in proptest::option::of(proptest::collection::vec("[xyz]", 0..2)),
        ) {
            let entries = things.iter().map(|(id, project)| entry(id, project.as_deref()));
            let frame = many(entries.collect());
            let selection = LiveSelection { topics: Vec::new(), only, projects };
            let expected: Vec<String> = things
                .iter()
                .filter(|(id, _)| selection.only.as_ref().is_none_or(|only| only.contains(id)))
                .filter(|(_, project)| selection.projects.as_ref().is_none_or(|wanted| {
                    project.as_ref().is_some_and(|project| wanted.contains(project))
                }))
                .map(|(id, _)| id.clone())
                .collect();
            let told = frame.text(&Scope::of(&selection)).map(|text| ids(&text));
            prop_assert_eq!(told.unwrap_or_default(), expected);
        }
    }
}
