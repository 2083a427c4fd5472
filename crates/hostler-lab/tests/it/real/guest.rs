//! The sample guest, built and booted by QEMU alone.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hostler_lab::guest::{self, BANNER, GuestImages, KERNEL_COMMAND_LINE};

/// The guest of the checkout, as every other test uses it.
pub(crate) fn images() -> GuestImages {
    guest::build(&guest::checkout_dir(), &mut |line| eprintln!("{line}")).unwrap()
}

/// A QEMU that runs the guest with its serial line on our pipes; killed when dropped.
struct Machine {
    qemu: Child,
}

impl Machine {
    fn boot(arguments: &[&str]) -> Machine {
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-accel", "tcg", "-m", "160", "-display", "none", "-serial", "stdio"])
            .args(["-no-reboot", "-nic", "none"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Machine { qemu: command.spawn().unwrap() }
    }

    /// Reads lines of the serial console until one holds `text`, and gives that line.
    ///
    /// A guest that never says it ends the run through nextest's own limit.
    fn read_until(lines: &mut impl Iterator<Item = String>, text: &str) -> String {
        let mut seen = Vec::new();
        for line in lines {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("the guest ended without saying {text:?}; it said {seen:#?}");
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let mut reader = BufReader::new(self.qemu.stdout.take().unwrap());
        std::iter::from_fn(move || {
            let mut line = Vec::new();
            let length = reader.read_until(b'\n', &mut line).unwrap();
            (length > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
        })
    }

    fn type_line(&mut self, line: &str) {
        let stdin = self.qemu.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_disk_boots_greets_on_the_serial_line_and_powers_off() {
    let images = images();
    let drive = format!("file={},format=qcow2,if=virtio,snapshot=on", text(&images.disk_qcow2));
    let mut machine = Machine::boot(&["-drive", &drive]);
    let mut lines = machine.lines();
    Machine::read_until(&mut lines, BANNER);
    let who = Machine::read_until(&mut lines, "kernel");
    assert!(who.starts_with("sample, up "), "{who}");
    machine.type_line("echo $((6 * 7)) is the answer");
    Machine::read_until(&mut lines, "42 is the answer");
    machine.type_line("poweroff -f");
    assert!(machine.qemu.wait().unwrap().success());
}

#[test]
fn the_kernel_boots_directly_and_takes_its_name_from_the_command_line() {
    let images = images();
    let append = format!("{KERNEL_COMMAND_LINE} name=direct");
    let mut machine = Machine::boot(&[
        "-kernel",
        text(&images.vmlinux),
        "-initrd",
        text(&images.initrd),
        "-append",
        &append,
    ]);
    let mut lines = machine.lines();
    Machine::read_until(&mut lines, BANNER);
    assert!(Machine::read_until(&mut lines, "kernel").starts_with("direct, up "));
}

#[test]
fn a_second_build_finds_the_first() {
    let first = images();
    let stamp = |images: &GuestImages| fs::metadata(&images.disk_raw).unwrap().modified().unwrap();
    let before = stamp(&first);
    let mut said = Vec::new();
    let second =
        guest::build(&guest::checkout_dir(), &mut |line| said.push(line.to_owned())).unwrap();
    assert_eq!((&second, stamp(&second)), (&first, before));
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn the_images_stay_small() {
    let images = images();
    let size = fs::metadata(&images.disk_raw).unwrap().len();
    assert!(size <= 40 << 20, "the raw disk has {size} bytes");
}
