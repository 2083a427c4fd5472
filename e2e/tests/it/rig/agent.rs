//! A running `hostler-agent`.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use super::{Home, eventually, program};

/// An agent; killed when dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    pub(crate) port: u16,
}

impl Agent {
    /// Starts one with these lines in its configuration, at a port of the loopback interface
    /// (0: any).
    #[track_caller]
    pub(crate) fn start(home: &Home, port: u16, lines: &str) -> Self {
        let (config, log) = (home.path().join("agent.toml"), home.path().join("agent.log"));
        let listen = format!("listen = [\"127.0.0.1:{port}\"]\nlog = \"text\"\n{lines}");
        fs::write(&config, listen).unwrap();
        let file = File::create(&log).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program("hostler-agent"));
        command.arg("--config").arg(&config).env_clear().env("NO_COLOR", "1");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap();
        let mut agent = Self { child, port };
        agent.port = eventually("the agent says where it serves", || {
            let text = fs::read_to_string(&log).unwrap();
            let serving = text.split("addresses=").nth(1).and_then(|rest| rest.split('"').nth(1));
            let port = serving.and_then(|it| it.rsplit(':').next()?.parse().ok());
            port.ok_or(text)
        });
        agent
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
