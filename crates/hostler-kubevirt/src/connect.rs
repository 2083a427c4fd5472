//! From a configuration to a client of the cluster: reads the kubeconfig,
//! refuses what it may not ask for, and sets up TLS and credentials.
//!
//! What is decided is apart from what is read: [`vet`] looks at a kubeconfig
//! and says whether it may be used.

use std::path::Path;
use std::time::Duration;

use hostler_provider::{Error, Kind, Result};
use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedAuthInfo,
    NamedCluster, NamedContext,
};

use crate::config::{Allowed, KubeVirtConfig, Source};

/// The largest kubeconfig that is read.
const MAX_KUBECONFIG: u64 = 1 << 20;
/// The authority in the folder of a service account.
const AUTHORITY: &str = "ca.crt";
/// How long writing a request may take; its answer has the deadline of the call.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a client of the cluster. It reaches nothing yet, but reads files, and
/// runs the command that provides the credentials where that is allowed.
///
/// Must be called within a tokio runtime. What comes back does not notice that a
/// kubeconfig changed: make another when the cluster says that it does not know
/// us any more. Tokens of a service account are read anew every minute.
///
/// # Errors
/// `Invalid` for a kubeconfig that cannot be used or may not, with the remedy;
/// `Unavailable` for a file that cannot be read now.
pub async fn connect(config: &KubeVirtConfig) -> Result<kube::Client> {
    config.check()?;
    let config = config.clone();
    // Files, and commands that may take seconds.
    let made = tokio::task::spawn_blocking(move || {
        let prepared = prepare(&config)?;
        kube::Client::try_from(prepared).map_err(|error| {
            let message = "the credentials of the kubeconfig cannot be used";
            Error::new(Kind::Invalid, message).with_raw(chain(&error))
        })
    });
    made.await
        .map_err(|error| Error::new(Kind::Bug, "setting up the client failed").with_raw(error))?
}

/// What a kubeconfig that was handed over leads to, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The context that is used.
    pub context: String,
    /// The server that it names: scheme, host and port, and a path if there is one.
    pub server: String,
}

/// Looks at a kubeconfig that was handed over as text, and says where it leads. Reaches
/// nothing, reads no file and runs no command.
///
/// # Errors
/// `Invalid` for one that cannot be used or may not, with the remedy, and without a word of
/// what stands in it but names.
pub fn examine(config: &KubeVirtConfig) -> Result<Examined> {
    config.check()?;
    let Source::Text(text) = &config.source else {
        return Err(Error::new(Kind::Bug, "only a kubeconfig's text can be examined"));
    };
    let kubeconfig = parse(text)?;
    let context = vet(&kubeconfig, config.context.as_deref(), config.allowed)?;
    let cluster = kubeconfig.contexts.iter().find(|it| it.name == context);
    let cluster = cluster.and_then(|it| it.context.as_ref()).map(|it| it.cluster.as_str());
    let described = kubeconfig.clusters.iter().find(|it| Some(it.name.as_str()) == cluster);
    let server = described.and_then(|it| it.cluster.as_ref()).and_then(|it| given(&it.server));
    let server = server_url(server.unwrap_or_default(), config.allowed)?;
    Ok(Examined { context, server: without_user(&server) })
}

/// Whether a kubeconfig that was handed over as text has a context of that name.
///
/// # Errors
/// `Invalid` for one that cannot be read, without a word of what stands in it.
pub fn has_context(text: &str, name: &str) -> Result<bool> {
    Ok(parse(text)?.contexts.iter().any(|context| context.name == name))
}

/// An address without the name and password that somebody may have put into it.
fn without_user(url: &http::Uri) -> String {
    let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
    let port = url.port_u16().map_or_else(String::new, |port| format!(":{port}"));
    format!("{scheme}://{host}{port}{}", url.path().trim_end_matches('/'))
}

fn parse(text: &str) -> Result<Kubeconfig> {
    if text.len() as u64 > MAX_KUBECONFIG {
        return Err(too_large());
    }
    Kubeconfig::from_yaml(text).map_err(|error| unreadable(&error))
}

