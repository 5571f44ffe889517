//! The harness: a whole Nexus in a folder of its own, driven as a user would drive it.
//!
//! Scenarios in `it/` start the real binaries (`nexusd`, `nexus-worker`, `nexus`, `nats-server`),
//! talk to them over the API and the command line, kill them, and count what is left outside of
//! Nexus: containers by label, processes, ports. Nothing here reaches into a crate's inside, so
//! what passes is what a person gets.
//!
//! [`plane::Plane`] is the whole system, [`client::Client`] its API, [`repository`] makes git
//! repositories to clone, [`docker`] asks the engine, [`skip`] says aloud what cannot be tried
//! on this machine.

pub mod binaries;
pub mod client;
pub mod docker;
pub mod measure;
pub mod plane;
pub mod repository;
pub mod skip;
pub mod tool;
