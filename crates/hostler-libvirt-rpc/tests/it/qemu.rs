//! A real QEMU guest of a session daemon: nothing but firmware, which is enough for a console, a
//! screen, disks and statistics.

use hostler_libvirt_rpc::{
    Connection, Domain, DomainEventKind, Error, ErrorCode, Event, StreamOptions, flags,
};
use tokio::time::timeout;

use crate::daemon::{Daemon, PATIENCE, quiet};

async fn guest(daemon: &Daemon) -> (Connection, Domain) {
    let connection = daemon.open("qemu", "/session", quiet()).await;
    let images = daemon.path().join("images");
    for name in ["a", "b"] {
        let file = std::fs::File::create(images.join(name)).unwrap();
        file.set_len(1024 * 1024).unwrap();
        std::fs::set_permissions(
            images.join(name),
            std::os::unix::fs::PermissionsExt::from_mode(0o666),
        )
        .unwrap();
    }
    let xml = format!(
        "<domain type='qemu'><name>firmware</name><memory unit='MiB'>64</memory>\
         <vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type>\
         <bios useserial='yes'/></os><features><acpi/></features><devices>\
         <emulator>/usr/bin/qemu-system-x86_64</emulator>{}\
         <serial type='pty'/><console type='pty'/>\
         <graphics type='vnc' socket='{}/vnc'/><video><model type='vga'/></video>\
         <memballoon model='virtio'/></devices></domain>",
        disk(daemon, "a", "vda"),
        daemon.runtime_dir().display()
    );
    let domain = connection.domain_define_xml(&xml, flags::define::VALIDATE).await.unwrap();
    let domain = connection.domain_create(&domain, flags::create::PAUSED).await.unwrap();
    (connection, domain)
}

fn disk(daemon: &Daemon, file: &str, target: &str) -> String {
    format!(
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/>\
         <source file='{}/images/{file}'/><target dev='{target}' bus='virtio'/></disk>",
        daemon.path().display()
    )
}

/// What a terminal's screen would say of these bytes, without its control sequences.
fn words(heard: &[u8]) -> String {
    let mut bytes = heard.iter().copied();
    let mut words = String::new();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b => {
                let _ = bytes.find(u8::is_ascii_alphabetic);
            }
            b' '..=b'~' => words.push(char::from(byte)),
            _ => {}
        }
    }
    words
}

#[tokio::test]
async fn the_console_speaks_and_listens_until_it_is_taken_away() {
    let daemon = Daemon::start().await;
    let (connection, domain) = guest(&daemon).await;
    let options = StreamOptions::default();
    let console =
        connection.domain_open_console(&domain, None, flags::console::SAFE, options).await.unwrap();
    let busy = connection.domain_open_console(&domain, None, flags::console::SAFE, options).await;
    assert_eq!(busy.unwrap_err().code(), Some(ErrorCode::OPERATION_FAILED));
    connection.domain_resume(&domain).await.unwrap();
    let mut heard = Vec::new();
    let greeting = async {
        // A busy machine's firmware may put the cursor anew between two letters, and letters
        // are lost when nobody takes them in time: some of its words are enough.
        while !["SeaBIOS", "iPXE", "Boot"].iter().any(|word| words(&heard).contains(word)) {
            heard.extend_from_slice(&console.recv().await.unwrap().expect("an open console"));
        }
    };
    let greeted = timeout(PATIENCE, greeting).await;
    assert!(greeted.is_ok(), "no greeting: {:?}", String::from_utf8_lossy(&heard));
    console.send(b"\r").await.unwrap();

    // With the guest the console ends; what was said before is still there to be read.
    connection.domain_destroy(&domain, 0).await.unwrap();
    let end = async {
        loop {
            match console.recv().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        }
    };
    let end = timeout(PATIENCE, end).await.expect("an end");
    assert!(matches!(end, Ok(None) | Err(Error::Remote { .. })), "{end:?}");
    drop(console);
    connection.hostname().await.unwrap();
}

#[tokio::test]
async fn the_screen_is_pictured() {
    let daemon = Daemon::start().await;
    let (connection, domain) = guest(&daemon).await;
    let options = StreamOptions::default();
    let (kind, stream) = connection.domain_screenshot(&domain, 0, 0, options).await.unwrap();
    let picture = stream.read_to_end(16 * 1024 * 1024).await.unwrap();
    stream.finish().await.unwrap();
    let kind = kind.expect("a media type");
    let magic: &[u8] = if kind == "image/png" { b"\x89PNG" } else { b"P6" };
    assert!(picture.starts_with(magic), "{kind}: {} bytes", picture.len());
}