/// Everything up to the client.
fn prepare(config: &KubeVirtConfig) -> Result<kube::Config> {
    let mut prepared = match &config.source {
        Source::InCluster { server, folder } => {
            let mut prepared = from_kubeconfig(service_account(server, folder)?, config, true)?;
            // Read anew every minute: Kubernetes renews it.
            prepared.root_cert_file = Some(folder.join(AUTHORITY));
            prepared
        }
        Source::File(path) => {
            let kubeconfig = read(path)?;
            from_kubeconfig(kubeconfig, config, true)?
        }
        Source::Text(text) => from_kubeconfig(parse(text)?, config, config.allowed.files)?,
    };
    prepared.connect_timeout = Some(config.connect_timeout);
    prepared.write_timeout = Some(WRITE_TIMEOUT);
    // Watches are silent for long; every call has its own deadline.
    prepared.read_timeout = None;
    // Retries are the breaker's and the caller's business: kube's own would spend
    // the deadline unseen, and would repeat a write.
    prepared.default_retry = false;
    // What is sent where is said in the configuration; the environment's proxies are
    // not heeded, and a kubeconfig's was refused.
    prepared.proxy_url = None;
    Ok(prepared)
}

fn read(path: &Path) -> Result<Kubeconfig> {
    let cannot = |error: std::io::Error| {
        let message = "the kubeconfig cannot be read; check that the file is there and that \
                       hostlerd may read it";
        Error::new(Kind::Unavailable, message).with_raw(format!("{}: {error}", path.display()))
    };
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Error::new(Kind::Invalid, "the kubeconfig is no file"));
    }
    if metadata.len() > MAX_KUBECONFIG {
        return Err(too_large());
    }
    Kubeconfig::read_from(path).map_err(|error| unreadable(&error))
}

fn from_kubeconfig(
    kubeconfig: Kubeconfig,
    config: &KubeVirtConfig,
    files: bool,
) -> Result<kube::Config> {
    let allowed = Allowed { files, ..config.allowed };
    let chosen = vet(&kubeconfig, config.context.as_deref(), allowed)?;
    let options = KubeConfigOptions { context: Some(chosen), cluster: None, user: None };
    // It is async by its signature only: what it awaits is ready.
    let loading = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    let loaded = futures_util::FutureExt::now_or_never(loading)
        .ok_or_else(|| Error::new(Kind::Bug, "reading the kubeconfig did not end"))?
        .map_err(|error| unreadable(&error))?;
    if loaded.root_cert.as_ref().is_some_and(Vec::is_empty) {
        let message = "the kubeconfig's certificate authority holds no certificate";
        return Err(Error::new(Kind::Invalid, message));
    }
    Ok(loaded)
}

/// The kubeconfig that a pod would have, if it had one.
fn service_account(server: &str, folder: &Path) -> Result<Kubeconfig> {
    let path = |name: &str| {
        let path = folder.join(name);
        match path.to_str() {
            Some(text) if path.is_file() => Ok(Some(text.to_owned())),
            _ => {
                let message = "there is no service account here; kubevirt+in-cluster: is for a \
                               hostlerd that runs in the cluster itself";
                let raw = format!("{} is not there", path.display());
                Err(Error::new(Kind::Unavailable, message).with_raw(raw))
            }
        }
    };
    let name = || "in-cluster".to_owned();
    let cluster = Cluster {
        server: Some(server.to_owned()),
        certificate_authority: path(AUTHORITY)?,
        ..Cluster::default()
    };
    let user = AuthInfo { token_file: path("token")?, ..AuthInfo::default() };
    let context = Context { cluster: name(), user: Some(name()), ..Context::default() };
    let mut kubeconfig = Kubeconfig { current_context: Some(name()), ..Kubeconfig::default() };
    kubeconfig.clusters.push(NamedCluster {
        name: name(),
        cluster: Some(cluster),
        ..NamedCluster::default()
    });
    kubeconfig.auth_infos.push(NamedAuthInfo {
        name: name(),
        auth_info: Some(user),
        ..NamedAuthInfo::default()
    });
    kubeconfig.contexts.push(NamedContext {
        name: name(),
        context: Some(context),
        ..NamedContext::default()
    });
    Ok(kubeconfig)
}

