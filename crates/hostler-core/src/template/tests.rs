//! What a version may say, what values become in it, and that none leaves its place.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fill::{self, ForVm, fill};
use super::parameter::{self, Given};
use super::skeleton::skeleton;
use super::*;
use crate::vm::VmSpec;
use crate::vm::cloud_init::CloudInit;
use crate::vm::devices::{DiskDevice, DiskSource, DiskSpec, NicModel, NicSource, NicSpec};

const NOW: Timestamp = Timestamp::from_millis(5_000);
const VM: ForVm<'static> = ForVm { name: "web-1", number: 1, project: "shop" };

fn content(spec: Value, parameters: Value) -> Content {
    Content { spec, parameters: serde_json::from_value(parameters).unwrap(), ..Content::default() }
}

/// One with every kind of parameter.
fn full() -> Content {
    let user_data = "#cloud-config\nfqdn: ${vm.name}.${domain}\npackages:\n  - nginx\n\
        password: \"${password}\"\nwrite_files:\n  - path: /etc/motd\n    permissions: 0644\n\
        \x20   content: |\n      Welcome to ${domain}\n      cost $${HOME}\nruncmd:\n  - [echo, \"${domain}\"]\n";
    content(
        json!({
            "description": "web server ${vm.number} of ${domain}",
            "labels": {"tier": "${tier}"},
            "cpu": {"count": "${cpus}"},
            "memory": {"bytes": "${memory}", "hugepages": "${huge}"},
            "disks": [{"name": "root", "source": {"image": {"image": "debian-13", "size_bytes": "${disk}"}}}],
            "nics": [{"source": {"network": "default"}}],
            "cloud_init": {"user_data": user_data},
        }),
        json!([
            {"name": "domain", "kind": "string", "required": true, "pattern": "[a-z.]+"},
            {"name": "tier", "kind": "enum", "choices": ["web", "db"], "default": "web"},
            {"name": "cpus", "kind": "integer", "default": 2, "min": 1, "max": 8},
            {"name": "memory", "kind": "size", "default": "2GiB", "min": 1 << 28},
            {"name": "huge", "kind": "boolean", "default": false},
            {"name": "disk", "kind": "size"},
            {"name": "password", "kind": "secret", "required": true, "min": 4},
        ]),
    )
}

fn given(pairs: Value) -> BTreeMap<String, Value> {
    serde_json::from_value(pairs).unwrap()
}

fn faults(content: &Content) -> Vec<String> {
    check(content).iter().map(|it| format!("{} {}", it.pointer, it.code)).collect()
}

fn version(state: VersionState, content: Content) -> Version {
    let head = VersionHead {
        number: 3,
        state,
        generation: 1,
        created_by: "local:root".into(),
        created_at: NOW,
        activated_at: None,
        deprecated_at: None,
        archived_at: None,
    };
    Version { head, content, made_from: None }
}

#[test]
fn c19_a_template_is_filled_with_values_in_their_own_kinds() {
    let content = full();
    assert_eq!(faults(&content), Vec::<String>::new());
    let values = parameter::values(
        &content.parameters,
        &given(json!({"domain": "example.org", "password": "hunter2", "cpus": "4"})),
    )
    .unwrap();
    let Filled { spec, shown } = fill(&content, &values, VM).unwrap();
    assert_eq!((spec.name.as_str(), spec.project.as_str()), ("web-1", "shop"));
    assert_eq!((spec.cpu.count, spec.memory.bytes), (4, 2 << 30));
    assert_eq!(spec.description, "web server 1 of example.org");
    assert_eq!(spec.labels["tier"], "web");
    let DiskSource::Image { size_bytes, .. } = &spec.disks[0].source else { panic!("an image") };
    assert_eq!(*size_bytes, None, "what has no value is left out");
    let user_data = spec.cloud_init.unwrap().user_data.unwrap();
    assert!(user_data.contains("fqdn: web-1.example.org\n"), "{user_data}");
    assert!(user_data.contains("permissions: 0644"), "the author's text stays: {user_data}");
    assert!(user_data.contains("cost ${HOME}"), "{user_data}");
    assert!(user_data.contains("password: \"hunter2\""), "{user_data}");
    let shown = shown.cloud_init.unwrap().user_data.unwrap();
    assert!(shown.contains("password: \"********\"") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn c19_values_are_refused_by_their_names_all_at_once() {
    let told = |pairs: Value| match parameter::values(&full().parameters, &given(pairs)) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            faults.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect::<Vec<_>>()
        }
    };
    assert_eq!(
        told(
            json!({"domian": "x", "cpus": 9, "tier": "gpu", "memory": "1M", "huge": "yes", "password": "abc"})
        ),
        [
            "/parameters/domian unknown",
            "/parameters/domain required",
            "/parameters/tier not_a_choice",
            "/parameters/cpus too_large",
            "/parameters/memory too_small",
            "/parameters/huge wrong_kind",
            "/parameters/password too_small",
        ]
    );
    assert_eq!(told(json!({"domain": "A B", "password": "long"})), ["/parameters/domain no_match"]);
    assert_eq!(
        told(json!({"domain": "a", "password": "long", "disk": "20G"})),
        Vec::<String>::new()
    );
}

