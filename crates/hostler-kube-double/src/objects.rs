//! Single objects over HTTP: get, create, replace, patch, apply, delete.

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::{Value, json};

use crate::apply::{self, Operation, Writer};
use crate::json;
use crate::kinds::Kind;
use crate::patch;
use crate::query::Query;
use crate::respond::{self, Body};
use crate::route::ObjectPath;
use crate::schema;
use crate::shape::Shape;
use crate::shared::State;
use crate::status::Refused;
use crate::store::Key;
use crate::world::{Delete, Deleted, Write, stamp};

/// What patches of custom resources may be.
const PATCHES: &str =
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
/// The content type of apply; JSON is YAML, and the double reads JSON alone.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// A request about an object, its body read.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) path: &'a ObjectPath,
    pub(crate) query: &'a Query,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    pub(crate) shape: Shape,
}

/// A text header, or an empty one.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Asking<'_> {
    fn kind(&self) -> &'static Kind {
        self.path.kind
    }

    fn key(&self) -> Key {
        Key::new(
            self.path.namespace.as_deref().unwrap_or_default(),
            self.path.name.as_deref().unwrap_or_default(),
        )
    }

    fn content_type(&self) -> &str {
        header(self.headers, "content-type").split(';').next().unwrap_or_default().trim()
    }

    /// The path's subresource; one that the kind has not is an object that is not there.
    fn subresource(&self) -> Result<&str, Refused> {
        match self.path.subresource.as_deref() {
            None => Ok(""),
            Some("status") if self.kind().has_status => Ok("status"),
            Some(_) => {
                let name = self.path.name.as_deref().unwrap_or_default();
                Err(Refused::not_found(self.kind(), name))
            }
        }
    }

    fn write(&self, state: &State, operation: Operation) -> Result<Write, Refused> {
        let told = self.query.text("fieldManager");
        let manager = if told.is_empty() {
            let agent = header(self.headers, "user-agent");
            agent.split('/').next().filter(|name| !name.is_empty()).unwrap_or("unknown")
        } else {
            told
        };
        Ok(Write {
            writer: Writer {
                manager: manager.to_owned(),
                operation,
                subresource: self.subresource()?.to_owned(),
                api_version: self.kind().api_version(&self.path.version),
                time: stamp(state.world.now),
            },
            dry: self.query.is_dry()?,
            by_user: true,
        })
    }

    /// The body as an object of the kind at the path, without fields that nobody knows.
    fn object(&self, state: &State, body: Value) -> Result<(Value, Vec<String>), Refused> {
        let mut object = body;
        let kind = self.kind();
        let wanted = kind.api_version(&self.path.version);
        let (version, name) = (json::text(&object, "/apiVersion"), json::text(&object, "/kind"));
        if version != wanted || name != kind.kind {
            return Err(Refused::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): it is \"{version}\" \
                 \"{name}\"",
                kind.kind
            )));
        }
        let unknown = schema::prune(kind, &mut object, &state.world.switches);
        match self.query.text("fieldValidation") {
            "Strict" if !unknown.is_empty() => {
                Err(schema::strict(kind, &self.path.version, &unknown))
            }
            "Ignore" => Ok((object, Vec::new())),
            _ => {
                let warnings =
                    unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect();
                Ok((object, warnings))
            }
        }
    }

    fn parsed(&self) -> Result<Value, Refused> {
        serde_json::from_slice(self.body).map_err(|error| {
            Refused::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): {error}",
                self.kind().kind
            ))
        })
    }

    fn show(&self, code: u16, object: &Value, warnings: &[String]) -> Response<Body> {
        let body = self.shape.show(self.kind(), &self.path.version, object);
        respond::json_with_warnings(code, &body, warnings)
    }

    /// Answers `GET` on one object.
    pub(crate) fn get(&self, state: &State) -> Result<Response<Body>, Refused> {
        self.subresource()?;
        let object = state.world.find(self.kind(), &self.key())?;
        Ok(self.show(200, &object, &[]))
    }

    /// Answers `POST`.
    pub(crate) fn create(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        if self.path.name.is_some() || (self.kind().namespaced && self.path.namespace.is_none()) {
            return Err(Refused::no_such_method());
        }
        let (mut object, warnings) = self.object(state, self.parsed()?)?;
        json::remove(&mut object, "/metadata/managedFields");
        if !json::text(&object, "/metadata/resourceVersion").is_empty() {
            return Err(Refused::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let write = self.write(state, Operation::Update)?;
        let namespace = self.path.namespace.as_deref().unwrap_or_default();
        let made = state.world.create(self.kind(), namespace, object, &write)?;
        Ok(self.show(201, &made, &warnings))
    }

    /// Answers `PUT`.
    pub(crate) fn replace(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        let (object, warnings) = self.object(state, self.parsed()?)?;
        let key = self.key();
        let write = self.write(state, Operation::Update)?;
        self.check_name(&object)?;
        let current = state.world.find(self.kind(), &key)?;
        match json::text(&object, "/metadata/resourceVersion") {
            "" => return Err(Refused::no_version(self.kind(), &key.name)),
            version => self.check_version(version, &current)?,
        }
        let next = state.world.update(self.kind(), &current, object, &write)?;
        Ok(self.show(200, &next, &warnings))
    }

    fn check_name(&self, object: &Value) -> Result<(), Refused> {
        let (told, key) = (json::text(object, "/metadata/name"), self.key());
        if told == key.name {
            return Ok(());
        }
        Err(Refused::bad_request(format!(
            "the name of the object ({told}) does not match the name on the URL ({})",
            key.name
        )))
    }

    fn check_version(&self, version: &str, current: &Value) -> Result<(), Refused> {
        if version == json::text(current, "/metadata/resourceVersion") {
            return Ok(());
        }
        Err(Refused::modified(self.kind(), json::text(current, "/metadata/name")))
    }

    /// Answers `PATCH`.
    pub(crate) fn patch(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        match self.content_type() {
            "application/merge-patch+json" | "application/json-patch+json" => {
                self.plain_patch(state)
            }
            APPLY => self.apply(state),
            // Kinds of the server's own take strategic patches too; the double has none of those.
            _ => Err(Refused::unknown_media(PATCHES)),
        }
    }

    fn plain_patch(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        let write = self.write(state, Operation::Update)?;
        let patch: Value = serde_json::from_slice(self.body)
            .map_err(|error| Refused::bad_request(format!("error decoding patch: {error}")))?;
        let current = state.world.find(self.kind(), &self.key())?;
        let mut next = self.shape_for_patch(&current);
        if self.content_type() == "application/json-patch+json" {
            patch::operations(&mut next, &patch)?;
        } else {
            patch::merge(&mut next, &patch);
        }
        self.check_version(json::text(&next, "/metadata/resourceVersion"), &current)?;
        let (next, warnings) = self.object(state, next)?;
        let next = state.world.update(self.kind(), &current, next, &write)?;
        Ok(self.show(200, &next, &warnings))
    }

    /// As a patch sees it: in the version of the path.
    fn shape_for_patch(&self, current: &Value) -> Value {
        Shape::Whole.show(self.kind(), &self.path.version, current)
    }

    fn apply(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        if self.query.text("fieldManager").is_empty() {
            return Err(Refused::invalid_options(
                "PatchOptions",
                "fieldManager",
                "Required value",
                "is required for apply patch",
            ));
        }
        let write = self.write(state, Operation::Apply)?;
        let (mut config, warnings) = self.object(state, self.parsed()?)?;
        if config.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
            return Err(Refused::bad_request("metadata.managedFields must be nil"));
        }
        let key = self.key();
        if json::text(&config, "/metadata/name").is_empty() {
            json::set(&mut config, "/metadata/name", key.name.as_str().into());
        }
        self.check_name(&config)?;
        let is_status = write.writer.subresource == "status";
        if is_status {
            // Who applies to the status has no say in the rest.
            json::remove(&mut config, "/spec");
        } else if self.kind().has_status {
            json::remove(&mut config, "/status");
        }
        let force = self.query.flag("force");
        let Some(current) = state.world.store.get(self.kind(), &key).cloned() else {
            if is_status {
                return Err(Refused::not_found(self.kind(), &key.name));
            }
            let object = apply::apply(&json!({}), &config, &write.writer, force)?;
            let made = state.world.create(self.kind(), &key.namespace, object, &write)?;
            return Ok(self.show(201, &made, &warnings));
        };
        let version = json::text(&config, "/metadata/resourceVersion").to_owned();
        if !version.is_empty() {
            self.check_version(&version, &current)?;
        }
        let live = self.shape_for_patch(&current);
        let next = apply::apply(&live, &config, &write.writer, force)?;
        let next = state.world.update(self.kind(), &current, next, &write)?;
        Ok(self.show(200, &next, &warnings))
    }

    fn deletion(&self) -> Result<Delete, Refused> {
        let mut asked = Delete { dry: self.query.is_dry()?, ..Delete::default() };
        if !self.body.is_empty() {
            let body = self.parsed()?;
            let text =
                |pointer| Some(json::text(&body, pointer).to_owned()).filter(|t| !t.is_empty());
            asked.uid = text("/preconditions/uid");
            asked.resource_version = text("/preconditions/resourceVersion");
            asked.orphans = json::text(&body, "/propagationPolicy") == "Orphan";
            asked.dry |= json::list(&body, "/dryRun").iter().any(|value| value == "All");
        }
        Ok(asked)
    }

    /// Answers `DELETE` on one object.
    pub(crate) fn delete(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        if !self.subresource()?.is_empty() {
            return Err(Refused::no_such_method());
        }
        let asked = self.deletion()?;
        match state.world.delete(self.kind(), &self.key(), &asked)? {
            Deleted::Held(object) => Ok(self.show(200, &object, &[])),
            Deleted::Gone(object) => {
                let mut details = json!({
                    "name": self.key().name, "kind": self.kind().plural,
                    "uid": json::text(&object, "/metadata/uid"),
                });
                if !self.kind().group.is_empty() {
                    json::set(&mut details, "/group", self.kind().group.into());
                }
                let body = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                    "details": details,
                });
                Ok(respond::json(200, &body))
            }
        }
    }

    /// Answers `DELETE` on a selection.
    pub(crate) fn delete_all(&self, state: &mut State) -> Result<Response<Body>, Refused> {
        let query = self.query;
        let (labels, fields) = (query.text("labelSelector"), query.text("fieldSelector"));
        let selector = crate::select::Selector::parse(self.kind(), labels, fields)?;
        let keys: Vec<Key> = state
            .world
            .store
            .list(self.kind(), self.path.namespace.as_deref())
            .filter(|(_, object)| selector.matches(object))
            .map(|(key, _)| key.clone())
            .collect();
        let asked = Delete { dry: self.query.is_dry()?, ..Delete::default() };
        let mut items = Vec::new();
        for key in keys {
            match state.world.delete(self.kind(), &key, &asked)? {
                Deleted::Held(object) | Deleted::Gone(object) => items.push(object),
            }
        }
        let meta = json!({ "resourceVersion": state.world.store.revision().to_string() });
        let body = self.shape.list(self.kind(), &self.path.version, &items, &meta);
        Ok(respond::json_text(200, body))
    }
}
