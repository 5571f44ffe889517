//! The control plane: takes requests, decides, records, projects, reacts, reconciles.
//!
//! ```text
//!  http ─► commands ─► decide (nexus_events) ─► append (nexus_nats)
//!    │                                              │
//!    └─► queries ◄─ read model ◄─ projections ◄─────┤ tail
//!    └─► hub ◄──────────────────────┘               │
//!                       policies, reconcilers ──────┘─► commands for workers
//! ```
//!
//! [`app`] puts the parts together: `Plane::start(Options)` gives a running plane, `plane.app()`
//! the cheap handle the transports hold. [`commands`] and [`queries`] are what they may call; both
//! take an [`identity::Identity`] and check owners themselves. [`hub`] is the live tail. The only
//! state that matters is the log: everything kept here is derived ([`projections`]) or a key
//! ([`sealing`]).

mod alarm;
mod announce;
pub mod app;
pub mod backbone;
mod chain;
pub mod clock;
pub mod commands;

pub mod daemon;
pub mod directory;
mod export;
pub mod gateway;
mod health;

pub mod http;
pub mod hub;
pub mod identity;
pub mod key_store;
pub(crate) mod metrics;
pub mod parking;
pub mod policies;
pub(crate) mod preview;
pub mod private_file;
pub mod projections;
pub mod pulse;
pub mod queries;
pub mod reconcile;
pub mod refusals;
mod room;
pub mod sealing;
pub mod settings;
pub mod shared_keys;
pub mod ssh;
#[cfg(feature = "testing")]
pub mod testing;
pub mod threads;
pub mod tickets;
pub mod vault;
