//! Consoles over real connections: the promises of the boundary, each with VMs that are
//! there already; and what becomes of a console when its VM moves or its stream breaks.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hostler_core::vm::PowerState;
use hostler_core::vm::observed::ConsoleKind;
use hostler_kube_double::{Double, Fault, Options, Refusal, Refused, What};
use hostler_provider::{
    Console, ConsoleStream, CutOff, Cx, Kind, Provider, Result, StopMode, VmRef,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::place::{PATIENCE, Place, busy, cx, machine};

const SERIAL: &str = "virtualmachineinstances/console";
const SCREEN: &str = "virtualmachineinstances/vnc";
const VMIS: &str = "virtualmachineinstances";

type Stream = Box<dyn ConsoleStream>;

impl Place {
    fn console(&self) -> &dyn Console {
        self.provider.console().unwrap()
    }

    async fn open(&self, vm: &VmRef, kind: ConsoleKind, take_over: bool) -> Result<Stream> {
        self.console().open(&cx(), vm, kind, take_over).await
    }

    /// Why it is refused.
    async fn refused(&self, vm: &VmRef, kind: ConsoleKind) -> (Kind, String) {
        let error = self.open(vm, kind, false).await.map(drop).unwrap_err();
        assert!(!error.is_unknown(), "{error}");
        (error.kind(), error.message().to_owned())
    }

    /// How often a console was asked for.
    fn opened(&self, class: &str) -> u64 {
        self.double.counts().of("get", class)
    }

    /// Waits until it can be opened.
    async fn free(&self, vm: &VmRef, kind: ConsoleKind) -> Stream {
        let opening = async {
            loop {
                match self.open(vm, kind, false).await {
                    Ok(stream) => return stream,
                    Err(error) => assert_eq!(error.kind(), Kind::Conflict, "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, opening).await.unwrap()
    }
}

/// Reads until the text comes.
async fn hears(stream: &mut Stream, text: &str) {
    let mut heard = Vec::<u8>::new();
    let listening = async {
        let mut piece = [0; 1024];
        while !heard.windows(text.len()).any(|window| window == text.as_bytes()) {
            match stream.read(&mut piece).await {
                Ok(size @ 1..) => heard.extend(piece.iter().take(size)),
                other => panic!("{other:?} before `{text}`"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
}

/// Reads to the end; why it failed, if it did.
async fn ends(stream: &mut Stream) -> Option<String> {
    fails(stream).await.map(|error| error.to_string())
}

async fn fails(stream: &mut Stream) -> Option<std::io::Error> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    read.expect("it stays open").err()
}

async fn running(place: &Place) -> VmRef {
    place.made("web", "Always", PowerState::Running).await
}

/// Somebody who asks the cluster itself: `virtctl`.
async fn somebody_else(double: &Double, verb: &str) -> WebSocketStream<TcpStream> {
    let path = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/web";
    let uri = format!("ws://{}{path}/{verb}", double.address());
    let mut request = uri.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", double.token()).parse().unwrap());
    headers.insert("sec-websocket-protocol", "plain.kubevirt.io".parse().unwrap());
    let stream = TcpStream::connect(double.address()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_binary());
    socket
}

/// Whether it was cut off.
async fn is_cut_off(socket: &mut WebSocketStream<TcpStream>) -> bool {
    let next = tokio::time::timeout(Duration::from_millis(300), socket.next()).await;
    matches!(next, Ok(Some(Err(_)) | None))
}

fn migrate(place: &Place) {
    let migration = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": { "name": "away", "namespace": "default" }, "spec": { "vmiName": "web" },
    });
    place.double.put(migration).unwrap();
}

#[tokio::test]
async fn f1_a_serial_console_of_a_running_vm_speaks_and_hears() {
    for tls in [false, true] {
        let place = Place::start(Options { tls, ..busy() }).await;
        let vm = running(&place).await;
        let mut stream = place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
        hears(&mut stream, "web login: ").await;
        stream.write_all(b"root\r").await.unwrap();
        hears(&mut stream, "root\r\nweb login: ").await;
        let long = vec![b'x'; 100_000];
        let (mut from, mut to) = tokio::io::split(stream);
        let mut echo = vec![0; long.len()];
        let (wrote, read) = tokio::join!(to.write_all(&long), from.read_exact(&mut echo));
        wrote.unwrap();
        read.unwrap();
        assert_eq!(echo, long);
    }
}

#[tokio::test]
async fn f1_a_screen_begins_with_its_version_and_needs_no_password() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    let mut stream = place.open(&vm, ConsoleKind::Vnc, false).await.unwrap();
    let mut version = [0; 12];
    stream.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    stream.write_all(&version).await.unwrap();
    let mut types = vec![0; usize::from(stream.read_u8().await.unwrap())];
    stream.read_exact(&mut types).await.unwrap();
    assert_eq!(types, [1]);
}

#[tokio::test]
async fn f1_a_console_of_what_does_not_run_or_is_not_there_is_refused_and_starts_nothing() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    for kind in [ConsoleKind::Serial, ConsoleKind::Vnc] {
        let (refused, why) = place.refused(&vm, kind).await;
        assert_eq!(refused, Kind::Conflict);
        assert!(why.contains("it is stopped; start it first"), "{why}");
    }
    assert_eq!(place.listed(&vm).await, Some(PowerState::Stopped));
    let ghost = VmRef { external_ref: "6b6ff8b4-aaaa".into(), name: "ghost".into() };
    assert_eq!(place.refused(&ghost, ConsoleKind::Serial).await.0, Kind::NotFound);
    assert_eq!(place.refused(&vm, ConsoleKind::Spice).await.0, Kind::Unsupported);
    assert_eq!(place.opened(SERIAL) + place.opened(SCREEN), 0, "nothing was asked for");
}

#[tokio::test]
async fn f1_what_is_known_may_lag_behind_and_the_cluster_has_the_last_word() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    let answer = |refused: Refused| {
        place.double.fault(Fault::new(What::Answer(refused)).class(SERIAL).times(1));
    };
    let words = "virtualmachineinstance.kubevirt.io \"web\" not found";
    let details = json!({ "name": "web", "kind": "virtualmachineinstance" });
    for (refused, kind) in [
        (Refused::new(404, "NotFound", words, details), Kind::Conflict),
        (Refused::new(400, "BadRequest", "VMI is not running", json!(null)), Kind::Conflict),
        (
            Refused::new(400, "BadRequest", "No serial consoles are present.", json!(null)),
            Kind::Unsupported,
        ),
        (Refused::text(401, "unknown api endpoint"), Kind::Unsupported),
        (Refused::text(200, "welcome"), Kind::Bug),
    ] {
        answer(refused.clone());
        assert_eq!(place.refused(&vm, ConsoleKind::Serial).await.0, kind, "{refused:?}");
    }
    place.double.set_virt_api_down(true);
    assert_eq!(place.refused(&vm, ConsoleKind::Serial).await.0, Kind::Unavailable);
    place.double.set_virt_api_down(false);
    let role = Refusal::of("get", "subresources.kubevirt.io", SCREEN);
    place.double.refuse(role);
    let (denied, why) = place.refused(&vm, ConsoleKind::Vnc).await;
    assert_eq!(denied, Kind::Denied);
    assert!(why.contains("virtualmachineinstances/console and /vnc"), "{why}");
    place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
}

#[tokio::test]
async fn f1_a_device_that_is_not_there_is_unsupported() {
    let place = Place::start(busy()).await;
    let mut bare = machine("default", "web", "Always");
    let devices = json!({ "autoattachSerialConsole": false, "autoattachGraphicsDevice": false });
    bare["spec"]["template"]["spec"]["domain"]["devices"] = devices;
    place.double.put(bare).unwrap();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Running).await;
    for kind in [ConsoleKind::Serial, ConsoleKind::Vnc] {
        assert_eq!(place.refused(&vm, kind).await.0, Kind::Unsupported);
    }
}

#[tokio::test]
async fn f6_opening_has_a_deadline_and_can_be_cancelled_and_leaves_nothing_behind() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    place.double.fault(Fault::new(What::Silence).class(SERIAL).times(2));
    let short = Cx::within(Duration::from_millis(300));
    let late = place.console().open(&short, &vm, ConsoleKind::Serial, false).await;
    let late = late.map(drop).unwrap_err();
    assert_eq!((late.kind(), late.is_unknown()), (Kind::Timeout, false));
    let token = tokio_util::sync::CancellationToken::new();
    let cancelled = cx().with_cancel(token.clone());
    let opening = place.console().open(&cancelled, &vm, ConsoleKind::Serial, false);
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token.cancel();
    };
    let (opened, ()) = tokio::join!(opening, cancel);
    assert_eq!(opened.map(drop).unwrap_err().kind(), Kind::Cancelled);
    place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
}

