//! The gateway: every way from outside into a running workspace goes through here.
//!
//! ```text
//!  terminal, exec, ports, SSH, previews, jump host
//!        │ awake (start on connect) or reach (must run already)
//!        ▼
//!     Gateway ── client(node, workspace) ──► init's own protocol, end to end
//!        │                                        │
//!      Lines: opens byte streams to the init of a workspace (the link, or a test's socket)
//! ```
//!
//! Whether somebody may see a workspace is asked of the queries, so a foreign one is not found
//! here either. The worker of a node never interprets what is said on a stream.

mod awake;
mod departure;
mod error;
mod exec;
mod lines;
mod sessions;

pub use awake::Progress;
pub use departure::Departure;
pub(crate) use departure::Departures;
pub use error::ReachError;
pub use exec::{Command, RunningCommand};
pub use lines::Lines;
pub(crate) use sessions::Leavings;
pub use sessions::{ANONYMOUS_GRACE, Attach, SessionChoice, exit, list};

use std::sync::Arc;

use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::view::WorkspaceView;
use nexus_events::workspace::Phase;
use nexus_init_protocol::Client;

use crate::clock::Clock;
use crate::commands::Commands;
use crate::hub::Hub;
use crate::queries::Queries;
use lines::{Line, NoLines};

/// Reaches workspaces, whichever node holds them. Clones share everything.
#[derive(Debug, Clone)]
pub struct Gateway {
    lines: Arc<dyn Lines>,
    queries: Queries,
    commands: Commands,
    hub: Hub,
    clock: Clock,
    leavings: Leavings,
}

impl Gateway {
    /// Over `lines`; without any, nothing can be reached.
    pub(crate) fn new(
        lines: Option<Arc<dyn Lines>>,
        queries: Queries,
        commands: Commands,
        hub: Hub,
        clock: Clock,
    ) -> Self {
        Self {
            lines: lines.unwrap_or_else(|| Arc::new(NoLines)),
            queries,
            commands,
            hub,
            clock,
            leavings: Leavings::default(),
        }
    }

    /// Speaks to the init of `workspace` on `node`; nothing is opened before the first request.
    pub fn client(&self, node: NodeId, workspace: WorkspaceId) -> Client {
        Client::over(Arc::new(Line {
            lines: Arc::clone(&self.lines),
            node,
            workspace,
        }))
    }

    pub(crate) const fn leavings(&self) -> &Leavings {
        &self.leavings
    }

    /// Speaks to the init of a workspace whose machine runs.
    ///
    /// # Errors
    /// When it does not, or its node is lost.
    pub async fn reach(&self, view: &WorkspaceView) -> Result<Client, ReachError> {
        match (view.phase, view.node) {
            (Phase::Running | Phase::Starting, Some(node)) if !view.unknown => {
                Ok(self.client(node, view.id))
            }
            _ => Err(ReachError::not_running(view)),
        }
    }
}
