//! Rust client of Hostler's API.
//!
//! Every endpoint of [`hostler_api::v1`] is a call: the endpoint's value says
//! method, path, bodies and answer, so there is one generic [`Client::call`]
//! instead of a method for each. Helpers exist only where a call is not enough:
//!
//! | to | use |
//! |---|---|
//! | read a list to its end | [`Client::pages`] |
//! | wait for an operation | [`Client::wait_operation`] |
//! | follow events, resuming after a break | [`Client::events`] |
//! | follow what is live: figures, states, operations | [`Client::live`] |
//! | talk to a console | [`Client::open_console`] |
//! | upload an image | [`Client::import_image`] |
//! | send what no endpoint value describes | [`Client::raw`] |
//!
//! POSTs and DELETEs carry an `Idempotency-Key`, so a lost connection is repaired by
//! sending the same request again. Where that would not be safe, the error says
//! that the outcome is unknown ([`Error::Lost`]), and nothing is guessed.
//!
//! ```no_run
//! # async fn example() -> Result<(), hostler_client::Error> {
//! use hostler_api::{Nothing, v1};
//! use hostler_client::{Client, Options};
//!
//! let client = Client::new(Options::local())?;
//! let path = v1::VmPath { vm: "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".into() };
//! let operation = client.call::<v1::VmStart>(&path, &Nothing {}, &Nothing {}).await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod answer;
mod client;
mod connect;
mod console;
mod decode;
mod error;
mod events;
mod hyper_io;
mod images;
mod live;
mod operations;
mod pages;
mod request;
mod sse;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod trace;

pub use address::{Address, DEFAULT_PORT, DEFAULT_SOCKET};
pub use answer::{Answer, Item};
pub use client::{Client, Options, Terms};
pub use console::{Console, ConsoleMessage, ConsoleReader, ConsoleWriter};
pub use error::{Error, Result};
pub use events::{Events, Followed};
pub use live::{Live, LiveNews};
pub use operations::{Waited, Waiting, is_settled};
pub use pages::{ItemPage, Pages};
pub use request::RawRequest;
pub use sse::{Frame, SseParser};
pub use token::Token;
pub use trace::Trace;
