//! An async client of libvirt's remote protocol, without the C library.
//!
//! It speaks to `libvirtd` or `virtqemud` over their unix socket, TLS or ssh. What it has that the
//! C client has not: every call has a deadline and can be dropped, a guest that hangs takes one
//! slot and nothing else with it, and a lost reply is told apart from a failure.
//!
//! ```no_run
//! use std::time::Duration;
//! use hostler_libvirt_rpc::{Connection, DomainEventKind, Error, ErrorCode, Options, flags};
//!
//! # async fn example() -> Result<(), Error> {
//! let connection = Connection::open(&"qemu:///system".parse()?, Options::default()).await?;
//!
//! // Subscribe, register, then list: nothing can happen unseen in between.
//! let mut events = connection.subscribe(1_024);
//! connection.register_domain_event(DomainEventKind::Lifecycle, None).await?;
//! for domain in connection.list_all_domains(0).await? {
//!     println!("{} {:?}", domain.name, connection.domain_state(&domain).await?);
//! }
//!
//! // Each handle has its own deadline; clones share the socket.
//! let quick = connection.with_timeout(Duration::from_secs(2));
//! match quick.domain_lookup_by_name("web-1").await {
//!     Ok(domain) => quick.domain_shutdown(&domain, flags::shutdown::ACPI).await?,
//!     Err(error) if error.code() == Some(ErrorCode::NO_DOMAIN) => println!("there is none"),
//!     Err(error) if error.outcome_unknown() => println!("look again: {error}"),
//!     Err(error) => return Err(error),
//! }
//! while let Some(event) = events.recv().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! [`Connection`] has one method per procedure (`domain_*`, `network_*`, `storage_pool_*`,
//! `storage_vol_*`, `node_*`) and [`Connection::call`] for those without a method. [`Pool`] keeps
//! several connections to one daemon and replaces those that hang. [`Stream`] is a console or the
//! contents of a volume; [`Events`] is what the daemon tells unasked.
//!
//! # What is not here
//!
//! SASL, plain TCP, passing of file descriptors other than screens' ([`open_graphics_fd`]; through
//! ssh, [`forward_ssh`] reaches where a screen listens), sparse streams, and migration that the client drives itself (peer to peer works).

mod calls;
mod connection;
mod error;
mod event;
pub mod flags;
pub mod frame;
mod graphics;
mod pool;
pub mod procedure;
mod stream;
mod transport;
mod types;
mod uri;
pub mod xdr;

pub use connection::{Connection, KeepAlive, Options};
pub use error::{CloseReason, Error, ErrorCode, Obstacle, RemoteError, Result};
pub use event::{CallbackId, DomainEventKind, Event, Events, StoragePoolEventKind};
pub use graphics::open_graphics_fd;
pub use pool::{Pool, PoolCounts, PoolOptions, Role};
pub use procedure::Procedure;
pub use stream::{Overflow, Stream, StreamOptions};
pub use transport::{Forwarded, Io, Listener, SshCommand, forward_ssh};
pub use types::*;
pub use uri::{ConnectUri, Transport};
