//! What manifests say to our programs: flags, variables and keys that they know and document, files
//! that are mounted where the configuration looks for them, and the images of this version.

use std::collections::BTreeSet;

use serde_json::Value;
use toml::Table;

use super::{Finding, Object, containers, list, text};
use crate::files::SourceFile;

const REMEDY: &str = "the program would refuse to start, or never see it: say what it knows \
                      (its arguments.rs, its default.toml, docs/reference)";
const IMAGES: &str = "images are built from this checkout and named localhost/hostler/PROGRAM:VERSION, \
                      so that nobody gets somebody else's, and run as the user of deploy/images: \
                      correct the one or the other";

/// A program, and where it says what it knows.
struct Program {
    name: &'static str,
    arguments: &'static str,
    /// Where variables of the environment are read, beside the arguments.
    sources: &'static str,
    defaults: &'static str,
    document: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "hostlerd",
        arguments: "crates/hostlerd/src/arguments.rs",
        sources: "crates/hostlerd/src/config/sources.rs",
        defaults: "crates/hostlerd/src/config/default.toml",
        document: "docs/reference/configuration.md",
    },
    Program {
        name: "hostler-agent",
        arguments: "crates/hostler-agent/src/arguments.rs",
        sources: "crates/hostler-agent/src/arguments.rs",
        defaults: "crates/hostler-agent/src/default.toml",
        document: "docs/reference/agent.md",
    },
];

/// The files in which the programs say what they know.
#[cfg(test)]
pub(super) fn read() -> impl Iterator<Item = &'static str> {
    let recipes =
        ["deploy/images/hostlerd.Containerfile", "deploy/images/hostler-agent.Containerfile"];
    let said = PROGRAMS.iter().flat_map(|it| [it.arguments, it.sources, it.defaults, it.document]);
    said.chain(recipes)
}

/// What is known of the programs.
pub(super) struct Known<'a> {
    files: &'a [SourceFile],
    version: String,
}

impl<'a> Known<'a> {
    pub(super) fn of(files: &'a [SourceFile]) -> Self {
        let manifest = files.iter().find(|file| file.path == "Cargo.toml");
        let manifest: Option<Table> = manifest.and_then(|file| file.text.parse().ok());
        let version = manifest.as_ref().and_then(|it| it.get("workspace")?.get("package"));
        let version = version.and_then(|it| it.get("version")?.as_str()).unwrap_or_default();
        Self { files, version: version.to_owned() }
    }

    fn text(&self, path: &str) -> &'a str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    /// Flags of a program, from the fields that clap makes them of: those after the command that
    /// is used, so that a flag of another command does not count.
    fn has_flag(&self, program: &Program, flag: &str) -> bool {
        let field = format!("pub {}: ", flag.trim_start_matches("--").replace('-', "_"));
        let source = self.text(program.arguments);
        let of_run = source.split_once("pub struct RunFlags").map_or(source, |(_, rest)| rest);
        let fields = of_run.split("\n}\n").next().unwrap_or_default();
        flag.starts_with("--") && fields.contains(&field)
    }

    fn has_variable(&self, program: &Program, name: &str) -> bool {
        let source = self.text(program.sources);
        let ending = name.strip_prefix("HOSTLER_").unwrap_or_default();
        source.contains(&format!("env = \"{name}\""))
            || source.contains(&format!("Some(\"{ending}\")"))
    }

    /// Keys of a program's configuration, from its file of defaults, in which those that have none
    /// stand in comments; as `table.key`.
    fn keys(&self, program: &Program) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut table = String::new();
        for line in self.text(program.defaults).lines() {
            let line = line.trim_start_matches('#').trim();
            let header = line.strip_prefix('[').map(|it| it.trim_matches(['[', ']']));
            let key = line.split_once(" = ").map(|(key, _)| key);
            let is_word = |text: &str| {
                let fits =
                    |c: char| c.is_ascii_lowercase() || "_.".contains(c) || c.is_ascii_digit();
                !text.is_empty() && text.chars().all(fits)
            };
            if let Some(header) = header.filter(|it| is_word(it)) {
                header.clone_into(&mut table);
            } else if let Some(key) = key.filter(|it| is_word(it)) {
                keys.insert(join(&table, key));
            }
        }
        keys
    }
}

