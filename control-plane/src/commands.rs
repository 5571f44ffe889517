//! What can be asked for: one use case a file, each load, decide, append, answer.
//!
//! A command is decided on the projected row and appended with the sequence that row had: however
//! old the row is, the answer is right, because on a conflict the log is read and the decision
//! made again (`nexus_nats::repository`). Accepted means stored: an answer comes after the log's
//! acknowledgement and not before.
//!
//! With an `Idempotency-Key` the ids of everything made derive from who asks and the key, so the
//! same request sent again finds what it made; another request under the same key is refused.

mod certificate_issue;
mod context;
mod credentials_change;
mod execute;
mod key_claims;
mod node_drain;
mod parked;
mod port_reservation;
mod ports;
mod problem;
mod public_key;
mod scripts_change;
mod token_issue;
mod token_revoke;
mod user_erase;
mod user_key_add;
mod user_key_remove;
mod user_register;
mod workspace_activity;
mod workspace_admission;
mod workspace_claims;
mod workspace_create;
mod workspace_delete;
mod workspace_hold;
mod workspace_intent;
mod workspace_seed;
mod workspace_ssh_port;
mod workspace_start;
mod workspace_stop;

pub use context::{IdempotencyKey, InvalidIdempotencyKey, RequestContext};
pub(crate) use key_claims::KeyClaim;
pub use problem::CommandError;
#[cfg(feature = "testing")]
pub(crate) use public_key::read_public_key;
pub use token_issue::TokenRequest;
pub(crate) use workspace_claims::release_context;
pub use workspace_create::CreatedWorkspace;

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::queries::Queries;
use crate::sealing::Sealer;
use crate::ssh::Authorities;
pub(crate) use ports::Ports;

/// Carries out commands. Clones share everything.
#[derive(Debug, Clone)]
pub struct Commands {
    queries: Queries,
    sealer: Sealer,
    ports: Arc<Ports>,
    authorities: Authorities,
    /// One change of a user's values at a time, so that none forgets what another has just put in.
    changing_values: Arc<Mutex<()>>,
}

/// What came of a write, and the event that recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// What came of it.
    pub value: T,
    /// The event; pass it as `min_seq` to read your own write.
    pub sequence: u64,
}

impl Commands {
    pub(crate) fn new(
        queries: Queries,
        sealer: Sealer,
        ports: Arc<Ports>,
        authorities: Authorities,
    ) -> Self {
        Self {
            queries,
            sealer,
            ports,
            authorities,
            changing_values: Arc::default(),
        }
    }
}
