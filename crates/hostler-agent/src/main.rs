//! The agent's program. Everything is in the library, so that tests can run it in process.

fn main() -> std::process::ExitCode {
    hostler_agent::main()
}
