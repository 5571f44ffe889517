//! `nexusd daemon`: the process around a plane, from its lock to its last goodbye.
//!
//! ```text
//!  start:  lock ─► nats-server ─► plane ─► first token ─► listeners ─► workers
//!  stop:   requests under way ─► workers ─► plane ─► connection ─► nats-server
//! ```

mod arguments;
mod backbone;
mod cluster;
mod descriptors;
mod first_token;
mod lock;
mod logging;
mod randomness;
mod restore;
mod room;
mod run;
mod runtime;
mod supervisor;
mod workers;

pub use arguments::{
    Arguments, Command, DaemonArguments, NatsArguments, RestoreArguments, WorkerChoice,
};
pub use cluster::{ClusterArguments, InitArguments, cluster};
pub use logging::install as install_logging;
pub use restore::restore;
pub use run::run;
pub use runtime::runtime;
