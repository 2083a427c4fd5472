//! VMs of a libvirt host and of a KubeVirt cluster in one table, each with what can be done
//! with it and why not; and a cluster whose kubeconfig is kept sealed.
//!
//! The host is real. The cluster is a stand-in that answers as real ones were recorded to.

use crate::rig::{Api, Cluster, Home, check, eventually, lab, virsh};

const THEIRS: &str = "<domain type='qemu'><name>onhost</name>\
    <memory unit='MiB'>48</memory><vcpu>1</vcpu>\
    <os><type arch='x86_64' machine='q35'>hvm</type></os>\
    <devices><serial type='pty'/></devices></domain>";

/// Adds the cluster as a new user would: tried first, then added.
fn add(home: &Home, cluster: &Cluster) {
    let file = cluster.kubeconfig(home);
    let file = file.to_str().unwrap();
    let told = home.done(&["cluster", "test", "--kubeconfig", file]);
    assert!(told.contains("healthy"), "{told}");
    home.done(&["cluster", "add", "edge", "--kubeconfig", file]);
    std::fs::remove_file(file).unwrap();
    eventually("the cluster is healthy", || {
        let told = home.done(&["cluster", "list"]);
        check(told.contains("edge") && told.contains("healthy"), || told.clone())
    });
}

/// What the command line's table has in a column, by the VM's name.
fn column(home: &Home, vm: &str, field: &str) -> String {
    let columns = format!("name,{field}");
    let table = home.done(&["vm", "list", "--columns", &columns]);
    let row = table.lines().find(|line| line.split_whitespace().next() == Some(vm));
    let row = row.unwrap_or_else(|| panic!("{vm} is not in {table}"));
    row.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

/// Why something cannot be done with a VM; nothing where it can.
fn why_not(api: &Api, vm: &str, action: &str) -> Option<String> {
    let actions = api.vm(vm).summary.actions;
    let verdict =
        actions.get(action).unwrap_or_else(|| panic!("{action} is not told: {actions:?}"));
    verdict.reason.clone()
}

#[test]
fn e8_f1_vms_of_a_host_and_of_a_cluster_stand_in_one_table() {
    let lab = lab("both");
    let file = lab.lib_dir().join("onhost.xml");
    std::fs::write(&file, THEIRS).unwrap();
    virsh(&lab, &["define", &file.display().to_string()]);
    let cluster = Cluster::start();
    cluster.makes("incluster", "Manual");
    let before = cluster.spec("incluster");

    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    let api = home.api();
    add(&home, &cluster);
    api.until_state("onhost", "stopped");
    api.until_state("incluster", "stopped");
    assert_eq!(column(&home, "onhost", "provider"), "lab");
    assert_eq!(column(&home, "incluster", "provider"), "edge");
    assert_eq!(column(&home, "incluster", "namespace"), "default");

    // Both wait for somebody to take them into care, and obey nobody before.
    for vm in ["onhost", "incluster"] {
        let refused = home.hostler(&["vm", "start", vm]);
        assert_ne!(refused.code, 0, "{}", refused.all());
        assert!(refused.err.contains("adopt"), "{}", refused.all());
        home.done(&["adopt", "take", vm, "--reason", "ours now"]);
        home.done(&["vm", "start", vm]);
        api.until_state(vm, "running");
    }
    assert_eq!(cluster.spec("incluster"), before, "adopting or starting changed what it is");

    // What one can and the other cannot is told before it is tried, with the reason.
    assert_eq!(why_not(&api, "onhost", "save"), None);
    let told = why_not(&api, "incluster", "save").expect("KubeVirt cannot save");
    let refused = home.hostler(&["vm", "save", "incluster"]);
    assert!(refused.code != 0 && refused.err.contains(&told), "{told}: {}", refused.all());
    assert_eq!(why_not(&api, "incluster", "migrate"), None);
    assert!(why_not(&api, "onhost", "migrate").is_some(), "libvirt's driver does not migrate yet");

    let from = column(&home, "incluster", "host");
    home.done(&["vm", "migrate", "incluster"]);
    eventually("it runs on another node", || {
        let now = column(&home, "incluster", "host");
        check(now != from && !now.is_empty(), || now.clone())
    });
    let told = home.done(&["migration", "list"]);
    assert!(told.contains("incluster") && told.contains(&from), "{told}");

    home.done(&["vm", "stop", "incluster", "--force"]);
    home.done(&["snapshot", "create", "incluster", "before"]);
    let told = home.done(&["snapshot", "list", "incluster"]);
    assert!(told.contains("before") && told.contains("offline"), "{told}");
    home.done(&["snapshot", "revert", "incluster", "before", "--yes"]);
    home.done(&["snapshot", "delete", "incluster", "before", "--yes"]);
    assert!(!home.done(&["snapshot", "list", "incluster"]).contains("before"));

    home.done(&["vm", "stop", "onhost", "--force"]);
    api.until_state("onhost", "stopped");
    let domain = virsh(&lab, &["domstate", "onhost"]);
    assert_eq!(domain.trim(), "shut off");
}

#[test]
fn f5_a_sealed_kubeconfig_outlives_restarts_and_backups_with_its_key() {
    let cluster = Cluster::start();
    cluster.makes("incluster", "Manual");
    let home = Home::new();
    let server = home.launch().alive();
    add(&home, &cluster);
    home.api().until_state("incluster", "stopped");
    let token = cluster.double.token().to_owned();
    let backup = home.path().join("yesterday.db");
    let made = home.hostlerd(&["backup", backup.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{}", made.all());
    for file in [backup.clone(), home.data().join("hostler.db")] {
        let bytes = std::fs::read(&file).unwrap();
        let is_in = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!is_in, "the token stands in the clear in {}", file.display());
    }

    // After a restart it is reached by what was kept.
    server.stop();
    let server = home.launch().alive();
    home.api().until_provider("edge", "healthy");

    // Brought back where the key still is.
    home.done(&["cluster", "remove", "edge", "--yes"]);
    server.stop();
    let restored = home.hostlerd(&["restore", backup.to_str().unwrap()]);
    assert_eq!(restored.code, 0, "{}", restored.all());
    let server = home.launch().alive();
    home.api().until_provider("edge", "healthy");
    home.api().until_state("incluster", "stopped");

    // Without the key the cluster is closed, says so, and opens by another kubeconfig.
    server.stop();
    std::fs::remove_file(home.data().join("secrets.key")).unwrap();
    let _server = home.launch().alive();
    let api = home.api();
    eventually("it says what is lacking", || {
        let told = home.done(&["cluster", "show", "edge"]);
        check(told.contains("give the kubeconfig again"), || told.clone())
    });
    let file = cluster.kubeconfig(&home);
    home.done(&["cluster", "rotate", "edge", "--kubeconfig", file.to_str().unwrap()]);
    api.until_provider("edge", "healthy");
    api.until_state("incluster", "stopped");
}
