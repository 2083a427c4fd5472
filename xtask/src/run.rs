//! `cargo xtask run`: from a fresh machine to a control plane with a booted guest.
//!
//! ```text
//! install ─► build ─► libvirt: the system's, else the lab's ─► hostlerd ─► image, VM ─► console
//!                                                                  │
//!                       Ctrl-C: hostlerd, then the lab, if ours ◄──┘
//! ```

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use hostler_lab::{Error, Lab, Result, guest, run};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::arguments::{Arguments, Grammar, Words};
use crate::product::{Programs, Server};
use crate::{lab, needs, paths, say, ui};

/// `run [--once] [--keep] [--lab] [--provider URI]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["once", "keep", "lab"], options: &["provider"], words: Words::None };

/// `demo [FLAGS of hostlerd demo]`.
pub(crate) const DEMO_GRAMMAR: Grammar = Grammar {
    switches: &[],
    options: &["seed", "vms", "listen", "data-dir", "socket"],
    words: Words::None,
};

/// The sample guest's name.
pub(crate) const VM: &str = "hello";
/// A boot takes 5 s on a quiet machine without KVM.
const CONSOLE_LIMIT: Duration = Duration::from_secs(180);
/// How often we look whether we should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// libvirt's sockets for all of QEMU: the one daemon's, and the split daemons'.
const SYSTEM_SOCKETS: &[&str] = &["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"];

/// Where guests run, and what ends with us.
struct Place {
    uri: String,
    /// A lab that we started, to be stopped with us.
    own_lab: bool,
    /// What becomes of guests when we end.
    fate: &'static str,
}

/// Does everything, then waits for Ctrl-C (or, with `--once`, does not).
///
/// # Errors
/// When any step fails; whatever was started is stopped.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    // From here on Ctrl-C ends us in order; a signal during installing or building ends that.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Error::new(format!("cannot watch for Ctrl-C: {error}")))?;
    let programs = build()?;
    needs::guest()?;
    let images = guest::build(&guest::checkout_dir(), &mut |line| say::step(line))?;
    let place = place(arguments)?;
    let served = serve(programs, &place, &images.disk_qcow2, arguments, &mut signals);
    if place.own_lab && !arguments.has("keep") {
        lab::stop(&lab::default_options())?;
    } else {
        say::line(place.fate);
    }
    served
}

/// `hostlerd demo`: the same server on a simulated fleet.
///
/// # Errors
/// When it cannot be built or ends with a failure.
pub(crate) fn demo(arguments: &Arguments) -> Result<()> {
    let programs = build()?;
    let mut words = Vec::new();
    for name in DEMO_GRAMMAR.options {
        if let Some(value) = arguments.option(name) {
            words.extend([format!("--{name}"), value.to_owned()]);
        }
    }
    run(&mut programs.demo(&words))
}

/// The programs, with the user interface in them.
///
/// # Errors
/// When something cannot be installed or built.
pub(crate) fn build() -> Result<Programs> {
    needs::build()?;
    ui::build()?;
    say::step("building hostlerd and hostler (development profile: quickest to build)");
    Programs::build()
}

fn place(arguments: &Arguments) -> Result<Place> {
    const STAY: &str = "guests go on running in the system's libvirt";
    if let Some(uri) = arguments.option("provider") {
        return Ok(Place { uri: uri.into(), own_lab: false, fate: "guests go on where they run" });
    }
    if !arguments.has("lab") && system_answers() {
        say::step("using the system's libvirt, qemu:///system");
        return Ok(Place { uri: "qemu:///system".into(), own_lab: false, fate: STAY });
    }
    needs::lab()?;
    let options = lab::default_options();
    let was_running = Lab::find(&options)?.is_some();
    let lab = lab::start(&options)?;
    say::step(&format!(
        "{}; using the lab's: {}",
        if arguments.has("lab") { "asked for the lab" } else { "no libvirt of the system answers" },
        lab.uri()
    ));
    let fate = "the lab and its guests go on; `cargo xtask lab stop` ends them";
    Ok(Place { uri: lab.uri(), own_lab: !was_running, fate })
}

/// Whether one of the system's sockets lets us in.
fn system_answers() -> bool {
    SYSTEM_SOCKETS.iter().any(|path| match UnixStream::connect(path) {
        Ok(_) => true,
        Err(error) => {
            if error.kind() == std::io::ErrorKind::PermissionDenied {
                say::step(&format!(
                    "{path} does not let you in: `sudo adduser $USER libvirt` and a new login would"
                ));
            }
            false
        }
    })
}

fn serve(
    programs: Programs,
    place: &Place,
    disk: &std::path::Path,
    arguments: &Arguments,
    signals: &mut Signals,
) -> Result<()> {
    let data: PathBuf = paths::build().join("run");
    let mut server = Server::start(programs, &data, Some(&place.uri))?;
    let (port, usual) = server.port();
    if !usual {
        say::step(&format!("port 7443 is taken: using {port}"));
    }
    let shown = boot(&server, disk)?;
    say::line(&announcement(&server, &shown)?);
    if arguments.has("once") {
        return Ok(());
    }
    let guests = match place.own_lab && !arguments.has("keep") {
        true => "the lab is stopped with it, and its guests",
        false => place.fate,
    };
    say::line(&format!("Ctrl-C stops it; {guests}."));
    loop {
        if signals.pending().next().is_some() {
            say::step("stopping hostlerd");
            return Ok(());
        }
        if !server.is_running() {
            return Err(Error::new(format!(
                "hostlerd has ended; see {}/hostlerd.log",
                data.display()
            )));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Makes sure that the sample guest runs; gives what its console shows.
///
/// # Errors
/// When it does not boot.
pub(crate) fn boot(server: &Server, disk: &std::path::Path) -> Result<String> {
    say::step("creating and booting the sample guest");
    server.ensure_sample_image(disk)?;
    server.ensure_sample_vm(VM)?;
    server.console_until(VM, guest::BANNER, CONSOLE_LIMIT)
}

fn announcement(server: &Server, console: &str) -> Result<String> {
    let own = server.command_line();
    let greeting = greeting(console);
    Ok(format!(
        "\nThe serial console of {VM}:\n{}\n\n\
         Open   {}\n\
         Log in {}   (once)\n\n\
         Try    {own} vm list\n       {own} console {VM}\n       {own} vm stop {VM}\n",
        greeting,
        server.url(),
        server.admin_link()?,
    ))
}

/// The guest's greeting and the line after it, as they stood on the console.
fn greeting(console: &str) -> String {
    let from = console.find(guest::BANNER).unwrap_or_default();
    let lines = console.get(from..).unwrap_or_default().lines();
    let lines = lines.map(str::trim_end).filter(|line| !line.is_empty()).take(2);
    lines.map(|line| format!("  │ {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_shown_without_what_came_before_it() {
        let console = "SeaBIOS\r\n\r\nhello from hostler\r\nhello, up 4.2s\r\n\r\nhello:~# ";
        assert_eq!(greeting(console), "  │ hello from hostler\n  │ hello, up 4.2s");
    }
}
