//! Everything that can go wrong, on purpose, and a judge that was not there.
//!
//! ```text
//!  seed ─► plan ─► faults ─► programs and their networks    (replicas, proxy)
//!                            20 lives at once               (lives: what was accepted)
//!                                  │
//!        log ─► history ──┐        ▼
//!        engine, /proc ─► census ─► verdict ─► RELIABILITY.md
//! ```
//!
//! A run is `./dev chaos --kills N --seed S`; the short form is a test. The seed gives the same
//! faults in the same order; how far each life is when one comes is the machine's own business.

mod aim;
pub mod census;
pub mod fault;
pub mod history;
mod judge;
pub mod lives;
pub mod plan;
pub mod proxy;
pub mod run;
mod scene;
pub mod verdict;
