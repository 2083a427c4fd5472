//! From flags and files to the request.

use clap::Parser;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: CreateArgs,
}

fn parse(line: &[&str]) -> CreateArgs {
    Line::try_parse_from(std::iter::once(&"create").chain(line)).unwrap().args
}

/// What the flags make, less what is as it would be without them.
fn made(line: &[&str]) -> Value {
    let plain = document::build(&parse(&["x"])).unwrap();
    let request = document::build(&parse(line)).unwrap();
    request.spec.to_core().unwrap();
    let (plain, request) =
        (serde_json::to_value(plain).unwrap(), serde_json::to_value(request).unwrap());
    difference(&plain, &request).unwrap_or(json!({}))
}

fn difference(plain: &Value, made: &Value) -> Option<Value> {
    match (plain, made) {
        (Value::Object(plain), Value::Object(made)) => {
            let fields: serde_json::Map<String, Value> = made
                .iter()
                .filter_map(|(key, value)| {
                    let base = plain.get(key).unwrap_or(&Value::Null);
                    Some((key.clone(), difference(base, value)?))
                })
                .collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        (plain, made) => (plain != made).then(|| made.clone()),
    }
}

fn refused(line: &[&str]) -> String {
    let failure = document::build(&parse(line)).unwrap_err();
    assert_eq!(failure.exit_code(), 2, "{failure:?}");
    failure.lines().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n")
}

#[test]
fn c1_size_and_machine_flags_become_the_specification() {
    let line = [
        "web",
        "--cpus",
        "2",
        "--max-cpus",
        "4",
        "--topology",
        "sockets=1,cores=2,threads=2",
        "--cpu-mode",
        "host-passthrough",
        "--memory",
        "2G",
        "--hugepages",
        "--accelerator",
        "tcg",
        "--machine",
        "q35",
        "--arch",
        "x86_64",
        "--no-start",
    ];
    assert_eq!(
        made(&line),
        json!({
            "spec": {
                "name": "web",
                "cpu": {
                    "count": 2, "max_count": 4, "mode": "host_passthrough",
                    "topology": {"sockets": 1, "dies": 1, "cores": 2, "threads": 2},
                },
                "memory": {"bytes": 2147483648_u64, "hugepages": true},
                "machine": {"arch": "x86_64", "kind": "q35", "accelerator": "tcg"},
            },
            "start": false,
        })
    );
    let named = made(&["x", "--cpu-mode", "Skylake-Server"]);
    assert_eq!(named, json!({"spec": {"cpu": {"mode": {"named": "Skylake-Server"}}}}));
}

#[test]
fn the_first_disk_is_made_from_the_image_and_the_others_are_empty() {
    let line = ["x", "--image", "debian-13", "--disk", "20G,pool=fast", "--disk", "1G,bus=scsi"];
    let disks = &made(&line)["spec"]["disks"];
    assert_eq!(
        disks[0]["source"],
        json!({"image": {"image": "debian-13", "size_bytes": 21474836480_u64, "pool": "fast",
            "format": null}}),
        "nobody said how it is stored"
    );
    assert_eq!(disks[0]["name"], "root");
    assert_eq!(
        (disks[1]["name"].clone(), disks[1]["bus"].clone(), disks[1]["source"].clone()),
        (
            json!("disk1"),
            json!("scsi"),
            json!({"empty": {"size_bytes": 1073741824, "pool": null, "format": null}})
        )
    );
    let disks = &made(&["x", "--image", "debian-13"])["spec"]["disks"];
    assert_eq!(disks[0]["source"]["image"]["size_bytes"], json!(null), "the image's own size");
}

#[test]
fn disks_and_drives_of_every_kind_are_understood() {
    let line = [
        "x",
        "--disk",
        "size=1G,format=raw,name=data,cache=none,discard,serial=abc,read-only",
        "--disk",
        "volume=old.qcow2,pool=slow",
        "--disk",
        "image=tools,bus=usb",
        "--cdrom",
        "iso",
        "--cdrom",
        "none",
    ];
    let disks = made(&line)["spec"]["disks"].clone();
    assert_eq!(
        disks[0],
        json!({"name": "data", "device": "disk", "bus": null, "read_only": true, "cache": "none",
            "discard": true, "serial": "abc",
            "source": {"empty": {"size_bytes": 1073741824, "pool": null, "format": "raw"}}})
    );
    assert_eq!(disks[1]["source"], json!({"volume": {"pool": "slow", "volume": "old.qcow2"}}));
    assert_eq!(disks[2]["source"]["image"]["image"], "tools");
    assert_eq!((&disks[3]["name"], &disks[3]["device"]), (&json!("cdrom"), &json!("cdrom")));
    assert_eq!(disks[4]["source"], json!({"no_media": {}}));
}

#[test]
fn networks_of_every_kind_are_understood() {
    let line = [
        "x",
        "--network",
        "default,model=e1000e,mac=52:54:00:12:34:56",
        "--network",
        "bridge=br0,link=down",
        "--network",
        "direct=eth0",
        "--network",
        "user",
    ];
    assert_eq!(
        made(&line)["spec"]["nics"],
        json!([
            {"source": {"network": "default"}, "model": "e1000e", "mac": "52:54:00:12:34:56",
                "link_up": true},
            {"source": {"bridge": "br0"}, "model": "virtio", "mac": null, "link_up": false},
            {"source": {"direct": "eth0"}, "model": "virtio", "mac": null, "link_up": true},
            {"source": {"user": {}}, "model": "virtio", "mac": null, "link_up": true},
        ])
    );
}

#[test]
fn the_other_devices_are_understood() {
    let line = [
        "x",
        "--disk",
        "1G",
        "--network",
        "user",
        "--secure-boot",
        "--tpm",
        "--graphics",
        "vnc",
        "--video",
        "vga",
        "--watchdog",
        "i6300esb:poweroff",
        "--boot",
        "root,nic:0",
    ];
    let spec = &made(&line)["spec"];
    assert_eq!(spec["firmware"], json!({"kind": "uefi", "secure_boot": true}));
    assert_eq!(spec["tpm"], json!({"model": "crb"}));
    assert_eq!((&spec["graphics"], &spec["video"]), (&json!("vnc"), &json!("vga")));
    assert_eq!(spec["watchdog"], json!({"model": "i6300esb", "action": "poweroff"}));
    assert_eq!(spec["boot"], json!([{"disk": "root"}, {"nic": 0}]));
    assert_eq!(made(&["x", "--tpm=tis"])["spec"]["tpm"]["model"], "tis");
}

#[test]
fn a_mistake_in_a_flag_is_told_with_what_is_possible() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "the VM has no name"),
        (&["x", "--disk", "20X"], "`20X` is not a size"),
        (&["x", "--disk", "pool=a"], "how large?"),
        (&["x", "--disk", "1G,bus=floppy"], "expected one of `virtio`, `scsi`"),
        (&["x", "--disk", "1G,bus=scsi,bus=ide"], "given twice"),
        (&["x", "--disk", "1G,colour=red"], "`colour` means nothing here; there are size"),
        (&["x", "--disk", "1G,,"], "a part is empty"),
        (&["x", "--disk", "1G,volume=a,pool=b"], "has its size and format"),
        (&["x", "--disk", "volume=a"], "in which pool"),
        (&["x", "--image", "a", "--disk", "image=b"], "it has an image already"),
        (&["x", "--network", "default,bridge=b"], "give one of"),
        (&["x", "--network", "default,link=maybe"], "up or down"),
        (&["x", "--boot", "nic:x"], "needs a number"),
        (&["x", "--topology", "sockets=two"], "needs a number"),
        (&["x", "--topology", "cores=2"], "missing field `sockets`"),
        (&["x", "--watchdog", "dog"], "unknown variant `dog`"),
        (&["x", "--label", "a"], "write KEY=VALUE"),
        (&["x", "--file", "/nonexistent/vm.json"], "cannot read /nonexistent/vm.json"),
    ];
    for (line, expected) in cases {
        let told = refused(line);
        assert!(told.contains(expected), "{line:?}: {told}");
    }
}

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

