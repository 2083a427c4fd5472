//! What a connection to a cluster is configured with, and the address form that
//! names one in a line: `kubevirt:///path/to/kubeconfig?context=NAME&namespace=a`
//! or `kubevirt+in-cluster:`.
//!
//! A kubeconfig is a program as much as a document: it may name commands to run
//! and files to read. Who may add a cluster may not run commands on this machine
//! nor read its files (A29), so what a kubeconfig asks for beyond an address and
//! credentials is refused unless an administrator of this machine allowed it:
//! see [`Allowed`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::{Clock, SystemClock};
use hostler_provider::{Error, Kind, Result};
use url::Url;

use crate::resource::namespace_name;

/// Where Kubernetes puts a pod's credentials.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The name of the API server within a cluster.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";
/// The most questions that are put to a cluster at once, by default; watches are not among
/// them.
pub const MAX_CONCURRENT: usize = 20;
/// The most that can be asked for: what is put to an API server at once it has to have room for.
pub const AT_ONCE_MAX: usize = 200;
/// The most namespaces that are named one by one; each is followed by itself.
const MAX_NAMESPACES: usize = 64;

/// Where the address of a cluster and the credentials for it come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A kubeconfig of this machine. Files that it names are taken from beside it.
    File(PathBuf),
    /// A kubeconfig that somebody handed over. It holds secrets.
    Text(String),
    /// The cluster that we run in.
    InCluster {
        /// The API server: `https://10.96.0.1:443`.
        server: String,
        /// The folder with `token` and `ca.crt`, which Kubernetes renews.
        folder: PathBuf,
    },
}

impl Source {
    /// The cluster that we run in, under the name it has there.
    pub fn in_cluster() -> Self {
        Self::InCluster { server: IN_CLUSTER.to_owned(), folder: SERVICE_ACCOUNT.into() }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(_) => f.write_str("Text(..)"),
            Self::InCluster { server, .. } => f.debug_tuple("InCluster").field(server).finish(),
        }
    }
}

/// Which namespaces of a cluster are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Namespaces {
    /// All of them; needs rights in the whole cluster.
    #[default]
    All,
    /// These.
    Only(Vec<String>),
}

impl Namespaces {
    /// What to list one by one: `None` is the whole cluster.
    pub fn scopes(&self) -> Vec<Option<String>> {
        match self {
            Self::All => vec![None],
            Self::Only(names) => names.iter().cloned().map(Some).collect(),
        }
    }

    /// Whether a namespace is among them.
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == namespace),
        }
    }
}

/// What a kubeconfig may ask of this machine. Nothing, by default; only who may
/// run commands here anyway should decide otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// To run the command of an `exec` or `auth-provider` section.
    pub plugins: bool,
    /// To read files named in a kubeconfig that was handed over as text.
    pub files: bool,
    /// To believe any certificate, and to speak in the clear.
    pub insecure: bool,
}

/// A connection to a cluster, as configured.
#[derive(Clone)]
pub struct KubeVirtConfig {
    /// Where address and credentials come from.
    pub source: Source,
    /// The context of the kubeconfig; its current one by default.
    pub context: Option<String>,
    /// Which namespaces are looked at.
    pub namespaces: Namespaces,
    /// What the kubeconfig may ask of this machine.
    pub allowed: Allowed,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long a watch lasts before the server ends it and it is begun anew. A
    /// watch that is silent for a few seconds longer is held for dead.
    pub watch_timeout: Duration,
    /// The longest pause between two attempts.
    pub max_backoff: Duration,
    /// How long putting a VM back may stand still before it is given up: the cluster tries for
    /// ever, and the VM cannot be started meanwhile.
    pub restore_patience: Duration,
    /// How many questions are put to the cluster at once; who comes later waits, at the cost
    /// of their own deadline. Watches, of which there are few and which last, do not count.
    pub max_concurrent: usize,
    /// Tells the time for what is observed.
    pub clock: Arc<dyn Clock>,
}

