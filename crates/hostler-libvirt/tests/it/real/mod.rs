//! libvirtd with real QEMU guests in a private lab, and libvirt's test driver
//! with a thousand domains. Everything is below directories of its own and gone
//! afterwards; the machine's own libvirt is not touched.

mod changes;
mod clones;
mod conformance;
mod consoles;
mod disks;
mod faults;
mod foreign;
mod growing;
mod guest;
mod late;
mod lxc;
mod metrics;
mod relay;
mod snapshots;
mod ssh;
mod storage;
mod support;
mod tls;
mod untrusted;
