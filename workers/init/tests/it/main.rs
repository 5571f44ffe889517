//! The real binary, started as an ordinary process in a directory of its own, driven through the
//! protocol client.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test, and says what it skips"
)]

mod activity;
mod credentials;
mod dial;
mod exec;
mod files;
mod hand_over;
mod harness;
mod lifecycle;
mod reached;
mod reports;
mod sandbox;
mod services;
mod setup;
mod ssh;
mod ssh_access;
mod ssh_crowd;
mod ssh_flow;
mod terminal;
mod terminal_sharing;
