//! The world behind the server: its objects, and the rules by which any write goes.
//!
//! ```text
//!   body ─► identity ─► (webhooks fill in) ─► known fields ─► (webhooks judge) ─► generation,
//!           managedFields ─► store ─► the controller's list of what to look at
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admission;
use crate::apply::{self, Writer};
use crate::faults::Switches;
use crate::ids::Ids;
use crate::json;
use crate::kinds::{CLONES, Catalog, Kind, NAMESPACE};
use crate::schema;
use crate::status::Refused;
use crate::store::{Key, Store};

/// Everything that is, under one lock.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) catalog: Catalog,
    pub(crate) ids: Ids,
    pub(crate) switches: Switches,
    /// The time of the request or the step at work.
    pub(crate) now: Timestamp,
    /// What the controller has to look at.
    pub(crate) dirty: BTreeSet<(&'static str, Key)>,
}

/// How a write is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) writer: Writer,
    /// `dryRun=All`: everything but the effect.
    pub(crate) dry: bool,
    /// By a user, so that webhooks are asked; else by KubeVirt itself.
    pub(crate) by_user: bool,
}

impl Write {
    /// By KubeVirt's controller, on the status where there is such a subresource.
    pub(crate) fn controller(now: Timestamp, kind: &Kind) -> Self {
        let subresource = if kind.has_status { "status" } else { "" };
        let version = kind.versions.first().copied().unwrap_or("v1");
        Self {
            writer: Writer {
                manager: "virt-controller".into(),
                operation: apply::Operation::Update,
                subresource: subresource.into(),
                api_version: kind.api_version(version),
                time: stamp(now),
            },
            dry: false,
            by_user: false,
        }
    }

    /// On the object itself.
    pub(crate) fn on_main(mut self) -> Self {
        self.writer.subresource.clear();
        self
    }

    /// By another part of KubeVirt.
    pub(crate) fn by_manager(mut self, manager: &str) -> Self {
        manager.clone_into(&mut self.writer.manager);
        self
    }
}

/// What a delete asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delete {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    /// Whether what belongs to it stays.
    pub(crate) orphans: bool,
    pub(crate) dry: bool,
}

