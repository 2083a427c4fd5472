//! A VM from an image, with a seed for its first boot, to running: by Hostler's API, by
//! virt-install, and by virsh alone.
//!
//! ```text
//!            image ─► disk     documents ─► seed     definition ─► started ─► running
//! hostlerd   volume, upload    own ISO, upload       define, start            seen by itself
//! virt-inst. cp into the pool  its own ISO           its own                  it returns
//! virsh      volume, upload    xorriso, upload       define, start            it returns
//! ```
//!
//! All three run on one libvirtd, in turn, and what each made is removed before the next begins, so
//! that no guest that boots takes the processor from the next.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Lab, LabOptions, NetworkState, Result, guest, run_quietly, timed};
use serde_json::{Value, json};

use super::api::{self, Api, Body};
use super::{Comparison, Report, Sample, Scratch, Settings, Unit};
use crate::product::Server;
use crate::{needs, say};

/// Begins the names of everything that is made.
const PREFIX: &str = "hostler-bench";
const MEMORY_MIB: u64 = 192;
const USER_DATA: &str = "#cloud-config\nhostname: bench\n";
const META_DATA: &str = "instance-id: bench\nlocal-hostname: bench\n";
/// How often it is looked whether a VM is shown as running, and how many times at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
const LOOKS_MAX: usize = 5000;

/// What all three work with.
struct Place {
    lab: Lab,
    api: Api,
    scratch: Scratch,
    /// The image's file out here, and the same within the lab.
    image: PathBuf,
    has_network: bool,
}

/// Measures in a lab of its own.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    needs::lab()?;
    needs::bench_create()?;
    let programs = settings.programs()?;
    let images = guest::build(&guest::checkout_dir(), &mut |line| say::step(line))?;
    let lab = Lab::start(&LabOptions::throwaway("bench-create"))?;
    // virt-install puts its seeds there; on a machine libvirt's package makes it.
    fs::create_dir_all(lab.lib_dir().join("boot"))?;
    let scratch = Scratch::new("create")?;
    let server = Server::start(programs, &scratch.path().join("data"), Some(&lab.uri()))?;
    server.ensure_sample_image(&images.disk_qcow2)?;
    fs::write(scratch.path().join("user-data"), USER_DATA)?;
    fs::write(scratch.path().join("meta-data"), META_DATA)?;
    let place = Place {
        has_network: *lab.network() == NetworkState::Active,
        api: Api::at(&server.socket()),
        image: images.disk_qcow2,
        scratch,
        lab,
    };
    let mut ours = Sample::of("hostlerd");
    let mut install = Sample::of("virt-install");
    let mut bare = Sample::of("virsh");
    for round in 1..=settings.runs {
        say::step(&format!("round {round}: hostlerd, virt-install, virsh"));
        ours.took(place.by_hostlerd(&format!("{PREFIX}-{round}-api"))?);
        install.took(place.by_virt_install(&format!("{PREFIX}-{round}-install"))?);
        bare.took(place.by_virsh(&format!("{PREFIX}-{round}-virsh"))?);
    }
    Ok(report(&place, ours, install, bare))
}

fn report(place: &Place, ours: Sample, install: Sample, bare: Sample) -> Report {
    let network = match place.has_network {
        true => "one interface in the network `default`",
        false => "no network, as libvirt's `default` could not be started",
    };
    let row = |theirs: Sample| Comparison {
        what: "create to running".into(),
        unit: Unit::Seconds,
        ours: ours.clone(),
        theirs,
    };
    Report {
        title: "From the request to a running VM, disk and seed included".into(),
        comparisons: vec![row(install), row(bare)],
        notes: vec![
            format!(
                "Each VM has one processor, {MEMORY_MIB} MiB, a disk made from the same qcow2 image \
                 of {} bytes, a NoCloud seed, {network}, no display, and is emulated (TCG). Running \
                 means that QEMU was started, not that the guest has booted.",
                fs::metadata(&place.image).map_or(0, |metadata| metadata.len()),
            ),
            "hostlerd: `POST /api/v1/vms` with `Prefer: wait=60` over its unix socket, then `GET` \
             until the VM is shown as running. The image was imported before; its copy into the \
             pool, the seed, placement, the journal on SQLite and reading everything back are \
             included."
                .into(),
            "virt-install: `cp` of the image into the pool's directory, then `virt-install --import \
             --noautoconsole --cloud-init user-data=…`, to its end."
                .into(),
            "virsh: `xorriso` makes the seed; then one `virsh` runs vol-create-as and vol-upload \
             for the disk and for the seed, define and start. Nobody does that by hand as quickly: \
             it is the floor."
                .into(),
        ],
    }
}

