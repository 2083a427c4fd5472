//! Virtual machines of KubeVirt clusters: the driver for Kubernetes.
//!
//! | to learn about | read |
//! |---|---|
//! | how a cluster is named, and what a kubeconfig may not do | [`config`], [`connect`] |
//! | how it is asked, and what its answers mean | [`call`], [`error`], [`resource`] |
//! | when it is left alone | [`breaker`] |
//! | how its objects are followed without missing any | [`cache`], [`watcher`], [`hub`] |
//! | whether it is well | [`health`] |

pub mod breaker;
pub mod cache;
pub mod call;
pub mod config;
pub mod connect;
pub mod error;
pub mod health;
pub mod hub;
pub mod resource;
pub mod watcher;
