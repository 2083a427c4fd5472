//! Virtual machines on Kubernetes, through KubeVirt.
//!
//! What a cluster sends is read into small structs that know only the fields
//! used here ([`objects`]), and mapped to Hostler's own words ([`mapper`]):
//! nothing behind the mapper knows how KubeVirt spells anything (E4). Both are
//! pure: no connection, no clock, no lots.
//!
//! | to learn about | read |
//! |---|---|
//! | how an object is read, and what happens to what is wrong in it | [`objects`] |
//! | how a VM and its running instance become one | [`mapper::vms`] |
//! | which state is told when | [`mapper::state`] |
//! | what `1Gi` and `100m` are | [`quantity`] |
//! | which version of an API group is spoken | [`versions`] |

pub mod mapper;
pub mod objects;
pub mod quantity;
pub mod versions;
