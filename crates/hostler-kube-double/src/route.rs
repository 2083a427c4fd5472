//! What a path and a method ask for.

use http::Method;

use crate::access::Asked;
use crate::kinds::{Catalog, Kind};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Healthz,
    Version,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/{group}`.
    Group(String),
    /// `/apis/{group}/{version}` and `/api/v1`.
    Resources(String, String),
    /// `SelfSubjectAccessReview`.
    AccessReview,
    /// `SelfSubjectRulesReview`.
    RulesReview,
    Object(ObjectPath),
    /// A verb of virt-api.
    Verb(VerbPath),
    /// A path within virt-api that its authoriser cannot read.
    UnknownVerb,
    /// `version` or `healthz` of virt-api.
    VirtApi(String),
    Unknown,
}

/// Objects of a kind, or one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectPath {
    pub(crate) kind: &'static Kind,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    /// Such as `status`.
    pub(crate) subresource: Option<String>,
}

/// A verb on a machine or an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerbPath {
    pub(crate) namespace: String,
    /// `virtualmachines` or `virtualmachineinstances`.
    pub(crate) resource: String,
    pub(crate) name: String,
    /// `start`, or with a slash `evacuate/cancel`.
    pub(crate) verb: String,
}

/// The group of virt-api's verbs.
pub(crate) const VERBS: &str = "subresources.kubevirt.io";
/// Its versions, the preferred first.
pub(crate) const VERB_VERSIONS: &[&str] = &["v1", "v1alpha3"];
/// The group of questions about rights.
pub(crate) const AUTHORIZATION: &str = "authorization.k8s.io";

/// Reads a path.
pub(crate) fn target(path: &str, catalog: &Catalog) -> Target {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["healthz" | "livez" | "readyz"] => Target::Healthz,
        ["version"] => Target::Version,
        ["api"] => Target::CoreVersions,
        ["apis"] => Target::Groups,
        ["apis", VERBS, ..] if catalog.versions("kubevirt.io").is_empty() => Target::Unknown,
        ["apis", VERBS, version, rest @ ..] if VERB_VERSIONS.contains(version) => verb(rest),
        ["apis", group] => Target::Group((*group).to_owned()),
        ["api", version] => Target::Resources(String::new(), (*version).to_owned()),
        ["apis", group, version] => Target::Resources((*group).to_owned(), (*version).to_owned()),
        ["apis", AUTHORIZATION, "v1", "selfsubjectaccessreviews"] => Target::AccessReview,
        ["apis", AUTHORIZATION, "v1", "selfsubjectrulesreviews"] => Target::RulesReview,
        ["api", version, rest @ ..] => objects(catalog, "", version, rest),
        ["apis", group, version, rest @ ..] => objects(catalog, group, version, rest),
        _ => Target::Unknown,
    }
}

fn verb(rest: &[&str]) -> Target {
    match rest {
        [] => Target::Resources(VERBS.to_owned(), "v1".to_owned()),
        [one @ ("version" | "healthz")] => Target::VirtApi((*one).to_owned()),
        ["namespaces", namespace, resource, name, verb, more @ ..] => {
            let mut verb = (*verb).to_owned();
            for part in more {
                verb.push('/');
                verb.push_str(part);
            }
            Target::Verb(VerbPath {
                namespace: (*namespace).to_owned(),
                resource: (*resource).to_owned(),
                name: (*name).to_owned(),
                verb,
            })
        }
        _ => Target::UnknownVerb,
    }
}

fn objects(catalog: &Catalog, group: &str, version: &str, rest: &[&str]) -> Target {
    let (namespace, rest) = match rest {
        // `/namespaces/x` and `/namespaces/x/status` are the namespace itself.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, more @ ..] => (Some(*namespace), more),
        _ => (None, rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(*name), None),
        [plural, name, subresource] => (plural, Some(*name), Some(*subresource)),
        _ => return Target::Unknown,
    };
    let Some(kind) = catalog.find(group, version, plural) else { return Target::Unknown };
    let is_misplaced = (namespace.is_some() && !kind.namespaced)
        || (namespace.is_none() && kind.namespaced && name.is_some());
    if is_misplaced {
        return Target::Unknown;
    }
    Target::Object(ObjectPath {
        kind,
        version: version.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource: subresource.map(str::to_owned),
    })
}

impl Target {
    /// The class under which it is counted.
    pub(crate) fn class(&self) -> String {
        match self {
            Self::Healthz => "healthz".to_owned(),
            Self::Version => "version".to_owned(),
            Self::CoreVersions | Self::Groups | Self::Group(_) | Self::Resources(..) => {
                "discovery".to_owned()
            }
            Self::AccessReview => "selfsubjectaccessreviews".to_owned(),
            Self::RulesReview => "selfsubjectrulesreviews".to_owned(),
            Self::Object(path) => match &path.subresource {
                Some(subresource) => format!("{}/{subresource}", path.kind.plural),
                None => path.kind.plural.to_owned(),
            },
            Self::Verb(path) => format!("{}/{}", path.resource, path.verb),
            Self::VirtApi(what) => format!("virt-api/{what}"),
            Self::UnknownVerb | Self::Unknown => "unknown".to_owned(),
        }
    }

    /// The verb, as Kubernetes names it.
    pub(crate) fn verb(&self, method: &Method, is_watch: bool, is_apply: bool) -> String {
        let is_collection = matches!(self, Self::Object(path) if path.name.is_none());
        let verb = match *method {
            Method::GET if is_watch && matches!(self, Self::Object(_)) => "watch",
            Method::GET if is_collection => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH if is_apply => "apply",
            Method::PATCH => "patch",
            Method::DELETE if is_collection => "deletecollection",
            Method::DELETE => "delete",
            _ => "get",
        };
        verb.to_owned()
    }

    /// What authorisation is asked; nothing for what everybody may.
    pub(crate) fn asked(&self, verb: &str) -> Option<Asked> {
        let verb = if verb == "apply" { "patch" } else { verb };
        match self {
            Self::Object(path) => Some(Asked {
                verb: verb.to_owned(),
                group: path.kind.group.to_owned(),
                resource: self.class(),
                namespace: path.namespace.clone().unwrap_or_default(),
                name: path.name.clone().unwrap_or_default(),
            }),
            Self::Verb(path) => Some(Asked {
                verb: verb.to_owned(),
                group: VERBS.to_owned(),
                resource: self.class(),
                namespace: path.namespace.clone(),
                name: path.name.clone(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
