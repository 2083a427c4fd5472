//! Each kind of fault, put into the manifests as they are, is found.

use hostler_lab::Result;

use super::*;

/// What the check looks at: the manifests, and what the programs and the code say.
fn looked_at() -> Vec<SourceFile> {
    let root = paths::root();
    let mut all = files::all(&root.join(FOLDER)).unwrap();
    all.iter_mut().for_each(|file| file.path = format!("{FOLDER}{}", file.path));
    let mut others = vec!["Cargo.toml".to_owned(), rights::LIST.to_owned()];
    others.extend(programs::read().map(str::to_owned));
    all.extend(others.into_iter().map(|path| {
        let text = std::fs::read_to_string(root.join(&path)).unwrap();
        SourceFile { path, text }
    }));
    all
}

/// The same with one text replaced by another in one of them.
fn with(path: &str, from: &str, to: &str) -> Vec<String> {
    let mut files = looked_at();
    let file = files.iter_mut().find(|file| file.path == format!("{FOLDER}{path}")).unwrap();
    assert!(file.text.contains(from), "{path} has no {from}");
    file.text = file.text.replacen(from, to, 1);
    findings(&files).into_iter().map(|finding| finding.what).collect()
}

fn finds(path: &str, from: &str, to: &str, wanted: &str) {
    let found = with(path, from, to);
    assert!(found.iter().any(|what| what.contains(wanted)), "{path}, {from} → {to}: {found:?}");
}

#[test]
fn the_manifests_as_they_are_have_no_fault() -> Result<()> {
    assert_eq!(findings(&files::all(&paths::root())?), []);
    Ok(())
}

#[test]
fn what_is_no_yaml_or_no_kind_or_belongs_nowhere_is_found() {
    finds("base/server/service.yaml", "spec:", "spec: [", "it is no YAML");
    finds("base/server/service.yaml", "kind: Service", "kind: Servise", "v1 Servise is not known");
    finds(
        "base/server/service.yaml",
        "apiVersion: v1",
        "apiVersion: v2",
        "v2 Service is not known",
    );
    finds("base/server/kustomization.yaml", "  - service.yaml\n", "", "no overlay leads to it");
    finds(
        "base/server/kustomization.yaml",
        "resources:",
        "resource:",
        "its key resource is not known",
    );
    finds("base/server/kustomization.yaml", "service.yaml", "sevice.yaml", "named and not there");
    finds(
        "base/server/service.yaml",
        "namespace: hostler",
        "namespace: other",
        "namespace another",
    );
    finds(
        "base/agent/daemonset.yaml",
        "      containers:",
        "      container:",
        "containers is missing",
    );
}

#[test]
fn selectors_ports_accounts_volumes_and_bindings_that_lead_nowhere_are_found() {
    let server = "base/server/statefulset.yaml";
    let of_server = "    matchLabels:\n      app.kubernetes.io/name: hostlerd";
    let of_other = "    matchLabels:\n      app.kubernetes.io/name: other";
    finds(server, of_server, of_other, "does not select its own pods");
    finds(server, "serviceAccountName: hostlerd", "serviceAccountName: x", "no ServiceAccount x");
    finds(server, "serviceName: hostlerd", "serviceName: x", "there is no Service x");
    finds(
        server,
        "- name: data\n              mount",
        "- name: x\n              mount",
        "no volume x",
    );
    finds(server, "name: hostlerd-config", "name: x", "there is no ConfigMap x");
    finds(server, "port: https, scheme", "port: http, scheme", "no port \"http\"");
    finds("base/server/service.yaml", "targetPort: https", "targetPort: x", "no port \"x\"");
    finds("base/server/networkpolicy.yaml", "port: https", "port: x", "no port \"x\"");
    finds(
        "base/server/rolebindings.yaml",
        "name: hostlerd",
        "name: x",
        "no ServiceAccount hostler/x",
    );
    let monitor = "components/server-monitoring/servicemonitor.yaml";
    finds(monitor, "port: https", "port: metrics", "no Service has a port \"metrics\"");
    finds(monitor, "honorLabels: true", "honorLabels: false", "honorLabels is not true");
    finds(monitor, "scheme: https", "scheme: http", "it does not scrape by https");
    let monitor = "components/agent-monitoring/podmonitor.yaml";
    finds(monitor, "port: metrics", "port: https", "its pods have no port \"https\"");
    finds(monitor, of_agent(), "    matchLabels:\n      x: y", "it selects no pod");
    let twice = "server and agents would both tell";
    finds(monitor, "action: drop", "action: keep", twice);
    finds(monitor, "(hostler_vm|kubevirt_vmi)_hypervisor_info", "hostler_vm_.*", twice);
    finds("base/agent/daemonset.yaml", "hostPort: 9177", "hostPort: 9178", "hostPort is the");
}

