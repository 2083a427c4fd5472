//! libvirtd killed and restarted, and frozen: guests go on, the truth is told meanwhile, and
//! everything that changed is caught up with (F5, F6).

use hostler_api::{ListQuery, Nothing, Page, v1};
use hostler_client::Terms;
use hostler_lab::TestDaemon;

use super::small_vm;
use crate::rig::{Api, Home, check, eventually, lab, virsh};

/// A foreign domain that somebody defines while nobody looks.
const STRANGER: &str = "<domain type='qemu'><name>stranger</name><memory unit='MiB'>32</memory>\
    <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>";

fn create(api: &Api, name: &str) {
    let request = small_vm(name, true);
    let terms = Terms::default();
    let made = api.ask::<v1::VmCreate>(&Nothing {}, &Nothing {}, &request, &terms).unwrap();
    assert_eq!(api.settled(&made.value.id).state, "succeeded");
    api.until_state(name, "running");
}

#[test]
fn f5_guests_outlive_a_killed_libvirtd_and_what_changed_meanwhile_is_caught_up_with() {
    let lab = lab("killed");
    let home = Home::new();
    let server = home.serve(&[("lab", lab.uri())]);
    let api = home.api();
    create(&api, "web");
    let guest = lab.qemu_pid("web").unwrap();
    let mut events = api.events(None);

    lab.kill_libvirtd().unwrap();
    let away = api.until_provider("lab", "unreachable");
    assert!(away.reason.is_some_and(|reason| !reason.is_empty()));
    let status = api.vm("web").summary.status;
    // Not seen is not stopped.
    assert_eq!((status.state.as_str(), status.last_seen.as_deref()), ("unknown", Some("running")));
    let told = events.until("the provider is away", |event| event.kind == "provider.state");

    // While the server sees nothing, things are changed behind its back.
    server.pause();
    lab.start_libvirtd().unwrap();
    assert_eq!(lab.qemu_pid("web").unwrap(), guest, "the guest outlived its daemon");
    let stranger = lab.lib_dir().join("stranger.xml");
    std::fs::write(&stranger, STRANGER).unwrap();
    virsh(&lab, &["define", &stranger.display().to_string()]);
    virsh(&lab, &["suspend", "web"]);
    server.resume();

    let back = api.until_provider("lab", "healthy");
    assert_eq!(back.reason, None);
    api.until_state("web", "paused");
    api.until_state("stranger", "stopped");
    assert!(!api.vm("stranger").summary.managed);
    let is_of = |event: &v1::Event, name: &str| {
        event.resource.as_ref().is_some_and(|it| it.name.as_deref() == Some(name))
    };
    let mut since = api.events(Some(told.seq));
    since.until("the stranger was found", |e| e.kind == "vm.found" && is_of(e, "stranger"));
    events.until("web is paused", |e| {
        e.kind == "vm.state" && is_of(e, "web") && e.message.contains("paused")
    });

    // The new connection's events arrive too, for each change of its own.
    virsh(&lab, &["resume", "web"]);
    events.until("web runs again", |e| {
        e.kind == "vm.state" && is_of(e, "web") && e.message.contains("running")
    });
    assert_eq!(lab.qemu_pid("web").unwrap(), guest);
}

#[test]
fn f6_a_frozen_libvirtd_delays_only_what_is_asked_of_it() {
    let lab = lab("frozen");
    let other = TestDaemon::start("e2e-beside", 10).unwrap();
    let home = Home::new();
    let _server = home.serve(&[("lab", lab.uri()), ("beside", other.uri())]);
    let api = home.api();
    api.until_provider("beside", "healthy");
    create(&api, "web");

    lab.pause_libvirtd().unwrap();
    let lists = || {
        let query = ListQuery::default();
        let terms = Terms::default();
        let none = Nothing {};
        api.ask::<v1::HostList>(&none, &query, &none, &terms).unwrap();
        api.ask::<v1::PoolList>(&none, &query, &none, &terms).unwrap();
        api.ask::<v1::OperationList>(&none, &query, &none, &terms).unwrap();
        api.ask::<v1::VmList>(&none, &query, &none, &terms).unwrap().value
    };
    let mut meanwhile = 0;
    eventually("the silence is noticed", || {
        lists();
        let provider = api.provider("lab");
        check(provider.state == "unreachable", || {
            meanwhile += 1;
            format!("{provider:?}")
        })
    });
    // Answers that wait for libvirtd come when its silence is noticed, and not before.
    assert!(meanwhile > 0, "no list was answered while libvirtd was waited for");
    // Read only now: a list from just before the silence was noticed was not old.
    let page: Page<v1::VmSummary> = lists();
    assert!(page.stale, "the list says that part of it is old");
    let host_of = |provider: &str| {
        let hosts = api.list::<v1::HostList, v1::Host>(Nothing {});
        hosts.into_iter().find(|host| host.value.provider.name == provider).unwrap().value
    };
    let host = host_of("lab");
    assert_eq!(host.state, "degraded");
    assert!(host.reason.is_some());
    let status = api.vm("web").summary.status;
    assert_eq!((status.state.as_str(), status.last_seen.as_deref()), ("unknown", Some("running")));
    assert!(status.observed_at.is_some(), "it says when it was last seen");

    // The neighbour is looked at as often as ever.
    assert_eq!(host_of("beside").state, "ready");
    let seen = api.provider("beside").observed_at;
    eventually("the neighbour is looked at again", || {
        let now = api.provider("beside").observed_at;
        check(now > seen, || format!("{now:?}"))
    });
    // Nothing is promised that cannot be done now.
    let refused = home.hostler(&["stop", "web", "--force"]);
    assert!(matches!(refused.code, 5 | 8), "{}", refused.all());

    lab.resume_libvirtd().unwrap();
    api.until_provider("lab", "healthy");
    api.until_state("web", "running");
    eventually("the host is ready again", || {
        let host = host_of("lab");
        check(host.state == "ready", || format!("{host:?}"))
    });
}