impl KubeVirtConfig {
    /// The usual configuration for a cluster.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            context: None,
            namespaces: Namespaces::All,
            allowed: Allowed::default(),
            connect_timeout: Duration::from_secs(10),
            watch_timeout: Duration::from_secs(60),
            max_backoff: Duration::from_secs(60),
            restore_patience: Duration::from_secs(180),
            max_concurrent: MAX_CONCURRENT,
            clock: Arc::new(SystemClock),
        }
    }

    /// The usual configuration for a cluster whose kubeconfig somebody handed over, with
    /// nothing allowed: see [`crate::connect::examine`].
    pub fn from_text(kubeconfig: &str) -> Self {
        Self::new(Source::Text(kubeconfig.to_owned()))
    }

    /// From an address: `kubevirt:///etc/hostler/lab.kubeconfig?context=lab`,
    /// `kubevirt+in-cluster:?namespace=a&namespace=b`.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong with the address.
    pub fn parse(uri: &str) -> Result<Self> {
        let url = Url::parse(uri).map_err(|error| wrong(format!("it is no address: {error}")))?;
        if url.has_host() && url.host_str().is_some_and(|host| !host.is_empty()) {
            let remedy = "write three slashes before the path: kubevirt:///path/to/kubeconfig";
            return Err(wrong(format!("it names a host; {remedy}")));
        }
        if url.fragment().is_some() {
            return Err(wrong("it has a fragment; leave out what follows #".to_owned()));
        }
        let mut config = match url.scheme() {
            "kubevirt" => Self::new(Source::File(path_of(&url)?)),
            "kubevirt+in-cluster" if url.path().is_empty() => Self::new(Source::in_cluster()),
            "kubevirt+in-cluster" => {
                return Err(wrong("within a cluster there is no path to name".to_owned()));
            }
            other => return Err(wrong(format!("{other:?} is not kubevirt"))),
        };
        config.take_options(&url)?;
        config.check()?;
        Ok(config)
    }

    fn take_options(&mut self, url: &Url) -> Result<()> {
        let (mut names, mut at_once) = (Vec::new(), None);
        for (key, value) in form_urlencoded::parse(url.query().unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "context" if self.context.is_none() => self.context = Some(value.into_owned()),
                "context" => return Err(wrong("it names two contexts".to_owned())),
                "namespace" => names.push(value.into_owned()),
                "at_once" if at_once.is_none() => at_once = Some(count(&value)?),
                "at_once" => return Err(wrong("it says at_once twice".to_owned())),
                other => {
                    let remedy = "context, namespace and at_once are what can be given";
                    return Err(wrong(format!("{other:?} is not known; {remedy}")));
                }
            }
        }
        if !names.is_empty() {
            self.namespaces = Namespaces::Only(names);
        }
        self.max_concurrent = at_once.unwrap_or(self.max_concurrent);
        Ok(())
    }

    /// Whether the configuration can be used at all; reaches nothing, and reads
    /// no file.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong.
    pub fn check(&self) -> Result<()> {
        match &self.source {
            Source::File(path) if !path.is_absolute() => {
                return Err(wrong("the path of the kubeconfig has to begin with /".to_owned()));
            }
            Source::InCluster { .. } if self.context.is_some() => {
                return Err(wrong("within a cluster there is no context to choose".to_owned()));
            }
            Source::File(_) | Source::Text(_) | Source::InCluster { .. } => {}
        }
        if !(1..=AT_ONCE_MAX).contains(&self.max_concurrent) {
            let what = format!("{} questions at once", self.max_concurrent);
            return Err(wrong(format!("{what}, which is not from 1 to {AT_ONCE_MAX}")));
        }
        if self.context.as_deref() == Some("") {
            return Err(wrong("the context has no name".to_owned()));
        }
        let Namespaces::Only(names) = &self.namespaces else { return Ok(()) };
        if names.is_empty() {
            return Err(wrong("no namespace is named; name one, or leave them out".to_owned()));
        }
        if names.len() > MAX_NAMESPACES {
            let remedy = "look at all of them, with rights in the whole cluster";
            return Err(wrong(format!("more than {MAX_NAMESPACES} namespaces; {remedy}")));
        }
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            namespace_name(name)?;
            if !seen.insert(name) {
                return Err(wrong(format!("namespace {name:?} is named twice")));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for KubeVirtConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeVirtConfig")
            .field("source", &self.source)
            .field("context", &self.context)
            .field("namespaces", &self.namespaces)
            .finish_non_exhaustive()
    }
}

/// How many questions at once.
fn count(text: &str) -> Result<usize> {
    text.parse().map_err(|_| wrong(format!("at_once is no number from 1 to {AT_ONCE_MAX}")))
}

