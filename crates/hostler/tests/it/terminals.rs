//! The program on a terminal: questions, raw mode, cut tables, redrawn lines.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use hostler_client::testing::{Reply, TestServer};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;

use crate::rig::{fleet_and, id, operation, program, vm};

/// The program on a terminal of its own, seen from the keyboard's side.
struct Screen {
    keyboard: File,
    /// Keeps the terminal alive after the program has left it.
    line: File,
    child: Child,
    shown: String,
}

impl Screen {
    fn start(server: &TestServer, arguments: &[&str], columns: u16) -> Self {
        Self::start_with(server, arguments, columns, &[])
    }

    /// Starts it with these variables too.
    fn start_with(
        server: &TestServer,
        arguments: &[&str],
        columns: u16,
        variables: &[(&str, &str)],
    ) -> Self {
        let controller: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let path = ptsname(&controller, vec![]).unwrap();
        let line = OpenOptions::new().read(true).write(true).open(path.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).unwrap();
        let stream = || Stdio::from(line.try_clone().unwrap());
        let child = program(server, arguments)
            .envs(variables.iter().copied())
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        Self { keyboard: File::from(controller), line, child, shown: String::new() }
    }

    /// Reads until `text` has been shown.
    fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 1024];
        while !self.shown.contains(text) {
            let count = self.keyboard.read(&mut buffer).unwrap();
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.line).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn end(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

fn deleting() -> TestServer {
    fleet_and(|_| Reply::Json(202, operation("vm.delete", "succeeded", 2)))
}

/// Whether it was, and then only what was shown.
fn is_deleted(server: &TestServer) -> bool {
    let seen = server.seen();
    let mut deleted = seen.iter().filter(|seen| seen.method == "DELETE");
    deleted.next().is_some_and(|seen| {
        assert_eq!(seen.header("if-match"), Some("\"3\""));
        true
    })
}

#[test]
fn deleting_asks_and_only_yes_is_yes() {
    for (answer, exit) in [("y\n", 0), ("yes\n", 0), ("\n", 9), ("n\n", 9), ("web-2\n", 9)] {
        let server = deleting();
        let mut screen = Screen::start(&server, &["rm", "web-2"], 100);
        screen.wait_for("kept: default/web-root (root)");
        screen.wait_for("Go on? [y/N]");
        assert!(!is_deleted(&server));
        screen.press(answer);
        assert_eq!((screen.end(), is_deleted(&server)), (exit, exit == 0), "{answer:?}");
    }
}

#[test]
fn where_data_is_lost_the_name_has_to_be_typed() {
    for (answer, exit) in [("web-2\n", 0), ("y\n", 9), ("web\n", 9)] {
        let server = deleting();
        let mut screen = Screen::start(&server, &["rm", "web-2", "--disks"], 100);
        screen.wait_for("ALL DATA");
        screen.wait_for("Type web-2 to go on:");
        screen.press(answer);
        assert_eq!((screen.end(), is_deleted(&server)), (exit, exit == 0), "{answer:?}");
    }
}

#[test]
fn c4_a_console_passes_every_key_on_and_the_terminal_is_restored() {
    let server = fleet_and(|seen| match seen.line().as_str() {
        "GET /api/v1/consoles" => Reply::Console(vec![b"login: ".to_vec()], None),
        _ => Reply::Json(
            201,
            json!({"ticket": "t", "expires_at": "2026-11-21T04:00:00Z",
                "path": "/api/v1/consoles", "protocols": ["hostler.console.v1"]}),
        ),
    });
    let mut screen = Screen::start(&server, &["console", "web-1"], 100);
    screen.wait_for("connected to web-1; Ctrl-] leaves");
    screen.wait_for("login: ");
    assert!(screen.is_raw());
    // Ctrl-C is the guest's; the server echoes what it gets.
    screen.press("a\u{3}b");
    screen.wait_for("a\u{3}b");
    screen.press("c\u{1d}d");
    assert_eq!(screen.end(), 0);
    assert!(
        tcgetattr(&screen.line)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO)
    );
}

#[test]
fn a_table_fits_the_screen_and_has_colours() {
    let name = "a-very-long-name-that-does-not-fit-the-screen-of-forty-columns";
    let server = TestServer::start(move |_| Reply::page(vec![vm(1, name, "running")]));
    let mut screen = Screen::start(&server, &["ls"], 60);
    screen.wait_for("10.0.0.5");
    screen.wait_for("\n");
    assert!(screen.shown.contains("\u{1b}[32mrunning\u{1b}[0m"), "{:?}", screen.shown);
    assert!(screen.shown.contains('…') && !screen.shown.contains("forty"), "{:?}", screen.shown);
    assert_eq!(screen.end(), 0);
}

#[test]
fn a_plain_terminal_gets_plain_text() {
    let name = "a-very-long-name-that-does-not-fit-the-screen-of-forty-columns";
    let server = TestServer::start(move |_| Reply::page(vec![vm(1, name, "running")]));
    let shown = |variables: &[(&str, &str)]| {
        let mut screen = Screen::start_with(&server, &["ls"], 60, variables);
        screen.wait_for("10.0.0.5");
        screen.wait_for("\n");
        assert_eq!(screen.end(), 0);
        screen.shown
    };
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = shown(&[variable]);
        assert!(!shown.contains('\u{1b}') && shown.contains('…'), "{variable:?}: {shown:?}");
    }
    let shown = shown(&[("LANG", "C"), ("NO_COLOR", "1")]);
    assert!(shown.is_ascii() && shown.contains('~'), "{shown:?}");
}

#[test]
fn progress_is_drawn_on_one_line_and_removed() {
    let server = fleet_and(|seen| match seen.method.as_str() {
        "POST" => Reply::Json(202, operation("vm.start", "running", 1)),
        _ => {
            let is_first = seen.param("wait").is_some() && seen.number < 3;
            let mut news = operation("vm.start", if is_first { "running" } else { "succeeded" }, 1);
            news["phase"] = json!("act");
            news["progress"]["fraction"] = json!(0.5);
            Reply::Json(200, news)
        }
    });
    let mut screen = Screen::start(&server, &["start", "web-1"], 80);
    screen.wait_for("\r\u{1b}[2Kvm \"web-1\": step 2/2 act 50%");
    screen.wait_for("\r\u{1b}[2Kvm \"web-1\" started");
    assert!(server.lines().contains(&format!("GET /api/v1/operations/{}", id(501))));
    assert_eq!(screen.end(), 0);
}
