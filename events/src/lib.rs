//! The contract every part of Nexus shares: ids, events, aggregates, commands, views.
//!
//! Pure by rule (ARCHITECTURE.md, invariant 2): nothing here reads a clock, draws a random
//! number, opens a socket or a file, or knows a runtime. Time, ids and limits come in as
//! arguments, so every decision and every fold can be replayed and gives the same answer.
//!
//! Where to look: [`id`] the kinds of ids, [`envelope`] what every event carries,
//! [`aggregate`] the shape all aggregates share, [`workspace`], [`user`], [`node`] and
//! [`claim`] the four aggregates, [`spec`] what a workspace is asked to be, [`status`] the
//! five vocabularies of status, [`work`] what a worker is told to do, [`view`] what the API
//! answers, [`upcast`] how old events are read, [`audit`] what the log says of the past.

pub mod aggregate;
pub mod audit;
pub mod claim;
pub mod envelope;
pub mod failure;
pub mod id;
pub mod name;
pub mod node;
pub mod problem;
pub mod refusal;
pub mod spec;
pub mod status;
#[cfg(feature = "testing")]
pub mod testing;
pub mod upcast;
pub mod user;
pub mod view;
pub mod work;
pub mod workspace;
