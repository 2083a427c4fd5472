//! Agents over HTTP, and this server's own machine: what the engine asks and what
//! it must not know.
//!
//! ```text
//!  engine ── report ──► RemoteAgent ── GET /api/v1/batch ──► hostler-agent
//!                            │
//!                            ▼  batch: bounded, sifted, counted
//!                         Report
//! ```

pub(crate) mod batch;
pub(crate) mod own;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::settings;
use hostler_engine::AgentSettings;
use hostler_http::{Answer, Client, Error as HttpError, Options, Request, StatusCode, Target};
use hostler_provider::{Agent, AgentError, AgentTrouble, Cx, Report};

use crate::config::ConfiguredAgent;

/// The largest batch that is read: far more than a machine with a thousand VMs tells.
const BATCH_MAX: usize = 16 << 20;
/// The largest token that is read, in bytes.
const TOKEN_MAX: u64 = 4096;

/// The agents that are configured, ready to be asked. Nobody is asked yet.
pub(crate) fn of(configured: &[ConfiguredAgent]) -> Vec<(AgentSettings, Arc<dyn Agent>)> {
    let agents = configured.iter().map(|given| {
        let agent = RemoteAgent::new(given);
        let settings = AgentSettings {
            name: given.name.clone(),
            address: agent.address(),
            revision: format!("{} {:?} {:?}", given.url, given.ca_file, given.token_file),
            interval: Duration::from_secs(given.interval_seconds),
            host: given.host.clone(),
        };
        (settings, Arc::new(agent) as Arc<dyn Agent>)
    });
    agents.collect()
}

/// An agent behind a URL.
struct RemoteAgent {
    /// What asks where; an error where that cannot be, in words for people.
    asking: Result<(Client, Target), String>,
    token_file: Option<PathBuf>,
}

impl RemoteAgent {
    fn new(given: &ConfiguredAgent) -> Self {
        // What does not answer in time is told in words of the client, so that these say
        // where; the engine's own deadline is a little later.
        let interval = Duration::from_secs(given.interval_seconds);
        let options = Options {
            timeout: (interval * 3 / 4).clamp(Duration::from_millis(1500), Duration::from_secs(30)),
            answer_max: BATCH_MAX,
            ca_file: given.ca_file.clone(),
            proxy: None,
        };
        let asking = given.url.parse::<Target>().and_then(|url| {
            if given.token_file.is_some() && !url.is_encrypted() && !url.is_loopback() {
                tracing::warn!(agent = given.name, "its token goes to another machine unencrypted");
            }
            let batch = url.below(&["api", "v1", "batch"], &[]);
            Ok((Client::new(options)?, batch))
        });
        Self {
            asking: asking.map_err(|error| error.to_string()),
            token_file: given.token_file.clone(),
        }
    }

    fn address(&self) -> String {
        self.asking.as_ref().map_or_else(|_| String::new(), |(_, target)| target.to_string())
    }
}

#[async_trait]
impl Agent for RemoteAgent {
    async fn report(&self, _: &Cx) -> Result<Report, AgentError> {
        let misconfigured = |why: String| AgentError::new(AgentTrouble::Misconfigured, why);
        let (client, target) = self.asking.as_ref().map_err(|why| misconfigured(why.clone()))?;
        let mut request = Request::get(target.clone());
        if let Some(path) = self.token_file.clone() {
            // Read each time, so that a token can be changed under a running server.
            let token = tokio::task::spawn_blocking(move || token(&path)).await;
            let token = token.unwrap_or_else(|error| Err(error.to_string()));
            let token = token.map_err(misconfigured)?;
            request = request.authorized("Bearer", &token).map_err(not_sent)?;
        }
        let answer = client.send(request).await.map_err(not_sent)?;
        check(target, &answer, self.token_file.as_deref())?;
        // A large batch takes a while to read, and others wait for this thread.
        let read = tokio::task::spawn_blocking(move || batch::read(&answer.body)).await;
        read.unwrap_or_else(|error| {
            Err(AgentError::new(
                AgentTrouble::Invalid,
                format!("its batch cannot be read: {error}"),
            ))
        })
    }
}

fn not_sent(error: HttpError) -> AgentError {
    match &error {
        HttpError::Setup { .. } => AgentError::new(AgentTrouble::Misconfigured, error.to_string()),
        HttpError::Untrusted { .. } => {
            let what = format!("{error}; set ca_file to the authority that its certificate is of");
            AgentError::new(AgentTrouble::Untrusted, what)
        }
        HttpError::TooLarge { .. } => AgentError::new(AgentTrouble::Invalid, error.to_string()),
        _ => AgentError::new(AgentTrouble::Unreachable, error.to_string()),
    }
}

/// Whether it is a batch, by its status.
fn check(target: &Target, answer: &Answer, token_file: Option<&Path>) -> Result<(), AgentError> {
    let status = answer.status;
    let (trouble, why) = match status {
        StatusCode::OK => return Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let what = token_file.map_or_else(
                || "wants a token; set token_file".to_owned(),
                |path| format!("does not take the token of {}", path.display()),
            );
            return Err(AgentError::new(AgentTrouble::Refused, format!("{target} {what}")));
        }
        _ if status.is_server_error() => (AgentTrouble::Unreachable, "cannot answer now"),
        _ => (AgentTrouble::Invalid, "is no hostler-agent"),
    };
    let said = answer.excerpt();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    Err(AgentError::new(trouble, format!("{target} {why}: {status}{said}")))
}

/// A token, from a file that nobody else reads.
fn token(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let told = |why: String| format!("token_file {}: {why}", path.display());
    let failed = |error: std::io::Error| told(error.to_string());
    let file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    if !settings::is_private(metadata.mode(), metadata.uid(), own) {
        return Err(told("others may read it; chmod 600 it".to_owned()));
    }
    let mut text = String::new();
    let size = file.take(TOKEN_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(size).unwrap_or(u64::MAX) > TOKEN_MAX {
        return Err(told(format!("is larger than {TOKEN_MAX} bytes")));
    }
    match text.trim() {
        "" => Err(told("is empty".to_owned())),
        token => Ok(token.to_owned()),
    }
}
