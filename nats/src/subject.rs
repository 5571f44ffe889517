//! The names of everything on the bus: one builder and one parser per shape.
//!
//! Nothing else in Nexus puts a subject together or takes one apart. Tokens are lower-case
//! letters, digits, `-` and `_`, so an id is spelled the same in subjects, host names and engines.

mod command;
mod event;
mod log;
mod parked;
mod token;

pub use command::{CommandSubject, Route};
pub use event::EventSubject;
pub use log::LogSubject;
pub use parked::ParkedSubject;
pub use token::{MAX_TOKEN, SubjectError};
