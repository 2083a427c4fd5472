//! Devices as flags describe them: `20G,pool=fast,bus=scsi`.

use std::collections::BTreeMap;

use hostler_api::v1;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::DeviceArgs;
use crate::failure::{Failure, Result};
use crate::text::parse_size;

/// The word of a closed set that a flag gives; `-` and `_` are the same.
pub(super) fn word<T: DeserializeOwned>(flag: &str, text: &str) -> Result<T> {
    let value = Value::String(text.replace('-', "_"));
    serde_json::from_value(value).map_err(|error| Failure::usage(format!("{flag}: {error}")))
}

/// `key=value,key=value`; a part without `=` is a key with an empty value.
pub(super) fn pairs(flag: &str, text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if key.is_empty() {
            return Err(Failure::usage(format!("{flag} {text}: a part is empty")));
        }
        pairs.push((key.replace('-', "_"), value.to_owned()));
    }
    Ok(pairs)
}

/// The parts of a flag, taken one by one; what is left over is a mistake.
struct Parts<'a> {
    flag: &'static str,
    text: &'a str,
    parts: BTreeMap<String, String>,
}

impl<'a> Parts<'a> {
    /// Reads a flag whose first part may be a bare value, called `first`.
    fn read(flag: &'static str, text: &'a str, first: &str) -> Result<Self> {
        let mut parts = BTreeMap::new();
        for (at, (key, value)) in pairs(flag, text)?.into_iter().enumerate() {
            let is_bare = at == 0 && value.is_empty() && !text.starts_with(&format!("{key}="));
            let (key, value) = match is_bare {
                // As it was written: a name may hold what a key may not.
                true => (first.to_owned(), text.split(',').next().unwrap_or_default().to_owned()),
                false => (key, value),
            };
            if parts.insert(key.clone(), value).is_some() {
                return Err(Failure::usage(format!("{flag} {text}: `{key}` is given twice")));
            }
        }
        Ok(Self { flag, text, parts })
    }

    fn take(&mut self, key: &str) -> Option<String> {
        self.parts.remove(key)
    }

    fn take_word<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>> {
        let flag = format!("{} {}: {key}", self.flag, self.text);
        self.take(key).map(|value| word(&flag, &value)).transpose()
    }

    /// A part that is there or not; `discard` alone means yes.
    fn take_switch(&mut self, key: &str) -> Result<bool> {
        match self.take(key).as_deref() {
            None | Some("no" | "false" | "off") => Ok(false),
            Some("" | "yes" | "true" | "on") => Ok(true),
            Some(_) => Err(self.wrong(&format!("`{key}` is yes or no"))),
        }
    }

    fn take_size(&mut self, key: &str) -> Result<Option<u64>> {
        let size = self.take(key).map(|size| parse_size(&size)).transpose();
        size.map_err(|why| self.wrong(&why))
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::usage(format!("{} {}: {why}", self.flag, self.text))
    }

    /// Refuses what is left over: a misspelt part must not be lost silently.
    fn end(self, known: &str) -> Result {
        match self.parts.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.wrong(&format!("`{key}` means nothing here; there are {known}"))),
        }
    }
}

/// Adds the disks and drives that the flags describe.
pub(super) fn disks(args: &DeviceArgs, disks: &mut Vec<v1::DiskSpec>) -> Result {
    let mut image = args.image.clone();
    for text in &args.disks {
        let disk = disk(text, image.take(), disks)?;
        disks.push(disk);
    }
    if let Some(image) = image {
        let name = free_name(disks);
        let source = v1::DiskSource::Image { image, size_bytes: None, pool: None, format: None };
        disks.push(plain(name, v1::DiskDevice::Disk, source));
    }
    for (at, image) in args.cdroms.iter().enumerate() {
        let source = match image.as_str() {
            "none" => v1::DiskSource::NoMedia {},
            image => v1::DiskSource::Image {
                image: image.to_owned(),
                size_bytes: None,
                pool: None,
                format: None,
            },
        };
        let name = if at == 0 { "cdrom".to_owned() } else { format!("cdrom{}", at + 1) };
        disks.push(v1::DiskSpec { read_only: true, ..plain(name, v1::DiskDevice::Cdrom, source) });
    }
    Ok(())
}

