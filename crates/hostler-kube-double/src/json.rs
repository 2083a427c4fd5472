//! Reading and setting parts of an object by a JSON pointer, without a panic where they are absent.

use serde_json::{Map, Value};

/// The text at a pointer, or an empty one.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a pointer, or an empty one.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Sets what is at a pointer of field names, making the objects on the way.
///
/// What is on the way and is no object is replaced by one.
pub(crate) fn set(value: &mut Value, pointer: &str, new: Value) {
    let mut at = value;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        at = object(at).entry(name).or_insert(Value::Null);
    }
    *at = new;
}

/// Removes what is at a pointer; nothing where it is absent.
pub(crate) fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    if let Some(map) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
        map.remove(&name);
    }
}

/// The value as an object; what is none becomes an empty one.
pub(crate) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        // Made an object above.
        _ => unreachable!("the value was made an object"),
    }
}

/// The value as a list; what is none becomes an empty one.
pub(crate) fn array(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(items) => items,
        // Made a list above.
        _ => unreachable!("the value was made a list"),
    }
}

/// The condition of a type, with `status: "True"`.
pub(crate) fn has_condition(value: &Value, kind: &str) -> bool {
    list(value, "/status/conditions")
        .iter()
        .any(|one| text(one, "/type") == kind && text(one, "/status") == "True")
}