const fn of_agent() -> &'static str {
    "    matchLabels:\n      app.kubernetes.io/name: hostler-agent"
}

#[test]
fn a_container_that_may_more_than_it_needs_is_found() {
    for path in ["base/server/statefulset.yaml", "base/agent/daemonset.yaml"] {
        finds(path, "runAsNonRoot: true", "runAsNonRoot: false", "it may run as root");
        finds(path, "type: RuntimeDefault", "type: Unconfined", "no system call is kept");
        finds(path, "drop: [\"ALL\"]", "drop: [\"NET_RAW\"]", "it keeps capabilities");
        let more = "drop: [\"ALL\"]\n              add: [\"SYS_PTRACE\"]";
        finds(path, "drop: [\"ALL\"]", more, "it gets capabilities");
        let writes = "readOnlyRootFilesystem: false";
        finds(path, "readOnlyRootFilesystem: true", writes, "readOnlyRootFilesystem is not true");
        finds(
            path,
            "allowPrivilegeEscalation: false",
            "x: 1",
            "allowPrivilegeEscalation is not false",
        );
        finds(path, "privileged: false", "privileged: true", "privileged is not false");
        finds(path, "limits:", "limit:", "no limits/memory");
        finds(path, "livenessProbe:", "liveProbe:", "no livenessProbe");
        finds(path, "runAsUser: 1", "runAsUser: 0 # 1", "its user may be one of the node's");
    }
    let agent = "base/agent/daemonset.yaml";
    let tls = "mountPath: /etc/hostler-agent/tls";
    let mount = format!("{tls}\n              readOnly: true\n      volumes:");
    let of_node =
        format!("{tls}\n      volumes:\n        - name: tls\n          hostPath: {{ path: /x }}");
    finds(agent, &mount, &of_node, "it may write to the node");
    let server = "base/server/statefulset.yaml";
    finds(
        server,
        "      serviceAccountName",
        "      hostPID: true\n      serviceAccountName",
        "enforces",
    );
}

#[test]
fn what_a_program_does_not_know_is_found() {
    let (server, agent) = ("base/server/statefulset.yaml", "base/agent/daemonset.yaml");
    finds(server, "\"--config\"", "\"--configuration\"", "hostlerd has no flag --configuration");
    // It is a flag of another command.
    finds(server, "\"--config\"", "\"--seed\"", "hostlerd has no flag --seed");
    finds(agent, "HOSTLER_AGENT_HOST", "HOSTLER_AGENT_NODE", "reads no HOSTLER_AGENT_NODE");
    finds(agent, "config/agent.toml\"", "conf/agent.toml\"", "no configuration is mounted at");
    finds("base/agent/agent.toml", "kubevirt =", "kube =", "hostler-agent has no key kube");
    finds("base/agent/agent.toml", "/token/token", "-token", "nothing is mounted at");
    finds("base/server/hostlerd.toml", "own_machine =", "machine =", "no key metrics.machine");
    finds("base/server/hostlerd.toml", "uri =", "url =", "no key provider.url");
    finds(
        "base/server/hostlerd.toml",
        "\"/var/lib/hostler\"",
        "\"/data\"",
        "nothing is mounted at /data",
    );
    finds(server, "hostlerd:0.1.0", "hostlerd:latest", "its image is");
    finds(server, "localhost/hostler/", "docker.io/hostler/", "its image is");
    finds(server, "runAsUser: 17443", "runAsUser: 17444", "its user is not that of");
}

#[test]
fn rights_that_are_not_those_of_the_code_are_found() {
    let roles = "base/server/roles.yaml";
    finds(roles, "\"create\", ", "", "create of virtualmachines in \"kubevirt.io\": is missing");
    let more = "resources: [\"nodes\", \"secrets\"]";
    finds(roles, "resources: [\"nodes\"]", more, "list of secrets in \"\": nobody asks for it");
    finds(roles, "verbs: [\"update\"]", "verbs: [\"*\"]", "nobody asks for it");
    finds(roles, "name: hostler-kubevirt-vms", "name: other", "no list in the code");
    let seeds = "resources: [\"secrets\"]";
    finds(roles, seeds, "resources: [\"configmaps\"]", "get of secrets in \"\": is missing");
    let bindings = "base/server/rolebindings.yaml";
    let (vms, chosen) =
        ("  name: hostler-kubevirt-vms\nsubjects", "  name: hostler-kubevirt-seeds\nsubjects");
    finds(bindings, vms, chosen, "it opens the secrets of all namespaces");
}
