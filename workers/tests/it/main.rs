//! The worker tried as a whole: every provider against its contract, the runtime against faults.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails where it stands, and says what it skips"
)]

mod adopt;
mod conformance;
mod crash;
mod fault;
mod knock;
mod lifecycle;
mod link;
mod ports;
mod queue;
mod supersede;
mod world;
