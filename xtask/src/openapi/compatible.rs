//! Whether a newer description of the API keeps what an older one promised.
//!
//! A client of the old one must go on working: every operation, reply field and status it knows is
//! still there, and nothing it sends is refused for lack of something new.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What a client of `old` would miss in `new`, one line each.
pub(super) fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, methods) in entries(old.get("paths")) {
        for (method, operation) in entries(Some(methods)) {
            let place = format!("{} {path}", method.to_ascii_uppercase());
            match new.pointer("/paths").and_then(|paths| paths.get(path)?.get(method)) {
                Some(newer) => compare_operations(&place, operation, newer, &mut found),
                None => found.push(format!("{place} is gone")),
            }
        }
    }
    let schemas = |document: &Value| document.pointer("/components/schemas").cloned();
    let newer = schemas(new).unwrap_or_default();
    for (name, schema) in entries(schemas(old).as_ref()) {
        match newer.get(name) {
            Some(newer) => compare_schemas(name, schema, newer, &mut found),
            None => found.push(format!("the type {name} is gone")),
        }
    }
    found
}

fn compare_operations(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for (status, _) in entries(old.get("responses")) {
        // Fewer errors break nobody; a success that answers otherwise does.
        if status.starts_with('2') && new.get("responses").and_then(|all| all.get(status)).is_none()
        {
            found.push(format!("{place} no longer answers {status}"));
        }
    }
    let required = |operation: &Value| -> BTreeSet<String> {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let required = parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter.get("required").and_then(Value::as_bool) == Some(true));
        required.filter_map(|parameter| Some(parameter.get("name")?.as_str()?.to_owned())).collect()
    };
    for name in required(new).difference(&required(old)) {
        found.push(format!("{place} now demands the parameter {name}"));
    }
}

/// Compares two schemas, and those within them.
fn compare_schemas(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if old.get("type") != new.get("type") || old.get("$ref") != new.get("$ref") {
        found.push(format!("{place} is of another type"));
        return;
    }
    let properties = new.get("properties").cloned().unwrap_or_default();
    for (name, schema) in entries(old.get("properties")) {
        let place = format!("{place}.{name}");
        match properties.get(name) {
            Some(newer) => compare_schemas(&place, schema, newer, found),
            None => found.push(format!("{place} is gone")),
        }
    }
    for name in words(new.get("required")).difference(&words(old.get("required"))) {
        // In a reply that is a promise more, in a request a demand; a type may be in both.
        found.push(format!("{place}.{name} is now required"));
    }
    for word in words(old.get("enum")).difference(&words(new.get("enum"))) {
        found.push(format!("{place} no longer knows {word:?}"));
    }
    if let (Some(old), Some(new)) = (old.get("items"), new.get("items")) {
        compare_schemas(&format!("{place}[]"), old, new, found);
    }
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn words(value: Option<&Value>) -> BTreeSet<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "paths": { "/vms": { "get": {
                "parameters": [{ "name": "limit", "required": false }],
                "responses": { "200": {}, "404": {} },
            } } },
            "components": { "schemas": {
                "Vm": { "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string" },
                    "state": { "type": "string", "enum": ["running", "stopped"] },
                    "disks": { "type": "array", "items": { "type": "string" } },
                } },
            } },
        })
    }

    /// What is broken when the value at `pointer` is replaced.
    fn after(pointer: &str, value: Value) -> Vec<String> {
        let mut new = document();
        *new.pointer_mut(pointer).unwrap() = value;
        broken(&document(), &new)
    }

    #[test]
    fn additions_break_nothing() {
        let mut new = document();
        new["paths"]["/hosts"] = json!({ "get": {} });
        new["components"]["schemas"]["Vm"]["properties"]["notes"] = json!({ "type": "string" });
        new["components"]["schemas"]["Vm"]["properties"]["state"]["enum"] =
            json!(["running", "stopped", "paused"]);
        assert_eq!(broken(&document(), &new), Vec::<String>::new());
    }

    #[test]
    fn what_is_gone_is_found() {
        assert_eq!(after("/paths", json!({})), ["GET /vms is gone"]);
        assert_eq!(after("/components/schemas", json!({})), ["the type Vm is gone"]);
        assert_eq!(
            after("/components/schemas/Vm/properties/state/enum", json!(["running"])),
            ["Vm.state no longer knows \"stopped\""]
        );
        assert_eq!(
            after("/paths/~1vms/get/responses", json!({ "204": {} })),
            ["GET /vms no longer answers 200"]
        );
    }

    #[test]
    fn new_demands_and_other_types_are_found() {
        assert_eq!(
            after("/paths/~1vms/get/parameters", json!([{ "name": "host", "required": true }])),
            ["GET /vms now demands the parameter host"]
        );
        assert_eq!(
            after("/components/schemas/Vm/required", json!(["name", "state"])),
            ["Vm.state is now required"]
        );
        assert_eq!(
            after("/components/schemas/Vm/properties/disks/items/type", json!("integer")),
            ["Vm.disks[] is of another type"]
        );
    }
}
