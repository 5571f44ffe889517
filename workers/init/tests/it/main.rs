//! The real binary, started as an ordinary process in a directory of its own, driven through the
//! protocol client.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test, and says what it skips"
)]

mod dial;
mod exec;
mod files;
mod harness;
mod lifecycle;
mod reports;
mod sandbox;
mod services;
mod setup;
mod ssh;
mod terminal;
