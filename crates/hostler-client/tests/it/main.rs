//! The client against a scripted server: what it sends, what it repeats, and
//! what it makes of answers, good and bad.

mod calls;
mod retry;
mod streams;
mod tls;
mod waiting;