#[tokio::test]
async fn f1_a_console_in_use_is_a_conflict_without_take_over_and_free_when_it_was_dropped() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    for kind in [ConsoleKind::Serial, ConsoleKind::Vnc] {
        let mut first = place.open(&vm, kind, false).await.unwrap();
        let (refused, why) = place.refused(&vm, kind).await;
        assert_eq!(refused, Kind::Conflict);
        assert!(why.contains("take it over"), "{why}");
        let mut piece = [0; 4];
        first.read_exact(&mut piece).await.unwrap();
        drop(first);
        place.free(&vm, kind).await;
    }
}

#[tokio::test]
async fn f1_of_many_at_once_one_gets_the_console() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    let all = (0..8).map(|_| place.open(&vm, ConsoleKind::Serial, false));
    let all = futures_util::future::join_all(all).await;
    let (got, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((got.len(), refused.len()), (1, 7));
    for error in refused {
        assert_eq!(error.map(drop).unwrap_err().kind(), Kind::Conflict);
    }
    assert_eq!(place.opened(SERIAL), 1, "nobody was cut off");
}

#[tokio::test]
async fn f1_taking_over_disconnects_the_other_in_order() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    for kind in [ConsoleKind::Serial, ConsoleKind::Vnc] {
        let mut first = place.free(&vm, kind).await;
        let mut second = place.open(&vm, kind, true).await.unwrap();
        assert_eq!(ends(&mut first).await, None);
        drop(first);
        let mut piece = [0; 4];
        second.read_exact(&mut piece).await.unwrap();
        assert_eq!(place.refused(&vm, kind).await.0, Kind::Conflict, "the second has it");
    }
}