/// A time as objects have it: whole seconds.
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl World {
    /// Adds an object.
    ///
    /// # Errors
    /// As the server refuses it.
    pub(crate) fn create(
        &mut self,
        kind: &'static Kind,
        namespace: &str,
        mut object: Value,
        write: &Write,
    ) -> Result<Arc<Value>, Refused> {
        self.check_namespace(kind, namespace)?;
        self.name(kind, namespace, &mut object)?;
        let key = Key::of(&object);
        if kind.has_status && write.by_user && kind.custom {
            json::remove(&mut object, "/status");
        }
        let applied = object.pointer("/metadata/managedFields").is_some();
        // Who applies owns what it told; what webhooks fill in is told by nobody.
        let told = if applied { object.clone() } else { json!({}) };
        if write.by_user {
            self.admit(kind, None, &mut object)?;
        }
        if self.store.get(kind, &key).is_some() {
            return Err(Refused::already_exists(kind, &key.name));
        }
        for (field, value) in [
            ("uid", self.ids.uid().into()),
            ("creationTimestamp", stamp(self.now).into()),
            ("generation", 1.into()),
        ] {
            json::set(&mut object, &format!("/metadata/{field}"), value);
        }
        json::remove(&mut object, "/metadata/deletionTimestamp");
        json::remove(&mut object, "/metadata/resourceVersion");
        if !kind.custom {
            built_in_defaults(kind, &mut object);
        }
        apply::own_changes(&told, &mut object, &write.writer);
        Ok(self.keep(kind, object, write.dry))
    }

    /// Changes an object to what is proposed.
    ///
    /// # Errors
    /// As the server refuses it.
    pub(crate) fn update(
        &mut self,
        kind: &'static Kind,
        current: &Arc<Value>,
        mut proposed: Value,
        write: &Write,
    ) -> Result<Arc<Value>, Refused> {
        keep_identity(current, &mut proposed);
        let proposed = if write.writer.subresource == "status" && kind.has_status {
            let mut next = (**current).clone();
            replace_part(&mut next, "/status", proposed.get("status"));
            replace_part(
                &mut next,
                "/metadata/managedFields",
                proposed.pointer("/metadata/managedFields"),
            );
            next
        } else {
            if kind.has_status {
                replace_part(&mut proposed, "/status", current.get("status"));
            }
            proposed
        };
        let mut next = proposed.clone();
        if write.by_user && write.writer.subresource.is_empty() {
            self.admit(kind, Some(current), &mut next)?;
        }
        if means_the_same(current, &next) {
            // Only who owns what may differ.
            if current.pointer("/metadata/managedFields") == next.pointer("/metadata/managedFields")
            {
                return Ok(Arc::clone(current));
            }
        } else {
            raise_generation(kind, current, &mut next);
            let told = match write.writer.operation {
                apply::Operation::Apply => &proposed,
                apply::Operation::Update => current,
            };
            apply::own_changes(told, &mut next, &write.writer);
        }
        let is_over = next.pointer("/metadata/deletionTimestamp").is_some()
            && json::list(&next, "/metadata/finalizers").is_empty();
        if is_over && !write.dry {
            let key = Key::of(&next);
            self.store.remove(kind, &key);
            self.touch(kind, &key);
            self.touch_owners(&next);
            self.collect_garbage(&next, &key);
            return Ok(Arc::new(next));
        }
        Ok(self.keep(kind, next, write.dry))
    }

    /// Deletes an object, or marks it where finalizers hold it. Tells what is left of it.
    ///
    /// # Errors
    /// As the server refuses it.
    pub(crate) fn delete(
        &mut self,
        kind: &'static Kind,
        key: &Key,
        asked: &Delete,
    ) -> Result<Deleted, Refused> {
        let current = self.find(kind, key)?;
        for (wanted, pointer, what) in [
            (&asked.uid, "/metadata/uid", "UID"),
            (&asked.resource_version, "/metadata/resourceVersion", "ResourceVersion"),
        ] {
            let found = json::text(&current, pointer);
            if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.as_str() != found) {
                let why = format!(
                    "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: \
                     {found}"
                );
                return Err(Refused::conflict(kind, &key.name, &why));
            }
        }
        if asked.orphans && !asked.dry {
            self.orphan(&current, key);
        }
        let is_held =
            !json::list(&current, "/metadata/finalizers").is_empty() || (*kind == NAMESPACE);
        if !is_held {
            if !asked.dry {
                self.store.remove(kind, key);
                self.touch(kind, key);
                self.touch_owners(&current);
                self.collect_garbage(&current, key);
            }
            return Ok(Deleted::Gone(current));
        }
        if current.pointer("/metadata/deletionTimestamp").is_some() {
            return Ok(Deleted::Held(current));
        }
        let mut next = (*current).clone();
        json::set(&mut next, "/metadata/deletionTimestamp", stamp(self.now).into());
        json::set(&mut next, "/metadata/deletionGracePeriodSeconds", 0.into());
        let generation = next.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(1);
        json::set(&mut next, "/metadata/generation", (generation + 1).into());
        if *kind == NAMESPACE {
            json::set(&mut next, "/status/phase", "Terminating".into());
        }
        Ok(Deleted::Held(self.keep(kind, next, asked.dry)))
    }

    /// The object, or 404.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn find(&self, kind: &Kind, key: &Key) -> Result<Arc<Value>, Refused> {
        self.store.get(kind, key).cloned().ok_or_else(|| Refused::not_found(kind, &key.name))
    }

    /// Makes the controller look at an object.
    pub(crate) fn touch(&mut self, kind: &'static Kind, key: &Key) {
        self.dirty.insert((kind.plural, key.clone()));
    }

    /// Takes away what belonged to a machine that is gone, as the garbage collector does.
    fn collect_garbage(&mut self, owner: &Value, key: &Key) {
        let is_clone = json::text(owner, "/kind") == CLONES.kind;
        for (kind, key, _) in self.belongings(owner, key) {
            if is_clone {
                // Their controller has its say first.
                let _deleted = self.delete(kind, &key, &Delete::default());
                continue;
            }
            self.store.remove(kind, &key);
            self.touch(kind, &key);
        }
    }

    /// Lets what belongs to a machine belong to nobody, before it goes.
    fn orphan(&mut self, owner: &Value, key: &Key) {
        let uid = json::text(owner, "/metadata/uid");
        for (kind, _, one) in self.belongings(owner, key) {
            let mut next = (*one).clone();
            let others = json::list(&one, "/metadata/ownerReferences").iter();
            let others = others.filter(|one| json::text(one, "/uid") != uid).cloned();
            json::set(&mut next, "/metadata/ownerReferences", others.collect());
            self.keep(kind, next, false);
        }
    }

    /// A machine's instance, and volumes from its own templates; what a clone works with.
    fn belongings(&self, owner: &Value, key: &Key) -> Vec<(&'static Kind, Key, Arc<Value>)> {
        let kinds: &[&str] = match json::text(owner, "/kind") {
            "VirtualMachine" => {
                &["datavolumes", "persistentvolumeclaims", "virtualmachineinstances"]
            }
            "VirtualMachineClone" => &["virtualmachinerestores", "virtualmachinesnapshots"],
            _ => return Vec::new(),
        };
        let uid = json::text(owner, "/metadata/uid");
        let is_owner = |one: &Value| json::text(one, "/uid") == uid;
        let kinds = kinds.iter().filter_map(|plural| Catalog::of_plural(plural));
        let all = kinds.flat_map(|kind| {
            let all = self.store.list(kind, Some(&key.namespace));
            all.map(move |(key, one)| (kind, key.clone(), Arc::clone(one)))
        });
        all.filter(|(_, _, one)| json::list(one, "/metadata/ownerReferences").iter().any(is_owner))
            .collect()
    }

    fn touch_owners(&mut self, object: &Value) {
        let namespace = json::text(object, "/metadata/namespace");
        for owner in json::list(object, "/metadata/ownerReferences") {
            if json::text(owner, "/kind") == "VirtualMachine" {
                let key = Key::new(namespace, json::text(owner, "/name"));
                self.touch(&crate::kinds::VM, &key);
            }
        }
    }

    fn keep(&mut self, kind: &'static Kind, object: Value, dry: bool) -> Arc<Value> {
        if dry {
            return Arc::new(object);
        }
        let kept = self.store.put(kind, object);
        self.touch(kind, &Key::of(&kept));
        self.touch_owners(&kept);
        kept
    }

    fn check_namespace(&self, kind: &Kind, namespace: &str) -> Result<(), Refused> {
        if !kind.namespaced {
            return Ok(());
        }
        let found = self.find(&NAMESPACE, &Key::new("", namespace))?;
        match json::text(&found, "/status/phase") {
            "Terminating" => Err(Refused::new(
                403,
                "Forbidden",
                format!(
                    "{} is forbidden: unable to create new content in namespace {namespace} \
                     because it is being terminated",
                    kind.qualified()
                ),
                json!({ "kind": kind.plural, "group": kind.group, "causes": [{
                    "reason": "NamespaceTerminating",
                    "message": format!("namespace {namespace} is being terminated"),
                    "field": "metadata.namespace",
                }] }),
            )),
            _ => Ok(()),
        }
    }

    fn name(&mut self, kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Refused> {
        if json::text(object, "/metadata/name").is_empty() {
            let prefix = json::text(object, "/metadata/generateName");
            if prefix.is_empty() {
                let what = "Required value: name or generateName is required";
                let causes =
                    vec![crate::status::cause("FieldValueRequired", what, "metadata.name")];
                let words = format!("metadata.name: {what}");
                return Err(Refused::invalid(kind, "", &words, causes));
            }
            let name = format!("{prefix}{}", self.ids.suffix());
            json::set(object, "/metadata/name", name.into());
        }
        if kind.namespaced {
            let told = json::text(object, "/metadata/namespace");
            if !told.is_empty() && told != namespace {
                return Err(Refused::bad_request(format!(
                    "the namespace of the provided object does not match the namespace sent on the \
                     request ({told} != {namespace})"
                )));
            }
            json::set(object, "/metadata/namespace", namespace.into());
        } else {
            json::remove(object, "/metadata/namespace");
        }
        Ok(())
    }

    fn admit(
        &mut self,
        kind: &Kind,
        before: Option<&Value>,
        object: &mut Value,
    ) -> Result<(), Refused> {
        if self.switches.virt_api_down {
            admission::unreachable(kind)?;
        }
        admission::mutate(kind, object, &mut self.ids, &self.store);
        schema::require(kind, object)?;
        match before {
            Some(before) => admission::judge_change(kind, before, object, &self.store),
            None => admission::judge_new(kind, object, &self.store),
        }
    }
}

