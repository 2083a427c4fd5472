//! Agents that are asked: `[[agents]]`.

use std::path::PathBuf;

use hostler_engine::OWN_MACHINE;
use hostler_http::Target;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// The most agents of a server.
const AGENTS_MAX: usize = 2000;
/// What an interval may be, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=3600;

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredAgent {
    /// Its name here.
    pub name: String,
    /// Where it serves: `https://h1:9177`.
    pub url: String,
    /// The authority that its certificate is of (PEM), instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What it wants to be shown; a file that nobody else reads.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Seconds from one question to the next.
    #[serde(default = "usual_interval")]
    pub interval_seconds: u64,
    /// The host that it is on, by name or id; it may then speak for no other.
    #[serde(default)]
    pub host: Option<String>,
}

/// As often as an agent measures its machine (D5).
const fn usual_interval() -> u64 {
    5
}

/// Whether these make sense together.
pub(super) fn check(agents: &[ConfiguredAgent]) -> Result<()> {
    if agents.len() > AGENTS_MAX {
        return Err(Failure::usage(format!("more than {AGENTS_MAX} agents")));
    }
    let mut names: Vec<&str> = Vec::new();
    for agent in agents {
        let name = agent.name.as_str();
        let told = |why: String| Failure::usage(format!("agents: {name:?}: {why}"));
        hostler_core::name::check(name).map_err(|fault| told(format!("its name {fault}")))?;
        if name == OWN_MACHINE {
            return Err(told("is the name of the server itself".to_owned()));
        }
        if names.contains(&name) {
            return Err(Failure::usage(format!("two agents named {name:?}")));
        }
        agent.url.parse::<Target>().map_err(|error| told(format!("url: {error}")))?;
        if !SECONDS.contains(&agent.interval_seconds) {
            return Err(told(format!(
                "interval_seconds is {}; it has to be from {} to {}",
                agent.interval_seconds,
                SECONDS.start(),
                SECONDS.end()
            )));
        }
        names.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(text: &str) -> Result<()> {
        #[derive(Deserialize)]
        struct File {
            agents: Vec<ConfiguredAgent>,
        }
        check(&toml::from_str::<File>(text).unwrap().agents)
    }

    #[test]
    fn d5_an_agent_is_asked_every_five_seconds_unless_told_otherwise() {
        let told: ConfiguredAgent =
            toml::from_str("name = \"a\"\nurl = \"https://h:9177\"").unwrap();
        assert_eq!(told.interval_seconds, 5);
        assert!(check(&[told]).is_ok());
    }

    #[test]
    fn an_agent_that_makes_no_sense_is_refused_by_name() {
        let one = |more: &str| format!("[[agents]]\nname = \"a\"\n{more}\n");
        let url = "url = \"http://h:9177\"";
        for (given, why) in [
            (one("url = \"ftp://h\""), "\"a\": url: "),
            (one("url = \"https://u:secret@h\""), "user's name or password"),
            (one(url) + "interval_seconds = 0", "interval_seconds is 0"),
            (one(url) + &one(url), "two agents named \"a\""),
            (one(url).replace("\"a\"", "\"hostlerd\""), "the name of the server itself"),
            (one(url).replace("\"a\"", "\"a b\""), "its name"),
        ] {
            let told = agents(&given).unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("secret"), "{told}");
        }
    }
}
