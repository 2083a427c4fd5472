//! What the three standard streams are, and what may be done with them: no
//! colour, no cut and no question where there is no person.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::ValueEnum;

use crate::config::Environment;
use crate::failure::{Failure, Result};

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a colour says; never the only sign of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Weak,
    Title,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\u{1b}[32m",
            Self::Warn => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
            Self::Weak => "\u{1b}[2m",
            Self::Title => "\u{1b}[1m",
        }
    }
}

/// The standard streams.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    /// Whether a person can answer.
    pub(crate) is_interactive: bool,
    /// Whether stdout is a screen.
    pub(crate) is_screen: bool,
    /// Whether a line on stderr can be drawn again.
    pub(crate) can_redraw: bool,
    /// The width of the screen in columns, when it is one.
    pub(crate) width: Option<usize>,
    /// Whether only ASCII can be shown.
    pub(crate) ascii: bool,
    out_colour: bool,
    err_colour: bool,
}

impl Terminal {
    pub(crate) fn new(colour: Colour, environment: &Environment) -> Self {
        let stdout = io::stdout();
        let (out, err) = (stdout.is_terminal(), io::stderr().is_terminal());
        let wanted = |is_terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                environment.force_colour
                    || (is_terminal && !environment.no_colour && !environment.dumb)
            }
        };
        let width = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col.into());
        Self {
            is_interactive: io::stdin().is_terminal() && err,
            is_screen: out,
            can_redraw: err && !environment.dumb,
            width: width.filter(|width| out && *width > 0),
            ascii: environment.ascii,
            out_colour: wanted(out),
            err_colour: wanted(err),
        }
    }

    /// `text` in `tone`, for stdout.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.out_colour, tone, text)
    }

    /// `text` in `tone`, for stderr.
    pub(crate) fn err_paint(&self, tone: Tone, text: &str) -> String {
        paint(self.err_colour, tone, text)
    }

    /// Tells the person a line; never part of the data.
    pub(crate) fn say(&self, line: &str) {
        // Whoever closed stderr does not want to know.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Draws the line of progress anew; an empty one removes it.
    pub(crate) fn redraw(&self, line: &str) {
        if self.can_redraw {
            let _ = write!(io::stderr(), "\r\u{1b}[2K{line}");
            let _ = io::stderr().flush();
        }
    }

    /// Writes data to stdout.
    pub(crate) fn write(&self, text: &str) -> Result {
        self.write_bytes(text.as_bytes())
    }

    /// Writes bytes to stdout.
    pub(crate) fn write_bytes(&self, bytes: &[u8]) -> Result {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            // `hostler vm list | head` is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::told(0)),
            Err(error) => Err(Failure::new(1, format!("cannot write the output: {error}"))),
        }
    }

    /// Asks and reads a line. Only where a person can answer.
    pub(crate) fn ask(&self, question: &str) -> Result<String> {
        let _ = write!(io::stderr(), "{question} ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| Failure::new(1, format!("cannot read the answer: {error}")))?;
        Ok(answer.trim().to_owned())
    }
}

fn paint(is_on: bool, tone: Tone, text: &str) -> String {
    if is_on && tone != Tone::Plain && !text.is_empty() {
        format!("{}{text}\u{1b}[0m", tone.code())
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
impl Terminal {
    /// A terminal of a test: a screen of that width, or a pipe.
    pub(crate) fn of_test(width: Option<usize>, colour: bool) -> Self {
        Self {
            is_interactive: false,
            is_screen: width.is_some(),
            can_redraw: false,
            width,
            ascii: false,
            out_colour: colour,
            err_colour: colour,
        }
    }
}