fn path_of(url: &Url) -> Result<PathBuf> {
    if url.path().len() < 2 {
        let remedy = "name the kubeconfig: kubevirt:///path/to/kubeconfig";
        return Err(wrong(format!("it has no path; {remedy}")));
    }
    if !url.path().starts_with('/') {
        let remedy = "write three slashes before it: kubevirt:///path/to/kubeconfig";
        return Err(wrong(format!("its path does not begin with /; {remedy}")));
    }
    url.to_file_path().map_err(|()| wrong("its path is no path of a file".to_owned()))
}

fn wrong(what: String) -> Error {
    Error::new(Kind::Invalid, format!("KubeVirt address: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(uri: &str) -> String {
        let error = KubeVirtConfig::parse(uri).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{uri}");
        error.message().to_owned()
    }

    #[test]
    fn e7_an_address_names_file_context_and_namespaces() {
        let uri = "kubevirt:///etc/hostler/my%20lab.yaml?context=lab%2Feu&namespace=a&namespace=b";
        let config = KubeVirtConfig::parse(uri).unwrap();
        assert_eq!(config.source, Source::File("/etc/hostler/my lab.yaml".into()));
        assert_eq!(config.context.as_deref(), Some("lab/eu"));
        assert_eq!(config.namespaces, Namespaces::Only(vec!["a".into(), "b".into()]));
        assert_eq!(config.allowed, Allowed::default(), "an address allows nothing");
    }

    #[test]
    fn f4_an_address_says_how_many_questions_are_put_to_a_cluster_at_once() {
        let at_once = |uri: &str| KubeVirtConfig::parse(uri).unwrap().max_concurrent;
        assert_eq!(at_once("kubevirt:///k"), MAX_CONCURRENT);
        assert_eq!(at_once("kubevirt:///k?context=a&at_once=5"), 5);
        assert_eq!(at_once("kubevirt+in-cluster:?at_once=200"), AT_ONCE_MAX);
    }

    #[test]
    fn e7_the_cluster_around_us_needs_no_path() {
        let config = KubeVirtConfig::parse("kubevirt+in-cluster:").unwrap();
        assert_eq!(config.source, Source::in_cluster());
        assert_eq!(config.namespaces.scopes(), [None]);
        let config = KubeVirtConfig::parse("kubevirt+in-cluster:?namespace=vms").unwrap();
        assert_eq!(config.namespaces.scopes(), [Some("vms".to_owned())]);
        assert!(!config.namespaces.contains("default"));
    }

    #[test]
    fn e7_an_address_that_says_something_else_is_refused_with_the_remedy() {
        let table = [
            ("", "no address"),
            ("/etc/kubeconfig", "no address"),
            ("qemu:///system", "not kubevirt"),
            ("kubevirt://etc/kubeconfig", "three slashes"),
            ("kubevirt:etc/kubeconfig", "three slashes"),
            ("kubevirt:", "name the kubeconfig"),
            ("kubevirt:///", "name the kubeconfig"),
            ("kubevirt:///k#x", "fragment"),
            ("kubevirt:///k?exec=1", "\"exec\" is not known"),
            ("kubevirt:///k?context=a&context=b", "two contexts"),
            ("kubevirt:///k?at_once=0", "0 questions at once, which is not from 1 to 200"),
            ("kubevirt:///k?at_once=201", "201 questions at once"),
            ("kubevirt:///k?at_once=-1", "no number from 1 to 200"),
            ("kubevirt:///k?at_once=", "no number"),
            ("kubevirt:///k?at_once=5&at_once=6", "at_once twice"),
            ("kubevirt:///k?context=", "no name"),
            ("kubevirt:///k?namespace=", "no namespace"),
            ("kubevirt:///k?namespace=..", "no namespace"),
            ("kubevirt:///k?namespace=a&namespace=a", "twice"),
            ("kubevirt+in-cluster:/var", "no path"),
            ("kubevirt+in-cluster:?context=a", "no context"),
        ];
        for (uri, words) in table {
            let refusal = refusal(uri);
            assert!(refusal.contains(words), "{uri}: {refusal}");
        }
        let many: String = (0..=MAX_NAMESPACES).map(|n| format!("&namespace=n{n}")).collect();
        assert!(refusal(&format!("kubevirt:///k?{}", &many[1..])).contains("64"));
    }

    #[test]
    fn a29_a_kubeconfig_is_not_shown() {
        let config = KubeVirtConfig::new(Source::Text("token: hunter2".into()));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