impl Place {
    fn by_hostlerd(&self, name: &str) -> Result<Duration> {
        let (made, took) = timed(|| self.create_and_see(name));
        let id = made?;
        let path = format!("/api/v1/vms/{id}?disks=true&force=true");
        let wait = [("prefer", "wait=60")];
        let gone = self.api.succeed("DELETE", &path, &wait, &Body::Nothing)?;
        ended_well(&gone.json()?)?;
        Ok(took)
    }

    /// Creates a VM and waits until it is shown as running; gives its id.
    fn create_and_see(&self, name: &str) -> Result<String> {
        let wait = [("prefer", "wait=60")];
        let request = request(name, self.has_network);
        let made = self.api.succeed("POST", "/api/v1/vms", &wait, &Body::Json(&request))?.json()?;
        ended_well(&made)?;
        let resources = made.pointer("/resources").and_then(Value::as_array);
        let is_vm = |one: &&Value| one.pointer("/kind").and_then(Value::as_str) == Some("vm");
        let vm = resources.into_iter().flatten().find(is_vm);
        let vm = vm.ok_or_else(|| Error::new(format!("the operation names no VM: {made}")))?;
        let id = api::text(vm, "/id")?;
        for _ in 0..LOOKS_MAX {
            let vm = self.api.get(&format!("/api/v1/vms/{id}"))?;
            if api::text(&vm, "/status/state")? == "running" {
                return Ok(id.to_owned());
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Err(Error::new(format!("{name} was started and is not shown as running")))
    }

    fn by_virt_install(&self, name: &str) -> Result<Duration> {
        let disk = self.lab.images_dir().join(format!("{name}.qcow2"));
        let (made, took) = timed(|| -> Result<()> {
            run_quietly(Command::new("cp").arg(&self.image).arg(&disk))?;
            run_quietly(&mut self.virt_install(name)).map(drop)
        });
        made?;
        self.expect_running(name)?;
        self.remove(name)?;
        Ok(took)
    }

    fn virt_install(&self, name: &str) -> Command {
        let mut command = self.lab.command_within("virt-install");
        let memory = MEMORY_MIB.to_string();
        command.args(["--connect", "qemu:///system", "--name", name, "--memory", &memory]);
        command.args(["--vcpus", "1", "--virt-type", "qemu", "--import", "--noautoconsole"]);
        command.args(["--graphics", "none", "--osinfo", "detect=off,require=off", "--quiet"]);
        let disk = format!("path=/var/lib/libvirt/images/{name}.qcow2,format=qcow2,bus=virtio");
        let user_data = self.scratch.path().join("user-data");
        command.args(["--disk", &disk]);
        command.arg("--cloud-init").arg(format!("user-data={}", user_data.display()));
        let network = if self.has_network { "network=default,model=virtio" } else { "none" };
        // Its caches and its log are the bench's, not the user's.
        command.args(["--network", network]).env("HOME", self.scratch.path());
        command.env("XDG_CACHE_HOME", self.scratch.path().join("cache"));
        command
    }

    fn by_virsh(&self, name: &str) -> Result<Duration> {
        let seed = self.scratch.path().join("seed.iso");
        let xml = self.scratch.path().join("domain.xml");
        fs::write(&xml, domain(name, self.has_network))?;
        let (made, took) = timed(|| -> Result<()> {
            let mut xorriso = Command::new("xorriso");
            xorriso.current_dir(self.scratch.path()).args(["-as", "mkisofs", "-quiet", "-o"]);
            xorriso.arg(&seed).args(["-V", "cidata", "-J", "-r", "user-data", "meta-data"]);
            run_quietly(&mut xorriso)?;
            let steps = [
                format!("vol-create-as default {name}.qcow2 64M --format qcow2"),
                format!("vol-upload {name}.qcow2 {} --pool default", self.image.display()),
                format!("vol-create-as default {name}.iso 1M --format raw"),
                format!("vol-upload {name}.iso {} --pool default", seed.display()),
                format!("define {}", xml.display()),
                format!("start {name}"),
            ];
            self.lab.virsh([steps.join("; ")]).map(drop)
        });
        made?;
        self.expect_running(name)?;
        self.remove(name)?;
        Ok(took)
    }

    fn expect_running(&self, name: &str) -> Result<()> {
        let output = self.lab.virsh(["domstate", name])?;
        match String::from_utf8_lossy(&output.stdout).trim() {
            "running" => Ok(()),
            other => Err(Error::new(format!("{name} was made and is {other}"))),
        }
    }

    /// Ends and undefines a domain of that name and deletes its files.
    fn remove(&self, name: &str) -> Result<()> {
        self.lab.virsh(["destroy", name])?;
        self.lab.virsh(["undefine", name])?;
        for suffix in ["qcow2", "iso"] {
            let _ = fs::remove_file(self.lab.images_dir().join(format!("{name}.{suffix}")));
        }
        self.lab.virsh(["pool-refresh", "default"]).map(drop)
    }
}

/// An operation that was waited for has to have succeeded.
fn ended_well(operation: &Value) -> Result<()> {
    match api::text(operation, "/state")? {
        "succeeded" => Ok(()),
        other => Err(Error::new(format!("the operation is {other}: {operation}"))),
    }
}

fn request(name: &str, has_network: bool) -> Value {
    let nics =
        if has_network { json!([{ "source": { "network": "default" } }]) } else { json!([]) };
    json!({
        "spec": {
            "name": name,
            "memory": { "bytes": MEMORY_MIB << 20 },
            "machine": { "accelerator": "tcg" },
            "disks": [{ "name": "root", "source": { "image": { "image": "sample" } } }],
            "nics": nics,
            "cloud_init": { "user_data": USER_DATA, "hostname": "bench" },
        },
        "start": true,
    })
}

/// The devices that hostlerd gives a VM by default.
fn domain(name: &str, has_network: bool) -> String {
    let nic = match has_network {
        true => {
            "<interface type='network'><source network='default'/><model type='virtio'/></interface>"
        }
        false => "",
    };
    format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>{MEMORY_MIB}</memory>
         <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/><apic/></features>
         <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
         <source file='/var/lib/libvirt/images/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>
         <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
         <source file='/var/lib/libvirt/images/{name}.iso'/><target dev='sda' bus='sata'/><readonly/>
         </disk>{nic}<serial type='pty'/><memballoon model='virtio'/>
         <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
         <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
         </devices></domain>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_did_not_succeed_is_no_measurement() {
        assert!(ended_well(&json!({ "state": "succeeded" })).is_ok());
        for state in ["running", "failed", "needs_attention"] {
            assert!(ended_well(&json!({ "state": state })).is_err(), "{state}");
        }
    }

    #[test]
    fn all_three_make_the_same_machine() {
        let (asked, xml) = (request("hostler-bench-1", true), domain("hostler-bench-1", true));
        assert_eq!(asked.pointer("/spec/memory/bytes"), Some(&json!(MEMORY_MIB << 20)));
        assert!(xml.contains(&format!("<memory unit='MiB'>{MEMORY_MIB}</memory>")));
        assert_eq!(asked.pointer("/spec/nics/0/source/network"), Some(&json!("default")));
        assert!(xml.contains("<source network='default'/>"));
        assert_eq!(request("x", false).pointer("/spec/nics"), Some(&json!([])));
        assert!(!domain("x", false).contains("<interface"));
    }
}
