//! These need root and the lab's packages: `cargo xtask test real` sees to both.

mod guest;
mod lab;
mod lxc;
mod mail;
mod prometheus;
mod test_daemon;
mod time_series;