fn join(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

pub(super) fn findings(objects: &[Object], known: &Known<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for workload in objects.iter().filter(|it| it.is_workload()) {
        for container in containers(workload) {
            let name = text(container, "/name");
            let Some(program) = PROGRAMS.iter().find(|it| it.name == name) else {
                found.push(workload.finding(format!("{name} is no program of ours"), REMEDY));
                continue;
            };
            let image = text(container, "/image");
            if image != format!("localhost/hostler/{name}:{}", known.version) {
                found.push(workload.finding(format!("its image is {image}"), IMAGES));
            }
            let recipe = format!("deploy/images/{name}.Containerfile");
            let number =
                |field: &str| workload.at(&format!("/spec/template/spec/securityContext/{field}"));
            let user = number("runAsUser").zip(number("runAsGroup"));
            let line = user.map(|(user, group)| format!("\nUSER {user}:{group}\n"));
            if line.is_none_or(|line| !known.text(&recipe).contains(&line)) {
                found.push(workload.finding(format!("its user is not that of {recipe}"), IMAGES));
            }
            found.extend(said(workload, container, program, known));
            for (object, file, table) in configurations(workload, objects) {
                found.extend(configured(object, file, &table, workload, program, known));
            }
        }
    }
    found
}

/// Arguments and variables.
fn said(
    workload: &Object,
    container: &Value,
    program: &Program,
    known: &Known<'_>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let document = known.text(program.document);
    let arguments = list(container, "/args").iter().filter_map(Value::as_str);
    let arguments: Vec<&str> = arguments.collect();
    for flag in arguments.iter().filter(|it| it.starts_with('-')) {
        if !known.has_flag(program, flag) {
            found.push(workload.finding(format!("{} has no flag {flag}", program.name), REMEDY));
        } else if !document.contains(flag) {
            let what = format!("{} does not tell of {flag}", program.document);
            found.push(workload.finding(what, REMEDY));
        }
    }
    for variable in list(container, "/env") {
        let name = text(variable, "/name");
        if name.starts_with("HOSTLER") && !known.has_variable(program, name) {
            found.push(workload.finding(format!("{} reads no {name}", program.name), REMEDY));
        }
    }
    let config = arguments.iter().skip_while(|it| **it != "--config").nth(1);
    if let Some(config) = config
        && !is_mounted(workload, config, |volume| volume.get("configMap").is_some())
    {
        found.push(workload.finding(format!("no configuration is mounted at {config}"), REMEDY));
    }
    found
}

/// Whether a path is in a volume that is mounted and is such a one.
fn is_mounted(workload: &Object, path: &str, is_such: impl Fn(&Value) -> bool) -> bool {
    let volumes = workload.list("/spec/template/spec/volumes");
    containers(workload).flat_map(|container| list(container, "/volumeMounts")).any(|mount| {
        let at = text(mount, "/mountPath");
        let is_below = path == at || path.starts_with(&format!("{at}/"));
        let name = text(mount, "/name");
        let of_volume = volumes.iter().find(|volume| text(volume, "/name") == name);
        // What no volume of the pod is, is a claim.
        is_below && of_volume.is_none_or(&is_such)
    })
}

/// The configuration files of a workload, with the objects that hold them.
fn configurations<'a>(
    workload: &'a Object,
    objects: &'a [Object],
) -> Vec<(&'a Object, &'a str, Result<Table, String>)> {
    let mut found = Vec::new();
    for volume in workload.list("/spec/template/spec/volumes") {
        let name = text(volume, "/configMap/name");
        let is_it = |it: &&Object| {
            it.kind() == "ConfigMap" && (it.name(), it.namespace()) == (name, workload.namespace())
        };
        let Some(object) = objects.iter().find(is_it) else { continue };
        let files = object.at("/data").and_then(Value::as_object).into_iter().flatten();
        found.extend(files.map(|(file, text)| {
            let table = text.as_str().unwrap_or_default().parse::<Table>();
            (object, file.as_str(), table.map_err(|error| error.to_string()))
        }));
    }
    found
}

fn configured(
    object: &Object,
    file: &str,
    table: &Result<Table, String>,
    workload: &Object,
    program: &Program,
    known: &Known<'_>,
) -> Vec<Finding> {
    let table = match table {
        Ok(table) => table,
        Err(error) => return vec![object.finding(format!("{file}: {error}"), REMEDY)],
    };
    let mut found = Vec::new();
    let keys = known.keys(program);
    for (key, value) in flat(table, "") {
        if !keys.contains(&key) {
            let what = format!("{file}: {} has no key {key}", program.name);
            found.push(object.finding(what, REMEDY));
        }
        let path = value.as_str().filter(|text| text.starts_with('/'));
        if let Some(path) = path.filter(|path| !is_mounted(workload, path, |_| true)) {
            found.push(object.finding(format!("{file}: nothing is mounted at {path}"), REMEDY));
        }
    }
    found
}

/// Every key with its value; of lists of tables those of each.
fn flat<'a>(table: &'a Table, above: &str) -> Vec<(String, &'a toml::Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        let key = join(above, key);
        match value {
            toml::Value::Table(inner) => found.extend(flat(inner, &key)),
            toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
                let inner = items.iter().filter_map(toml::Value::as_table);
                found.extend(inner.flat_map(|inner| flat(inner, &key)));
            }
            value => found.push((key, value)),
        }
    }
    found
}