#[tokio::test]
async fn disks_are_measured_resized_attached_and_detached() {
    let daemon = Daemon::start().await;
    let (connection, domain) = guest(&daemon).await;
    let mut events = connection.subscribe(64);
    connection.register_domain_event(DomainEventKind::DeviceAdded, Some(&domain)).await.unwrap();
    let info = connection.domain_block_info(&domain, "vda", 0).await.unwrap();
    assert_eq!((info.capacity_bytes, info.physical_bytes), (1_048_576, 1_048_576));
    let bytes = flags::block_resize::BYTES;
    connection.domain_block_resize(&domain, "vda", 2_097_152, bytes).await.unwrap();
    let info = connection.domain_block_info(&domain, "vda", 0).await.unwrap();
    assert_eq!(info.capacity_bytes, 2_097_152);
    let stats = connection.domain_block_stats(&domain, "vda", 0).await.unwrap();
    assert!(stats.iter().any(|param| param.field == "rd_bytes"), "{stats:?}");
    let limits = connection.domain_block_io_tune(&domain, "vda", 0).await.unwrap();
    assert!(limits.iter().any(|param| param.field == "total_bytes_sec"), "{limits:?}");
    assert_eq!(connection.domain_block_job_info(&domain, "vda", 0).await.unwrap(), None);
    assert_eq!(connection.domain_disk_errors(&domain, 0).await.unwrap(), []);

    let xml = disk(&daemon, "b", "vdb");
    connection.domain_attach_device(&domain, &xml, flags::modify::LIVE).await.unwrap();
    let added = timeout(PATIENCE, events.recv()).await.unwrap();
    let alias = "virtio-disk1".to_owned();
    assert_eq!(added, Some(Event::DeviceAdded { domain: domain.clone(), device_alias: alias }));
    assert!(connection.domain_xml(&domain, 0).await.unwrap().contains("vdb"));
    let unknown = disk(&daemon, "b", "vdz");
    connection.domain_detach_device(&domain, &unknown, flags::modify::LIVE).await.unwrap_err();
}

#[tokio::test]
async fn a_running_guest_is_measured() {
    let daemon = Daemon::start().await;
    let (connection, domain) = guest(&daemon).await;
    let groups = flags::stats::STATE | flags::stats::CPU_TOTAL | flags::stats::BALLOON;
    let stats =
        connection.all_domain_stats(std::slice::from_ref(&domain), groups, 0).await.unwrap();
    let [record] = &stats[..] else { panic!("one record, not {}", stats.len()) };
    let value = |field: &str| {
        record
            .params
            .iter()
            .find(|param| param.field == field)
            .and_then(|param| param.value.as_u64())
    };
    assert_eq!(value("state.state"), Some(3));
    assert_eq!(value("balloon.current"), Some(65_536));
    assert!(value("cpu.time").is_some());
    assert!(!connection.domain_memory_stats(&domain, 0).await.unwrap().is_empty());
    assert_eq!(connection.domain_job_info(&domain).await.unwrap().kind, 0);
    assert_eq!(connection.domain_job_stats(&domain, 0).await.unwrap().kind, 0);
    let command = r#"{"execute":"query-status"}"#;
    let answer = connection.domain_monitor_command(&domain, command, 0).await.unwrap();
    assert!(answer.contains("paused") || answer.contains("prelaunch"), "{answer}");
    let control = connection.domain_control_info(&domain, 0).await.unwrap();
    assert_eq!((control.state, control.details, control.state_time_ms), (0, 0, 0));
    // What the host itself tells.
    assert!(!connection.node_cpu_stats(-1).await.unwrap().is_empty());
    let memory = connection.node_memory_stats(-1).await.unwrap();
    assert!(memory.iter().any(|stat| stat.field == "total" && stat.value > 0));
    assert_eq!(connection.node_info().await.unwrap().model, "x86_64");
    let free = connection.node_free_pages(&[4], 0, 1, 0).await.unwrap();
    assert!(matches!(free[..], [pages] if pages > 0), "{free:?}");
    let able = connection.domain_capabilities(None, Some("x86_64"), Some("q35"), Some("qemu"), 0);
    assert!(able.await.unwrap().contains("<domainCapabilities>"));
    assert!(!connection.cpu_model_names("x86_64", 0).await.unwrap().is_empty());
    let agent = connection.domain_guest_info(&domain, 0, 0).await.unwrap_err();
    assert!(matches!(agent, Error::Remote { .. }));
    let source = flags::interface_source::AGENT;
    let agent = connection.domain_interface_addresses(&domain, source, 0).await.unwrap_err();
    assert!(matches!(agent, Error::Remote { .. }));
}
