//! Which providers there are. The only files that name any of them are this one and those
//! beside it.

pub(crate) mod kubeconfig;

use std::path::PathBuf;
use std::sync::Arc;

use hostler_core::Clock;
use hostler_kubevirt::{KubeVirt, KubeVirtConfig};
use hostler_libvirt::{Libvirt, LibvirtConfig};
use hostler_provider::Provider;

/// Drivers of libvirt, and what may follow each after a `+`.
const LIBVIRT_SCHEMES: &[&str] = &["qemu", "test", "lxc", "xen", "bhyve", "vz", "ch"];

/// What addresses of KubeVirt clusters begin with.
const KUBEVIRT_SCHEME: &str = "kubevirt";

/// Parameters of an address that name programs, files and sockets of the server's machine,
/// or a program of the other one; or, as `name`, a whole address for the daemon, which may
/// have all of that in turn.
const LOCAL_PARAMETERS: &[&str] =
    &["command", "helper", "keyfile", "known_hosts", "name", "pkipath", "socket"];

/// What the test driver makes up by itself. By any other path it reads a file.
const TEST_DEFAULT: &str = "/default";

/// Connects providers by their addresses.
#[derive(Clone)]
pub struct Wiring {
    clock: Arc<dyn Clock>,
    runtime_dir: Option<PathBuf>,
    is_demo: bool,
    /// What connects to the cluster of a kubeconfig.
    reach: Arc<dyn Fn(KubeVirtConfig) -> Arc<dyn Provider> + Send + Sync>,
}

impl Wiring {
    /// For a real server. `runtime_dir`: where users' session daemons have their sockets.
    pub fn new(clock: Arc<dyn Clock>, runtime_dir: Option<PathBuf>) -> Self {
        Self { clock, runtime_dir, is_demo: false, reach: Arc::new(kubeconfig::driver) }
    }

    /// For a demo, which reaches nothing that is real.
    pub fn demo(clock: Arc<dyn Clock>) -> Self {
        Self { is_demo: true, ..Self::new(clock, None) }
    }

    /// Begins to connect to `uri`; whoever is there need not answer yet. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// What is wrong with the address, for people.
    pub fn connect(&self, uri: &str) -> Result<Arc<dyn Provider>, String> {
        Ok(match self.configured(uri)? {
            Configured::Libvirt(config) => Arc::new(Libvirt::new(config)),
            Configured::KubeVirt(config) => Arc::new(KubeVirt::new(*config)),
        })
    }

    /// Whether `uri` could be connected to, without doing so.
    ///
    /// # Errors
    /// What is wrong with the address, for people.
    pub fn check(&self, uri: &str) -> Result<(), String> {
        self.configured(uri).map(drop)
    }

    fn configured(&self, uri: &str) -> Result<Configured, String> {
        let (scheme, _) = uri.split_once(':').ok_or_else(|| {
            "is no address; one looks like qemu:///system, qemu+ssh://root@host/system or \
             kubevirt:///etc/hostler/lab.kubeconfig"
                .to_owned()
        })?;
        let driver = scheme.split('+').next().unwrap_or_default();
        match driver {
            _ if self.is_demo => {
                Err("cannot be reached from a demo, which is all made up".to_owned())
            }
            _ if LIBVIRT_SCHEMES.contains(&driver) => {
                let mut config = LibvirtConfig::new(uri);
                config.runtime_dir.clone_from(&self.runtime_dir);
                config.clock = Arc::clone(&self.clock);
                config.check().map_err(|error| error.to_string())?;
                Ok(Configured::Libvirt(config))
            }
            KUBEVIRT_SCHEME if kubeconfig::is_by_kubeconfig(uri) => {
                Err("is of a cluster that is added by its kubeconfig: see `hostler cluster add`"
                    .to_owned())
            }
            KUBEVIRT_SCHEME => {
                let mut config = KubeVirtConfig::parse(uri).map_err(|error| error.to_string())?;
                config.clock = Arc::clone(&self.clock);
                Ok(Configured::KubeVirt(Box::new(config)))
            }
            "sim" => Err("is simulated; run `hostlerd demo` for that".to_owned()),
            _ => {
                let known = LIBVIRT_SCHEMES.join(", ") + ", " + KUBEVIRT_SCHEME;
                Err(format!(
                    "begins with `{driver}`, and there is no provider for it; there are {known}"
                ))
            }
        }
    }
}

/// What an address leads to.
enum Configured {
    Libvirt(LibvirtConfig),
    KubeVirt(Box<KubeVirtConfig>),
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wiring")
    }
}