#[test]
fn a31_a_secret_is_never_told() {
    let told = format!("{:?}", Given::Secret("hunter2".into()));
    assert!(!told.contains("hunter2"));
    let parameter: Parameter =
        serde_json::from_value(json!({"name": "p", "kind": "secret", "pattern": "[a-z]+"}))
            .unwrap();
    let (_, detail) = parameter.value(&json!("HUNTER2")).unwrap_err();
    assert!(!detail.contains("HUNTER2"), "{detail}");
    // A fault of the document does not quote it either.
    let content = content(
        json!({"memory": {"bytes": 1 << 30}, "cloud_init": {"user_data": "#cloud-config\npassword: ${p}\n"}}),
        json!([{"name": "p", "kind": "secret"}]),
    );
    let values = Values::from([("p".to_owned(), Given::Secret("hunter2: [".into()))]);
    let error = fill(&content, &values, VM).unwrap_err();
    assert_eq!(error.fault_list()[0].pointer, "/spec/cloud_init/user_data");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn c19_what_keeps_a_version_from_being_activated_is_told_by_its_place() {
    let base = || json!({"memory": {"bytes": 1 << 30}});
    let with = |pointer: &str, value: Value| {
        let mut spec = base();
        spec.as_object_mut().unwrap().insert(pointer.to_owned(), value);
        spec
    };
    for (spec, parameters, expected) in [
        (base(), json!([{"name": "a", "kind": "string"}]), "/parameters/0/name unused"),
        (base(), json!([{"name": "A", "kind": "string"}]), "/parameters/0/name bad_name"),
        (with("description", json!("${b}")), json!([]), "/spec/description unknown_parameter"),
        (with("description", json!("${B}")), json!([]), "/spec/description bad_placeholder"),
        (with("name", json!("x")), json!([]), "/spec/name own"),
        (
            with("labels", json!({"${vm.name}": "x"})),
            json!([]),
            "/spec/labels/${vm.name} in_a_name",
        ),
        (
            with("nics", json!([{"source": {"network": "n"}, "mac": "52:54:00:00:00:01"}])),
            json!([]),
            "/spec/nics/0/mac own",
        ),
        (
            with(
                "disks",
                json!([{"name": "d", "source": {"volume": {"pool": "p", "volume": "v"}}}]),
            ),
            json!([]),
            "/spec/disks/0/source/volume own",
        ),
        (with("cpu", json!({"count": "many"})), json!([]), "/spec/cpu/count unreadable"),
        (with("cpus", json!(2)), json!([]), "/spec/cpus unreadable"),
        (json!({"cpu": {"count": 1}}), json!([]), "/spec/memory/bytes too_small"),
        (
            with("description", json!("${p}")),
            json!([{"name": "p", "kind": "secret"}]),
            "/spec/description secret_shown",
        ),
        (
            with("description", json!("${p}")),
            json!([{"name": "p", "kind": "integer", "default": "x"}]),
            "/parameters/0/default wrong_kind",
        ),
        (
            with("cloud_init", json!({"user_data": "#!/bin/sh\necho ${vm.name}\n"})),
            json!([]),
            "/spec/cloud_init/user_data not_cloud_config",
        ),
        (
            with(
                "cloud_init",
                json!({"user_data": "#cloud-config\nruncmd:\n  - echo ${vm.name}\n"}),
            ),
            json!([]),
            "/spec/cloud_init/user_data shell_command",
        ),
        (
            with("cloud_init", json!({"user_data": "#cloud-config\n${vm.name}: x\n"})),
            json!([]),
            "/spec/cloud_init/user_data in_a_name",
        ),
    ] {
        assert_eq!(faults(&content(spec.clone(), parameters)), [expected], "{spec}");
    }
}

#[test]
fn c19_what_depends_on_a_value_is_not_refused_before_there_is_one() {
    let parameters = json!([{"name": "image", "kind": "string", "required": true},
        {"name": "bus", "kind": "string"}]);
    let spec = json!({"memory": {"bytes": 1 << 30}, "disks": [{"name": "root", "bus": "${bus}",
        "source": {"image": {"image": "${image}"}}}]});
    let content = content(spec, parameters);
    assert_eq!(faults(&content), Vec::<String>::new());
    let values = Values::from([("image".to_owned(), Given::Text("../etc".into()))]);
    let error = fill(&content, &values, VM).unwrap_err();
    assert_eq!(error.fault_list()[0].pointer, "/spec/disks/0/source/image/image");
}

#[test]
fn c19_a_version_goes_its_way_and_never_back_to_a_draft() {
    use Transition::{Activate, Archive, Deprecate};
    use VersionState::{Active, Archived, Deprecated, Draft};
    let allowed =
        |from: VersionState| Transition::ALL.iter().map(|it| from.after(*it)).collect::<Vec<_>>();
    assert_eq!(Transition::ALL, [Activate, Deprecate, Archive]);
    assert_eq!(allowed(Draft), [Some(Active), None, Some(Archived)]);
    assert_eq!(allowed(Active), [Some(Active), Some(Deprecated), Some(Archived)]);
    assert_eq!(allowed(Deprecated), [Some(Active), Some(Deprecated), Some(Archived)]);
    assert_eq!(allowed(Archived), [None, None, Some(Archived)]);

    let good = content(json!({"memory": {"bytes": 1 << 30}}), json!([]));
    let active = version(Draft, good.clone()).after(Activate, NOW).unwrap().unwrap();
    assert_eq!((active.head.state, active.head.activated_at), (Active, Some(NOW)));
    assert_eq!(active.after(Activate, NOW).unwrap(), None, "it is already");
    assert_eq!(active.with_content(good.clone()).unwrap_err().code(), Code::TemplateWrongState);
    let archived = version(Archived, good.clone());
    assert_eq!(archived.after(Activate, NOW).unwrap_err().code(), Code::TemplateWrongState);
    let faulty = version(Draft, content(json!({}), json!([])));
    assert_eq!(
        faulty.after(Activate, NOW).unwrap_err().fault_list()[0].pointer,
        "/spec/memory/bytes"
    );
    assert_eq!(faulty.with_content(good).unwrap().head.generation, 2);
}

#[test]
fn c19_the_newest_active_version_is_the_default() {
    use VersionState::{Active, Archived, Deprecated, Draft};
    let of = |states: &[VersionState]| {
        let heads = states.iter().zip(1..).map(|(state, number)| VersionHead {
            number,
            ..version(*state, Content::default()).head
        });
        default_version(&heads.collect::<Vec<_>>())
    };
    assert_eq!(of(&[Active, Active, Deprecated, Draft]), Some(2));
    assert_eq!(of(&[Draft, Deprecated, Archived]), None);
}

#[test]
fn c19_a_template_from_a_vm_has_nothing_of_its_own_and_tells_what_it_lacks() {
    let mut spec = VmSpec::new("web-7", 1 << 30);
    spec.description = "costs ${5}".into();
    let disk = |name: &str, source| DiskSpec {
        name: name.into(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    };
    let image = DiskSource::Image {
        image: "debian-13".into(),
        size_bytes: None,
        pool: None,
        format: Some(crate::vm::devices::VolumeFormat::Qcow2),
    };
    spec.disks.push(disk("root", image));
    spec.disks.push(disk("data", DiskSource::Volume { pool: "p".into(), volume: "v".into() }));
    spec.nics.push(NicSpec {
        source: NicSource::Network("default".into()),
        model: NicModel::Virtio,
        mac: Some("52:54:00:12:34:56".into()),
        link_up: true,
    });
    spec.cloud_init = Some(CloudInit {
        user_data: Some("#cloud-config\npassword: hunter2\n".into()),
        hostname: Some("web-7".into()),
        ..CloudInit::default()
    });
    let (tree, left_out) = skeleton(&spec).unwrap();
    let told: Vec<_> = left_out.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
    assert_eq!(
        told,
        [
            "/nics/0/mac own",
            "/disks/0/source/image not_copied",
            "/disks/1/source/volume replace",
            "/cloud_init/user_data own",
            "/cloud_init/hostname own",
        ]
    );
    let text = tree.to_string();
    for own in ["web-7", "52:54", "hunter2", "\"v\"", "null"] {
        assert!(!text.contains(own), "{own} is in {text}");
    }
    let mut made = content(tree, json!([]));
    assert_eq!(faults(&made), ["/spec/disks/1/source/image/image bad_name"]);
    made.spec["disks"][1]["source"]["image"]["image"] = json!("data");
    assert_eq!(faults(&made), Vec::<String>::new());
    let filled = fill(&made, &Values::new(), VM).unwrap().spec;
    assert_eq!(filled.description, "costs ${5}", "the VM's texts are taken as they are");
}

#[test]
fn a31_what_comes_out_is_bounded() {
    let text = "${a}".repeat(SPEC_MAX_BYTES / 8);
    let content = content(
        json!({"memory": {"bytes": 1 << 30}, "description": text}),
        json!([{"name": "a", "kind": "string"}]),
    );
    let values = Values::from([("a".to_owned(), Given::Text("x".repeat(4096)))]);
    let error = fill(&content, &values, VM).unwrap_err();
    assert_eq!(error.fault_list()[0].code, "too_long");
}

/// Where a value is put, by a name for it.
fn places() -> Content {
    content(
        json!({
            "description": "a ${v} b",
            "labels": {"whole": "${v}", "part": "x${v}", "other": "stays"},
            "memory": {"bytes": 1 << 30},
            "cpu": {"mode": {"named": "${v}"}},
        }),
        json!([{"name": "v", "kind": "string"}]),
    )
}

fn keys(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                keys(value, &format!("{at}/{key}"), into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, at, into)),
        _ => into.push(at.to_owned()),
    }
}

