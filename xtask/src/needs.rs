//! What each command needs from the system, beyond Rust.

use hostler_lab::packages::{self, Installer, Need, Probe};
use hostler_lab::{Result, find_program, libvirt_exporter, lxc, mail, prometheus, time_series};

use crate::say;

/// For compiling: Rust links with it, and SQLite is compiled by it.
const BUILD: &[Need] = &[
    Need { probe: Probe::Program("cc"), apt: "gcc", dnf: "gcc" },
    Need {
        probe: Probe::AnyFile(&["/usr/include/stdlib.h"]),
        apt: "libc6-dev",
        dnf: "glibc-devel",
    },
];

/// For tests against real peers, beyond what the lab names: the database whose SQL ours has to be,
/// and Prometheus and Alertmanager, whose tools judge our rules and routes.
const PEERS: &[Need] = &[
    Need {
        probe: Probe::AnyFile(&[
            "/usr/lib/postgresql/15/bin/initdb",
            "/usr/lib/postgresql/17/bin/initdb",
            "/usr/bin/initdb",
        ]),
        apt: "postgresql",
        dnf: "postgresql-server",
    },
    Need { probe: Probe::Program("psql"), apt: "postgresql-client", dnf: "postgresql" },
];

/// The mail server of our tests is Python, which Debian's package of it does not run by itself.
const PYTHON: &[Need] =
    &[Need { probe: Probe::AnyFile(&["/usr/bin/python3"]), apt: "python3", dnf: "python3" }];

/// What our queries, rules and routes are compared with.
const PROMETHEUS: &[Need] = &[
    Need {
        probe: Probe::Program("prometheus"),
        apt: "prometheus",
        dnf: "golang-github-prometheus",
    },
    Need {
        probe: Probe::Program("amtool"),
        apt: "prometheus-alertmanager",
        dnf: "golang-github-prometheus-alertmanager",
    },
];

/// What our history is sent to.
const TIME_SERIES: &[Need] = &[
    Need { probe: Probe::Program("influxd"), apt: "influxdb", dnf: "influxdb" },
    Need {
        probe: Probe::Program("victoria-metrics"),
        apt: "victoria-metrics",
        dnf: "victoria-metrics",
    },
];

/// For tests of what measures this machine: containers that really run, made of nothing
/// but a static busybox.
const CONTAINERS: &[Need] = &[
    Need { probe: Probe::Program("podman"), apt: "podman", dnf: "podman" },
    Need { probe: Probe::Program("crun"), apt: "crun", dnf: "crun" },
    Need { probe: Probe::Program("busybox"), apt: "busybox-static", dnf: "busybox" },
];

/// What `bench create` compares with, and what makes a seed there.
const BENCH_CREATE: &[Need] = &[
    Need { probe: Probe::Program("virt-install"), apt: "virtinst", dnf: "virt-install" },
    Need { probe: Probe::Program("xorriso"), apt: "xorriso", dnf: "xorriso" },
];

/// What `bench list` compares with, and what asks both.
const BENCH_LIST: &[Need] = &[
    Need { probe: Probe::Program("nginx"), apt: "nginx", dnf: "nginx" },
    Need { probe: Probe::Program("wrk"), apt: "wrk", dnf: "wrk" },
];

/// For `coverage`: what reads the counters of a compiler that is made with LLVM 22. Other versions
/// cannot; with another compiler this names another package.
const LLVM: (&str, &[Need]) = (
    "22",
    &[Need {
        probe: Probe::AnyFile(&["/usr/lib/llvm-22/bin/llvm-cov", "/usr/lib64/llvm22/bin/llvm-cov"]),
        apt: "llvm-22",
        dnf: "llvm22",
    }],
);

/// For browser tests.
const BROWSER: &[Need] =
    &[Need { probe: Probe::Program("chromium"), apt: "chromium", dnf: "chromium" }];

/// Brings an npm that can fetch a current Node.js; itself often too old for the user interface.
const NODE: &[Need] = &[
    Need { probe: Probe::Program("node"), apt: "nodejs", dnf: "nodejs" },
    Need { probe: Probe::Program("npm"), apt: "npm", dnf: "npm" },
];

/// Makes sure that Rust crates can be compiled.
pub(crate) fn build() -> Result<()> {
    ensure(BUILD)
}

/// Makes sure that a private libvirtd can run and the sample guest can be built.
pub(crate) fn lab() -> Result<()> {
    ensure(packages::LAB)?;
    guest()
}

/// Makes sure that the sample guest can be built.
pub(crate) fn guest() -> Result<()> {
    ensure(packages::GUEST)
}

/// Makes sure that the real peers of our tests are there.
pub(crate) fn peers() -> Result<()> {
    for needs in [PEERS, PYTHON, CONTAINERS, packages::SSH, packages::TLS, packages::SCHEMAS] {
        ensure(needs)?;
    }
    bench_history()?;
    match Installer::detect() {
        Some(Installer::Apt) => {
            mail::fetch(&mut |line| say::step(line))?;
            lxc::fetch(&mut |line| say::step(line))?;
            time_series::fetch(&mut |line| say::step(line)).map(drop)
        }
        _ => ensure(TIME_SERIES),
    }
}

/// Makes sure that there is what `bench history` compares with, and our tests do.
pub(crate) fn bench_history() -> Result<()> {
    // Debian's would serve as soon as it is installed, so there it is only unpacked.
    match Installer::detect() {
        Some(Installer::Apt) => prometheus::fetch(&mut |line| say::step(line)).map(drop),
        _ => ensure(PROMETHEUS),
    }
}

/// Makes sure that there is what `bench scrape` compares with, where there is such a thing.
pub(crate) fn bench_scrape() -> Result<()> {
    match Installer::detect() {
        Some(Installer::Apt) => libvirt_exporter::fetch(&mut |line| say::step(line)).map(drop),
        _ => Ok(()),
    }
}

/// Makes sure that there is what reads the counters of a compiler made with this LLVM, where a
/// package is known that has it.
pub(crate) fn coverage(llvm: &str) -> Result<()> {
    if LLVM.0 == llvm { ensure(LLVM.1) } else { Ok(()) }
}

/// Makes sure that there is what `bench create` compares with.
pub(crate) fn bench_create() -> Result<()> {
    ensure(BENCH_CREATE)
}

/// Makes sure that there is what `bench list` compares with.
pub(crate) fn bench_list() -> Result<()> {
    if find_program("nginx").is_none() {
        say::step("the package of nginx may start the system's own; the bench does not use that");
    }
    ensure(BENCH_LIST)
}

/// Makes sure that there is a browser for tests.
pub(crate) fn browser() -> Result<()> {
    // Fedora's Chromium, Google's and Debian's go by different names; any of them will do.
    if ["chromium-browser", "google-chrome"].iter().any(|name| find_program(name).is_some()) {
        return Ok(());
    }
    ensure(BROWSER)
}

/// Makes sure that there are some node and npm.
pub(crate) fn any_node() -> Result<()> {
    ensure(NODE)
}

fn ensure(needs: &[Need]) -> Result<()> {
    packages::ensure(needs, &mut |line| say::step(line))
}
