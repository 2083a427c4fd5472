//! Typed procedures against the test driver, which has domains, networks, pools, volumes and
//! snapshots without a hypervisor; and against a daemon played by the test, for what differs
//! between versions.

use futures_util::future::join_all;
use hostler_libvirt_rpc::procedure::{CONNECT_SUPPORTS_FEATURE, NETWORK_UPDATE};
use hostler_libvirt_rpc::xdr::to_bytes;
use hostler_libvirt_rpc::{Connection, Domain, ErrorCode, Network, TypedParam, Uuid, flags};

use crate::daemon::{Daemon, quiet};
use crate::hostile::Fake;

const DOMAIN: &str = "<domain type='test'><name>web</name>\
    <uuid>6f1c2a34-0000-4abc-8def-0123456789ab</uuid><memory>65536</memory><vcpu>2</vcpu>\
    <os><type>hvm</type></os></domain>";

async fn web(connection: &Connection) -> Domain {
    connection.domain_define_xml(DOMAIN, 0).await.unwrap()
}

#[tokio::test]
async fn the_host_and_the_daemon_are_described() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    assert_eq!(connection.hypervisor_type().await.unwrap(), "TEST");
    assert!(connection.hypervisor_version().await.unwrap() > 0);
    assert!(connection.library_version().await.unwrap() >= 9_000_000);
    assert_eq!(connection.uri().await.unwrap(), "test:///default");
    assert!(!connection.hostname().await.unwrap().is_empty());
    assert!(connection.capabilities().await.unwrap().contains("<capabilities>"));
    assert!(connection.is_secure().await.unwrap());
    let node = connection.node_info().await.unwrap();
    assert_eq!((node.model.as_str(), node.cpus, node.sockets), ("i686", 16, 2));
    assert!(node.memory_kib > 0 && node.cores > 0 && node.threads > 0);
    assert!(connection.node_free_memory().await.unwrap() > 0);
    assert!(!connection.node_cells_free_memory(0, 2).await.unwrap().is_empty());
    connection.close().await.unwrap();
    assert!(connection.is_closed());
}

#[tokio::test]
async fn a_thousand_domains_are_listed_with_their_state_and_xml() {
    let daemon = Daemon::start().await;
    let file = daemon.path().join("node.xml");
    let domains: String = (1..=1_000)
        .map(|n| {
            format!(
                "<domain type='test'><name>vm{n}</name><uuid>00000000-0000-0000-0001-{n:012}</uuid>\
                 <memory>8192</memory><os><type>hvm</type></os></domain>"
            )
        })
        .collect();
    std::fs::write(&file, format!("<node>{domains}</node>")).unwrap();
    let connection = daemon.open("test", file.to_str().unwrap(), quiet()).await;

    let list = connection.list_all_domains(0).await.unwrap();
    let mut names: Vec<_> = list.iter().map(|domain| domain.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((list.len(), names.len()), (1_000, 1_000));

    let stats = connection.all_domain_stats(&[], flags::stats::STATE, 0).await.unwrap();
    let is_running =
        |param: &TypedParam| param.field == "state.state" && param.value.as_i64() == Some(1);
    assert_eq!(stats.len(), 1_000);
    assert!(stats.iter().all(|record| record.params.iter().any(is_running)));

    // Far more calls than slots: they queue, and each answer finds its caller.
    for some in list.chunks(250) {
        let answers = join_all(some.iter().map(|domain| connection.domain_xml(domain, 0))).await;
        for (domain, xml) in some.iter().zip(answers) {
            assert!(xml.unwrap().contains(&format!("<name>{}</name>", domain.name)));
        }
    }
    assert_eq!((connection.in_flight(), connection.queued()), (0, 0));
}

#[tokio::test]
async fn a_domain_lives_from_definition_to_removal() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let domain = web(&connection).await;
    assert_eq!((domain.name.as_str(), domain.id), ("web", -1));
    assert_eq!(connection.domain_lookup_by_uuid(domain.uuid).await.unwrap(), domain);
    assert_eq!(connection.domain_os_type(&domain).await.unwrap(), "linux");
    assert!(!connection.domain_is_active(&domain).await.unwrap());
    assert!(connection.domain_is_persistent(&domain).await.unwrap());

    let running = connection.domain_create(&domain, 0).await.unwrap();
    assert!(running.is_active());
    assert_eq!(connection.domain_lookup_by_id(running.id).await.unwrap(), running);
    // The UUID alone addresses it.
    let by_uuid = Domain::by_uuid(domain.uuid);
    assert_eq!(connection.domain_state(&by_uuid).await.unwrap().state, 1);
    let info = connection.domain_info(&domain).await.unwrap();
    assert_eq!((info.state, info.max_memory_kib, info.vcpus), (1, 65_536, 2));
    connection.domain_suspend(&domain).await.unwrap();
    assert_eq!(connection.domain_state(&domain).await.unwrap().state, 3);
    connection.domain_resume(&domain).await.unwrap();
    connection.domain_reboot(&domain, 0).await.unwrap();
    connection.domain_set_memory(&domain, 32_768, flags::memory::LIVE).await.unwrap();
    assert_eq!(connection.domain_info(&domain).await.unwrap().memory_kib, 32_768);
    assert_eq!(connection.domain_max_memory(&domain).await.unwrap(), 65_536);
    assert_eq!(connection.domain_vcpus(&domain, 0).await.unwrap(), 2);
    connection.domain_set_autostart(&domain, true).await.unwrap();
    assert!(connection.domain_autostart(&domain).await.unwrap());

    connection.domain_managed_save(&domain, 0).await.unwrap();
    assert!(connection.domain_has_managed_save(&domain, 0).await.unwrap());
    connection.domain_managed_save_remove(&domain, 0).await.unwrap();
    connection.domain_create(&domain, 0).await.unwrap();
    connection.domain_destroy(&domain, 0).await.unwrap();
    connection.domain_rename(&domain, "shop", 0).await.unwrap();
    let renamed = connection.domain_lookup_by_name("shop").await.unwrap();
    assert_eq!(renamed.uuid, domain.uuid);
    connection.domain_undefine(&renamed, 0).await.unwrap();
    let gone = connection.domain_lookup_by_name("shop").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NO_DOMAIN));
}