/// What a delete left.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// Nothing; this is what it was.
    Gone(Arc<Value>),
    /// It is marked, and waits for its finalizers.
    Held(Arc<Value>),
}

/// What a client may not change stays.
fn keep_identity(current: &Value, proposed: &mut Value) {
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
    ] {
        let pointer = format!("/metadata/{field}");
        replace_part(proposed, &pointer, current.pointer(&pointer));
    }
    if proposed.pointer("/metadata/managedFields").is_none_or(|fields| !fields.is_array()) {
        let fields = current.pointer("/metadata/managedFields");
        replace_part(proposed, "/metadata/managedFields", fields);
    }
}

fn replace_part(object: &mut Value, pointer: &str, part: Option<&Value>) {
    match part {
        Some(part) => json::set(object, pointer, part.clone()),
        None => json::remove(object, pointer),
    }
}

/// Whether two objects are one but for what the server keeps of them.
fn means_the_same(one: &Value, other: &Value) -> bool {
    let kept = |field: &str| matches!(field, "managedFields" | "resourceVersion" | "generation");
    equal_but_for(one, other, |field| field == "metadata")
        && match (one.get("metadata"), other.get("metadata")) {
            (Some(one), Some(other)) => equal_but_for(one, other, kept),
            (one, other) => one == other,
        }
}

