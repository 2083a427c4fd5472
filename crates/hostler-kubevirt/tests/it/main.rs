//! The driver against small servers that answer as a real one was seen to answer.

mod asking;
mod following;
mod health;
mod server;
mod tls;
