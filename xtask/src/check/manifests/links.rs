//! What objects say of each other: a name that nothing bears is accepted by every API server, and
//! selects, binds or scrapes nothing for ever.

use serde_json::{Map, Value};

use super::{Finding, Object, containers, list, text};

const REMEDY: &str = "a cluster takes it without a word and nothing comes of it: correct the name on \
                      one of both sides";

/// What server and agents both tell of a VM: by what it runs.
const TWINS: &str = "(hostler_vm|kubevirt_vmi)_hypervisor_info";

pub(super) fn findings(objects: &[Object]) -> Vec<Finding> {
    let mut found = Vec::new();
    for object in objects {
        match object.kind() {
            "Service" => found.extend(service(object, objects)),
            "ServiceMonitor" => found.extend(service_monitor(object, objects)),
            "PodMonitor" => found.extend(pod_monitor(object, objects)),
            "NetworkPolicy" => found.extend(policy(object, objects)),
            "ClusterRoleBinding" | "RoleBinding" => found.extend(binding(object, objects)),
            "ClusterRole" => found.extend(unbound(object, objects)),
            _ if object.is_workload() => {
                found.extend(workload(object, objects));
                found.extend(volumes(object, objects));
            }
            _ => {}
        }
        found.extend(namespace(object, objects));
    }
    found
}

fn members(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object).filter(|members| !members.is_empty())
}

/// Whether labels bear all that a selector asks for; one that asks for nothing selects nothing.
fn selects(selector: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(wanted) = members(selector) else { return false };
    let Some(labels) = members(labels) else { return false };
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The workloads in an object's namespace whose pods a selector selects.
fn selected<'a>(
    object: &'a Object,
    selector: &str,
    objects: &'a [Object],
) -> impl Iterator<Item = &'a Object> {
    let selector = object.at(selector);
    let near = objects.iter().filter(|it| it.is_workload() && it.namespace() == object.namespace());
    near.filter(move |it| selects(selector, it.at("/spec/template/metadata/labels")))
}

/// The ports of a workload's pods.
fn ports(workload: &Object) -> impl Iterator<Item = &Value> {
    containers(workload).flat_map(|container| list(container, "/ports"))
}

/// Whether one of the workloads has a port of that name or number.
fn has_port<'a>(mut workloads: impl Iterator<Item = &'a Object>, port: &Value) -> bool {
    let is_it = |it: &Value| it.get("name") == Some(port) || it.get("containerPort") == Some(port);
    workloads.any(|workload| ports(workload).any(is_it))
}

fn service(service: &Object, objects: &[Object]) -> Vec<Finding> {
    let pods = || selected(service, "/spec/selector", objects);
    if pods().next().is_none() {
        return vec![service.finding("it selects no pod", REMEDY)];
    }
    let lost = service.list("/spec/ports").iter().filter_map(|port| {
        let target = port.get("targetPort").or_else(|| port.get("port"))?;
        (!has_port(pods(), target))
            .then(|| service.finding(format!("its pods have no port {target}"), REMEDY))
    });
    lost.collect()
}

fn service_monitor(monitor: &Object, objects: &[Object]) -> Vec<Finding> {
    let near = objects.iter().filter(|it| {
        let is_near = it.kind() == "Service" && it.namespace() == monitor.namespace();
        is_near && selects(monitor.at("/spec/selector/matchLabels"), it.at("/metadata/labels"))
    });
    let services: Vec<&Object> = near.collect();
    let mut found = Vec::new();
    if services.is_empty() {
        found.push(monitor.finding("it selects no Service", REMEDY));
    }
    for endpoint in monitor.list("/spec/endpoints") {
        let port = text(endpoint, "/port");
        let has = |service: &&Object| {
            service.list("/spec/ports").iter().any(|it| text(it, "/name") == port)
        };
        if !services.iter().any(has) {
            found.push(monitor.finding(format!("no Service has a port {port:?}"), REMEDY));
        }
        found.extend(scrape(monitor, endpoint));
    }
    found
}

