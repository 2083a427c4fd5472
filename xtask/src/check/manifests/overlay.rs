//! Puts an overlay together as kustomize does, as far as ours say anything: resources,
//! components, removal by a patch, labels, and configuration made of files. What is not known here
//! is a finding: else something else would be checked than is applied.

use serde_json::{Map, Value, json};

use super::{FOLDER, Finding, Object, list, text};
use crate::files::SourceFile;

const FILE: &str = "kustomization.yaml";
/// Overlays on bases on bases: deeper than this they lead in a circle.
const DEPTH_MAX: usize = 8;
const KEYS: &[&str] = &[
    "apiVersion",
    "kind",
    "namespace",
    "labels",
    "resources",
    "components",
    "patches",
    "configMapGenerator",
];
const REMEDY: &str = "kustomize would fail at it, or do what this check cannot see: correct it, or \
                      teach xtask/src/check/manifests/overlay.rs";

/// The folders of overlays.
pub(super) fn all(files: &[SourceFile]) -> Vec<String> {
    let of = |file: &SourceFile| {
        let folder = file.path.strip_suffix(FILE)?.strip_suffix('/')?;
        let name = folder.strip_prefix(FOLDER)?.strip_prefix("overlays/")?;
        (!name.contains('/')).then(|| folder.to_owned())
    };
    files.iter().filter_map(of).collect()
}

/// The objects of the overlay in `folder`; what was read is added to `used`.
pub(super) fn build(
    files: &[SourceFile],
    folder: &str,
    used: &mut Vec<String>,
) -> Result<Vec<Object>, Finding> {
    let mut building = Building { files, used, objects: Vec::new() };
    building.folder(folder, 0)?;
    Ok(building.objects)
}

/// Files that belong to no overlay.
pub(super) fn unused(files: &[SourceFile], used: &[String]) -> Vec<Finding> {
    let ours = files.iter().filter(|file| file.path.starts_with(FOLDER));
    let lost = ours.filter(|file| !used.contains(&file.path) && !file.has_extension("md"));
    let finding = |file: &SourceFile| Finding {
        place: file.path.clone(),
        what: "no overlay leads to it".to_owned(),
        remedy: "it looks as if it were applied and is not: name it in a kustomization, or remove it",
    };
    lost.map(finding).collect()
}

struct Building<'a> {
    files: &'a [SourceFile],
    used: &'a mut Vec<String>,
    objects: Vec<Object>,
}

fn fault(place: &str, what: impl Into<String>) -> Finding {
    Finding { place: place.to_owned(), what: what.into(), remedy: REMEDY }
}

