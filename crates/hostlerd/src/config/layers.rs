//! Sources put over each other: the later one wins, key by key, and who said
//! what is remembered, so that nobody has to guess why a setting is what it is.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Who said what: by key, `limits.connections` for one within a table and
/// `provider.NAME` for a provider, `agents.NAME` for an agent. What nobody said is not in it.
pub type Origins = BTreeMap<String, String>;

/// The key of the list of providers.
pub(super) const PROVIDERS: &str = "provider";
/// The key of the list of agents.
pub(super) const AGENTS: &str = "agents";

/// What one source says.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// How people know it: a file, a variable, a flag.
    pub(super) origin: String,
    /// What it says.
    pub(super) table: Table,
    /// Whether its providers come beside those of sources before, as files' do, or
    /// in their place.
    pub(super) adds_providers: bool,
}

/// All of them as one.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    pub(super) table: Table,
    pub(super) origins: Origins,
}

impl Merged {
    /// Puts a layer on top.
    pub(super) fn add(&mut self, layer: Layer) {
        let Layer { origin, table, adds_providers } = layer;
        for (key, value) in table {
            match value {
                Value::Array(listed) if key == PROVIDERS || key == AGENTS => {
                    self.add_named(&key, listed, &origin, adds_providers);
                }
                Value::Table(inner) => self.add_table(&key, inner, &origin),
                value => {
                    self.origins.insert(key.clone(), origin.clone());
                    self.table.insert(key, value);
                }
            }
        }
    }

    fn add_table(&mut self, key: &str, inner: Table, origin: &str) {
        let present = self.table.entry(key).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(present) = present else { return };
        for (name, value) in inner {
            self.origins.insert(format!("{key}.{name}"), origin.to_owned());
            present.insert(name, value);
        }
    }

    /// Adds things that are known by their names.
    fn add_named(&mut self, list: &str, listed: Vec<Value>, origin: &str, adds: bool) {
        if !adds {
            self.table.remove(list);
            self.origins.retain(|key, _| !is_in(list, key));
        }
        let present = self.table.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(present) = present else { return };
        for one in listed {
            let name = name_of(&one);
            let key = format!("{list}.{name}");
            // Twice in one source is a mistake, which is told when all is known; a
            // later source means to change what an earlier one said.
            let is_change = self.origins.get(&key).is_some_and(|before| before != origin);
            let place = present.iter_mut().find(|present| name_of(present) == name);
            match place.filter(|_| is_change) {
                Some(place) => *place = one,
                None => present.push(one),
            }
            self.origins.insert(key, origin.to_owned());
        }
    }
}

fn is_in(list: &str, key: &str) -> bool {
    key.strip_prefix(list).is_some_and(|rest| rest.starts_with('.'))
}

fn name_of(one: &Value) -> String {
    one.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
