//! The timeline: every event as stored, with whom it concerns, so that tails and pages need no
//! consumer of the log.

use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::id::{UserId, WorkspaceId};
use rusqlite::{Connection, params};

use super::ProjectionError;

/// Whom an event concerns: who may see it, and in which workspace's timeline it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Concern {
    /// The workspace it is about.
    pub(crate) workspace: Option<WorkspaceId>,
    /// The user who may see it; `None`: administrators only.
    pub(crate) owner: Option<UserId>,
}

impl Concern {
    /// A claim is about the workspace it is held for, or its user's own.
    pub(super) fn of_claim(id: &ClaimId, event: &ClaimEvent) -> Self {
        let holder = event.holder();
        let owner = match id {
            ClaimId::Name { owner, .. } => Some(*owner),
            ClaimId::Port(_) => None,
            ClaimId::Key(_) => holder.user(),
        };
        Self {
            workspace: holder.workspace(),
            owner,
        }
    }
}

/// Writes one event down.
pub(super) fn insert(
    connection: &Connection,
    sequence: u64,
    concern: Concern,
    event_type: &str,
    payload: &[u8],
) -> Result<(), ProjectionError> {
    connection
        .prepare_cached(
            "INSERT INTO timeline (sequence, workspace, owner, type, payload)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            sequence,
            concern.workspace.map(|id| *id.uuid().as_bytes()),
            concern.owner.map(|id| *id.uuid().as_bytes()),
            event_type,
            payload,
        ])?;
    Ok(())
}
