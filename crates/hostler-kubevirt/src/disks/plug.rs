//! What every verb on disks does with the cluster: looking at the VM and its instance,
//! asking, and waiting until the guest has what it should have, or has it no more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::disk::{AttachedDisk, DiskState, VolumeName};
use hostler_core::vm::PowerState;
use hostler_provider::{AttachDisk, Cx, DiskRef, Error, Kind, Result, VmRef};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::names::{marked, name_of};
use super::{limits, refused};
use crate::call::{Caller, Selection};
use crate::create::is_dns_label;
use crate::error::{Cause, Failure};
use crate::fleet;
use crate::mapper::{MappedVm, map_claim, message};
use crate::objects::domain::{Disk, InstanceSpec, Volume};
use crate::objects::{self, VirtualMachine, VirtualMachineInstance};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};
use crate::storage::{Pool, Users};

/// How soon the VM is looked at again, at first and at the latest.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The longest name of a volume in KubeVirt, a DNS label.
const NAME_MAX: usize = 63;
/// Why what the VM was made with cannot be taken off.
const NOT_PLUGGED: &str = "KubeVirt takes off only what was plugged in; a disk that the VM was \
                           made with is removed from its template while it is stopped";

/// One verb on the disks of one VM.
pub(super) struct Plug<'a> {
    provider: &'a KubeVirt,
    cx: &'a Cx,
    caller: Arc<Caller>,
    doing: String,
    pub(super) seen: MappedVm,
}

impl<'a> Plug<'a> {
    pub(super) async fn begin(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        vm: &VmRef,
        doing: String,
    ) -> Result<Self> {
        let seen = provider.vm_proper(cx, vm, &doing, "in which no change would last").await?;
        let caller = provider.shared.link.caller(cx).await?;
        Ok(Self { provider, cx, caller, doing, seen })
    }

