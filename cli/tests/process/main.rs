//! The program itself, run as a person or a script runs it, against a server that says what each
//! test wants said.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod connection;
mod daemon;
mod events;
mod exec;
mod fixture;
mod help;
mod identity;
mod operations;
mod port_forward;
mod real;
mod sample;
mod settings;
mod ssh;
mod ssh_config;
mod ssh_fdpass;
mod ssh_stdio;
mod ssh_stock;
mod terminal;
mod up;
mod wire;
mod workspaces;
