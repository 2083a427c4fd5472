//! Who asks, and what they may: bearer tokens, and refusals as a role would leave them.

use std::collections::BTreeMap;

use serde_json::json;

use crate::status::Refused;

/// Something that somebody may not do. `*` stands for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The user.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` …
    pub verb: String,
    /// The group; empty for the core.
    pub group: String,
    /// The plural name, with the subresource after a slash: `virtualmachines/start`.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
}

impl Refusal {
    /// For all users and in all namespaces.
    pub fn of(verb: &str, group: &str, resource: &str) -> Self {
        Self {
            user: "*".into(),
            verb: verb.into(),
            group: group.into(),
            resource: resource.into(),
            namespace: "*".into(),
        }
    }

    /// For one user.
    #[must_use]
    pub fn to(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// In one namespace.
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    fn holds(&self, user: &str, asked: &Asked) -> bool {
        let is = |told: &str, found: &str| told == "*" || told == found;
        is(&self.user, user)
            && is(&self.verb, &asked.verb)
            && is(&self.group, &asked.group)
            && is(&self.resource, &asked.resource)
            && is(&self.namespace, &asked.namespace)
    }
}

/// What is asked for, as authorisation sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With the subresource.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// Users by their tokens, and what is refused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    pub(crate) users: BTreeMap<String, String>,
    pub(crate) refusals: Vec<Refusal>,
    /// Whether rights come from where no rules can be listed, such as a webhook.
    pub(crate) has_unlisted_rules: bool,
}

/// Whoever shows no token.
const ANONYMOUS: &str = "system:anonymous";

impl Access {
    /// The user of a request.
    ///
    /// # Errors
    /// 401 for a token that nobody has.
    pub(crate) fn user(&self, authorization: Option<&str>) -> Result<String, Refused> {
        let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Ok(ANONYMOUS.to_owned());
        };
        self.users.get(token.trim()).cloned().ok_or_else(Refused::unauthorized)
    }

    pub(crate) fn allows(&self, user: &str, asked: &Asked) -> bool {
        user != ANONYMOUS && !self.refusals.iter().any(|refusal| refusal.holds(user, asked))
    }

    /// Whether no refusal is about the user.
    pub(crate) fn refuses_nothing(&self, user: &str) -> bool {
        let is_meant = |refusal: &Refusal| refusal.user == "*" || refusal.user == user;
        user != ANONYMOUS && !self.refusals.iter().any(is_meant)
    }

    /// Whether the user may see a path that is no object's.
    ///
    /// # Errors
    /// 403 for whoever shows no token.
    pub(crate) fn check_path(&self, user: &str, verb: &str, path: &str) -> Result<(), Refused> {
        if user != ANONYMOUS {
            return Ok(());
        }
        let words = format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\"");
        Err(Refused::new(403, "Forbidden", words, json!({})))
    }

    /// Whether the user may.
    ///
    /// # Errors
    /// 403 in the server's words.
    pub(crate) fn check(&self, user: &str, asked: &Asked) -> Result<(), Refused> {
        if self.allows(user, asked) {
            return Ok(());
        }
        let plural = asked.resource.split('/').next().unwrap_or_default();
        let qualified = match asked.group.as_str() {
            "" => plural.to_owned(),
            group => format!("{plural}.{group}"),
        };
        let named = match asked.name.as_str() {
            "" => qualified,
            name => format!("{qualified} \"{name}\""),
        };
        let place = match asked.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let words = format!(
            "{named} is forbidden: User \"{user}\" cannot {} resource \"{}\" in API group \"{}\" \
             {place}",
            asked.verb, asked.resource, asked.group
        );
        let mut details = json!({ "kind": plural });
        if !asked.group.is_empty() {
            crate::json::set(&mut details, "/group", asked.group.as_str().into());
        }
        if !asked.name.is_empty() {
            crate::json::set(&mut details, "/name", asked.name.as_str().into());
        }
        Err(Refused::new(403, "Forbidden", words, details))
    }
}