impl Building<'_> {
    fn folder(&mut self, folder: &str, depth: usize) -> Result<(), Finding> {
        let path = format!("{folder}/{FILE}");
        if depth > DEPTH_MAX {
            return Err(fault(&path, "it leads back to itself"));
        }
        let documents = self.read(&path)?;
        let [kustomization] = &documents[..] else {
            return Err(fault(&path, "it holds not one document"));
        };
        self.head(&path, kustomization)?;
        let names = |key: &str| -> Vec<String> {
            let items = list(kustomization, &format!("/{key}")).iter();
            items.filter_map(|it| it.as_str().map(str::to_owned)).collect()
        };
        let before = self.objects.len();
        for name in names("resources").into_iter().chain(names("components")) {
            let at = resolve(folder, &name).ok_or_else(|| fault(&path, "it leads outside"))?;
            if self.has(&format!("{at}/{FILE}")) {
                self.folder(&at, depth + 1)?;
            } else {
                for value in self.read(&at)? {
                    self.objects.push(Object { path: at.clone(), value });
                }
            }
        }
        self.generate(folder, &path, kustomization)?;
        self.patch(folder, &path, kustomization)?;
        let own = self.objects.get_mut(before..).unwrap_or_default();
        own.iter_mut().for_each(|object| label(object, kustomization));
        let namespace = text(kustomization, "/namespace");
        let is_other = |it: &&Object| !it.namespace().is_empty() && it.namespace() != namespace;
        match self.objects.iter().skip(before).filter(|_| !namespace.is_empty()).find(is_other) {
            Some(object) => Err(fault(&object.path, format!("{path} makes its namespace another"))),
            None => Ok(()),
        }
    }

    fn head(&self, path: &str, kustomization: &Value) -> Result<(), Finding> {
        let (api, kind) = (text(kustomization, "/apiVersion"), text(kustomization, "/kind"));
        match (api, kind) {
            ("kustomize.config.k8s.io/v1beta1", "Kustomization")
            | ("kustomize.config.k8s.io/v1alpha1", "Component") => {}
            _ => return Err(fault(path, format!("{api} {kind} is no kustomization"))),
        }
        let keys = kustomization.as_object().into_iter().flat_map(Map::keys);
        match keys.into_iter().find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) => Err(fault(path, format!("its key {key} is not known here"))),
            None => Ok(()),
        }
    }

    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }

    fn file(&mut self, path: &str) -> Result<String, Finding> {
        let found = self.files.iter().find(|file| file.path == path);
        let found = found.ok_or_else(|| fault(path, "it is named and not there"))?;
        if !self.used.iter().any(|used| used == path) {
            self.used.push(path.to_owned());
        }
        Ok(found.text.clone())
    }

    fn read(&mut self, path: &str) -> Result<Vec<Value>, Finding> {
        let text = self.file(path)?;
        serde_saphyr::from_multiple::<Value>(&text)
            .map_err(|error| fault(path, format!("it is no YAML: {error}")))
    }

    /// Configuration made of files. Its name gets a hash when it is applied, everywhere at once.
    fn generate(&mut self, folder: &str, path: &str, from: &Value) -> Result<(), Finding> {
        for one in list(from, "/configMapGenerator") {
            let mut data = Map::new();
            for file in list(one, "/files").iter().filter_map(Value::as_str) {
                let at = resolve(folder, file).ok_or_else(|| fault(path, "it leads outside"))?;
                data.insert(file.to_owned(), Value::String(self.file(&at)?));
            }
            let name = text(one, "/name");
            let own = [text(one, "/namespace"), text(from, "/namespace")];
            let namespace = own.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
            let is_it = |it: &&mut Object| {
                it.kind() == "ConfigMap" && it.name() == name && it.namespace() == namespace
            };
            match (text(one, "/behavior"), self.objects.iter_mut().find(is_it)) {
                ("", None) => {
                    let metadata = json!({ "name": name, "namespace": namespace });
                    let value = json!({
                        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data,
                    });
                    self.objects.push(Object { path: path.to_owned(), value });
                }
                ("merge", Some(object)) => {
                    if let Some(old) = object.value["data"].as_object_mut() {
                        old.extend(data);
                    }
                }
                _ => return Err(fault(path, format!("it cannot make the ConfigMap {name}"))),
            }
        }
        Ok(())
    }

    /// Patches that remove an object; ours say nothing else.
    fn patch(&mut self, folder: &str, path: &str, from: &Value) -> Result<(), Finding> {
        for one in list(from, "/patches") {
            let at = resolve(folder, text(one, "/path"));
            let at = at.ok_or_else(|| fault(path, "it leads outside"))?;
            for patch in self.read(&at)? {
                if text(&patch, "/$patch") != "delete" {
                    return Err(fault(&at, "only patches that delete are known here"));
                }
                let before = self.objects.len();
                self.objects.retain(|it| {
                    let name = text(&patch, "/metadata/name");
                    it.kind() != text(&patch, "/kind") || it.name() != name
                });
                if self.objects.len() + 1 != before {
                    return Err(fault(&at, "it does not delete exactly one object"));
                }
            }
        }
        Ok(())
    }
}

/// Adds the labels that a kustomization gives to all of its objects, but not to selectors.
fn label(object: &mut Object, from: &Value) {
    let pairs = list(from, "/labels").iter().filter_map(|one| one.pointer("/pairs")?.as_object());
    for (key, value) in pairs.flatten() {
        object.value["metadata"]["labels"][key.as_str()] = value.clone();
    }
}

/// The path from the checkout's root that a kustomization means; `None` outside of our folder.
fn resolve(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in name.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/")).filter(|path| path.starts_with(FOLDER))
}
