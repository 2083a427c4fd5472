//! The rules of Hostler, pure: what a virtual machine is asked to be, what was
//! seen of it, what may happen next, where it may run, and how an operation's
//! journal decides the next step.
//!
//! Nothing here does I/O, spawns, sleeps or reads a clock: functions take
//! `now`. Types that derive serde are promised: they are stored or journaled,
//! and golden files prove that old documents still decode. Everything else may
//! change freely.
//!
//! | to learn about | read |
//! |---|---|
//! | what is asked of a VM | [`vm::spec`] |
//! | what is seen of a VM | [`vm::observed`] |
//! | what is told about a VM | [`vm::status`] |
//! | which action is admitted when | [`vm::lifecycle`] |
//! | on which host a VM may run | [`placement`] |
//! | how VMs change hosts while they run | [`migration`] |
//! | how a cluster is, and what it can | [`cluster`] |
//! | what a snapshot holds, and whether one can be taken | [`snapshot`] |
//! | what a clone is, and whether one can be made | [`clone`] |
//! | what VMs are made from again and again | [`template`] |
//! | how operations survive a crash | [`operation`] |
//! | what is alerted on, and who is told | [`alert`] |
//! | what will be, and how sure that is | [`forecast`] |

pub mod access;
pub mod alert;
pub mod clock;
pub mod clone;
pub mod cluster;
pub mod disk;
pub mod error;
pub mod fact;
pub mod forecast;
pub mod host;
pub mod id;
pub mod image;
pub mod metrics;
pub mod migration;
pub mod name;
pub mod network;
pub mod operation;
pub mod placement;
pub mod query;
pub mod settings;
pub mod snapshot;
pub mod storage;
pub mod template;
pub mod vm;

pub use clock::{Clock, Timestamp};
pub use error::{Code, Error, Kind, Result};
pub use fact::{Fact, Quality};
