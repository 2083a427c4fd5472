//! `virsh` that stays connected: so that what it needs to start and to connect is not measured
//! where ours is connected already.

use std::io::{BufRead, BufReader, PipeReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use hostler_lab::{Error, Result, timed};

/// Printed after each command. It is written in two parts, because `virsh` repeats what it is told.
const END_TOLD: &str = "echo 'end-of-'command";
const END: &str = "end-of-command";

/// A running `virsh`; ended when dropped.
pub(super) struct Session {
    process: Child,
    input: ChildStdin,
    output: BufReader<PipeReader>,
}

impl Session {
    /// Connects to `uri`.
    ///
    /// # Errors
    /// When `virsh` cannot be started or does not connect.
    pub(super) fn open(uri: &str) -> Result<Session> {
        // One pipe for both, so that an error is read before the mark that follows it.
        let (output, written) = std::io::pipe()?;
        let mut command = Command::new("virsh");
        command.args(["-q", "-c", uri]).stdin(Stdio::piped());
        let mut process = command.stdout(written.try_clone()?).stderr(written).spawn()?;
        drop(command); // it holds the pipe open, and the end would never be seen
        let input = process.stdin.take().ok_or_else(|| Error::new("virsh has no input"))?;
        let mut session = Session { process, input, output: BufReader::new(output) };
        session.run("uri")?;
        Ok(session)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command to its end; gives what it printed and how long it took.
    ///
    /// # Errors
    /// When it fails or `virsh` ends.
    pub(super) fn run(&mut self, command: &str) -> Result<(String, Duration)> {
        let (said, took) = timed(|| self.exchange(command));
        let said = said?;
        match said.lines().find(|line| line.starts_with("error:")) {
            Some(error) => Err(Error::new(format!("virsh {command}: {error}"))),
            None => Ok((said, took)),
        }
    }

    fn exchange(&mut self, command: &str) -> Result<String> {
        self.input.write_all(format!("{command}\n{END_TOLD}\n").as_bytes())?;
        self.input.flush()?;
        let mut said = Vec::new();
        loop {
            let part = self.output.fill_buf()?;
            let length = part.len();
            // Only in what is new, and in what may end a beginning: to look through all again with
            // each part would take longer than virsh does.
            let from = said.len().saturating_sub(END.len());
            said.extend_from_slice(part);
            self.output.consume(length);
            let new = said.get(from..).unwrap_or_default();
            let mark = new.windows(END.len()).position(|bytes| bytes == END.as_bytes());
            // Quiet as it is told to be, it ends no line after the mark; its prompt follows.
            if let Some(at) = mark {
                said.truncate(from + at);
                return Ok(String::from_utf8_lossy(&said).into_owned());
            }
            if length == 0 {
                let text = String::from_utf8_lossy(&said);
                return Err(Error::new(format!("virsh ended at {command:?}; it said {text}")));
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_virsh_repeats_of_the_mark_is_not_taken_for_the_mark() {
        assert!(!END_TOLD.contains(END));
    }

    mod real {
        use super::*;

        #[test]
        fn a_session_runs_commands_in_turn_and_tells_failures() {
            let mut session = Session::open("test:///default").unwrap();
            assert!(session.run("list --all").unwrap().0.contains("running"));
            let error = session.run("dumpxml nowhere").unwrap_err().to_string();
            assert!(error.contains("nowhere"), "{error}");
            assert!(session.run("domstate test").unwrap().0.contains("running"));
        }
    }
}
