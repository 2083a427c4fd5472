//! The configuration as the server would use it, and where each value comes
//! from: TOML that could be the configuration file, with comments. Passwords in
//! addresses are left out (A36).

use toml::{Table, Value};

use super::layers::{AGENTS, PROVIDERS};
use super::{Config, Origins};
use crate::failure::{Failure, Result};
use crate::wiring::without_password;

/// What stands there when nobody said anything.
const DEFAULT: &str = "default";
/// Comments begin in this column, or right after longer values.
const COLUMN: usize = 40;

impl Config {
    /// As text.
    ///
    /// # Errors
    /// When a path is no Unicode, which TOML cannot write.
    pub fn show(&self, origins: &Origins) -> Result<String> {
        let mut table = Table::try_from(self)
            .map_err(|error| Failure::new(format!("cannot be written as TOML: {error}")))?;
        // What is off has no value; the word for it is one.
        table.entry("metrics_listen").or_insert_with(|| Value::from("off"));
        let base_url = self.base_url_for(&self.listen);
        table.entry("base_url").or_insert_with(|| Value::from(base_url));
        let mut text = String::new();
        let of = |key: &str| origins.get(key).map_or(DEFAULT, String::as_str);
        for (key, value) in table.iter().filter(|(_, value)| !is_section(value)) {
            line(&mut text, &format!("{key} = {value}"), of(key));
        }
        for (key, value) in &table {
            if let Value::Table(inner) = value
                && !inner.is_empty()
            {
                text.push_str(&format!("\n[{key}]\n"));
                for (name, value) in inner {
                    line(&mut text, &format!("{name} = {value}"), of(&format!("{key}.{name}")));
                }
            }
        }
        for provider in &self.providers {
            text.push('\n');
            line(&mut text, "[[provider]]", of(&format!("{PROVIDERS}.{}", provider.name)));
            text.push_str(&format!("name = {}\n", Value::from(provider.name.as_str())));
            let uri = without_password(&provider.uri);
            text.push_str(&format!("uri = {}\n", Value::from(uri)));
        }
        for agent in &self.agents {
            text.push('\n');
            line(&mut text, "[[agents]]", of(&format!("{AGENTS}.{}", agent.name)));
            let table = Table::try_from(agent)
                .map_err(|error| Failure::new(format!("cannot be written as TOML: {error}")))?;
            for (key, value) in &table {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        Ok(text)
    }
}

fn line(text: &mut String, what: &str, origin: &str) {
    // An origin is a path, and a path may hold anything; a comment ends with its line.
    let origin: String = origin.chars().filter(|c| !c.is_control()).collect();
    text.push_str(&format!("{what:<COLUMN$} # {origin}\n"));
}

fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(listed) => listed.first().is_some_and(Value::is_table),
        _ => false,
    }
}