#[tokio::test]
async fn errors_carry_code_words_and_procedure() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let missing = connection.domain_lookup_by_uuid(Uuid([9; 16])).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::NO_DOMAIN));
    assert!(missing.to_string().starts_with("DOMAIN_LOOKUP_BY_UUID failed: "), "{missing}");
    assert!(!missing.outcome_unknown());

    let domain = web(&connection).await;
    let wrong_state = connection.domain_destroy(&domain, 0).await.unwrap_err();
    assert_eq!(wrong_state.code(), Some(ErrorCode::OPERATION_INVALID));
    let wrong_xml = connection.domain_define_xml("<domain", 0).await.unwrap_err();
    assert_eq!(wrong_xml.code(), Some(ErrorCode::XML_DETAIL));
    let clash = DOMAIN.replace("0123456789ab", "0123456789ac");
    let clash = connection.domain_define_xml(&clash, 0).await.unwrap_err();
    assert_eq!(clash.code(), Some(ErrorCode::OPERATION_FAILED));
    let unsupported = connection.domain_agent_command(&domain, "{}", 1, 0).await.unwrap_err();
    assert_eq!(unsupported.code(), Some(ErrorCode::NO_SUPPORT));
    // All that on one connection, which is as good as new.
    assert_eq!((connection.in_flight(), connection.abandoned()), (0, 0));
    assert!(connection.domain_is_persistent(&domain).await.unwrap());
}

#[tokio::test]
async fn a_read_only_connection_changes_nothing() {
    let daemon = Daemon::start().await;
    let options = hostler_libvirt_rpc::Options { read_only: true, ..quiet() };
    let connection = daemon.open("test", "/default", options).await;
    assert_eq!(connection.list_all_domains(0).await.unwrap().len(), 1);
    let refused = connection.domain_define_xml(DOMAIN, 0).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::OPERATION_DENIED));
}

#[tokio::test]
async fn metadata_is_set_read_and_removed() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let domain = web(&connection).await;
    let (kind, uri) = (flags::metadata::ELEMENT, Some("http://example.org/x"));
    let config = flags::modify::CONFIG;
    let element = Some("<owner>me</owner>");
    connection.domain_set_metadata(&domain, kind, element, Some("x"), uri, config).await.unwrap();
    let read = connection.domain_metadata(&domain, kind, uri, config).await.unwrap();
    assert!(read.contains("me"), "{read}");
    connection.domain_set_metadata(&domain, kind, None, Some("x"), uri, config).await.unwrap();
    let gone = connection.domain_metadata(&domain, kind, uri, config).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NO_DOMAIN_METADATA));
}

#[tokio::test]
async fn snapshots_form_a_tree() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let domain = connection.domain_lookup_by_name("test").await.unwrap();
    let xml = |name: &str| format!("<domainsnapshot><name>{name}</name></domainsnapshot>");
    let first = connection.domain_snapshot_create(&domain, &xml("one"), 0).await.unwrap();
    let second = connection.domain_snapshot_create(&domain, &xml("two"), 0).await.unwrap();
    assert_eq!(connection.domain_snapshots(&domain, 0).await.unwrap().len(), 2);
    assert_eq!(connection.domain_snapshot_parent(&second, 0).await.unwrap(), first);
    assert_eq!(connection.domain_snapshot_current(&domain, 0).await.unwrap(), second);
    assert!(connection.domain_snapshot_xml(&first, 0).await.unwrap().contains("<name>one</name>"));
    connection.domain_snapshot_revert(&first, flags::snapshot_revert::RUNNING).await.unwrap();
    connection.domain_snapshot_delete(&second, 0).await.unwrap();
    let gone = connection.domain_snapshot_lookup(&domain, "two", 0).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NO_DOMAIN_SNAPSHOT));
    assert!(connection.domain_has_current_snapshot(&domain, 0).await.unwrap());
}

