//! The lab and the sample guest, tried for real: these need root and the lab's packages.

mod guest;
mod lab;
mod test_daemon;