    pub(super) fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }

    pub(super) fn namespace(&self) -> &str {
        &self.seen.namespace
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// A claim of the VM's namespace in the words of disks.
    pub(super) fn source_of(&self, claim: &str) -> String {
        format!("pvc://{}/{claim}", self.seen.namespace)
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::in_namespace(&*self.seen.namespace, &*self.seen.vm.name)
    }

    /// A failure as callers are told it; one of the gate with its remedy.
    fn noted(&self, failure: Failure) -> Error {
        let error = self.provider.shared.link.noted(failure);
        let says = |raw: &str| raw.contains("HotplugVolumes") && raw.contains("feature gate");
        let is_gate = error.raw().is_some_and(says) || says(error.message());
        if !is_gate {
            return error.context(&self.doing);
        }
        let remedy = "the feature gate of plugging in volumes is closed; add \
                      DeclarativeHotplugVolumes (HotplugVolumes before KubeVirt 1.6) to \
                      spec.configuration.developerConfiguration.featureGates of its KubeVirt object";
        let told = self.error(Kind::Unsupported, remedy);
        match error.raw() {
            Some(raw) => told.with_raw(raw),
            None => told,
        }
    }

    /// All disks as they are now, without the pools of their claims.
    pub(super) async fn all(&self) -> Result<Vec<AttachedDisk>> {
        let (link, key) = (&self.provider.shared.link, self.key());
        let vm: Option<VirtualMachine> =
            fleet::get(self.cx, link, &self.caller, Resource::VMS, &key).await?;
        let uid = vm.as_ref().and_then(|vm| vm.metadata.uid.text());
        let Some(vm) = vm.as_ref().filter(|_| uid == Some(&*self.seen.vm.external_ref)) else {
            return Err(self.error(Kind::NotFound, "the VM is not there any more"));
        };
        let vmi: Option<VirtualMachineInstance> =
            fleet::get(self.cx, link, &self.caller, Resource::VMIS, &key).await?;
        Ok(Disks { namespace: &self.seen.namespace, vm, vmi: vmi.filter(|vmi| !vmi.is_over()) }
            .all())
    }

    /// The same, with the pools of their claims where those can be read.
    pub(super) async fn all_with_places(&self) -> Result<Vec<AttachedDisk>> {
        let mut all = self.all().await?;
        let claims = self.claims().await;
        let prefix = self.source_of("");
        for disk in &mut all {
            let claim = disk.source.as_deref().and_then(|source| source.strip_prefix(&prefix));
            let Some(claim) = claim else { continue };
            let Some((pool, bytes)) = claims.get(claim) else { continue };
            disk.volume = Some(VolumeName { pool: pool.clone(), volume: claim.to_owned() });
            disk.capacity_bytes = *bytes;
        }
        Ok(all)
    }

    /// The pool of each claim, with its size. Without the right to see them none is told.
    async fn claims(&self) -> HashMap<String, (String, Option<u64>)> {
        let selection = Selection::all(Resource::CLAIMS, Some(self.seen.namespace.clone()));
        let Ok(page) = self.caller.list(self.cx, &selection).await else { return HashMap::new() };
        let mut claims = HashMap::new();
        for document in page.items {
            let read = objects::read(document).and_then(|claim| map_claim(&claim, self.cx.now()));
            let Ok(claim) = read else { continue };
            let Some(class) = claim.storage_class else { continue };
            let pool = Pool { namespace: claim.namespace, class }.to_string();
            let bytes = claim.capacity_bytes.value().copied().or(claim.requested_bytes);
            claims.insert(claim.name, (pool, bytes));
        }
        claims
    }

    /// The disk that is meant, if the VM has it.
    pub(super) async fn find(&self, disk: &DiskRef) -> Result<Option<AttachedDisk>> {
        match self.all().await {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            all => Ok(all?.into_iter().find(|seen| disk.is(seen))),
        }
    }

    /// Refuses what the limits, the VM's state, or another disk exclude.
    pub(super) async fn may_be_added(
        &self,
        request: &AttachDisk<'_>,
        all: &[AttachedDisk],
    ) -> Result<()> {
        let AttachDisk { disk, volume, mark, .. } = *request;
        let power = self.seen.vm.power;
        if let Some(denial) = limits().refuses(disk, power, all.len()) {
            return Err(refused(denial).context(&self.doing));
        }
        if !matches!(power, PowerState::Running | PowerState::Paused | PowerState::Stopped) {
            return Err(self.error(Kind::Conflict, &format!("the VM is {power:?}").to_lowercase()));
        }
        let name = name_of(&disk.name, mark);
        if !is_dns_label(&disk.name) || name.len() > NAME_MAX {
            let what = "KubeVirt names disks by small letters, digits and hyphens, and by 50 of \
                        them at most";
            return Err(self.error(Kind::Invalid, what));
        }
        if all.iter().any(|seen| seen.name == disk.name) {
            let what = format!("it has another disk \"{}\"", disk.name);
            return Err(self.error(Kind::Conflict, &what));
        }
        let source = self.source_of(&volume.name);
        if let Some(seen) = all.iter().find(|seen| seen.source.as_ref() == Some(&source)) {
            let what = format!("it has that volume as disk \"{}\"", seen.name);
            return Err(self.error(Kind::Conflict, &what));
        }
        if Pool::named(&volume.pool)?.namespace != self.seen.namespace {
            let what = format!("the VM is in namespace {}", self.seen.namespace);
            return Err(self.error(Kind::Invalid, &what));
        }
        self.is_free(&volume.name).await
    }

    /// Refuses a claim that is not there, or that another VM of the namespace has.
    async fn is_free(&self, claim: &str) -> Result<()> {
        let namespace = &*self.seen.namespace;
        let key = ObjectKey::in_namespace(namespace, claim);
        match self.caller.get(self.cx, Resource::CLAIMS, &key).await {
            Ok(_) => {}
            Err(failure) if failure.cause == Cause::ObjectMissing => {
                let what = format!("there is no claim {key}");
                return Err(self.error(Kind::NotFound, &what));
            }
            Err(failure) => return Err(without_change(self.noted(failure))),
        }
        let (link, own) = (&self.provider.shared.link, Some(&*self.seen.vm.name));
        let users = Users::of(self.cx, link, &self.caller, namespace).await;
        let users = users.map_err(|error| without_change(error.context(&self.doing)))?;
        match users.of_claim(claim, own) {
            None => Ok(()),
            Some(other) => {
                let what = format!("volume {claim} belongs to VM \"{}\"", other.name);
                Err(self.error(Kind::Conflict, &what))
            }
        }
    }

    async fn ask(&self, verb: &str, body: &Value) -> Result<(), Failure> {
        self.caller.subresource(self.cx, Resource::VMS, &self.key(), verb, Some(body)).await
    }

    fn may_write(&self) -> Result<()> {
        self.provider.shared.fleet.may_write().map_err(|error| error.context(&self.doing))
    }

    /// Asks for the disk; says whether it was not there.
    pub(super) async fn add(&self, request: &AttachDisk<'_>, name: &str) -> Result<bool> {
        self.may_write()?;
        let disk = request.disk;
        let mut target = json!({ "bus": "scsi" });
        if disk.read_only
            && let Some(fields) = target.as_object_mut()
        {
            fields.insert("readonly".to_owned(), true.into());
        }
        let serial = disk.serial.as_deref().unwrap_or(&disk.name);
        let mut device = json!({ "name": name, "disk": target, "serial": serial });
        if let Some(cache) = disk.cache
            && let Some(fields) = device.as_object_mut()
        {
            fields.insert("cache".to_owned(), cache.as_str().into());
        }
        let body = json!({
            "name": name,
            "disk": device,
            "volumeSource": { "persistentVolumeClaim": {
                "claimName": request.volume.name, "hotpluggable": true,
            } },
        });
        match self.ask("addvolume", &body).await {
            Ok(()) => Ok(true),
            // Somebody was first: an earlier try of ours, by the name.
            Err(failure) if failure.error.kind() == Kind::Conflict => {
                let all = self.all().await.map_err(Error::with_unknown_effect)?;
                match all.iter().any(|seen| seen.external_ref == name) {
                    true => Ok(false),
                    false => Err(self.noted(failure)),
                }
            }
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// Asks for the disk to be taken off.
    pub(super) async fn remove(&self, disk: &DiskRef) -> Result<()> {
        self.may_write()?;
        match self.ask("removevolume", &json!({ "name": disk.external_ref })).await {
            Ok(()) => Ok(()),
            Err(failure) if failure.cause == Cause::ObjectMissing => Ok(()),
            Err(failure) if failure.error.kind() == Kind::Conflict => {
                // It may be on its way off, by an earlier request.
                match self.find(disk).await.map_err(Error::with_unknown_effect)? {
                    Some(seen) if seen.state != DiskState::Detaching => Err(self.noted(failure)),
                    _ => Ok(()),
                }
            }
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// Waits until the guest can see it, or until the VM that is off has it.
    pub(super) async fn until_attached(&self, name: &str) -> Result<DiskRef> {
        self.until(|all| {
            let seen = all.iter().find(|seen| seen.external_ref == name)?;
            (seen.state == DiskState::Attached).then(|| DiskRef::of(seen))
        })
        .await
    }

    /// Waits until the guest has given it up.
    pub(super) async fn until_detached(&self, disk: &DiskRef) -> Result<()> {
        let gone = self.until(|all| (!all.iter().any(|seen| disk.is(seen))).then_some(()));
        match gone.await {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            ended => ended,
        }
    }

    /// Looks at the disks until they are so.
    async fn until<T>(&self, is_so: impl Fn(&[AttachedDisk]) -> Option<T> + Send) -> Result<T>
    where
        T: Send,
    {
        let waiting = async {
            let mut pause = LOOK_AGAIN.0;
            loop {
                match self.all().await {
                    Ok(all) => {
                        if let Some(found) = is_so(&all) {
                            return Ok(found);
                        }
                    }
                    // It was asked for, and may come yet, whatever ended the look.
                    Err(error) => return Err(error.with_unknown_effect()),
                }
                sleep(pause).await;
                pause = (pause * 2).min(LOOK_AGAIN.1);
            }
        };
        self.cx.run(&self.doing, waiting).await
    }
}

/// An error of a look.
fn without_change(error: Error) -> Error {
    crate::link::without_effect(error)
}

/// What the disks of a VM are read from.
struct Disks<'a> {
    namespace: &'a str,
    vm: &'a VirtualMachine,
    vmi: Option<VirtualMachineInstance>,
}

impl Disks<'_> {
    /// Those of the VM in its order, and then those that its instance has still.
    fn all(&self) -> Vec<AttachedDisk> {
        let template = self.vm.spec.template.spec.as_ref();
        let instance = self.vmi.as_ref().and_then(|vmi| vmi.spec.as_ref());
        let wanted = volumes(template);
        let running = volumes(instance);
        let mut all: Vec<_> = wanted
            .iter()
            .map(|volume| self.disk(volume, template, self.state(volume, &running)))
            .collect();
        let is_wanted = |name: Option<&str>| wanted.iter().any(|volume| volume.name.text() == name);
        for volume in running.iter().filter(|volume| !is_wanted(volume.name.text())) {
            all.push(self.disk(volume, instance, (DiskState::Detaching, None)));
        }
        // What the node has not let go of is told by its status alone.
        let statuses = self.vmi.iter().flat_map(|vmi| vmi.status.volume_status.iter());
        for status in statuses.filter(|status| status.hotplug_volume.is_some()) {
            let Some(name) = status.name.text() else { continue };
            if all.iter().any(|disk| disk.external_ref == name) {
                continue;
            }
            let claim = status.persistent_volume_claim_info.claim_name.text();
            let state = (DiskState::Detaching, status.message.text().map(message));
            all.push(self.plain(name, None, claim, true, state));
        }
        all
    }

    /// How far a disk is that the VM is to have.
    fn state(&self, volume: &Volume, running: &[&Volume]) -> (DiskState, Option<String>) {
        let Some(vmi) = &self.vmi else { return (DiskState::Attached, None) };
        let name = volume.name.text();
        let status = vmi.status.volume_status.iter().find(|status| status.name.text() == name);
        let told = status.and_then(|status| status.message.text()).map(message);
        let is_there = running.iter().any(|one| one.name.text() == name);
        match (is_there, is_plugged(volume)) {
            (false, _) => (DiskState::Attaching, told),
            (true, false) => (DiskState::Attached, None),
            (true, true) => match status.and_then(|status| status.phase.text()) {
                Some("Ready") => (DiskState::Attached, None),
                _ => (DiskState::Attaching, told),
            },
        }
    }

    fn disk(
        &self,
        volume: &Volume,
        spec: Option<&InstanceSpec>,
        state: (DiskState, Option<String>),
    ) -> AttachedDisk {
        let name = volume.name.text().unwrap_or_default();
        let devices = spec.and_then(|spec| spec.domain.as_ref()?.devices.as_ref());
        let mut disks = devices.into_iter().flat_map(|devices| devices.disks.iter());
        let disk = disks.find(|disk| disk.name.text() == Some(name));
        self.plain(name, disk, claim_of(volume), is_plugged(volume), state)
    }

    fn plain(
        &self,
        external_ref: &str,
        disk: Option<&Disk>,
        claim: Option<&str>,
        is_plugged: bool,
        (state, message): (DiskState, Option<String>),
    ) -> AttachedDisk {
        let (name, mark) = marked(external_ref, is_plugged);
        let (device, target) = match disk {
            Some(disk) if disk.cdrom.is_some() => ("cdrom", disk.cdrom.as_ref()),
            Some(disk) if disk.lun.is_some() => ("lun", disk.lun.as_ref()),
            Some(disk) => ("disk", disk.disk.as_ref()),
            None => ("disk", None),
        };
        let read_only = target.is_some_and(|target| target.readonly.is_true());
        AttachedDisk {
            external_ref: external_ref.to_owned(),
            name: name.to_owned(),
            mark,
            state,
            message,
            device: device.to_owned(),
            bus: target.and_then(|target| target.bus.owned()),
            volume: None,
            source: claim.map(|claim| format!("pvc://{}/{claim}", self.namespace)),
            capacity_bytes: None,
            read_only: read_only || device == "cdrom",
            fixed: (!is_plugged).then(|| NOT_PLUGGED.to_owned()),
        }
    }
}

fn volumes(spec: Option<&InstanceSpec>) -> Vec<&Volume> {
    let all = spec.into_iter().flat_map(|spec| spec.volumes.iter());
    all.filter(|volume| volume.memory_dump.is_none() && volume.name.text().is_some()).collect()
}

fn is_plugged(volume: &Volume) -> bool {
    volume.persistent_volume_claim.as_ref().is_some_and(|pvc| pvc.hotpluggable.is_true())
        || volume.data_volume.as_ref().is_some_and(|data| data.hotpluggable.is_true())
}

/// The claim behind a volume; that which a data volume fills has its name.
fn claim_of(volume: &Volume) -> Option<&str> {
    let pvc = volume.persistent_volume_claim.as_ref().and_then(|pvc| pvc.claim_name.text());
    pvc.or_else(|| volume.data_volume.as_ref().and_then(|data| data.name.text()))
}