#[test]
fn a_file_may_be_json_or_yaml_the_request_or_its_specification() {
    let yaml = "name: web\nmemory:\n  bytes: 2147483648\nlabels: {tier: web}\n";
    let json = r#"{"spec": {"name": "web", "memory": {"bytes": 2147483648},
        "labels": {"tier": "web"}}, "start": true}"#;
    let files = Files::new(&[("a.yaml", yaml), ("b.json", json)]);
    let of = |name: &str| made(&["--file", &files.path(name), "--cpus", "2"]);
    assert_eq!(of("a.yaml"), of("b.json"));
    assert_eq!(
        of("a.yaml"),
        json!({"spec": {"name": "web", "labels": {"tier": "web"}, "cpu": {"count": 2},
            "memory": {"bytes": 2147483648_u64}}})
    );
    let renamed = made(&["copy", "--file", &files.path("a.yaml"), "--memory", "1G"]);
    assert_eq!(renamed, json!({"spec": {"name": "copy", "labels": {"tier": "web"}}}));
}

#[test]
fn a_wrong_file_is_named_with_the_fault() {
    let files = Files::new(&[("a.yaml", "name: [\n"), ("b.json", r#"{"name": "a", "colour": 1}"#)]);
    assert!(refused(&["--file", &files.path("a.yaml")]).contains("a.yaml: "));
    let told = refused(&["--file", &files.path("b.json")]);
    assert!(told.contains("unknown field `colour`"), "{told}");
}

#[test]
fn first_boot_documents_and_keys_are_read_from_files() {
    let files = Files::new(&[
        ("keys.pub", "# mine\nssh-ed25519 AAAA me\n\nssh-ed25519 BBBB you\n"),
        ("key", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        ("user", "#cloud-config\n"),
        ("net", "version: 2\n"),
        ("empty", "\n"),
    ]);
    let line = ["x", "--ssh-key", &files.path("keys.pub"), "--hostname", "web"];
    assert_eq!(
        made(&line)["spec"]["cloud_init"],
        json!({"user_data": null, "network_config": null, "hostname": "web",
            "ssh_keys": ["ssh-ed25519 AAAA me", "ssh-ed25519 BBBB you"]})
    );
    let line = ["x", "--cloud-init", &files.path("user"), "--network-config", &files.path("net")];
    let init = &made(&line)["spec"]["cloud_init"];
    assert_eq!(init["user_data"], "#cloud-config\n");
    assert_eq!(init["network_config"], "version: 2\n");
    assert!(refused(&["x", "--ssh-key", &files.path("key")]).contains("is a private key"));
    assert!(refused(&["x", "--ssh-key", &files.path("empty")]).contains("holds no key"));
    let both = ["x", "--cloud-init", &files.path("user"), "--ssh-key", &files.path("keys.pub")];
    assert!(refused(&both).contains("exclude each other"));
}

#[test]
fn e8_an_instance_type_takes_the_place_of_the_size_and_a_size_beside_it_is_sent() {
    let spec = |line: &[&str]| document::build(&parse(line)).unwrap().spec;
    let typed = spec(&["web", "--instance-type", "shop/u1.small", "--preference", "fedora"]);
    assert_eq!((typed.cpu.count, typed.memory.bytes), (None, None));
    let of = typed.instance_type.unwrap();
    assert_eq!((of.name.as_str(), of.namespace.as_deref()), ("u1.small", Some("shop")));
    assert_eq!(typed.preference.unwrap().namespace, None);
    let both = spec(&["web", "--instance-type", "u1.small", "--cpus", "2", "--memory", "2G"]);
    assert_eq!((both.cpu.count, both.memory.bytes), (Some(2), Some(2 << 30)));
    assert_eq!(spec(&["web"]).memory.bytes, Some(1 << 30), "without a type there is a default");
}
