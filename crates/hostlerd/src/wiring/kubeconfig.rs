//! Clusters by a kubeconfig that somebody handed over: looked at before anything is done by
//! it, kept sealed, opened at the next start.
//!
//! Its address says what is no secret, so that a row of the store shows where it leads:
//! `kubevirt+kubeconfig:?server=https://10.0.0.1:6443&context=lab&namespace=a&exec=allowed`.
//! The secret is bound to all of it.

use std::sync::Arc;

use async_trait::async_trait;
use form_urlencoded::Serializer;
use hostler_core::cluster::{Health, Reason, Report};
use hostler_kubevirt::config::{Allowed, Namespaces};
use hostler_kubevirt::connect::{examine, has_context};
use hostler_kubevirt::{KubeVirt, KubeVirtConfig};
use hostler_provider::{Cluster, Cx, Error, Inventory, Kind, Probe, Provider, Result};
use hostler_store::SealedSecret;
use zeroize::Zeroizing;

use super::{KUBEVIRT_SCHEME, Wiring};
use crate::sealing::{BoundTo, Keyring, Sealed};

/// What the addresses of such clusters begin with.
const SCHEME: &str = "kubevirt+kubeconfig:";

/// A kubeconfig, and how it is to be used.
pub struct Kubeconfig {
    /// Its text; holds secrets.
    pub text: Zeroizing<String>,
    /// The context of it; its current one by default.
    pub context: Option<String>,
    /// The namespaces that are looked at; all by default.
    pub namespaces: Option<Vec<String>>,
    /// How many questions are put to the cluster at once; the driver's default where not said.
    pub at_once: Option<u32>,
    /// Whether it may run the command that it gets its credentials by.
    pub allow_exec: bool,
}

impl Kubeconfig {
    /// The same, used as the one before it was wherever nothing else is said: an empty list of
    /// namespaces says all of them. Only what it gets its credentials by has to be allowed anew.
    #[must_use]
    pub fn in_place_of(self, before: Option<KubeconfigUse>) -> Self {
        let Self { text, context, namespaces, at_once, allow_exec } = self;
        let (context_before, namespaces_before, at_once_before) =
            before.map_or((None, None, None), |it| (Some(it.context), it.namespaces, it.at_once));
        // One that cannot be read is refused, with why, when it is looked at.
        let has = |name: &String| has_context(&text, name).unwrap_or(false);
        let context = context.or_else(|| context_before.filter(has));
        let namespaces = match namespaces {
            None => namespaces_before,
            Some(names) => Some(names).filter(|names| !names.is_empty()),
        };
        let at_once = at_once.or(at_once_before);
        Self { text, context, namespaces, at_once, allow_exec }
    }
}

/// How a kubeconfig is used, without a word of what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeconfigUse {
    /// The server that it names.
    pub server: String,
    /// The context of it.
    pub context: String,
    /// The namespaces that are looked at; `None`: all of them.
    pub namespaces: Option<Vec<String>>,
    /// How many questions are put to the cluster at once; the driver's default where not said.
    pub at_once: Option<u32>,
    /// Whether it may run the command that it gets its credentials by.
    pub allow_exec: bool,
}

/// A connection that was begun by a kubeconfig.
pub struct Reached {
    /// The connection.
    pub provider: Arc<dyn Provider>,
    /// Its address, without secrets.
    pub uri: String,
    /// How the kubeconfig is used.
    pub by: KubeconfigUse,
}

impl Wiring {
    /// Begins to connect to the cluster of a kubeconfig, which need not answer yet. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// What is wrong with the kubeconfig, for people, without a word of what it holds.
    pub fn connect_kubeconfig(&self, kubeconfig: &Kubeconfig) -> Result<Reached, String> {
        if self.is_demo {
            return Err("cannot be reached from a demo, which is all made up".to_owned());
        }
        let mut config = KubeVirtConfig::from_text(kubeconfig.text.as_str());
        config.clock = Arc::clone(&self.clock);
        config.context.clone_from(&kubeconfig.context);
        config.namespaces = kubeconfig.namespaces.clone().map_or(Namespaces::All, Namespaces::Only);
        config.allowed = Allowed { plugins: kubeconfig.allow_exec, ..Allowed::default() };
        if let Some(at_once) = kubeconfig.at_once {
            config.max_concurrent = usize::try_from(at_once).unwrap_or(usize::MAX);
        }
        let examined = examine(&config).map_err(|error| error.message().to_owned())?;
        let by = KubeconfigUse {
            server: examined.server,
            context: examined.context,
            namespaces: kubeconfig.namespaces.clone(),
            at_once: kubeconfig.at_once,
            allow_exec: kubeconfig.allow_exec,
        };
        // What was looked at is what is used, should its current context ever be another.
        config.context = Some(by.context.clone());
        Ok(Reached { provider: (self.reach)(config), uri: by.uri(), by })
    }

