//! What a command says: results on standard output, what it is doing on standard error.

/// A result, such as a URI: what another program may read.
pub(crate) fn line(text: &str) {
    use std::io::Write;
    // A reader that went away, such as `head`, has seen enough: no reason to fail.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What is being done, for the person who waits.
pub(crate) fn step(text: &str) {
    eprintln!("xtask: {text}");
}
