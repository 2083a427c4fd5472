//! The simulator as its users see it: through the driver boundary.

mod faults;
mod support;
mod world;
