//! A stand-in for a Kubernetes API server with KubeVirt, in the process of a test.
//!
//! It keeps objects and answers as kube-apiserver 1.36 and KubeVirt's virt-api were recorded to
//! answer: what is refused, with which status, content type and words; how watches end; what a verb's
//! success looks like. A small controller makes verbs take effect. Faults are made on demand, and
//! every request is counted.
//!
//! ```text
//!   client ─► serve ─► answer ─► route · counts · faults · access
//!                        ├─► list (page, select)   watch        ┐
//!                        ├─► objects (apply, patch, schema)     ├─► world ─► store
//!                        ├─► verbs (machine, instance, volumes) ┘     ▲
//!                        └─► console, discovery                  controller
//! ```
//!
//! ```no_run
//! use hostler_kube_double::{Double, Fault, Options, Refused, What};
//!
//! # async fn story() -> Result<(), hostler_kube_double::Error> {
//! let double = Double::start(Options::default()).await?;
//! double.seed_vms(10_000)?;
//! double.fault(Fault::new(What::Answer(Refused::too_many_requests(1))).verb("list").times(1));
//! // … a client at double.url() with double.token() …
//! double.settle(); // what was asked of KubeVirt is done now
//! assert_eq!(double.counts().of("update", "virtualmachines/start"), 1);
//! # Ok(())
//! # }
//! ```
//!
//! What it is not: it has no scheduler and no pods, reads no YAML and no strategic merge patches,
//! speaks HTTP/1.1 alone, knows the fields of virtual machines down to their devices and no others,
//! and takes nearly all lists as one field when it asks who owns what. Finalizers are honoured. Begin
//! reading at [`Double`].

mod access;
mod admission;
mod answer;
mod apply;
mod console;
mod controller;
mod counts;
mod digest;
mod discovery;
mod double;
mod faults;
mod fields;
mod ids;
mod json;
mod kinds;
mod list;
mod objects;
mod options;
mod page;
mod patch;
mod query;
mod respond;
mod route;
mod rules;
mod schema;
mod seed;
mod select;
mod serve;
mod shape;
mod shared;
mod sizing;
mod status;
mod store;
mod verbs;
mod watch;
mod world;

pub use access::Refusal;
pub use counts::{Counts, Seen};
pub use digest::Digest;
pub use double::{Double, Error};
pub use faults::{Fault, What};
pub use kinds::{KINDS, Kind};
pub use options::{Options, Pace};
pub use seed::Installation;
pub use status::{Refused, Told};
