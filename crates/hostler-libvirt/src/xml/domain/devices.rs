//! The devices of a domain other than its disks.

use hostler_core::vm::devices::VideoModel;
use hostler_core::vm::devices::{
    DiskBus, GraphicsSpec, NicSource, NicSpec, WatchdogAction, WatchdogModel, WatchdogSpec,
};
use hostler_provider::Result;

use super::disks::{self, BootOrder};
use super::platform::{Platform, graphics_word, panic_word, tpm_word};
use super::{Plan, SPARE_PORTS};
use crate::xml::element::Element;

/// How often the balloon asks the guest for memory statistics, in seconds.
const BALLOON_PERIOD_S: u32 = 10;

pub(super) fn build(plan: &Plan<'_>) -> Result<Element> {
    let (spec, platform) = (plan.spec, &plan.platform);
    let boot = BootOrder::of(spec);
    let rng = spec.rng.then(|| {
        Element::new("rng")
            .attribute("model", "virtio")
            .child(Element::text("backend", "/dev/urandom").attribute("model", "random"))
    });
    let channel = spec.guest_agent.then(|| {
        let target = Element::new("target")
            .attribute("type", "virtio")
            .attribute("name", super::read::AGENT_CHANNEL);
        Element::new("channel").attribute("type", "unix").child(target)
    });
    let tpm = spec.tpm.map(|tpm| {
        let backend =
            Element::new("backend").attribute("type", "emulator").attribute("version", "2.0");
        Element::new("tpm").attribute("model", tpm_word(tpm.model)).child(backend)
    });
    let panic = spec.panic.map(|p| Element::new("panic").attribute("model", panic_word(p)));
    let nics = spec.nics.iter().enumerate().map(|(index, n)| nic(n, boot.nic(index)));
    Ok(Element::new("devices")
        .children(disks::build(plan, &boot)?)
        .children(controllers(plan))
        .children(nics)
        .children(if spec.serial_console { serial(platform) } else { Vec::new() })
        .maybe(channel)
        .children(display(spec.graphics, spec.video, platform))
        .maybe(tpm)
        .maybe(spec.watchdog.map(watchdog))
        .child(balloon(spec.balloon))
        .maybe(rng)
        .maybe(panic))
}

/// Controllers are written out only where libvirt's own choice would leave no
/// room for devices plugged in later, or be the wrong model.
fn controllers(plan: &Plan<'_>) -> Vec<Element> {
    let controller = |kind: &str, model: &str| {
        Element::new("controller").attribute("type", kind).attribute("model", model)
    };
    let mut list = Vec::new();
    let buses = disks::buses(plan);
    if buses.contains(&DiskBus::Scsi) {
        list.push(controller("scsi", "virtio-scsi").attribute("index", 0));
    }
    if plan.platform.has_pcie() {
        list.push(controller("usb", "qemu-xhci").attribute("index", 0));
        list.push(controller("pci", "pcie-root").attribute("index", 0));
        let virtio_disks = buses.iter().filter(|bus| **bus == DiskBus::Virtio).count();
        // Each of these takes a port: disks, NICs, USB, SCSI, virtio-serial,
        // balloon, RNG and a paravirtual video card.
        let ports = virtio_disks + plan.spec.nics.len() + 6 + SPARE_PORTS;
        list.extend((1..=ports).map(|n| controller("pci", "pcie-root-port").attribute("index", n)));
    }
    list
}

fn nic(nic: &NicSpec, boot: Option<usize>) -> Element {
    let source = |name, value: &str| Element::new("source").attribute(name, value);
    let (kind, source) = match &nic.source {
        NicSource::Network(name) => ("network", Some(source("network", name))),
        NicSource::Bridge(name) => ("bridge", Some(source("bridge", name))),
        NicSource::Direct(name) => {
            ("direct", Some(source("dev", name).attribute("mode", "bridge")))
        }
        NicSource::User {} => ("user", None),
    };
    let mac = nic
        .mac
        .as_ref()
        .map(|mac| Element::new("mac").attribute("address", mac.to_ascii_lowercase()));
    let link = (!nic.link_up).then(|| Element::new("link").attribute("state", "down"));
    Element::new("interface")
        .attribute("type", kind)
        .maybe(mac)
        .maybe(source)
        .child(Element::new("model").attribute("type", nic.model.as_str()))
        .maybe(link)
        .maybe(boot.map(|order| Element::new("boot").attribute("order", order)))
}

fn serial(platform: &Platform) -> Vec<Element> {
    let console = |kind| {
        let target = Element::new("target").attribute("type", kind).attribute("port", 0);
        Element::new("console").attribute("type", "pty").child(target)
    };
    if platform.arch.starts_with("s390") {
        return vec![console("sclp")]; // mainframes have no serial line, but a console
    }
    let target = Element::new("target").attribute("port", 0);
    vec![Element::new("serial").attribute("type", "pty").child(target), console("serial")]
}

/// The display listens on a socket in the daemon's own directory: nobody else
/// on the host can connect, unlike to a loopback port (A16). We get at it by
/// asking the daemon for a connected descriptor.
fn display(
    graphics: Option<GraphicsSpec>,
    video: Option<VideoModel>,
    platform: &Platform,
) -> Vec<Element> {
    let card = |model: VideoModel| {
        Element::new("video").child(Element::new("model").attribute("type", model.as_str()))
    };
    let Some(graphics) = graphics else {
        return video.into_iter().map(card).collect();
    };
    let screen = Element::new("graphics")
        .attribute("type", graphics_word(graphics))
        .child(Element::new("listen").attribute("type", "socket"));
    let mut list = vec![screen, card(video.unwrap_or_else(|| platform.video_for(graphics)))];
    if platform.has_pcie() {
        // Without a tablet the pointer of a remote screen drifts.
        list.push(Element::new("input").attribute("type", "tablet").attribute("bus", "usb"));
        if platform.is_virt() {
            list.push(Element::new("input").attribute("type", "keyboard").attribute("bus", "usb"));
        }
    }
    list
}

fn watchdog(watchdog: WatchdogSpec) -> Element {
    let model = match watchdog.model {
        WatchdogModel::I6300esb => "i6300esb",
        WatchdogModel::Itco => "itco",
        WatchdogModel::Ib700 => "ib700",
    };
    let action = match watchdog.action {
        WatchdogAction::Reset => "reset",
        WatchdogAction::Shutdown => "shutdown",
        WatchdogAction::Poweroff => "poweroff",
        WatchdogAction::Pause => "pause",
        WatchdogAction::None => "none",
    };
    Element::new("watchdog").attribute("model", model).attribute("action", action)
}

/// Without a balloon the element is still needed: libvirt adds one otherwise.
fn balloon(wanted: bool) -> Element {
    let balloon = Element::new("memballoon");
    if wanted {
        let period = Element::new("stats").attribute("period", BALLOON_PERIOD_S);
        balloon.attribute("model", "virtio").child(period)
    } else {
        balloon.attribute("model", "none")
    }
}
