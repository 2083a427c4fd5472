//! What needs programs or rights that not every machine has: PostgreSQL, and
//! root to mount a small disk.

mod full_disk;
mod postgres;
