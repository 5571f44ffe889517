//! What follows from what happened: an event leads to the next command.
//!
//! [`react`] is a pure function of an event and of the workspace as it is now; its effects are
//! values, performed by [`perform`]. Their ids derive from the event, so any replica may run this,
//! twice if it must: a command queued twice is one command, a report made twice is recorded once.
//! Reading the log again from the start does nothing either, because an event whose operation has
//! ended leads to nothing.

mod perform;
mod react;
mod runner;

pub(crate) use perform::{Again, PerformError, Performed, Performer};
pub(crate) use react::{Cause, work_command};
pub use react::{Effect, react};
pub(crate) use runner::Runner;