/// A disk with nothing but defaults.
fn plain(name: String, device: v1::DiskDevice, source: v1::DiskSource) -> v1::DiskSpec {
    v1::DiskSpec {
        name,
        device,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

/// The first disk is `root`; those after it are counted.
fn free_name(disks: &[v1::DiskSpec]) -> String {
    if disks.is_empty() {
        return "root".to_owned();
    }
    let is_free = |name: &String| disks.iter().all(|disk| disk.name != *name);
    let names = (1_u32..).map(|at| format!("disk{at}"));
    names.into_iter().find(is_free).unwrap_or_default()
}

/// A disk; `root` is the image that the first one is made from.
fn disk(text: &str, root: Option<String>, others: &[v1::DiskSpec]) -> Result<v1::DiskSpec> {
    let mut parts = Parts::read("--disk", text, "size")?;
    let size_bytes = parts.take_size("size")?;
    let pool = parts.take("pool");
    let format = parts.take_word("format")?;
    let image = parts.take("image");
    let volume = parts.take("volume");
    if image.is_some() && root.is_some() {
        return Err(parts.wrong("it has an image already, by --image"));
    }
    let source = match (image.or(root), volume) {
        (Some(_), Some(_)) => return Err(parts.wrong("it is either from an image or a volume")),
        (Some(image), None) => v1::DiskSource::Image { image, size_bytes, pool, format },
        (None, Some(volume)) => {
            if size_bytes.is_some() || format.is_some() {
                return Err(parts.wrong("a volume that exists has its size and format"));
            }
            let pool = pool.ok_or_else(|| parts.wrong("in which pool is the volume? pool=NAME"))?;
            v1::DiskSource::Volume { pool, volume }
        }
        (None, None) => {
            let size_bytes = size_bytes.ok_or_else(|| parts.wrong("how large? for example 20G"))?;
            v1::DiskSource::Empty { size_bytes, pool, format }
        }
    };
    let name = parts.take("name").unwrap_or_else(|| free_name(others));
    let disk = v1::DiskSpec {
        bus: parts.take_word("bus")?,
        cache: parts.take_word("cache")?,
        discard: parts.take_switch("discard")?,
        serial: parts.take("serial"),
        read_only: parts.take_switch("read_only")?,
        ..plain(name, v1::DiskDevice::Disk, source)
    };
    parts.end(
        "size, pool, format, image, volume, name, bus, cache, discard, serial and read-only",
    )?;
    Ok(disk)
}

/// A network interface: `default,model=e1000e,mac=52:54:00:12:34:56`.
pub(super) fn nic(text: &str) -> Result<v1::NicSpec> {
    let mut parts = Parts::read("--network", text, "network")?;
    let named = [parts.take("network"), parts.take("bridge"), parts.take("direct")];
    let source = match named {
        [Some(name), None, None] if name == "user" => v1::NicSource::User {},
        [Some(name), None, None] => v1::NicSource::Network(name),
        [None, Some(name), None] => v1::NicSource::Bridge(name),
        [None, None, Some(name)] => v1::NicSource::Direct(name),
        _ => return Err(parts.wrong("give one of NAME, bridge=NAME, direct=NAME and user")),
    };
    let model = parts.take_word("model")?.unwrap_or_default();
    let mac = parts.take("mac");
    let link_up = match parts.take("link").as_deref() {
        None | Some("up") => true,
        Some("down") => false,
        Some(_) => return Err(parts.wrong("`link` is up or down")),
    };
    parts.end("network, bridge, direct, model, mac and link")?;
    Ok(v1::NicSpec { source, model, mac, link_up })
}

/// What is tried at boot: a disk's name, or `nic:0`.
pub(super) fn boot(text: &str) -> Result<v1::BootDevice> {
    match text.split_once(':') {
        Some(("nic", number)) => number.parse().map(v1::BootDevice::Nic).map_err(|_| {
            Failure::usage(format!("--boot: `{text}` needs a number, for example nic:0"))
        }),
        Some(("disk", name)) => Ok(v1::BootDevice::Disk(name.to_owned())),
        Some(_) => Err(Failure::usage(format!("--boot: `{text}` is neither disk:NAME nor nic:N"))),
        None => Ok(v1::BootDevice::Disk(text.to_owned())),
    }
}
