//! What a command says: results on standard output, what it is doing on standard error.

/// A result, such as a URI: what another program may read.
#[expect(clippy::print_stdout, reason = "the one place where commands give their results")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What is being done, for the person who waits.
pub(crate) fn step(text: &str) {
    eprintln!("xtask: {text}");
}
