//! libvirt's documents: written from typed values, read with indifference to
//! what this crate does not know. A document that somebody else wrote is written back
//! only by [`edit`], byte for byte but for what is to change, so nothing in it can be
//! lost here.

pub(crate) mod capabilities;
pub(crate) mod domain;
pub(crate) mod domain_capabilities;
pub(crate) mod edit;
pub(crate) mod element;
pub(crate) mod network;
pub(crate) mod parse;
pub(crate) mod pool;
pub(crate) mod snapshot;
pub(crate) mod volume;
