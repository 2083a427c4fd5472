//! Metrics and health, judged by Prometheus itself (D4).

use std::io::Write;
use std::process::Stdio;

use crate::rig::{Exchange, Home, Prometheus, check, eventually, lab};

#[test]
fn d4_prometheus_scrapes_what_its_own_checker_accepts() {
    let lab = lab("metrics");
    let home = Home::new();
    let server = home.launch().provider("lab", &lab.uri()).metrics().ready();
    let port = server.metrics_port();
    let small = ["--memory", "48M", "--disk", "8M", "--accelerator", "tcg"];
    home.done(&[&["vm", "create", "web"], small.as_slice()].concat());
    home.api().until_state("web", "running");
    home.hostler(&["start", "imagined-vm"]);

    let open = Exchange::plain(port).unwrap().ask("GET", "/metrics", &[], b"").unwrap();
    assert_eq!(open.status, 200);
    let text = open.text();
    let sum = |name: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    assert!((sum("hostler_vms{") - 1.0).abs() < f64::EPSILON, "{text}");
    assert!(sum("hostler_http_requests_total{") >= 1.0, "{text}");
    // What is not there makes no series, whatever clients ask for (A33).
    assert!(!text.contains("imagined-vm"), "{text}");
    // What runs is measured, by the time that its provider was.
    let measured = "hostler_vm_cpu_seconds_total{vm=\"web\"";
    let text = eventually("the VM is measured", || {
        let open = Exchange::plain(port).unwrap().ask("GET", "/metrics", &[], b"").unwrap();
        check(open.text().contains(measured), || open.text()).map(|()| open)
    });
    let (open, text) = (&text, text.text());
    let web = |metric: &str| {
        let start = format!("{metric}{{vm=\"web\"");
        text.lines().find(|line| line.starts_with(&start)).map(str::to_owned)
    };
    assert!(web("hostler_vm_scrape_success").unwrap().ends_with(" 1"), "{text}");
    // What it runs by, by contract: emulated, whatever the machine could do (A5, A6).
    let runs_by = text.lines().find(|line| line.starts_with("kubevirt_vmi_hypervisor_info{"));
    let runs_by = runs_by.unwrap();
    let contract = "kubevirt_vmi_hypervisor_info{namespace=\"default\",name=\"web\",node=\"";
    assert!(runs_by.starts_with(contract), "{runs_by}");
    assert!(runs_by.ends_with("\",hypervisor_type=\"qemu-tcg\"} 1"), "{runs_by}");

    let prometheus = Prometheus::unpack();
    let mut checker = prometheus.command("promtool");
    checker.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut checker = checker.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    checker.stdin.take().unwrap().write_all(&open.body).unwrap();
    let judged = checker.wait_with_output().unwrap();
    assert!(judged.status.success() && judged.stderr.is_empty(), "{judged:?}");

    // By TLS and with a token, as from another machine; and without, on this one.
    let made = home.json(&["token", "create", "prometheus", "--role", "reader"]);
    let link = home.hostlerd(&["admin-link"]).out;
    let https = link.trim().strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n\
         - job_name: here\n  static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]\n\
         - job_name: afar\n  scheme: https\n  tls_config: {{ ca_file: {ca} }}\n\
         \x20 authorization: {{ credentials: '{token}' }}\n\
         \x20 static_configs: [{{ targets: ['{https}'] }}]\n",
        ca = home.data().join("tls/ca.pem").display(),
        token = made["secret"].as_str().unwrap(),
        https = https.unwrap(),
    );
    let running = prometheus.run(home.path(), &config);
    for job in ["here", "afar"] {
        eventually(&format!("Prometheus scrapes {job}"), || {
            let query = format!("hostler_vms{{job=\"{job}\"}}");
            let found = running.query(&query);
            let samples = found["data"]["result"].as_array().map_or(0, Vec::len);
            check(samples > 0, || format!("{found} {}", running.targets()))
        });
    }
}

