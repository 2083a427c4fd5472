//! The command line of QEMU, as far as it says which VM a process runs and by what.
//!
//! It comes from `/proc/PID/cmdline`: arguments with a zero byte after each. Parts of it are what
//! users of a cluster wrote, so nothing is taken from where such text stands.

/// What a command line of QEMU says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommandLine<'a> {
    /// The VM's name, as libvirt has it.
    pub(super) name: String,
    /// Accelerators in the order in which they are tried.
    pub(super) accelerators: Vec<&'a str>,
}

/// The arguments of a process.
pub(super) fn arguments(cmdline: &str) -> impl Iterator<Item = &str> {
    cmdline.split_terminator('\0')
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads it; `None`: it is no QEMU, or one that runs no VM with a name, as those are that
/// libvirt starts to find out what it could do.
pub(super) fn read(cmdline: &str) -> Option<CommandLine<'_>> {
    let mut arguments = arguments(cmdline);
    // `qemu-kvm`, `qemu-system-x86_64`.
    arguments.next().map(base).filter(|program| program.starts_with("qemu-"))?;
    let mut name = None;
    let mut accelerators = Vec::new();
    while let Some(argument) = arguments.next() {
        let Some(option) = argument.strip_prefix('-') else { continue };
        match option.strip_prefix('-').unwrap_or(option) {
            "name" => name = arguments.next().and_then(guest).or(name),
            "accel" => accelerators.extend(arguments.next().into_iter().flat_map(first)),
            "machine" | "M" => accelerators.extend(arguments.next().into_iter().flat_map(of)),
            "enable-kvm" => accelerators.push("kvm"),
            // The arguments of a guest's kernel are its owner's, and may look like options.
            "append" => drop(arguments.next()),
            _ => {}
        }
    }
    Some(CommandLine { name: name?, accelerators })
}

/// `guest=NAME,debug-threads=on`, or the name first and without its key; a comma in it is
/// written twice.
fn guest(value: &str) -> Option<String> {
    let mut name: Option<String> = None;
    for (at, part) in properties(value).into_iter().enumerate() {
        match part.split_once('=') {
            Some(("guest", guest)) => name = Some(guest.to_owned()),
            None if at == 0 => name = Some(part),
            _ => {}
        }
    }
    name.filter(|name| !name.is_empty())
}

fn properties(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ',' && chars.next_if_eq(&',').is_none() {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// The accelerator of `kvm,dirty-ring-size=4096` or `accel=kvm`.
fn first(value: &str) -> impl Iterator<Item = &str> {
    let first = value.split(',').next().unwrap_or_default();
    words(first.strip_prefix("accel=").unwrap_or(first))
}

/// The accelerators of `pc-q35-rhel9.2.0,accel=kvm:tcg,usb=off`.
fn of(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').filter_map(|part| part.strip_prefix("accel=")).flat_map(words)
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(':').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(arguments: &str) -> String {
        arguments.split(' ').flat_map(|it| [it, "\0"]).collect()
    }

    /// Name and accelerators, or nothing.
    fn told(arguments: &str) -> Option<String> {
        let line = line(arguments);
        read(&line).map(|it| format!("{} {}", it.name, it.accelerators.join(",")))
    }

    #[test]
    fn x2_a4_name_and_accelerators_are_read_however_libvirt_wrote_them() {
        for (arguments, wanted) in [
            (
                "/usr/libexec/qemu-kvm -name guest=default_vmi-fedora,debug-threads=on -S -machine \
                 pc-q35-rhel9.2.0,usb=off -accel kvm -cpu host",
                "default_vmi-fedora kvm",
            ),
            ("/usr/bin/qemu-system-x86_64 -name a_b -machine pc,accel=tcg,usb=off", "a_b tcg"),
            ("qemu-kvm -name guest=a_b -M virt,accel=kvm:tcg", "a_b kvm,tcg"),
            ("qemu-kvm -name debug-threads=on,guest=a_b -accel kvm -accel tcg", "a_b kvm,tcg"),
            ("qemu-kvm --name guest=a_b --enable-kvm", "a_b kvm"),
            ("qemu-kvm -name guest=a_b -accel accel=tcg,thread=multi", "a_b tcg"),
            ("qemu-kvm -name guest=a_b -machine q35", "a_b "),
            ("qemu-kvm -name guest=a_b,,c", "a_b,c "),
        ] {
            assert_eq!(told(arguments).as_deref(), Some(wanted), "{arguments}");
        }
    }

    #[test]
    fn what_is_no_vm_of_qemu_is_left_alone() {
        for other in [
            "/usr/bin/swtpm socket --ctrl type=unixio,path=/run/1-default_vm-swtpm.sock",
            "/usr/libexec/qemu-kvm -S -no-user-config -machine none,accel=kvm:tcg",
            "sh -c qemu-kvm -name guest=a_b",
            "qemu-kvm -name",
            "qemu-kvm -name debug-threads=on",
            "",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
        assert_eq!(read(""), None);
    }

    #[test]
    fn the_arguments_of_a_guests_kernel_are_no_options() {
        let told = told("qemu-kvm -name guest=a_b -accel tcg -append -accel -initrd -enable-kvm");
        assert_eq!(told.as_deref(), Some("a_b tcg,kvm"), "what follows it is one again");
        let own = "qemu-kvm\0-name\0guest=a_b\0-append\0-name\0-accel\0tcg\0";
        assert_eq!(read(own).unwrap().name, "a_b");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let _ = read(&text);
            let _ = read(&format!("qemu-kvm\0-name\0{text}\0-accel\0{text}\0-machine\0{text}"));
        }
    }
}