#[tokio::test]
async fn f1_a_screen_that_somebody_else_has_is_preserved_unless_it_is_taken_over() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    let mut other = somebody_else(&place.double, "vnc").await;
    let (refused, why) = place.refused(&vm, ConsoleKind::Vnc).await;
    assert_eq!(refused, Kind::Conflict);
    assert!(why.contains("take it over"), "{why}");
    assert!(!is_cut_off(&mut other).await);
    other.send(Message::binary("RFB 003.008\n")).await.unwrap();
    assert!(other.next().await.unwrap().unwrap().is_binary());
    let _ours = place.open(&vm, ConsoleKind::Vnc, true).await.unwrap();
    assert!(is_cut_off(&mut other).await);
}

#[tokio::test]
async fn f1_whoever_is_cut_off_by_somebody_else_is_told_and_does_not_fight() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    for (kind, verb, class) in
        [(ConsoleKind::Serial, "console", SERIAL), (ConsoleKind::Vnc, "vnc", SCREEN)]
    {
        let mut ours = place.open(&vm, kind, false).await.unwrap();
        let mut other = somebody_else(&place.double, verb).await;
        let error = fails(&mut ours).await.expect("no failure is told");
        let CutOff(why) = CutOff::of(&error).expect("it may come back by itself");
        assert!(why.contains("somebody else"), "{why}");
        assert_eq!(place.opened(class), 2);
        assert!(!is_cut_off(&mut other).await);
        // KubeVirt cannot be asked who has a serial line: the next one gets it.
        if kind == ConsoleKind::Serial {
            drop(ours);
            place.free(&vm, kind).await;
            assert!(is_cut_off(&mut other).await);
        }
    }
}

#[tokio::test]
async fn f1_a_console_closes_when_its_vm_is_turned_off() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    for kind in [ConsoleKind::Serial, ConsoleKind::Vnc] {
        place.power().start(&cx(), &vm).await.unwrap();
        let mut stream = place.open(&vm, kind, false).await.unwrap();
        place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
        assert_eq!(ends(&mut stream).await, None);
    }
    assert_eq!((place.opened(SERIAL), place.opened(SCREEN)), (1, 1));
}

#[tokio::test]
async fn f1_a_console_closes_with_its_vm_though_its_stream_hangs() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    place.power().start(&cx(), &vm).await.unwrap();
    let mut stream = place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
    place.double.set_consoles_linger(true);
    place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    assert_eq!(ends(&mut stream).await, None);
}

#[tokio::test]
async fn f4_a_serial_console_goes_on_where_its_vm_was_moved_to_and_a_screen_says_so() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    let mut serial = place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
    let mut screen = place.open(&vm, ConsoleKind::Vnc, false).await.unwrap();
    hears(&mut serial, "web login: ").await;
    migrate(&place);
    let why = ends(&mut screen).await.expect("no failure is told");
    assert!(why.contains("moved to another node"), "{why}");
    // The stand-in greets who comes anew.
    hears(&mut serial, "web login: ").await;
    serial.write_all(b"still here\r").await.unwrap();
    hears(&mut serial, "still here\r\n").await;
    assert_eq!((place.opened(SERIAL), place.opened(SCREEN)), (2, 1));
    assert_eq!(place.refused(&vm, ConsoleKind::Serial).await.0, Kind::Conflict, "it is ours");
}

#[tokio::test]
async fn f4_a_console_that_breaks_while_its_vm_moves_waits_until_it_has() {
    let place = Place::start(Options::default()).await;
    place.double.put(machine("default", "web", "Always")).unwrap();
    place.double.settle();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Running).await;
    let mut stream = place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
    hears(&mut stream, "web login: ").await;
    migrate(&place);
    let is_under_way = || {
        let instance = place.double.get(VMIS, "default", "web").unwrap();
        instance.pointer("/status/migrationState/startTimestamp").is_some()
    };
    while !is_under_way() {
        assert!(place.double.step());
    }
    place.double.drop_consoles();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(800), stream.read(&mut byte)).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    assert_eq!(place.opened(SERIAL), 1);
    stream.write_all(b"typed meanwhile\r").await.unwrap();
    place.double.settle();
    hears(&mut stream, "typed meanwhile\r\n").await;
    assert_eq!(place.opened(SERIAL), 2);
}

#[tokio::test]
async fn f1_a_console_ends_with_its_provider() {
    let place = Place::start(busy()).await;
    let vm = running(&place).await;
    let mut stream = place.open(&vm, ConsoleKind::Serial, false).await.unwrap();
    drop(place.provider);
    assert_eq!(ends(&mut stream).await, None);
}
