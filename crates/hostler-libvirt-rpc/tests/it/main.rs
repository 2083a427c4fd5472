//! The client against real daemons (private ones, started here) and against one that lies.

mod calls;
mod daemon;
mod deadlines;
mod events;

mod pool;