    /// Connects again to a cluster whose kubeconfig is kept. One that cannot be opened any
    /// more is a cluster that tells why.
    pub fn reopen(
        &self,
        keyring: &Keyring,
        (id, uri): (&str, &str),
        secret: &SealedSecret,
    ) -> Arc<dyn Provider> {
        let sealed = Sealed { key_id: secret.key_id.clone(), bytes: secret.sealed.clone() };
        let opened = keyring.open(BoundTo { id, uri }, &sealed);
        let reached = match opened {
            Ok(text) => match KubeconfigUse::parse(uri) {
                Some(by) => self.connect_kubeconfig(&Kubeconfig {
                    text,
                    context: Some(by.context),
                    namespaces: by.namespaces,
                    at_once: by.at_once,
                    allow_exec: by.allow_exec,
                }),
                None => Err("the address of the cluster cannot be read".to_owned()),
            },
            Err(error) => Err(format!("its kubeconfig cannot be opened: {error}")),
        };
        match reached {
            Ok(reached) => reached.provider,
            Err(why) => {
                tracing::error!(provider = id, why, "a cluster cannot be reached");
                Arc::new(Shut { why })
            }
        }
    }

    /// The same wiring with another driver behind kubeconfigs, for tests: they are looked at
    /// as ever, and lead to what `reach` makes.
    #[must_use]
    pub fn reaching(
        mut self,
        reach: impl Fn(KubeVirtConfig) -> Arc<dyn Provider> + Send + Sync + 'static,
    ) -> Self {
        self.reach = Arc::new(reach);
        self
    }
}

/// The real driver.
pub(super) fn driver(config: KubeVirtConfig) -> Arc<dyn Provider> {
    Arc::new(KubeVirt::new(config))
}

/// Whether an address is that of a cluster whose kubeconfig is kept.
pub(crate) fn is_by_kubeconfig(uri: &str) -> bool {
    uri.starts_with(SCHEME)
}

impl KubeconfigUse {
    /// The address of a cluster that is reached so.
    fn uri(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("server", &self.server).append_pair("context", &self.context);
        for namespace in self.namespaces.iter().flatten() {
            query.append_pair("namespace", namespace);
        }
        if let Some(at_once) = self.at_once {
            query.append_pair("at_once", &at_once.to_string());
        }
        if self.allow_exec {
            query.append_pair("exec", "allowed");
        }
        format!("{SCHEME}?{}", query.finish())
    }

    /// From such an address; `None` for another one.
    pub fn parse(uri: &str) -> Option<Self> {
        let query = uri.strip_prefix(SCHEME)?.strip_prefix('?')?;
        let (mut server, mut context, mut namespaces) = (None, None, Vec::new());
        let (mut at_once, mut allow_exec) = (None, false);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, value.into_owned()) {
                ("server", value) => server = Some(value),
                ("context", value) => context = Some(value),
                ("namespace", value) => namespaces.push(value),
                ("at_once", value) => at_once = Some(value.parse().ok()?),
                ("exec", value) if value == "allowed" => allow_exec = true,
                _ => return None,
            }
        }
        let namespaces = (!namespaces.is_empty()).then_some(namespaces);
        Some(Self { server: server?, context: context?, namespaces, at_once, allow_exec })
    }
}

/// A cluster whose kubeconfig cannot be used any more. It can be shown and removed, and be
/// given another kubeconfig.
struct Shut {
    why: String,
}

impl Shut {
    fn error(&self) -> Error {
        Error::new(Kind::Unavailable, self.why.clone())
    }
}

#[async_trait]
impl Provider for Shut {
    fn kind(&self) -> &'static str {
        KUBEVIRT_SCHEME
    }

    async fn probe(&self, _: &Cx) -> Result<Probe> {
        Err(self.error())
    }

    async fn inventory(&self, _: &Cx) -> Result<Inventory> {
        Err(self.error())
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }
}

#[async_trait]
impl Cluster for Shut {
    async fn report(&self, _: &Cx) -> Result<Report> {
        let reason = Reason {
            code: "KubeconfigShut".to_owned(),
            message: self.why.clone(),
            is_warning: false,
        };
        Ok(Report { health: Health::Unreachable, reasons: vec![reason], ..Report::default() })
    }
}

impl std::fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubeconfig")
            .field("context", &self.context)
            .field("namespaces", &self.namespaces)
            .field("at_once", &self.at_once)
            .field("allow_exec", &self.allow_exec)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
