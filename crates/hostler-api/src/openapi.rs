//! The OpenAPI 3.1 document, made from the endpoints themselves.

use hostler_core::access::Permission;
use hostler_core::{Code, Kind};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::endpoint::{BodyKind, Described, ReplyKind};
use crate::problem::{PROBLEM_JSON, Problem};
use crate::status::status_of;

/// Codes that any endpoint may answer: each refuses parameters that it does not know, and a body
/// of a type that it does not read, and what is known of who asks is in the store.
const COMMON: &[Code] = &[
    Code::InternalError,
    Code::MediaTypeUnsupported,
    Code::QueryInvalid,
    Code::RateLimited,
    Code::ServerDraining,
    Code::StoreUnavailable,
];

/// The document of `endpoints`.
pub fn document(endpoints: &[Described]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let operation = operation(endpoint, &mut generator, &problem);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(endpoint.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hostler",
            "version": "1",
            "description": "One truthful control plane for virtual machines, wherever they run.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "session": [] }],
        "tags": tags(endpoints),
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-hostler" },
            },
        },
    })
}

fn tags(endpoints: &[Described]) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for endpoint in endpoints {
        if !names.contains(&endpoint.tag) {
            names.push(endpoint.tag);
        }
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn operation(endpoint: &Described, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let schemas = (endpoint.schemas)(generator);
    let mut parameters = parameters("path", &schemas.path);
    parameters.extend(self::parameters("query", &schemas.query));
    if endpoint.errors.contains(&Code::PreconditionFailed) {
        let is_required = endpoint.errors.contains(&Code::PreconditionRequired);
        let what = "The ETag of the resource as you read it.";
        parameters.push(header("If-Match", is_required, what));
    }
    if takes_key(endpoint) {
        let what = "Makes the request safe to repeat: the same key gives the same answer.";
        parameters.push(header("Idempotency-Key", false, what));
    }
    let mut operation = json!({
        "operationId": endpoint.id,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "x-permission": endpoint.needs.as_str(),
        "parameters": parameters,
        "responses": responses(endpoint, &schemas.reply, problem),
    });
    if !endpoint.description.is_empty() {
        operation["description"] = json!(endpoint.description);
    }
    if endpoint.needs == Permission::Public {
        operation["security"] = json!([]);
    }
    let content = match endpoint.body {
        BodyKind::None => None,
        BodyKind::Json => Some(("application/json", json!(schemas.body))),
        BodyKind::MergePatch => Some(("application/merge-patch+json", json!(schemas.body))),
        BodyKind::Text => Some(("text/plain", json!(schemas.body))),
        BodyKind::Bytes => Some(("application/octet-stream", json!({}))),
    };
    if let Some((media, schema)) = content {
        operation["requestBody"] =
            json!({ "required": true, "content": { media: { "schema": schema } } });
    }
    operation
}

/// Whether it can be made safe to repeat by `Idempotency-Key`. What is done under
/// `If-Match` is safe already: its second time is refused.
fn takes_key(endpoint: &Described) -> bool {
    matches!(endpoint.method, http::Method::POST | http::Method::DELETE)
}

fn header(name: &str, required: bool, description: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": required,
        "description": description, "schema": { "type": "string" },
    })
}

fn parameters(place: &str, schema: &Schema) -> Vec<Value> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema
            .as_object_mut()
            .and_then(|fields| fields.remove("description"))
            .unwrap_or_default();
        json!({
            "name": name, "in": place, "description": description,
            "required": place == "path" || required.contains(&name.as_str()), "schema": schema,
        })
    };
    fields.iter().map(parameter).collect()
}

fn responses(endpoint: &Described, reply: &Schema, problem: &Schema) -> Value {
    let mut responses = Map::new();
    let status = match endpoint.reply {
        ReplyKind::WebSocket => 101,
        _ => endpoint.status.as_u16(),
    };
    let mut success = json!({ "description": endpoint.summary });
    if let Some(media) = endpoint.reply.media_type() {
        success["content"] = json!({ media: { "schema": reply } });
    }
    responses.insert(status.to_string(), success);
    for (status, codes) in by_status(endpoint) {
        let lines: Vec<_> =
            codes.iter().map(|code| format!("`{code}`: {}", code.title())).collect();
        responses.insert(
            status.to_string(),
            json!({
                "description": lines.join("\n\n"),
                "content": { PROBLEM_JSON: { "schema": problem } },
                "x-codes": codes.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
            }),
        );
    }
    Value::Object(responses)
}