fn pod_monitor(monitor: &Object, objects: &[Object]) -> Vec<Finding> {
    let pods = || selected(monitor, "/spec/selector/matchLabels", objects);
    let mut found = Vec::new();
    if pods().next().is_none() {
        found.push(monitor.finding("it selects no pod", REMEDY));
    }
    for endpoint in monitor.list("/spec/podMetricsEndpoints") {
        let port = endpoint.get("port").unwrap_or(&Value::Null);
        if !has_port(pods(), port) {
            found.push(monitor.finding(format!("its pods have no port {port}"), REMEDY));
        }
        found.extend(scrape(monitor, endpoint));
        let is_beside_server = objects.iter().any(|it| it.kind() == "ServiceMonitor");
        if is_beside_server && !list(endpoint, "/metricRelabelings").iter().any(drops_twins) {
            let what = "server and agents would both tell by what a VM runs";
            let remedy = "alerts would fire twice: drop these families where agents are scraped";
            found.push(monitor.finding(what, remedy));
        }
    }
    found
}

/// Whether a rule drops what the server tells as well, once for each VM.
fn drops_twins(rule: &Value) -> bool {
    text(rule, "/action") == "drop"
        && list(rule, "/sourceLabels") == [Value::from("__name__")]
        && text(rule, "/regex") == TWINS
}

/// What scraping one of ours takes.
fn scrape(monitor: &Object, endpoint: &Value) -> Vec<Finding> {
    let remedy = "metrics name VMs and are served by TLS to who shows a token; and a VM's namespace \
                  is a label of its series, which Prometheus would rename: say all of it";
    let mut found = Vec::new();
    let mut needs = |holds: bool, what: &str| {
        if !holds {
            found.push(monitor.finding(what, remedy));
        }
    };
    needs(text(endpoint, "/scheme") == "https", "it does not scrape by https");
    needs(!text(endpoint, "/authorization/credentials/name").is_empty(), "it shows no token");
    needs(!text(endpoint, "/tlsConfig/serverName").is_empty(), "it expects no name");
    needs(endpoint.pointer("/tlsConfig/ca").is_some(), "it trusts no authority of ours");
    needs(endpoint.pointer("/tlsConfig/insecureSkipVerify").is_none(), "it trusts anybody");
    needs(endpoint.get("honorLabels") == Some(&Value::Bool(true)), "honorLabels is not true");
    found
}

fn policy(policy: &Object, objects: &[Object]) -> Vec<Finding> {
    let pods = || selected(policy, "/spec/podSelector/matchLabels", objects);
    let mut found = Vec::new();
    if pods().next().is_none() {
        found.push(policy.finding("it selects no pod", REMEDY));
    }
    for rule in policy.list("/spec/ingress") {
        for port in list(rule, "/ports").iter().filter_map(|it| it.get("port")) {
            if !has_port(pods(), port) {
                found.push(policy.finding(format!("its pods have no port {port}"), REMEDY));
            }
        }
    }
    found
}

fn binding(binding: &Object, objects: &[Object]) -> Vec<Finding> {
    let mut found = Vec::new();
    let (kind, name) = (binding.text("/roleRef/kind"), binding.text("/roleRef/name"));
    if !objects.iter().any(|it| (it.kind(), it.name()) == (kind, name)) {
        found.push(binding.finding(format!("there is no {kind} {name}"), REMEDY));
    }
    for subject in binding.list("/subjects") {
        let (namespace, name) = (text(subject, "/namespace"), text(subject, "/name"));
        let is_it = |it: &Object| {
            it.kind() == "ServiceAccount" && (it.namespace(), it.name()) == (namespace, name)
        };
        if text(subject, "/kind") != "ServiceAccount" || !objects.iter().any(is_it) {
            found.push(binding.finding(format!("no ServiceAccount {namespace}/{name}"), REMEDY));
        }
    }
    found
}

