//! The groups of abilities, one file each. A group is implemented whole.

pub(crate) mod clones;
pub(crate) mod cluster;
pub(crate) mod configure;
pub(crate) mod console;
pub(crate) mod create;
pub(crate) mod disks;
pub(crate) mod instance_types;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod power;
pub(crate) mod snapshots;
pub(crate) mod storage;
pub(crate) mod watch;
