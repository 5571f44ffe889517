//! The core of the control plane against a log: in memory, and on a real nats-server.
//!
//! Every test has a world of its own: a home, a log, a plane, and a clock where time matters.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod claims;
mod commands;
mod erasure;
mod hub;
mod keys;
mod owners;
mod policies;
mod projections;
mod reconcile;
mod replicas;
mod world;