/// A role that is there for whoever chooses to bind it is none.
fn unbound(role: &Object, objects: &[Object]) -> Option<Finding> {
    let is_bound = role.name() == super::rights::CHOSEN
        || objects
            .iter()
            .any(|it| it.kind().ends_with("Binding") && it.text("/roleRef/name") == role.name());
    (!is_bound).then(|| role.finding("it is bound to nobody", REMEDY))
}

fn workload(workload: &Object, objects: &[Object]) -> Vec<Finding> {
    let mut found = Vec::new();
    let labels = workload.at("/spec/template/metadata/labels");
    if !selects(workload.at("/spec/selector/matchLabels"), labels) {
        found.push(workload.finding("its selector does not select its own pods", REMEDY));
    }
    let account = workload.text("/spec/template/spec/serviceAccountName");
    let near = |it: &&Object| it.namespace() == workload.namespace();
    let named = |kind: &str, name: &str| {
        objects.iter().filter(near).any(|it| (it.kind(), it.name()) == (kind, name))
    };
    if !named("ServiceAccount", account) {
        found.push(workload.finding(format!("there is no ServiceAccount {account}"), REMEDY));
    }
    let service = workload.text("/spec/serviceName");
    if !service.is_empty() && !named("Service", service) {
        found.push(workload.finding(format!("there is no Service {service}"), REMEDY));
    }
    for container in containers(workload) {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let port = container.pointer(&format!("/{probe}/httpGet/port"));
            let is_there = |port: &Value| {
                list(container, "/ports").iter().any(|it| it.get("name") == Some(port))
            };
            if let Some(port) = port.filter(|port| !is_there(port)) {
                found.push(workload.finding(format!("{probe}: no port {port}"), REMEDY));
            }
        }
    }
    let on_node = workload.at("/spec/template/spec/hostNetwork") == Some(&Value::Bool(true));
    let other = |port: &&Value| port.get("hostPort") != port.get("containerPort");
    if on_node && ports(workload).any(|port| other(&port)) {
        found.push(workload.finding("in the node's network hostPort is the containerPort", REMEDY));
    }
    found
}

fn volumes(workload: &Object, objects: &[Object]) -> Vec<Finding> {
    let mut found = Vec::new();
    let own = workload.list("/spec/template/spec/volumes");
    let claims = workload.list("/spec/volumeClaimTemplates");
    let names = own.iter().map(|it| text(it, "/name"));
    let names: Vec<&str> =
        names.chain(claims.iter().map(|it| text(it, "/metadata/name"))).collect();
    let mounts: Vec<&str> = containers(workload)
        .flat_map(|container| list(container, "/volumeMounts"))
        .map(|mount| text(mount, "/name"))
        .collect();
    let lost = mounts.iter().filter(|name| !names.contains(name));
    found.extend(lost.map(|name| workload.finding(format!("there is no volume {name}"), REMEDY)));
    let idle = names.iter().filter(|name| !mounts.contains(name));
    found.extend(idle.map(|name| workload.finding(format!("nobody mounts {name}"), REMEDY)));
    for volume in own {
        let name = text(volume, "/configMap/name");
        let is_it = |it: &Object| {
            it.kind() == "ConfigMap" && (it.name(), it.namespace()) == (name, workload.namespace())
        };
        if volume.get("configMap").is_some() && !objects.iter().any(is_it) {
            found.push(workload.finding(format!("there is no ConfigMap {name}"), REMEDY));
        }
    }
    found
}

/// Who lives in a namespace of ours; a binding may be in one of somebody's.
fn namespace(object: &Object, objects: &[Object]) -> Option<Finding> {
    let wanted = object.namespace();
    let is_there = wanted.is_empty()
        || object.kind() == "RoleBinding"
        || objects.iter().any(|it| it.kind() == "Namespace" && it.name() == wanted);
    (!is_there).then(|| object.finding(format!("there is no Namespace {wanted}"), REMEDY))
}
