//! The seeded simulation: the real deciders, policies, reconcilers, projections and worker runtime,
//! on one thread, on a time and a chance of its own.
//!
//! ```text
//!  seed ─► Script: who asks for what, what goes wrong, when
//!            │
//!            ▼
//!          World ── replicas (Plane) ──┐  wires: delay, loss, cuts   ┌── MemoryBus: log, queue,
//!            │      workers (Runtime) ─┴──────────────────────────────┘   heartbeats
//!            │      engines (FakeEngine, one a node) and the inits of their machines
//!            ▼
//!          Ledger: after every step, what must hold ─► Report: digest of the trace, violation
//! ```
//!
//! Nothing of the product knows that it is simulated. A process of it is a tokio runtime of its
//! own; all of them take turns on one thread, in an order the seed chooses, and a crash is a runtime
//! that is dropped. Time and chance are what a program asks the system for: the binary `nexus-sim`
//! answers `clock_gettime` and `getrandom` itself ([`virtually`]), and takes a runtime that would
//! sleep in `epoll_wait` for one whose turn is over. So sockets, timers, hash maps and ids are those
//! of the product, and the same seed gives the same trace, byte for byte. (The other way, a clock
//! and a source of ids handed through every crate, would have touched a hundred places and still
//! left the order of hash maps and of `select!` to chance.)
//!
//! Some of the chance lives as long as a process does, so each run has a process of its own:
//! [`runs`] starts them, [`shrink`] makes a failing script short.

mod chance;
mod engines;
mod ledger;
mod net;
mod people;
mod plant;
mod process;
mod report;
mod rest;
pub mod runs;
pub mod script;
mod servers;
pub mod shrink;
mod simulate;
mod trace;
pub mod virtually;
mod world;

pub use plant::Plant;
pub use report::{Report, Violation};
pub use script::Script;
pub use simulate::simulate;
