//! Consoles of simulated VMs, from the user's end.

use std::time::Duration;

use hostler_core::vm::devices::GraphicsSpec;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{Console, ConsoleStream, Kind, Power, VmRef};
use hostler_sim::{Guest, Sim, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::{cx, id, small};

type Stream = Box<dyn ConsoleStream>;

const GUEST: Guest = Guest {
    start: Duration::ZERO,
    boot: Duration::from_secs(8),
    shutdown: Duration::from_secs(2),
    save: Duration::ZERO,
    obeys_acpi: true,
};

/// A running VM with both consoles.
async fn running() -> (World, Sim, VmRef) {
    let (world, sim) = small();
    let mut spec = VmSpec::new("web", 256 << 20);
    spec.graphics = Some(GraphicsSpec::Vnc);
    let vm = world.add_vm("h1", spec, Some(id(1)), vec![]);
    world.set_guest(&vm, GUEST);
    sim.start(&cx(), &vm).await.unwrap();
    (world, sim, vm)
}

async fn open(sim: &Sim, vm: &VmRef, kind: ConsoleKind) -> Stream {
    sim.open(&cx(), vm, kind, false).await.unwrap()
}

/// Reads until `text` has come, and gives back everything read.
async fn until(stream: &mut Stream, text: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(text) {
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_u8()).await;
        let Ok(Ok(byte)) = read else { panic!("no `{text}` in: {heard}") };
        heard.push(char::from(byte));
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn the_serial_line_shows_the_boot_and_then_a_shell() {
    let (_world, sim, vm) = running().await;
    let begun = Instant::now();
    let mut line = open(&sim, &vm, ConsoleKind::Serial).await;
    until(&mut line, "hello from hostler (simulated)").await;
    assert_eq!(begun.elapsed(), GUEST.boot);
    until(&mut line, "web (simulated)# ").await;
    line.write_all(b"unamx\x7fe\r").await.unwrap();
    let echoed = until(&mut line, "web (simulated)# ").await;
    assert!(echoed.starts_with("unamx\x08 \x08e\r\nHostlerSim web "), "{echoed:?}");
    line.write_all(b"uptime\r").await.unwrap();
    until(&mut line, "up 8 s (simulated)\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_is_held_hears_nothing_until_it_is_let_go() {
    let (_world, sim, vm) = running().await;
    let mut line = open(&sim, &vm, ConsoleKind::Serial).await;
    until(&mut line, "# ").await;
    sim.pause(&cx(), &vm).await.unwrap();
    line.write_all(b"hostname\r").await.unwrap();
    let silence = tokio::time::timeout(Duration::from_secs(60), line.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
    sim.resume(&cx(), &vm).await.unwrap();
    line.write_all(b"nproc\r").await.unwrap();
    until(&mut line, "1 (simulated)\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn poweroff_in_the_guest_turns_the_vm_off_and_closes_the_line() {
    let (world, sim, vm) = running().await;
    let mut line = open(&sim, &vm, ConsoleKind::Serial).await;
    until(&mut line, "# ").await;
    line.write_all(b"poweroff\r").await.unwrap();
    until(&mut line, "going down for power off").await;
    let mut rest = Vec::new();
    line.read_to_end(&mut rest).await.unwrap();
    let record = world.vm_named("web").unwrap();
    assert_eq!((record.power, record.reason.as_str()), (PowerState::Stopped, "shutdown"));
}

#[tokio::test(start_paused = true)]
async fn reboot_in_the_guest_shows_another_boot() {
    let (_world, sim, vm) = running().await;
    let mut line = open(&sim, &vm, ConsoleKind::Serial).await;
    until(&mut line, "# ").await;
    line.write_all(b"reboot\r").await.unwrap();
    let begun = Instant::now();
    until(&mut line, "hello from hostler").await;
    assert_eq!(begun.elapsed(), GUEST.shutdown + GUEST.boot);
}

#[tokio::test(start_paused = true)]
async fn a_vm_has_only_the_consoles_of_its_definition() {
    let (world, sim) = small();
    let vm = world.add_vm("h1", VmSpec::new("headless", 1 << 20), None, vec![]);
    sim.start(&cx(), &vm).await.unwrap();
    for kind in [ConsoleKind::Vnc, ConsoleKind::Spice] {
        let error = sim.open(&cx(), &vm, kind, false).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
    }
}

/// The handshake of a client that speaks 3.8; gives back the server's name.
async fn shake_hands(screen: &mut Stream) -> (u16, u16, String) {
    let mut version = [0; 12];
    screen.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    screen.write_all(&version).await.unwrap();
    assert_eq!((screen.read_u8().await.unwrap(), screen.read_u8().await.unwrap()), (1, 1));
    screen.write_u8(1).await.unwrap();
    assert_eq!(screen.read_u32().await.unwrap(), 0);
    screen.write_u8(1).await.unwrap();
    let (width, height) = (screen.read_u16().await.unwrap(), screen.read_u16().await.unwrap());
    let mut format = [0; 16];
    screen.read_exact(&mut format).await.unwrap();
    assert_eq!(format[0], 32);
    let mut name = vec![0; screen.read_u32().await.unwrap() as usize];
    screen.read_exact(&mut name).await.unwrap();
    (width, height, String::from_utf8(name).unwrap())
}

/// Asks for the whole screen, or for what changed.
async fn ask(screen: &mut Stream, incremental: bool) {
    let mut request = vec![3, u8::from(incremental), 0, 0, 0, 0];
    request.extend(640_u16.to_be_bytes());
    request.extend(400_u16.to_be_bytes());
    screen.write_all(&request).await.unwrap();
}

/// Reads an update of one rectangle: its place and its pixels.
async fn update(screen: &mut Stream, pixel_bytes: usize) -> ([u16; 4], Vec<u8>) {
    assert_eq!(screen.read_u16().await.unwrap(), 0); // type and padding
    assert_eq!(screen.read_u16().await.unwrap(), 1); // rectangles
    let mut place = [0; 4];
    for number in &mut place {
        *number = screen.read_u16().await.unwrap();
    }
    assert_eq!(screen.read_i32().await.unwrap(), 0); // raw
    let mut pixels = vec![0; usize::from(place[2]) * usize::from(place[3]) * pixel_bytes];
    screen.read_exact(&mut pixels).await.unwrap();
    (place, pixels)
}

#[tokio::test(start_paused = true)]
async fn the_screen_is_drawn_whole_and_then_only_where_it_changed() {
    let (_world, sim, vm) = running().await;
    let mut screen = open(&sim, &vm, ConsoleKind::Vnc).await;
    assert_eq!(shake_hands(&mut screen).await, (640, 400, "web (simulated)".into()));
    screen.write_all(&[2, 0, 0, 1, 0, 0, 0, 0]).await.unwrap(); // SetEncodings: raw
    ask(&mut screen, false).await;
    let (place, pixels) = update(&mut screen, 4).await;
    assert_eq!(place, [0, 0, 640, 400]);
    let warning = [60, 190, 255, 0]; // blue, green, red of the word SIMULATED
    assert!(pixels.chunks(4).filter(|pixel| *pixel == warning).count() > 1000);

    // Nothing changes: an incremental request waits.
    ask(&mut screen, true).await;
    let early = tokio::time::timeout(Duration::from_secs(5), screen.read_u8()).await;
    assert!(early.is_err());
    screen.write_all(&[4, 1, 0, 0, 0, 0, 0, 0x61]).await.unwrap(); // the key `a`
    let ([_, y, width, height], _) = update(&mut screen, 4).await;
    assert!((340..360).contains(&y) && width == 640 && height < 20, "{y} {height}");

    // A change of the world shows too.
    ask(&mut screen, true).await;
    sim.pause(&cx(), &vm).await.unwrap();
    let ([_, y, ..], _) = update(&mut screen, 4).await;
    assert!((220..236).contains(&y), "{y}");
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_the_pixels_it_asked_for() {
    let (_world, sim, vm) = running().await;
    let mut screen = open(&sim, &vm, ConsoleKind::Vnc).await;
    shake_hands(&mut screen).await;
    let rgb332 = [0, 0, 0, 0, 8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0];
    screen.write_all(&rgb332).await.unwrap();
    ask(&mut screen, false).await;
    let (place, pixels) = update(&mut screen, 1).await;
    assert_eq!((place, pixels.len()), ([0, 0, 640, 400], 640 * 400));
}

#[tokio::test(start_paused = true)]
async fn a40_a_client_that_breaks_the_protocol_is_cut_off() {
    for nonsense in [&b"GET / HTTP/1.1\r\n"[..], b"RFB 009.009\n"] {
        let (_world, sim, vm) = running().await;
        let mut screen = open(&sim, &vm, ConsoleKind::Vnc).await;
        screen.write_all(nonsense).await.unwrap();
        let mut rest = Vec::new();
        screen.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"RFB 003.008\n");
        assert!(sim.open(&cx(), &vm, ConsoleKind::Vnc, false).await.is_ok());
    }
}
