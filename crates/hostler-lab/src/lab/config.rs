//! The files a lab's libvirtd starts from.
//!
//! They are written anew from what is here, never copied from `/etc/libvirt`: a copy would bring
//! the machine's own guests and networks with it, and start them a second time.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Context, Result};

/// Process 1 of the lab.
const INIT: &str = include_str!("../../files/lab-init.sh");

/// Starts libvirtd within the lab, the first time and every later one.
const START_LIBVIRTD: &str = include_str!("../../files/lab-libvirtd.sh");

/// No other user's rights are to be had inside, and no host policy (AppArmor, SELinux) reaches in.
const QEMU_CONF: &str = r#"user = "root"
group = "root"
security_driver = "none"
namespaces = []
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "logd"
swtpm_user = "root"
swtpm_group = "root"
"#;

/// Many more clients and workers than the defaults: tests pile up calls on purpose.
const LIBVIRTD_CONF: &str = r#"auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0777"
unix_sock_rw_perms = "0777"
max_clients = 500
max_workers = 50
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"#;

/// Where Debian and Fedora keep the predefined packet filters; guests' definitions may name them.
const NWFILTERS: &str = "/etc/libvirt/nwfilter";

/// Writes what is not there yet; a guest defined in an earlier run is kept.
pub(super) fn write(state: &Path, run: &Path) -> Result<()> {
    for directory in [
        "etc/qemu/networks/autostart",
        "etc/storage/autostart",
        "etc/nwfilter",
        "lib/images",
        "lib/qemu",
        "log/qemu", // virtlogd does not make it, and every guest's log goes there
        "cache",
    ] {
        let path = state.join(directory);
        fs::create_dir_all(&path).context(|| format!("cannot make {}", path.display()))?;
    }
    // Sockets and pid files of the last run would be taken for this one's.
    if run.exists() {
        fs::remove_dir_all(run).context(|| format!("cannot empty {}", run.display()))?;
    }
    fs::create_dir_all(run).context(|| format!("cannot make {}", run.display()))?;

    let etc = state.join("etc");
    put(&etc.join("qemu.conf"), QEMU_CONF)?;
    put(&state.join("init.sh"), INIT)?;
    put(&etc.join("lab-libvirtd.sh"), START_LIBVIRTD)?;
    if !etc.join("libvirtd.conf").exists() {
        let host_uuid = format!("host_uuid = \"{}\"\n", fresh_uuid()?);
        put(&etc.join("libvirtd.conf"), &(host_uuid + LIBVIRTD_CONF))?;
    }
    autostarted(&etc.join("qemu/networks"), "/etc/libvirt/qemu/networks", &network()?)?;
    autostarted(&etc.join("storage"), "/etc/libvirt/storage", &pool()?)?;
    copy_filters(&etc.join("nwfilter"))
}

/// Puts the driver of containers and its helper among copies of the directories that libvirtd
/// looks in, and has them mounted over these: this machine's own stay as they are.
pub(super) fn write_binds(state: &Path, containers: Option<&Path>) -> Result<()> {
    let mut binds = String::new();
    for file in containers.map(|_| crate::lxc::FILES).iter().flatten() {
        let root = containers.unwrap_or_else(|| Path::new("/"));
        let within = Path::new("/").join(file);
        let directory = within.parent().unwrap_or_else(|| Path::new("/"));
        let merged = state.join("binds").join(directory.strip_prefix("/").unwrap_or(directory));
        let making = || format!("cannot make {}", merged.display());
        fs::create_dir_all(&merged).context(making)?;
        let theirs = root.join(directory.strip_prefix("/").unwrap_or(directory));
        for place in [directory, &theirs] {
            for entry in fs::read_dir(place).context(making)? {
                let entry = entry?;
                fs::copy(entry.path(), merged.join(entry.file_name())).context(making)?;
            }
        }
        binds.push_str(&format!("{} {}\n", merged.display(), directory.display()));
    }
    put(&state.join("etc/lab-binds"), &binds)
}

/// Puts `default.xml` there, once, to be started with the daemon.
fn autostarted(directory: &Path, within: &str, xml: &str) -> Result<()> {
    let file = directory.join("default.xml");
    if file.exists() {
        return Ok(());
    }
    put(&file, xml)?;
    let link = directory.join("autostart/default.xml");
    match std::os::unix::fs::symlink(format!("{within}/default.xml"), &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// The same addresses as libvirt's own default network: the lab's network namespace is its own.
fn network() -> Result<String> {
    let uuid = fresh_uuid()?;
    Ok(format!(
        "<network>
  <name>default</name>
  <uuid>{uuid}</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
  </ip>
</network>
"
    ))
}

fn pool() -> Result<String> {
    let uuid = fresh_uuid()?;
    Ok(format!(
        "<pool type='dir'>
  <name>default</name>
  <uuid>{uuid}</uuid>
  <target><path>/var/lib/libvirt/images</path></target>
</pool>
"
    ))
}

fn copy_filters(to: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(NWFILTERS) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if !target.exists() {
            fs::copy(entry.path(), &target).context(|| "cannot copy the packet filters")?;
        }
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context(|| format!("cannot write {}", path.display()))
}

/// A random UUID from the kernel.
fn fresh_uuid() -> Result<String> {
    let text =
        fs::read_to_string("/proc/sys/kernel/random/uuid").context(|| "cannot get a UUID")?;
    Ok(text.trim().to_owned())
}
