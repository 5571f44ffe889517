//! The streams, as data: what must be there before anything else works.
//!
//! | stream | holds | kept |
//! | --- | --- | --- |
//! | `NEXUS_EVENTS` | the truth: every event of every aggregate | for ever; cannot be deleted from |
//! | `NEXUS_COMMANDS` | the open command of each workspace | until done |
//! | `NEXUS_LOGS` | what steps said | 7 days, 1 GiB |
//! | `NEXUS_PARKED` | what nobody could work on | 30 days, 256 MiB |
//! | `NEXUS_REFUSALS` | requests that were refused | 90 days, 64 MiB |
//! | KV `nexus_nodes` | the last heartbeat of each node | 60 s |
//! | KV `nexus_user_keys` | the key each user's personal data is sealed with | until forgotten |
//! | KV `nexus_user_values` | users' credentials, sealed, by digest | until forgotten |
//! | KV `nexus_tickets` | the tickets that were used | 60 s |
//! | KV `nexus_previews` | who was let into which preview, and closings | 12 h, 10,000 |
//!
//! [`ensure`] makes what is missing and updates what can be updated without touching a message.
//! Any other difference is refused with a diff, for a person to decide: nothing here deletes,
//! recreates or purges.

mod compare;
mod ensure;
mod streams;

use std::fmt;

pub use compare::Difference;
pub use ensure::ensure;
pub use streams::wanted;

use crate::call::CallError;
use crate::connect::Bus;

/// The stream of events: the truth.
pub const EVENTS: &str = "NEXUS_EVENTS";
/// The stream of open commands.
pub const COMMANDS: &str = "NEXUS_COMMANDS";
/// The stream of steps' output.
pub const LOGS: &str = "NEXUS_LOGS";
/// The stream of parked messages.
pub const PARKED: &str = "NEXUS_PARKED";
/// The stream of refused requests.
pub const REFUSALS: &str = "NEXUS_REFUSALS";
/// The bucket of heartbeats.
pub const NODES: &str = "nexus_nodes";
/// The bucket of users' keys.
pub const USER_KEYS: &str = "nexus_user_keys";
/// The bucket of users' sealed values.
pub const USER_VALUES: &str = "nexus_user_values";

/// The bucket of tickets that were used.
pub const TICKETS: &str = "nexus_tickets";
/// The bucket of who was let into which preview.
pub const PREVIEWS: &str = "nexus_previews";

/// On how many servers each message is kept: 1 on a laptop, 3 or 5 in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas(pub usize);

impl Replicas {
    /// As many as there should be on this bus, where nobody said: three in a cluster.
    pub fn fit_for(bus: &Bus) -> Self {
        Self(if bus.is_clustered() { 3 } else { 1 })
    }
}

/// Why the streams are not as they must be.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The server did not say, or did not do.
    #[error("preparing the stream {stream}")]
    Call {
        /// Which stream.
        stream: String,
        /// What went wrong.
        #[source]
        source: CallError,
    },
    /// A stream differs in what cannot be changed safely. A person must decide.
    #[error(
        "the stream {stream} is not as Nexus needs it, and changing it could lose events:\n{}",
        Diff(differences)
    )]
    Drift {
        /// Which stream.
        stream: String,
        /// In what it differs.
        differences: Vec<Difference>,
    },
}

struct Diff<'a>(&'a [Difference]);

impl fmt::Display for Diff<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, difference) in self.0.iter().enumerate() {
            if line > 0 {
                f.write_str("\n")?;
            }
            write!(f, "  {difference}")?;
            if difference.setting == compare::REPLICAS {
                write!(f, " (or start with --nats-replicas {})", difference.found)?;
            }
        }
        Ok(())
    }
}