/// The expressions of a shipped alert, one for each severity.
fn expressions(alert: &str) -> Vec<String> {
    let rules = include_str!("../../../../catalog/alerts/hypervisor.yaml");
    let mine = rules.split("- alert: ").filter(|rule| rule.lines().next() == Some(alert));
    let expression = |rule: &str| {
        let from = rule.split("expr: |-").nth(1).unwrap();
        from.split("for: ").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    mine.map(expression).collect()
}

#[test]
fn f8_a_vm_that_is_emulated_without_having_asked_for_it_is_told() {
    let lab = lab("emulated");
    let home = Home::new();
    let server = home.launch().provider("lab", &lab.uri()).metrics().ready();
    let port = server.metrics_port();
    let small = ["--memory", "48M", "--disk", "8M"];
    let accelerated = std::path::Path::new("/dev/kvm").exists();
    home.done(&[&["vm", "create", "any"], small.as_slice()].concat());
    home.done(&[&["vm", "create", "slow", "--accelerator", "tcg"], small.as_slice()].concat());
    home.api().until_state("any", "running");
    home.api().until_state("slow", "running");
    // The alert's own words, asked of the history: what the server will judge by.
    let ask = |query: &str| {
        let escaped = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        let query: String = query.bytes().map(escaped).collect();
        let exchange = Exchange::local(&home.socket()).unwrap();
        let answer = exchange.ask("GET", &format!("/api/v1/metrics/query?query={query}"), &[], b"");
        let answer = answer.unwrap().json();
        let series = answer["series"].as_array().cloned().unwrap_or_default();
        let vm =
            |it: &serde_json::Value| it["labels"]["vm"].as_str().unwrap_or_default().to_owned();
        series.iter().map(vm).collect::<Vec<_>>()
    };
    let [of_kvm, of_any]: [String; 2] = expressions("HostlerVmEmulated").try_into().unwrap();
    eventually("both are measured", || {
        let found =
            ask("hostler_vm_hypervisor_info and on (vm_id) hostler_vm_accelerator_asked_info");
        check(found.len() == 2, || format!("{found:?}"))
    });
    // By its own wish one is emulated, and nobody is told; the other for want of KVM.
    let wanted: &[&str] = if accelerated { &[] } else { &["any"] };
    assert_eq!(ask(&of_any), wanted, "{of_any}");
    assert_eq!(ask(&of_kvm), [""; 0], "{of_kvm}");
    let asked = ask("hostler_vm_accelerator_asked_info{asked=\"tcg\"} == 1");
    assert_eq!(asked, ["slow"]);

    // The same figures by the names of the exporter for libvirt, as Prometheus judges them.
    let theirs = |accept: &str| {
        let headers = [("accept", accept)];
        let exchange = Exchange::plain(port).unwrap();
        exchange.ask("GET", "/metrics?profile=libvirt", &headers, b"").unwrap()
    };
    let page = eventually("they are there by the exporter's names", || {
        let page = theirs("text/plain");
        let wanted = "libvirt_domain_info_cpu_time_seconds_total{domain=\"any\"";
        check(page.text().contains(wanted), || page.text()).map(|()| page)
    });
    let prometheus = Prometheus::unpack();
    let mut checker = prometheus.command("promtool");
    checker.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut checker = checker.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    checker.stdin.take().unwrap().write_all(&page.body).unwrap();
    let judged = checker.wait_with_output().unwrap();
    assert!(judged.status.success() && judged.stderr.is_empty(), "{judged:?}");
    // What virsh says in nanoseconds and KiB is here in seconds and bytes.
    let text = page.text();
    let memory = "libvirt_domain_info_maximum_memory_bytes{domain=\"any\"";
    let memory = text.lines().find(|line| line.starts_with(memory)).unwrap();
    assert!(memory.ends_with(&format!(" {}", 48 << 20)), "{memory}");
    let state = text.lines().find(|line| {
        line.starts_with("libvirt_domain_info_state{domain=\"any\"")
            && line.contains("state_desc=\"the domain is running\"")
    });
    assert!(state.unwrap().ends_with(" 1"), "{text}");
}

#[test]
fn health_is_told_without_saying_too_much() {
    let lab = lab("health");
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri())]);
    let ask = |path: &str| {
        let exchange = Exchange::local(&home.socket()).unwrap();
        exchange.ask("GET", path, &[], b"").unwrap()
    };
    assert_eq!((ask("/livez").status, ask("/readyz").status), (200, 200));
    let verbose = ask("/readyz?verbose").text();
    assert!(verbose.contains("[+] store ok") && verbose.contains("[+] providers ok"), "{verbose}");
    lab.kill_libvirtd().unwrap();
    eventually("the server is not ready without any provider", || {
        let ready = ask("/readyz");
        check(ready.status == 503, || ready.text())
    });
    assert!(ask("/readyz?verbose").text().contains("[-] providers"));
    // It lives all the same: nobody should restart it because of libvirt.
    assert_eq!(ask("/livez").status, 200);
    lab.start_libvirtd().unwrap();
    eventually("the server is ready again", || {
        let ready = ask("/readyz");
        check(ready.status == 200, || ready.text())
    });
}
