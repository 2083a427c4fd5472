//! `cargo xtask agent`: the agent as one file that needs no library of the machine it runs on.
//!
//! Beside the other builds, since it is compiled with other flags: each would throw away the other's
//! dependencies.

use std::fs;
use std::path::Path;
use std::process::Command;

use hostler_lab::{Error, Result, run, run_quietly};

use crate::arguments::{Arguments, Grammar, Words};
use crate::{needs, paths, say};

/// `agent`.
pub(crate) const GRAMMAR: Grammar = Grammar { switches: &[], options: &[], words: Words::None };

/// The type of a program header that names a dynamic linker (elf(5)).
const PT_INTERP: u32 = 3;

/// Builds it, and proves that it is what it should be.
///
/// # Errors
/// When it does not compile, needs a library, or does not start.
pub(crate) fn main(_: &Arguments) -> Result<()> {
    needs::build()?;
    let target = host()?;
    let directory = paths::build().join("agent");
    say::step(&format!("building hostler-agent for {target}, without shared libraries"));
    let mut cargo = paths::cargo();
    cargo
        .args(["build", "--release", "-p", "hostler-agent", "--target", &target, "--target-dir"])
        .arg(&directory)
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    run(&mut cargo)?;
    let program = directory.join(&target).join("release").join("hostler-agent");
    if needs_linker(&fs::read(&program)?).ok_or_else(|| Error::new("it is no ELF program"))? {
        return Err(Error::new(format!("{} needs shared libraries", program.display())));
    }
    let said = run_quietly(Command::new(&program).arg("--version"))?.stdout;
    say::line(String::from_utf8_lossy(&said).trim());
    say::line(&format!("{}, {}", program.display(), size(&program)?));
    Ok(())
}

/// What rustc compiles for when it is not told.
fn host() -> Result<String> {
    let said = run_quietly(Command::new("rustc").arg("-vV"))?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::new("rustc does not say what it compiles for"))
}

fn size(program: &Path) -> Result<String> {
    let bytes = fs::metadata(program)?.len();
    Ok(format!("{} MiB", bytes.div_ceil(1 << 20)))
}

/// Whether a program asks for a dynamic linker; `None` of what is no 64-bit little-endian ELF.
fn needs_linker(program: &[u8]) -> Option<bool> {
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let part = program.get(at..at.checked_add(bytes)?)?;
        Some(part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    if program.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let first = usize::try_from(number(0x20, 8)?).ok()?;
    let (each, count) = (number(0x36, 2)? as usize, number(0x38, 2)? as usize);
    for header in 0..count {
        let at = first.checked_add(header.checked_mul(each)?)?;
        if number(at, 4)? == u64::from(PT_INTERP) {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_a_linker_is_told_from_what_does_not() {
        let mut program = vec![0; 0x40 + 2 * 0x38];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (program[0x20], program[0x36], program[0x38]) = (0x40, 0x38, 2);
        assert_eq!(needs_linker(&program), Some(false));
        program[0x40 + 0x38] = 3;
        assert_eq!(needs_linker(&program), Some(true));
        assert_eq!(needs_linker(&program[..0x50]), None, "cut off");
        assert_eq!(needs_linker(b"#!/bin/sh\n"), None);
    }
}