/// Whether an address may come from somebody who administers VMs, but not this machine:
/// who says which program reaches a host runs programs as the server's user (A29).
///
/// # Errors
/// With the parameter that is too much.
pub(crate) fn check_reach(uri: &str) -> Result<(), String> {
    let driver = uri.split([':', '+']).next().unwrap_or_default();
    if driver == KUBEVIRT_SCHEME {
        return Err("names a file of the server's machine, which only root and the server's own \
                    user may: add the provider on that machine by its socket, or in its \
                    configuration"
            .to_owned());
    }
    let (place, query) = uri.split_once('?').unwrap_or((uri, ""));
    let rest = place.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    if driver == "test" && path != TEST_DEFAULT {
        return Err(format!(
            "has the test driver read a file, which only root and the server's own user may: \
             test://{TEST_DEFAULT} is made up"
        ));
    }
    let named = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    match named.into_iter().find(|name| LOCAL_PARAMETERS.contains(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "has `{name}`, which only root and the server's own user may set: add the provider \
             on the server's machine by its socket, or in its configuration"
        )),
    }
}

/// Whether an address is that of a hypervisor on the server's own machine.
pub(crate) fn is_of_this_machine(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let (driver, transport) = scheme.split_once('+').unwrap_or((scheme, "unix"));
    // The test driver's host is made up.
    let is_real = LIBVIRT_SCHEMES.contains(&driver) && driver != "test";
    is_real && transport == "unix" && rest.starts_with('/')
}

/// An address without the password that somebody may have put into it.
pub(crate) fn without_password(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else { return uri.to_owned() };
    let user = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{host}{path}")
}

#[cfg(test)]
mod tests {
    use hostler_core::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn an_address_that_nobody_serves_is_refused_by_its_scheme() {
        let wiring = Wiring::new(Arc::new(SystemClock), None);
        for (uri, why) in [
            ("nothing", "is no address"),
            ("ftp://h/", "there is no provider for it"),
            ("sim:1", "hostlerd demo"),
        ] {
            let Err(told) = wiring.connect(uri) else { panic!("{uri} was connected") };
            assert!(told.contains(why), "{uri}: {told}");
        }
        assert_eq!(wiring.connect("qemu:///system").unwrap().kind(), "libvirt");
        let cluster = wiring.connect("kubevirt:///etc/hostler/lab.kubeconfig?context=lab").unwrap();
        assert_eq!(cluster.kind(), "kubevirt");
        assert!(wiring.check("kubevirt:///etc/x?colour=red").is_err());
    }

    #[tokio::test]
    async fn x17_a_demo_reaches_nothing_real() {
        let wiring = Wiring::demo(Arc::new(SystemClock));
        assert!(wiring.connect("qemu:///system").is_err());
    }

    #[test]
    fn a29_who_may_add_a_host_may_not_say_what_runs_on_this_one() {
        for good in [
            "qemu+ssh://root@h2:22/system",
            "qemu:///system",
            "qemu+tls://h/system?no_tty=1",
            "test:///default",
            "test+ssh://h/default?no_tty=1",
        ] {
            assert_eq!(check_reach(good), Ok(()), "{good}");
        }
        for (bad, name) in [
            ("qemu+ssh://h/system?command=/tmp/x", "`command`"),
            ("qemu+ssh://h/system?no_tty=1&helper=sh%20-c%20id", "`helper`"),
            ("qemu+ssh://h/system?keyfile", "`keyfile`"),
            ("qemu+tls://h/system?pkipath=/etc", "`pkipath`"),
            ("qemu:///system?socket=/run/docker.sock", "`socket`"),
            // The daemon would run the program, as root.
            ("qemu:///system?name=qemu+ssh://h/system?command=/tmp/x", "`name`"),
            ("qemu+ssh://h/system?name=test:///etc/shadow", "`name`"),
            ("test:///etc/shadow", "read a file"),
            ("test+unix:///etc/shadow?x=/default", "read a file"),
            ("test:", "read a file"),
        ] {
            assert!(check_reach(bad).unwrap_err().contains(name), "{bad}");
        }
        for bad in ["kubevirt:///root/.kube/config", "kubevirt+in-cluster:"] {
            assert!(check_reach(bad).unwrap_err().contains("names a file"), "{bad}");
        }
    }

    #[test]
    fn d5_a_hypervisor_of_this_machine_is_known_by_its_address() {
        for here in ["qemu:///system", "qemu+unix:///session", "lxc:///", "qemu:///x?socket=/a"] {
            assert!(is_of_this_machine(here), "{here}");
        }
        for elsewhere in
            ["qemu+ssh://h/system", "qemu://h/system", "test:///default", "sim:1", "qemu+ssh:///x"]
        {
            assert!(!is_of_this_machine(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a36_a_password_in_an_address_is_not_shown() {
        for (given, shown) in [
            ("qemu+ssh://root:hunter2@h2/system", "qemu+ssh://root@h2/system"),
            ("qemu+ssh://root@h2/system", "qemu+ssh://root@h2/system"),
            ("qemu:///system", "qemu:///system"),
            ("qemu:///system?socket=/a@b:c", "qemu:///system?socket=/a@b:c"),
            ("https://a:b@c@h/x", "https://a@h/x"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_password(given), shown);
        }
    }
}