/// Looks at what a kubeconfig would do, and gives the context to take. `files`
/// in `allowed` says whether it may name files.
///
/// # Errors
/// `Invalid` or `Unsupported`, with what has to be changed.
pub fn vet(kubeconfig: &Kubeconfig, context: Option<&str>, allowed: Allowed) -> Result<String> {
    let Some(wanted) = context.or(kubeconfig.current_context.as_deref()).filter(|c| !c.is_empty())
    else {
        let remedy = "name the context";
        return Err(invalid(format!("it has no current-context; {remedy}")));
    };
    let named = kubeconfig.contexts.iter().find(|it| it.name == wanted);
    let Some(chosen) = named.and_then(|it| it.context.as_ref()) else {
        let known: Vec<_> = kubeconfig.contexts.iter().map(|it| it.name.as_str()).take(8).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(invalid(format!("it has no context {wanted:?}; it has: {known}")));
    };
    let cluster = kubeconfig.clusters.iter().find(|it| it.name == chosen.cluster);
    let Some(cluster) = cluster.and_then(|it| it.cluster.as_ref()) else {
        let what = format!("its context {wanted:?} is of cluster {:?}", chosen.cluster);
        return Err(invalid(format!("{what}, which it does not describe")));
    };
    vet_cluster(cluster, allowed)?;
    // Without a user one is nobody; that would be told as missing rights only.
    let user = chosen.user.as_deref().unwrap_or_default();
    let described = kubeconfig.auth_infos.iter().find(|it| it.name == user);
    let Some(user) = described.and_then(|it| it.auth_info.as_ref()) else {
        let what = format!("its context {wanted:?} is of user {user:?}");
        return Err(invalid(format!("{what}, whose credentials it does not hold")));
    };
    vet_user(user, allowed)?;
    Ok(wanted.to_owned())
}

fn vet_cluster(cluster: &Cluster, allowed: Allowed) -> Result<()> {
    let Some(server) = given(&cluster.server) else {
        return Err(invalid("it names no server".to_owned()));
    };
    server_url(server, allowed)?;
    if cluster.insecure_skip_tls_verify == Some(true) && !allowed.insecure {
        let remedy = "put the cluster's authority into certificate-authority-data";
        return Err(invalid(format!(
            "insecure-skip-tls-verify would believe any certificate, and hand our token to \
             anybody; {remedy}"
        )));
    }
    if given(&cluster.proxy_url).is_some() {
        let message = "kubeconfig: proxies are not supported; name a server that can be reached \
                       directly";
        return Err(Error::new(Kind::Unsupported, message));
    }
    no_file("certificate-authority", &cluster.certificate_authority, allowed)
}

fn vet_user(user: &AuthInfo, allowed: Allowed) -> Result<()> {
    if !allowed.plugins {
        let section = match (&user.exec, &user.auth_provider) {
            (Some(_), _) => Some("exec"),
            (None, Some(_)) => Some("auth-provider"),
            (None, None) => None,
        };
        if let Some(section) = section {
            let remedy = "give a token of a service account or a client certificate, or have an \
                          administrator of this machine allow plugins";
            return Err(invalid(format!("{section} would run a command here; {remedy}")));
        }
    }
    no_file("client-certificate", &user.client_certificate, allowed)?;
    no_file("client-key", &user.client_key, allowed)?;
    no_file("tokenFile", &user.token_file, allowed)
}

/// Files of this machine are not for who may add a cluster.
fn no_file(field: &str, value: &Option<String>, allowed: Allowed) -> Result<()> {
    if allowed.files || given(value).is_none() {
        return Ok(());
    }
    let remedy = "put what it holds into the kubeconfig: kubectl config view --raw --flatten";
    Err(invalid(format!("{field} names a file of this machine; {remedy}")))
}

fn server_url(server: &str, allowed: Allowed) -> Result<http::Uri> {
    let url: http::Uri =
        server.parse().map_err(|_| invalid("its server is no address".to_owned()))?;
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => Ok(url),
        (Some("http"), Some(_)) if allowed.insecure => Ok(url),
        (Some("http"), Some(_)) => {
            Err(invalid("its server would get our token in the clear; use https".to_owned()))
        }
        _ => Err(invalid("its server is no address that begins with https://".to_owned())),
    }
}

/// Empty means not given, as for Kubernetes' own clients.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

fn invalid(what: String) -> Error {
    Error::new(Kind::Invalid, format!("kubeconfig: {what}"))
}

fn too_large() -> Error {
    invalid(format!("it is larger than {MAX_KUBECONFIG} bytes"))
}

/// What is wrong, without a word of what stands in the file: it holds secrets.
fn unreadable(error: &KubeconfigError) -> Error {
    let what = match error {
        KubeconfigError::Parse(_) => "it is not the YAML of a kubeconfig",
        KubeconfigError::ReadConfig(..) => "it is not UTF-8",
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "its documents are of different kinds"
        }
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "its certificate authority cannot be read"
        }
        KubeconfigError::LoadClientCertificate(_) => "its client certificate cannot be read",
        KubeconfigError::LoadClientKey(_) => "its client key cannot be read",
        KubeconfigError::ParseProxyUrl(_) => "the proxy of the environment is no address",
        _ => "it cannot be used",
    };
    invalid(what.to_owned())
}

/// A failure with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors repeat their cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
