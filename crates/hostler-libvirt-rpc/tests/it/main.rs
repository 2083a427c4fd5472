//! The client against real daemons (private ones, started here) and against one that lies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod calls;
mod daemon;
mod deadlines;
mod events;
mod golden;
mod hostile;
mod pool;
mod qemu;
mod storage;
mod streams;
mod transports;

#[path = "../../fuzz/targets.rs"]
#[expect(unreachable_pub, reason = "the fuzzer's binaries share the file")]
mod targets;

mod corpus;
