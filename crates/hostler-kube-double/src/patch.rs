//! JSON merge patch and JSON patch.

use serde_json::Value;

use crate::json;
use crate::status::Refused;

/// Applies a merge patch: null removes, objects are merged, the rest is replaced.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    let map = json::object(target);
    for (name, value) in patch {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Applies the operations in order.
///
/// # Errors
/// 400 where the patch is none; 422 where an operation does not apply, a `test` among them.
pub(crate) fn operations(target: &mut Value, patch: &Value) -> Result<(), Refused> {
    let Value::Array(operations) = patch else {
        return Err(Refused::bad_request(
            "error decoding patch: a list of operations was expected",
        ));
    };
    for operation in operations {
        apply_one(target, operation).ok_or_else(Refused::patch_does_not_apply)?;
    }
    Ok(())
}

fn apply_one(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation.get("path")?.as_str()?;
    let value = || operation.get("value").cloned();
    match operation.get("op")?.as_str()? {
        "add" => add(target, path, value()?),
        "remove" => take(target, path).map(|_| ()),
        "replace" => {
            *target.pointer_mut(path)? = value()?;
            Some(())
        }
        // A null is equal to what is absent, as in the library that the server uses.
        "test" => {
            let wanted = operation.get("value").unwrap_or(&Value::Null);
            (target.pointer(path).unwrap_or(&Value::Null) == wanted).then_some(())
        }
        "move" => {
            let moved = take(target, operation.get("from")?.as_str()?)?;
            add(target, path, moved)
        }
        "copy" => {
            let copied = target.pointer(operation.get("from")?.as_str()?)?.clone();
            add(target, path, copied)
        }
        _ => None,
    }
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, name) = path.rsplit_once('/')?;
    Some((parent, name.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *target = value;
        return Some(());
    }
    let (parent, name) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => {
            map.insert(name, value);
        }
        Value::Array(items) if name == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = name.parse().ok()?;
            (index <= items.len()).then(|| items.insert(index, value))?;
        }
        _ => return None,
    }
    Some(())
}

fn take(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => map.remove(&name),
        Value::Array(items) => {
            let index: usize = name.parse().ok()?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