/// Every code that an endpoint may answer: those that it declares, and those that come with how
/// it is asked. What is answered beside them is an error of the document.
pub fn codes(endpoint: &Described) -> Vec<Code> {
    let mut codes: Vec<Code> = endpoint.errors.to_vec();
    codes.extend(COMMON);
    if endpoint.needs != Permission::Public {
        codes.extend([Code::CredentialsMissing, Code::CredentialsInvalid, Code::PermissionDenied]);
    }
    // Of anybody too: another site's page logs nobody in.
    if endpoint.needs != Permission::Public || !endpoint.method.is_safe() {
        codes.push(Code::OriginDenied);
    }
    // A plain request to a socket.
    if endpoint.reply == ReplyKind::WebSocket {
        codes.push(Code::BodyMalformed);
    }
    if endpoint.reply.media_type().is_some() {
        codes.push(Code::NotAcceptable);
    }
    if !endpoint.method.is_safe() {
        // Where nothing has an ETag, a condition is refused rather than overlooked.
        codes.push(Code::PreconditionFailed);
    }
    if takes_key(endpoint) {
        codes.push(Code::IdempotencyMismatch);
    }
    if matches!(endpoint.body, BodyKind::Json | BodyKind::MergePatch | BodyKind::Text) {
        codes.extend([Code::BodyMalformed, Code::BodyTooLarge, Code::SpecInvalid]);
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn by_status(endpoint: &Described) -> Vec<(u16, Vec<Code>)> {
    let codes = codes(endpoint);
    debug_assert!(codes.iter().all(|code| code.kind() != Kind::Bug || COMMON.contains(code)));
    let mut grouped: Vec<(u16, Vec<Code>)> = Vec::new();
    for code in codes {
        let status = status_of(code).as_u16();
        match grouped.iter_mut().find(|(known, _)| *known == status) {
            Some((_, codes)) => codes.push(code),
            None => grouped.push((status, vec![code])),
        }
    }
    grouped.sort_unstable_by_key(|(status, _)| *status);
    grouped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::v1;

    #[test]
    fn every_endpoint_has_its_own_name_and_address() {
        let endpoints = v1::endpoints();
        let ids: BTreeSet<_> = endpoints.iter().map(|e| e.id).collect();
        let addresses: BTreeSet<_> =
            endpoints.iter().map(|e| (e.path, e.method.as_str().to_owned())).collect();
        assert_eq!((ids.len(), addresses.len()), (endpoints.len(), endpoints.len()));
    }

    #[test]
    fn every_endpoint_is_documented_and_names_its_permission() {
        let document = document(&v1::endpoints());
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].as_str().unwrap().len() > 5, "{method} {path}");
                assert!(operation["x-permission"].is_string(), "{method} {path}");
                let in_path = path.matches('{').count();
                let documented = operation["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|p| p["in"] == "path")
                    .count();
                assert_eq!(in_path, documented, "{method} {path}");
            }
        }
    }

    /// What others build on: generated from the types that the server answers with.
    #[test]
    fn e1_the_document_has_the_shapes_of_vms_clusters_events_and_errors() {
        let document = document(&v1::endpoints());
        for (name, members) in [
            ("Vm", ["id", "name", "spec", "status"].as_slice()),
            ("Cluster", &["name", "health", "capabilities"]),
            ("Event", &["seq", "type", "at", "resource", "data"]),
            ("Problem", &["code", "title", "status", "details"]),
        ] {
            let shape = &document["components"]["schemas"][name]["properties"];
            for member in members {
                assert!(shape[member].is_object(), "{name} has no {member}: {shape}");
            }
        }
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = document(&v1::endpoints());
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for part in text.split("\"$ref\":\"").skip(1) {
            let target = part.split('"').next().unwrap();
            let name = target.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{target}");
        }
    }
}
