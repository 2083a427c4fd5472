//! Sources put over each other: the later one wins, key by key, and who said
//! what is remembered, so that nobody has to guess why a setting is what it is.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Who said what: by key, `limits.connections` for one within a table and
/// `provider.NAME` for a provider. What nobody said is not in it.
pub type Origins = BTreeMap<String, String>;

/// The key of the list of providers.
pub(super) const PROVIDERS: &str = "provider";

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
                Value::Array(listed) if key == PROVIDERS => {
                    self.add_providers(listed, &origin, adds_providers);
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

    fn add_providers(&mut self, listed: Vec<Value>, origin: &str, adds: bool) {
        if !adds {
            self.table.remove(PROVIDERS);
            self.origins.retain(|key, _| !is_provider(key));
        }
        let present = self.table.entry(PROVIDERS).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(present) = present else { return };
        for provider in listed {
            let name = name_of(&provider);
            let key = format!("{PROVIDERS}.{name}");
            // Twice in one source is a mistake, which is told when all is known; a
            // later source means to change what an earlier one said.
            let is_change = self.origins.get(&key).is_some_and(|before| before != origin);
            let place = present.iter_mut().find(|one| name_of(one) == name);
            match place.filter(|_| is_change) {
                Some(place) => *place = provider,
                None => present.push(provider),
            }
            self.origins.insert(key, origin.to_owned());
        }
    }
}

fn is_provider(key: &str) -> bool {
    key.strip_prefix(PROVIDERS).is_some_and(|rest| rest.starts_with('.'))
}

fn name_of(provider: &Value) -> String {
    provider.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
