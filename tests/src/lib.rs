//! The harness: a whole Nexus in a folder of its own, driven as a user would drive it.
//!
//! Scenarios in `it/` start the real binaries (`nexusd`, `nexus-worker`, `nexus`, `nats-server`),
//! talk to them over the API and the command line, kill them, and count what is left outside of
//! Nexus: containers by label, processes, ports. Nothing there reaches into a crate's inside, so
//! what passes is what a person gets. [`simulation`] does: it runs the crates themselves on a time
//! of its own.
//!
//! [`plane::Plane`] is the whole system, [`client::Client`] its API, [`terminal`] a terminal as a
//! page opens it, [`ways`] the ways in by SSH, each used through the stock programs ([`ssh`]) and
//! compared with a bare server ([`sshd`]). [`tail`] reads the log as it grows, [`cutter`] is a bad network,
//! [`history`] a long log, [`bus`] the server it is in, [`canary`] looks for secrets. [`repository`]
//! makes git repositories to clone, [`docker`] asks the engine, [`skip`] says aloud what cannot be
//! tried on this machine, [`reliability`] is what long runs leave behind.

pub mod binaries;
pub mod bus;
pub mod canary;
pub mod chaos;
pub mod client;
pub mod cutter;
pub mod disk;
pub mod docker;
pub mod flood;
pub mod history;
pub mod hosts;
pub mod log_servers;
pub mod measure;
pub mod plane;
mod ports;
pub mod program;
pub mod reliability;
pub mod replicas;
pub mod repository;
pub mod simulation;
pub mod skip;
pub mod ssh;
pub mod sshd;
pub mod tail;
pub mod terminal;
pub mod tool;
pub mod ways;
