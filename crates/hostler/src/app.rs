//! What every command has at hand: flags, environment, streams, client, clock.

use hostler_client::{Client, Trace};
use hostler_core::{Clock, Timestamp, clock::SystemClock};

use crate::cli::Global;
use crate::config::{self, Environment};
use crate::failure::Result;
use crate::output::{Format, View, of_environment};
use crate::terminal::Terminal;

/// What every command has at hand.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) global: Global,
    pub(crate) environment: Environment,
    pub(crate) terminal: Terminal,
}

impl App {
    pub(crate) fn new(global: Global, environment: Environment, terminal: Terminal) -> Self {
        Self { global, environment, terminal }
    }

    /// A client of the server that flags, environment and contexts name.
    pub(crate) fn client(&self) -> Result<Client> {
        let mut options = config::options(&self.global, &self.environment)?;
        if self.global.debug {
            let terminal = self.terminal.clone();
            options.trace = Some(Trace::new(move |line| {
                terminal.say(&crate::text::printable(line));
            }));
        }
        Ok(Client::new(options)?)
    }

    /// How to show results.
    pub(crate) fn view(&self) -> Result<View<'_>> {
        let (format, template) = match (self.global.quiet, self.global.wide, &self.global.output) {
            (true, ..) => (Format::Id, ""),
            (_, true, _) => (Format::Wide, ""),
            (_, _, Some(output)) => output.parts(),
            (_, _, None) => match &self.environment.output {
                Some(word) => of_environment(word)?,
                None => (Format::Table, ""),
            },
        };
        Ok(View {
            format,
            template,
            columns: &self.global.columns,
            headers: !self.global.no_headers,
            terminal: &self.terminal,
            now: self.now(),
        })
    }

    /// The present time, for ages.
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Tells the person a line, safe to show.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        self.terminal.say(&crate::text::printable(line.as_ref()));
    }
}