#[tokio::test]
async fn networks_are_defined_started_and_removed() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let xml = "<network><name>lan</name><bridge name='virbr7'/></network>";
    let network = connection.network_define_xml(xml).await.unwrap();
    assert_eq!(connection.list_all_networks(0).await.unwrap().len(), 2);
    assert_eq!(connection.network_lookup_by_uuid(network.uuid).await.unwrap(), network);
    connection.network_create(&network).await.unwrap();
    assert!(connection.network_is_active(&network).await.unwrap());
    assert!(connection.network_is_persistent(&network).await.unwrap());
    assert_eq!(connection.network_bridge_name(&network).await.unwrap(), "virbr7");
    // Adds (3) a group of ports (9).
    let group = "<portgroup name='guests'/>";
    connection.network_update(&network, 3, 9, -1, group, 0).await.unwrap();
    assert!(connection.network_xml(&network, 0).await.unwrap().contains("'guests'"));
    connection.network_set_autostart(&network, true).await.unwrap();
    assert!(connection.network_autostart(&network).await.unwrap());
    assert!(connection.network_xml(&network, 0).await.unwrap().contains("<name>lan</name>"));
    connection.network_destroy(&network).await.unwrap();
    connection.network_undefine(&network).await.unwrap();
    let gone = connection.network_lookup_by_name("lan").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NO_NETWORK));
}

#[tokio::test]
async fn a_network_is_changed_in_the_order_that_its_daemon_reads() {
    let (command, section, parent) = (3u32, 9u32, -1i32);
    for (is_mended, first, second) in [(true, command, section), (false, section, command)] {
        let (io, mut fake) = Fake::pair(1 << 16);
        let connection = Connection::over(io, quiet());
        let network = Network { name: "lan".into(), uuid: Uuid([7; 16]) };
        let updated = connection.network_update(&network, command, section, parent, "<x/>", 1);
        let (updated, (asked, update)) = tokio::join!(updated, async {
            let asked = fake.serve(CONNECT_SUPPORTS_FEATURE, &is_mended).await;
            (asked, fake.serve(NETWORK_UPDATE, &()).await)
        });
        updated.unwrap();
        assert_eq!(asked.payload, to_bytes(&16i32).unwrap(), "the feature's number");
        let sent = to_bytes(&(&network, first, second, parent, "<x/>", 1u32)).unwrap();
        assert_eq!(update.payload, sent, "the daemon is mended: {is_mended}");
    }
}

#[tokio::test]
async fn pools_and_volumes_are_made_and_removed() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let xml = "<pool type='dir'><name>p</name><target><path>/p</path></target></pool>";
    let pool = connection.storage_pool_define_xml(xml, 0).await.unwrap();
    connection.storage_pool_build(&pool, 0).await.unwrap();
    connection.storage_pool_create(&pool, 0).await.unwrap();
    connection.storage_pool_refresh(&pool, 0).await.unwrap();
    let info = connection.storage_pool_info(&pool).await.unwrap();
    assert_eq!((info.state, info.allocation_bytes), (2, 0));
    assert!(info.available_bytes > 0 && info.capacity_bytes == info.available_bytes);
    let xml = "<volume><name>a</name><capacity>1048576</capacity></volume>";
    let volume = connection.storage_vol_create_xml(&pool, xml, 0).await.unwrap();
    assert_eq!(
        connection.storage_pool_volumes(&pool, 0).await.unwrap(),
        std::slice::from_ref(&volume)
    );
    assert_eq!(connection.storage_vol_path(&volume).await.unwrap(), "/p/a");
    assert_eq!(connection.storage_vol_lookup_by_path("/p/a").await.unwrap(), volume);
    assert_eq!(connection.storage_vol_lookup_by_key(&volume.key).await.unwrap(), volume);
    assert_eq!(connection.storage_pool_lookup_by_volume(&volume).await.unwrap(), pool);
    assert_eq!(connection.storage_vol_info(&volume).await.unwrap().capacity_bytes, 1_048_576);
    let copy = xml.replace("<name>a", "<name>b");
    connection.storage_vol_create_xml_from(&pool, &copy, &volume, 0).await.unwrap();
    connection.storage_vol_delete(&volume, 0).await.unwrap();
    let gone = connection.storage_vol_lookup_by_name(&pool, "a").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NO_STORAGE_VOL));
    connection.storage_pool_destroy(&pool).await.unwrap();
    connection.storage_pool_undefine(&pool).await.unwrap();
    let gone = connection.storage_pool_lookup_by_uuid(pool.uuid).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NO_STORAGE_POOL));
}
