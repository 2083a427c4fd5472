//! The serial line of a simulated VM: a boot log, then a shell that knows a
//! handful of commands. The line remembers its boot log for who comes late.
//!
//! ```text
//!   booting ── its time has passed ──► shell ── poweroff, reboot ──► the world
//!      ▲                                 │
//!      └── reset, reboot (a new boot) ◄──┘      paused: nothing is heard
//! ```

use std::io::Result;
use std::time::Duration;

use hostler_core::vm::PowerState;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::{Line, Sight};

/// The longest line that the shell takes, in bytes.
const LINE_MAX: usize = 256;

/// What the shell understands.
const HELP: &str = "simulated commands: help, uname, uptime, hostname, free, nproc, echo, \
clear, reboot, poweroff";

pub(super) async fn serve(line: Line, stream: DuplexStream) -> Result<()> {
    let terminal = Terminal { stream, boot: None, told: 0, typed: String::new(), is_down: false };
    terminal.run(line).await
}

struct Terminal {
    stream: DuplexStream,
    /// Which boot is being shown.
    boot: Option<Instant>,
    /// How many lines of the boot log have been shown.
    told: usize,
    typed: String,
    /// Whether it was told that the guest shuts down.
    is_down: bool,
}

impl Terminal {
    async fn run(mut self, line: Line) -> Result<()> {
        let mut revisions = line.world.revisions();
        let mut keys = [0; 256];
        loop {
            revisions.borrow_and_update();
            let Some(sight) = line.look() else { return Ok(()) };
            let wake = self.show(&sight).await?;
            tokio::select! {
                read = self.stream.read(&mut keys) => match read? {
                    0 => return Ok(()),
                    size => {
                        let pressed = keys.get(..size).unwrap_or_default().to_vec();
                        // It may have been let go since it was looked at.
                        let Some(sight) = line.look() else { return Ok(()) };
                        self.hear(&line, &sight, &pressed).await?;
                    }
                },
                changed = revisions.changed() => if changed.is_err() { return Ok(()) },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Shows what is due, and says when more will be.
    async fn show(&mut self, sight: &Sight) -> Result<Option<Instant>> {
        if self.boot != sight.running_since {
            if self.boot.is_some() {
                self.print("\r\n").await?;
            }
            (self.boot, self.told, self.is_down) = (sight.running_since, 0, false);
            self.typed.clear();
        }
        if sight.power == PowerState::Stopping && !self.is_down {
            self.is_down = true;
            self.print("\r\nsimulated guest: going down for power off\r\n").await?;
        }
        let (Some(since), true) = (sight.running_since, is_awake(sight)) else { return Ok(None) };
        let log = boot_log(sight);
        while let Some((after, text)) = log.get(self.told) {
            let due = since + *after;
            if due > Instant::now() {
                return Ok(Some(due));
            }
            self.told += 1;
            let text = text.replace('\n', "\r\n");
            self.print(&text).await?;
        }
        Ok(None)
    }

    /// Takes what was typed. A guest that boots, sleeps or is held hears nothing.
    async fn hear(&mut self, line: &Line, sight: &Sight, keys: &[u8]) -> Result<()> {
        if !is_awake(sight) || self.told < boot_log(sight).len() {
            return Ok(());
        }
        for key in keys {
            match key {
                b'\r' | b'\n' => {
                    self.print("\r\n").await?;
                    let command = std::mem::take(&mut self.typed);
                    self.obey(line, sight, &command).await?;
                }
                0x7f | 0x08 if self.typed.pop().is_some() => self.print("\x08 \x08").await?,
                0x03 | 0x15 => {
                    // Ctrl-C and Ctrl-U give the line up.
                    self.typed.clear();
                    let prompt = format!("\r\n{}", prompt(sight));
                    self.print(&prompt).await?;
                }
                b' '..=b'~' if self.typed.len() < LINE_MAX => {
                    self.typed.push(char::from(*key));
                    self.stream.write_all(&[*key]).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn obey(&mut self, line: &Line, sight: &Sight, command: &str) -> Result<()> {
        match answer(command, sight, Instant::now()) {
            Answer::Text(text) => {
                let text = text.replace('\n', "\r\n");
                self.print(&text).await?;
                self.print(&prompt(sight)).await
            }
            // What a guest does by itself ends like what it is asked to do.
            Answer::PowerOff => {
                line.world.change(|state| state.ask_shutdown(&line.vm)).ok();
                Ok(())
            }
            Answer::Reboot => {
                line.world.change(|state| state.ask_reboot(&line.vm)).ok();
                Ok(())
            }
        }
    }

    async fn print(&mut self, text: &str) -> Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether its processors run and somebody is in there to listen.
fn is_awake(sight: &Sight) -> bool {
    sight.power == PowerState::Running
}

fn prompt(sight: &Sight) -> String {
    format!("{} (simulated)# ", sight.name)
}

/// What it says while it boots, each with its time after the start.
fn boot_log(sight: &Sight) -> Vec<(Duration, String)> {
    let memory = sight.memory_bytes >> 20;
    let texts = [
        "simulated firmware: no real machine is behind this line\n".to_owned(),
        format!("simulated kernel: {}, {memory} MiB of memory\n", sight.processors()),
        "simulated kernel: found a simulated disk and its file system\n".to_owned(),
        "simulated init: services started\n".to_owned(),
        format!(
            "\nhello from hostler (simulated)\n\nThis guest is simulated. Type `help`.\n{}",
            prompt(sight)
        ),
    ];
    let steps = u32::try_from(texts.len() - 1).unwrap_or(1);
    let at = |step: usize| sight.boots * u32::try_from(step).unwrap_or(steps) / steps;
    texts.into_iter().enumerate().map(|(step, text)| (at(step), text)).collect()
}

/// What the shell makes of a command.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Text(String),
    PowerOff,
    Reboot,
}

fn answer(command: &str, sight: &Sight, now: Instant) -> Answer {
    let (word, rest) = command.trim().split_once(' ').unwrap_or((command.trim(), ""));
    let up =
        sight.running_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
    let text = match word {
        "" => String::new(),
        "help" => format!("{HELP}\n"),
        "uname" => format!("HostlerSim {} {} (simulated)\n", sight.name, env!("CARGO_PKG_VERSION")),
        "uptime" => format!("up {} s (simulated)\n", up.as_secs()),
        "hostname" => format!("{}\n", sight.name),
        "free" => format!("{} MiB of simulated memory\n", sight.memory_bytes >> 20),
        "nproc" => format!("{} (simulated)\n", sight.cpu_count),
        "echo" => format!("{rest}\n"),
        "clear" => "\x1b[2J\x1b[H".to_owned(),
        "reboot" => return Answer::Reboot,
        "poweroff" => return Answer::PowerOff,
        other => format!("{other}: not among the simulated commands; try `help`\n"),
    };
    Answer::Text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight() -> Sight {
        Sight {
            name: "web".into(),
            cpu_count: 2,
            memory_bytes: 256 << 20,
            power: PowerState::Running,
            running_since: None,
            boots: Duration::from_secs(8),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_shell_answers_and_marks_what_it_makes_up() {
        let now = Instant::now() + Duration::from_secs(90);
        let sight = Sight { running_since: Some(Instant::now()), ..sight() };
        for (command, wanted) in [
            ("uptime", "up 90 s (simulated)\n"),
            (" free ", "256 MiB of simulated memory\n"),
            ("echo a  b", "a  b\n"),
            ("rm -rf /", "rm: not among the simulated commands; try `help`\n"),
        ] {
            assert_eq!(answer(command, &sight, now), Answer::Text(wanted.into()));
        }
        assert_eq!(answer("poweroff", &sight, now), Answer::PowerOff);
    }

    #[test]
    fn the_boot_log_takes_as_long_as_the_boot() {
        let log = boot_log(&sight());
        assert_eq!(log.first().map(|(at, _)| *at), Some(Duration::ZERO));
        assert_eq!(log.last().map(|(at, _)| *at), Some(Duration::from_secs(8)));
        assert!(log.iter().all(|(_, text)| text.contains("simulated")));
    }
}