/// Whether two objects have the same in all fields but some.
fn equal_but_for(one: &Value, other: &Value, is_left_out: impl Fn(&str) -> bool) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return one == other;
    };
    let has_all = |all: &serde_json::Map<String, Value>, of: &serde_json::Map<String, Value>| {
        of.iter().all(|(field, value)| is_left_out(field) || all.get(field) == Some(value))
    };
    has_all(one, other) && has_all(other, one)
}

/// The generation grows with what is asked: the specification, or, without a status subresource,
/// anything but the metadata.
fn raise_generation(kind: &Kind, before: &Value, after: &mut Value) {
    let is_not_asked = |field: &str| {
        matches!(field, "metadata" | "apiVersion") || (kind.has_status && field == "status")
    };
    if !equal_but_for(before, after, is_not_asked) {
        let generation =
            before.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(1);
        json::set(after, "/metadata/generation", (generation + 1).into());
    }
}

/// What the server itself fills in for kinds of its own.
fn built_in_defaults(kind: &Kind, object: &mut Value) {
    if *kind == NAMESPACE {
        let name = json::text(object, "/metadata/name").to_owned();
        json::set(object, "/metadata/labels/kubernetes.io~1metadata.name", name.into());
        json::set(object, "/spec/finalizers", json!(["kubernetes"]));
        json::set(object, "/status/phase", "Active".into());
    }
    json::remove(object, "/metadata/generation");
}