fn evil() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[ -~\\n]{0,40}",
        r##"[\[\]{}:,"'#&*!|>%@`\-\? a]{0,12}"##,
        Just("${v}".to_owned()),
        Just("x\nruncmd: [poweroff]".to_owned()),
        Just("x\u{2028}runcmd: [poweroff]".to_owned()),
        Just("\", evil: \"".to_owned()),
        Just("', evil: '".to_owned()),
        Just(", evil: true".to_owned()),
        Just("} , {".to_owned()),
        Just("*anchor".to_owned()),
        Just("!!python/object/apply:os.system [id]".to_owned()),
    ]
}

proptest! {
    #[test]
    fn c19_a_value_never_leaves_its_field_of_the_specification(value in evil()) {
        let content = places();
        let values = Values::from([("v".to_owned(), Given::Text(value.clone()))]);
        let tree = fill::tree(&content, &values).unwrap();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        keys(&content.spec, "", &mut before);
        keys(&tree, "", &mut after);
        prop_assert_eq!(before, after, "the same fields");
        prop_assert_eq!(&tree["description"], &json!(format!("a {value} b")));
        prop_assert_eq!(&tree["labels"]["whole"], &json!(value));
        prop_assert_eq!(&tree["labels"]["part"], &json!(format!("x{value}")));
        prop_assert_eq!(&tree["labels"]["other"], &json!("stays"));
        prop_assert_eq!(&tree["memory"], &content.spec["memory"]);
    }

    #[test]
    fn c19_a_value_never_leaves_its_field_of_a_document(
        value in evil(),
        shape in prop::sample::select(vec![
            "a: ${v}\nz: end\n",
            "a: \"${v}\"\nz: end\n",
            "a: '${v}'\nz: end\n",
            "a: {b: ${v}, c: \"x ${v}\"}\nz: end\n",
            "a: |\n  one\n  ${v}\nz: end\n",
            "a: [x, '${v}']\nz: end\n",
            "a:\n  - ${v}\n  - two # ${v}\nz: end\n",
            "a: \"b\n  ${v}\"\nz: end\n",
        ]),
    ) {
        let text = format!("#cloud-config\n{shape}");
        let values = Values::from([("v".to_owned(), Given::Text(value.clone()))]);
        // Either it is refused, or everything but the text is as it was.
        if let Ok(filled) = document::filled(&text, true, &values) {
            let parsed: Value = serde_saphyr::from_str(&filled).unwrap();
            let expected: Value = serde_saphyr::from_str(&text.replace("${v}", "M")).unwrap();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            keys(&expected, "", &mut before);
            keys(&parsed, "", &mut after);
            prop_assert_eq!(before, after, "{:?}", filled);
            prop_assert_eq!(&parsed["z"], &json!("end"));
            let is_broken = value.contains(['\n', '\u{2028}']);
            prop_assert!(!is_broken, "it ends no line");
        }
    }

    #[test]
    fn c19_an_ordinary_word_fits_everywhere(value in "[a-z][a-z0-9.]{0,20}[a-z]") {
        prop_assume!(!matches!(value.as_str(), "null" | "true" | "false" | "nan" | "inf"));
        for shape in ["a: ${v}\n", "a: \"${v}\"\n", "a: |\n  x ${v}\n", "[${v}, '${v}']\n"] {
            let text = format!("#cloud-config\n{shape}");
            let values = Values::from([("v".to_owned(), Given::Text(value.clone()))]);
            let filled = document::filled(&text, true, &values);
            prop_assert_eq!(filled, Ok(text.replace("${v}", &value)));
        }
    }
}
