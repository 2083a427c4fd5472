//! How objects are shown: in which version, whole, by their metadata alone, or as a table.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::json;
use crate::kinds::{Kind, VM, VMI};

/// What the client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Whole,
    Metadata,
    Table,
}

impl Shape {
    /// By the `Accept` header: its first entry that is understood.
    pub(crate) fn of(accept: &str) -> Self {
        accept
            .split(',')
            .find_map(|entry| {
                let known = [
                    ("as=PartialObjectMetadataList", Self::Metadata),
                    ("as=PartialObjectMetadata", Self::Metadata),
                    ("as=Table", Self::Table),
                ];
                let shaped = known.iter().find(|(text, _)| entry.contains(text));
                shaped.map(|(_, shape)| *shape).or_else(|| {
                    let plain = entry.split(';').next().unwrap_or_default().trim();
                    (plain == "application/json" && !entry.contains("as=")).then_some(Self::Whole)
                })
            })
            .unwrap_or(Self::Whole)
    }

    /// One object.
    pub(crate) fn show(self, kind: &Kind, version: &str, object: &Value) -> Value {
        match self {
            Self::Whole => whole(kind, version, object),
            Self::Metadata => metadata(object),
            Self::Table => {
                let version = json::text(object, "/metadata/resourceVersion").to_owned();
                table(kind, &[object], json!({ "resourceVersion": version }))
            }
        }
    }

    /// One object, as text.
    pub(crate) fn text(self, kind: &Kind, version: &str, object: &Value) -> String {
        let is_as_kept = self == Self::Whole
            && json::text(object, "/apiVersion") == kind.api_version(version)
            && json::text(object, "/kind") == kind.kind;
        // Most of a fleet goes out as it is kept: a copy of each would cost more than all the rest.
        if is_as_kept { object.to_string() } else { self.show(kind, version, object).to_string() }
    }

    /// A list, as text.
    pub(crate) fn list(
        self,
        kind: &Kind,
        version: &str,
        objects: &[Arc<Value>],
        meta: &Value,
    ) -> String {
        let (list_kind, list_version) = match self {
            Self::Whole => (format!("{}List", kind.kind), kind.api_version(version)),
            Self::Metadata => ("PartialObjectMetadataList".into(), "meta.k8s.io/v1".into()),
            Self::Table => {
                let objects: Vec<&Value> = objects.iter().map(AsRef::as_ref).collect();
                return table(kind, &objects, meta.clone()).to_string();
            }
        };
        let mut text = format!(
            r#"{{"kind":"{list_kind}","apiVersion":"{list_version}","metadata":{meta},"items":["#
        );
        for (at, object) in objects.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&self.item(kind, version, object));
        }
        text.push_str("]}");
        text
    }

    /// An item of a list: of the server's own kinds it does not tell what it is.
    fn item(self, kind: &Kind, version: &str, object: &Value) -> String {
        if self != Self::Whole || kind.custom {
            return self.text(kind, version, object);
        }
        let mut item = object.clone();
        json::remove(&mut item, "/kind");
        json::remove(&mut item, "/apiVersion");
        item.to_string()
    }
}

fn whole(kind: &Kind, version: &str, object: &Value) -> Value {
    let mut object = object.clone();
    json::set(&mut object, "/apiVersion", kind.api_version(version).into());
    json::set(&mut object, "/kind", kind.kind.into());
    object
}

fn metadata(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata"),
    })
}

/// The columns beside the name: what heads them, and where they are from; `?x` is the status of a
/// condition.
fn columns(kind: &Kind) -> &'static [(&'static str, &'static str)] {
    const AGE: (&str, &str) = ("Age", "/metadata/creationTimestamp");
    if *kind == VM {
        &[AGE, ("Status", "/status/printableStatus"), ("Ready", "?Ready")]
    } else if *kind == VMI {
        &[
            AGE,
            ("Phase", "/status/phase"),
            ("IP", "/status/interfaces/0/ipAddress"),
            ("NodeName", "/status/nodeName"),
            ("Ready", "?Ready"),
            ("Live-Migratable", "?LiveMigratable"),
            ("Paused", "?Paused"),
        ]
    } else {
        &[AGE]
    }
}

fn table(kind: &Kind, objects: &[&Value], meta: Value) -> Value {
    let columns = columns(kind);
    let mut heads = vec![json!({ "name": "Name", "type": "string", "format": "name" })];
    heads.extend(columns.iter().map(|(name, _)| json!({ "name": name, "type": "string" })));
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut cells = vec![json::text(object, "/metadata/name").into()];
            cells.extend(columns.iter().map(|(_, from)| {
                match from.strip_prefix('?') {
                    Some(condition) => json::list(object, "/status/conditions")
                        .iter()
                        .find(|one| json::text(one, "/type") == condition)
                        .and_then(|one| one.get("status").cloned())
                        .unwrap_or_default(),
                    None => object.pointer(from).cloned().unwrap_or_default(),
                }
            }));
            json!({ "cells": cells, "object": metadata(object) })
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta,
        "columnDefinitions": heads, "rows": rows,
    })
}
