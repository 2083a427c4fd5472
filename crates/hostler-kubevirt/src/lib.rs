//! Virtual machines of KubeVirt clusters: the driver for Kubernetes.
//!
//! What a cluster sends is read into small structs that know only the fields
//! used here ([`objects`]), and mapped to Hostler's own words ([`mapper`]):
//! nothing behind the mapper knows how KubeVirt spells anything (E4). Both are
//! pure: no connection, no clock, no lots.
//!
//! | to learn about | read |
//! |---|---|
//! | what the provider is made of | [`provider`], `link`, `fleet` |
//! | how a VM is turned on and off, and when not | `power` |
//! | how a console is opened, and what becomes of it | `console` |
//! | how a VM is made, and who owns what of it then | [`create`] |
//! | what pools and volumes are | `storage` |
//! | how a snapshot is taken and put back | `snapshots` |
//! | how a VM is made of another, and taken away again | `clones` |
//! | how a VM changes nodes, and which migrations are remembered | `migrate`, `history` |
//! | how a cluster is named, and what a kubeconfig may not do | [`config`], [`connect`] |
//! | how it is asked, and what its answers mean | [`call`], [`error`], [`resource`] |
//! | when it is left alone | [`breaker`] |
//! | how its objects are followed without missing any | [`cache`], [`watcher`] |
//! | whether it is well | [`health`], `cluster` |
//! | which features and hardware it has | [`capabilities`] |
//! | how an object is read, and what happens to what is wrong in it | [`objects`] |
//! | which hypervisor runs a VM | [`mapper::Given`], `launchers`, `metrics` |
//! | how a VM and its running instance become one | [`mapper::vms`] |
//! | which state is told when | [`mapper::state`] |
//! | what `1Gi` and `100m` are | [`quantity`] |
//! | which version of an API group is spoken | [`versions`] |

pub mod breaker;
pub mod cache;
pub mod call;
pub mod capabilities;
mod clones;
mod cluster;
pub mod config;
pub mod connect;
mod console;
pub mod create;
mod disks;
mod ending;
pub mod error;
mod fleet;
pub mod health;
mod history;
mod installation;
mod instance_types;
mod launchers;
mod link;
pub mod mapper;
mod metrics;
mod migrate;
pub mod objects;
mod power;
pub mod provider;
pub mod quantity;
pub mod resource;
mod snapshots;
mod storage;
pub mod versions;
mod watch;
pub mod watcher;

pub use config::KubeVirtConfig;
pub use provider::KubeVirt;
