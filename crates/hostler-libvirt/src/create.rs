//! Making VMs and deleting them.
//!
//! A VM's domain has the VM's id as its UUID and bears our mark besides; both
//! must agree for a domain to be taken for ours. A domain that has only one of
//! them is somebody else's, or a copy, and is left alone.

use async_trait::async_trait;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskDevice, DiskSource, NicSource, VolumeFormat, WatchdogModel};
use hostler_libvirt_rpc::{Domain as Reference, Uuid, flags};
use hostler_provider::{Create, Cx, EnsureVm, Error, Kind, Result, VmHandle, VmRef};

use crate::Libvirt;
use crate::connection::{Link, domain_of, reference};
use crate::inventory::host::{HostFacts, version};
use crate::inventory::present;
use crate::storage::made_as;
use crate::xml::domain::platform::Platform;
use crate::xml::domain::{self, Place, Placed, Plan};
use crate::xml::domain_capabilities::DomainCapabilities;

#[async_trait]
impl Create for Libvirt {
    fn ends_snapshots(&self) -> Option<bool> {
        Some(true)
    }

    async fn validate(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<()> {
        let host = self.link.expect_host(cx, request.host_ref).await?;
        let platform = Platform::choose(request.spec, &host.capabilities)?;
        self.link.check_offered(cx, request, &platform).await?;
        self.link.check_surroundings(cx, request).await?;
        // The volumes may not be there yet: only the document's shape is tried.
        let disks = request.spec.disks.iter().map(|disk| match disk.source {
            DiskSource::NoMedia {} => None,
            _ => Some(somewhere()),
        });
        let plan = Plan {
            vm: request.vm,
            spec: request.spec,
            platform,
            disks: disks.collect(),
            seed: request.spec.cloud_init.as_ref().map(|_| somewhere()),
        };
        domain::to_xml(&plan).map(drop)
    }

    async fn ensure_vm(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<VmHandle> {
        let host = self.link.expect_host(cx, request.host_ref).await?;
        let name = &request.spec.name;
        let doing = format!("cannot make \"{name}\"");
        // Defining replaces a domain of that UUID without a word, so nobody may
        // define between the look and the call.
        let _one_at_a_time = cx.run(&doing, async { Ok(self.link.defining.lock().await) }).await?;
        if let Some(found) = self.link.find_tagged(cx, request.vm).await? {
            self.link.ensure_autostart(cx, &found, request.spec.autostart).await?;
            return Ok(VmHandle { vm: reference(&found), created: false });
        }
        let same_name =
            self.link.look(cx, &doing, |c| async move { c.domain_lookup_by_name(name).await });
        if let Some(found) = present(same_name.await)? {
            // What an earlier call asked may come in between; by its mark it is told from others.
            let ours = match found.uuid == Uuid(*request.vm.as_uuid().as_bytes()) {
                true => self.link.find_tagged(cx, request.vm).await?,
                false => None,
            };
            let Some(found) = ours else {
                let message = format!("{doing}: the host has another VM of that name");
                return Err(Error::new(Kind::Conflict, message));
            };
            self.link.ensure_autostart(cx, &found, request.spec.autostart).await?;
            return Ok(VmHandle { vm: reference(&found), created: false });
        }
        let xml = self.link.document(cx, request, &host).await?;
        // Validated against the daemon's own schema: what this version does not
        // know would otherwise be dropped without a word.
        let define = flags::define::VALIDATE;
        let xml = &xml;
        let made =
            self.link.change(cx, &doing, |c| async move { c.domain_define_xml(xml, define).await });
        let made = made.await?;
        let autostart = self.link.ensure_autostart(cx, &made, request.spec.autostart).await;
        // It is there, whatever became of that.
        autostart.map_err(Error::with_unknown_effect)?;
        Ok(VmHandle { vm: reference(&made), created: true })
    }

    async fn find_vm(&self, cx: &Cx, vm: VmId) -> Result<Option<VmHandle>> {
        match self.link.find_tagged(cx, vm).await {
            Ok(found) => {
                Ok(found.map(|domain| VmHandle { vm: reference(&domain), created: false }))
            }
            // Somebody else's domain with that UUID is not our VM.
            Err(error) if error.kind() == Kind::Conflict => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn remove_vm(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let Some(domain) = present(domain_of(vm))? else { return Ok(()) };
        let doing = format!("cannot delete {vm}");
        let of = &domain;
        let active = self.link.look(cx, &doing, |c| async move { c.domain_is_active(of).await });
        match present(active.await)? {
            None => return Ok(()),
            // Undefining a running domain would leave it running, unowned.
            Some(true) => {
                let message = format!("{doing}: it is running; stop it first");
                return Err(Error::new(Kind::Conflict, message));
            }
            Some(false) => {}
        }
        self.link.undefine(cx, &domain, &doing).await
    }

    async fn definition(&self, cx: &Cx, vm: &VmRef) -> Result<String> {
        let domain = &domain_of(vm)?;
        let doing = format!("cannot read the configuration of {vm}");
        self.link.look(cx, &doing, |c| async move { c.domain_xml(domain, 0).await }).await
    }
}

impl Link {
    /// The domain that bears our mark for `vm`. One that has its UUID without
    /// the mark is a conflict.
    pub(crate) async fn find_tagged(&self, cx: &Cx, vm: VmId) -> Result<Option<Reference>> {
        let uuid = Uuid(*vm.as_uuid().as_bytes());
        let found = self.look(cx, "cannot look for the VM", |c| async move {
            c.domain_lookup_by_uuid(uuid).await
        });
        let Some(found) = present(found.await)? else { return Ok(None) };
        let Some(known) = present(self.read(cx, &found).await)? else { return Ok(None) };
        if known.domain.tag.as_ref().is_some_and(|tag| tag.vm == vm) {
            return Ok(Some(found));
        }
        let message = format!("\"{}\" has the VM's UUID but not our mark", found.name);
        Err(Error::new(Kind::Conflict, message))
    }

    /// Lets it start with its host, or not.
    pub(crate) async fn ensure_autostart(
        &self,
        cx: &Cx,
        domain: &Reference,
        wanted: bool,
    ) -> Result<()> {
        let doing = format!("cannot set the autostart of \"{}\"", domain.name);
        let is = self.look(cx, &doing, |c| async move { c.domain_autostart(domain).await }).await;
        match is {
            Ok(is) if is == wanted => Ok(()),
            Err(error) if error.kind() == Kind::Unsupported && !wanted => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                self.change(
                    cx,
                    &doing,
                    |c| async move { c.domain_set_autostart(domain, wanted).await },
                )
                .await
            }
        }
    }

    /// The document of the VM, with every volume found.
    async fn document(&self, cx: &Cx, request: &EnsureVm<'_>, host: &HostFacts) -> Result<String> {
        let platform = Platform::choose(request.spec, &host.capabilities)?;
        let mut disks = Vec::new();
        for disk in &request.spec.disks {
            if matches!(disk.source, DiskSource::NoMedia {}) {
                disks.push(None);
                continue;
            }
            let bound = request.disks.iter().find(|b| b.disk == disk.name).ok_or_else(|| {
                Error::new(Kind::Invalid, format!("disk \"{}\" has no volume", disk.name))
            })?;
            let placed = match &disk.source {
                // The format of what we made is what was asked, whatever the
                // pool believes to see in the bytes (A6).
                DiskSource::Empty { format, .. } | DiskSource::Image { format, .. } => {
                    self.place(cx, &bound.volume, made_as(*format)).await?
                }
                DiskSource::Volume { .. } | DiskSource::NoMedia {} => {
                    let reads = disk.read_only || disk.device == DiskDevice::Cdrom;
                    self.place_given(cx, &bound.volume, reads).await?
                }
            };
            disks.push(Some(placed));
        }
        let seed = match request.seed {
            Some(volume) => Some(self.place(cx, volume, VolumeFormat::Raw).await?),
            None => None,
        };
        check_types(request.spec)?;
        let plan = Plan { vm: request.vm, spec: request.spec, platform, disks, seed };
        domain::to_xml(&plan)
    }

    /// Refuses what the host does not offer.
    pub(crate) async fn check_offered(
        &self,
        cx: &Cx,
        request: &EnsureVm<'_>,
        platform: &Platform,
    ) -> Result<()> {
        platform.check(request.spec)?;
        check_age(request.spec, self.host(cx).await?.library)?;
        let doing = "cannot read what the host offers";
        let Platform { arch, machine, kind } = platform;
        let offer = self.look(cx, doing, |c| async move {
            c.domain_capabilities(None, Some(arch), machine.as_deref(), Some(kind), 0).await
        });
        let xml = match offer.await {
            Ok(xml) => xml,
            // Then the daemon itself will say what it does not like.
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let offer = DomainCapabilities::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        platform.check_offered(request.spec, &offer)
    }

    /// Whether the networks and pools that are named exist and can be used.
    pub(crate) async fn check_surroundings(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<()> {
        for nic in &request.spec.nics {
            let NicSource::Network(name) = &nic.source else { continue };
            let active = self.look(cx, "cannot look for the network", |c| async move {
                let network = c.network_lookup_by_name(name).await?;
                c.network_is_active(&network).await
            });
            require("network", name, present(active.await)?)?;
        }
        let pools = request.spec.disks.iter().filter_map(|disk| match &disk.source {
            DiskSource::Empty { pool, .. } | DiskSource::Image { pool, .. } => pool.as_deref(),
            DiskSource::Volume { pool, .. } => Some(pool.as_str()),
            DiskSource::NoMedia {} => None,
        });
        for name in pools {
            let active = self.look(cx, "cannot look for the pool", |c| async move {
                let pool = c.storage_pool_lookup_by_name(name).await?;
                c.storage_pool_is_active(&pool).await
            });
            require("pool", name, present(active.await)?)?;
        }
        Ok(())
    }

    /// Removes the definition with all that depends on it alone. Daemons refuse
    /// flags that they do not know, so what an old one lacks is left out.
    pub(crate) async fn undefine(&self, cx: &Cx, domain: &Reference, doing: &str) -> Result<()> {
        use flags::undefine::{CHECKPOINTS_METADATA, MANAGED_SAVE, NVRAM, SNAPSHOTS_METADATA, TPM};
        let library = self.host(cx).await?.library;
        let mut wanted = MANAGED_SAVE | SNAPSHOTS_METADATA | NVRAM;
        if library >= 5_006_000 {
            wanted |= CHECKPOINTS_METADATA;
        }
        if library >= 8_009_000 {
            wanted |= TPM; // older ones remove the state of the TPM unasked
        }
        // Drivers other than QEMU's know fewer flags.
        for flags in [wanted, MANAGED_SAVE | SNAPSHOTS_METADATA, 0] {
            let removed =
                self.change(cx, doing, |c| async move { c.domain_undefine(domain, flags).await });
            match removed.await {
                Ok(()) => {
                    let gone = self.is_gone(cx, domain, doing).await;
                    return gone.map_err(Error::with_unknown_effect);
                }
                // Whatever was not found, only the domain itself counts.
                Err(error) if error.kind() == Kind::NotFound => {
                    return self.is_gone(cx, domain, doing).await;
                }
                Err(error)
                    if flags != 0
                        && matches!(error.kind(), Kind::Invalid | Kind::Unsupported)
                        && error.raw().is_some_and(|raw| raw.contains("unsupported flags")) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(Kind::Unsupported, format!("{doing}: libvirt accepts no flags for this")))
    }

    /// Somebody may have started it in between; then it runs on without a
    /// definition, which nobody must take for deleted.
    async fn is_gone(&self, cx: &Cx, domain: &Reference, doing: &str) -> Result<()> {
        let uuid = domain.uuid;
        let still = self.look(cx, doing, |c| async move { c.domain_lookup_by_uuid(uuid).await });
        match present(still.await)? {
            None => Ok(()),
            Some(_) => {
                let message = format!("{doing}: it was started meanwhile; stop it first");
                Err(Error::new(Kind::Conflict, message))
            }
        }
    }
}

/// Refuses to leave anything to what libvirt does not have.
fn check_types(spec: &VmSpec) -> Result<()> {
    let named = [("instance type", &spec.instance_type), ("preference", &spec.preference)];
    let Some((what, name)) = named.iter().find_map(|(what, it)| Some((what, it.as_ref()?))) else {
        return Ok(());
    };
    let message = format!("libvirt has no instance types, and so no {what} \"{name}\"");
    Err(Error::new(Kind::Unsupported, message))
}

/// Refuses what this libvirt is too old for and does not list among what it
/// offers.
fn check_age(spec: &VmSpec, library: u64) -> Result<()> {
    let is_itco = spec.watchdog.is_some_and(|watchdog| watchdog.model == WatchdogModel::Itco);
    if is_itco && library < 9_001_000 {
        let message = format!(
            "the watchdog itco needs libvirt 9.1 or later, and the host has {}",
            version(library)
        );
        return Err(Error::new(Kind::Unsupported, message));
    }
    Ok(())
}

/// A stand-in while nothing is made.
fn somewhere() -> Placed {
    Placed { place: Place::File("/".to_owned()), format: VolumeFormat::Raw }
}

fn require(what: &str, name: &str, active: Option<bool>) -> Result<()> {
    match active {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Error::new(Kind::Conflict, format!("the {what} \"{name}\" is not active")))
        }
        None => Err(Error::new(Kind::Invalid, format!("the host has no {what} \"{name}\""))),
    }
}
