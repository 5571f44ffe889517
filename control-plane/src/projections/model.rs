//! All read models together: an event goes to each that wants it.

use bytes::Bytes;
use nexus_events::claim::ClaimId;
use nexus_events::id::{EventId, NodeId, UserId, WorkspaceId};
use nexus_events::upcast::{AnyEvent, DecodeError, decode_any};
use nexus_nats::Recorded;
use rusqlite::Connection;

use super::operations::Operations;
use super::timeline::Concern;
use super::workspaces::Workspaces;
use super::{ProjectionError, claims, nodes, timeline, users};

/// An event of the log, read.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) sequence: u64,
    pub(crate) id: EventId,
    pub(crate) event: SubjectEvent,
    pub(crate) payload: Bytes,
}

/// An event with the typed id of its aggregate.
#[derive(Debug)]
pub(crate) enum SubjectEvent {
    Workspace(
        WorkspaceId,
        Box<nexus_events::envelope::Envelope<nexus_events::workspace::WorkspaceEvent>>,
    ),
    User(
        UserId,
        Box<nexus_events::envelope::Envelope<nexus_events::user::UserEvent>>,
    ),
    Node(
        NodeId,
        Box<nexus_events::envelope::Envelope<nexus_events::node::NodeEvent>>,
    ),
    Claim(
        ClaimId,
        Box<nexus_events::envelope::Envelope<nexus_events::claim::ClaimEvent>>,
    ),
}

/// Why a message of the log is no event this program can read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecodable {
    #[error(transparent)]
    Payload(#[from] DecodeError),
    #[error("`{subject}` names no {kind}")]
    Id { subject: String, kind: &'static str },
}

impl Decoded {
    pub(crate) fn read(recorded: &Recorded) -> Result<Self, Undecodable> {
        let id = recorded.subject.id();
        let kind = recorded.subject.kind();
        let wrong = || Undecodable::Id {
            subject: recorded.subject.to_string(),
            kind: kind.as_str(),
        };
        let (event_id, event) = match decode_any(kind, &recorded.payload)? {
            AnyEvent::Workspace(event) => (
                event.id,
                SubjectEvent::Workspace(id.parse().map_err(|_| wrong())?, event),
            ),
            AnyEvent::User(event) => (
                event.id,
                SubjectEvent::User(id.parse().map_err(|_| wrong())?, event),
            ),
            AnyEvent::Node(event) => (
                event.id,
                SubjectEvent::Node(id.parse().map_err(|_| wrong())?, event),
            ),
            AnyEvent::Claim(event) => (
                event.id,
                SubjectEvent::Claim(id.parse().map_err(|_| wrong())?, event),
            ),
        };
        let (sequence, payload) = (recorded.sequence, recorded.payload.clone());
        Ok(Self {
            sequence,
            id: event_id,
            event,
            payload,
        })
    }

    /// When it was decided.
    pub(crate) fn time(&self) -> jiff::Timestamp {
        match &self.event {
            SubjectEvent::Workspace(_, event) => event.time,
            SubjectEvent::User(_, event) => event.time,
            SubjectEvent::Node(_, event) => event.time,
            SubjectEvent::Claim(_, event) => event.time,
        }
    }

    /// `nexus.<kind>.<name>.v<version>`.
    pub(crate) fn event_type(&self) -> &str {
        match &self.event {
            SubjectEvent::Workspace(_, event) => &event.event_type,
            SubjectEvent::User(_, event) => &event.event_type,
            SubjectEvent::Node(_, event) => &event.event_type,
            SubjectEvent::Claim(_, event) => &event.event_type,
        }
    }
}

/// The rows in memory that wait for the end of the transaction.
#[derive(Debug, Default)]
pub(super) struct Model {
    workspaces: Workspaces,
    operations: Operations,
}

impl Model {
    /// Folds one event and says whom it concerns.
    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        decoded: &Decoded,
    ) -> Result<Concern, ProjectionError> {
        let sequence = decoded.sequence;
        let concern = match &decoded.event {
            SubjectEvent::Workspace(id, event) => {
                let record = self.workspaces.apply(connection, *id, sequence, event)?;
                self.operations
                    .apply(connection, *id, &record.state, event)?;
                let owner = record
                    .state
                    .definition
                    .as_ref()
                    .map(|definition| definition.owner);
                Concern {
                    workspace: Some(*id),
                    owner,
                }
            }
            SubjectEvent::User(id, event) => {
                users::apply(connection, *id, sequence, event)?;
                Concern {
                    workspace: None,
                    owner: Some(*id),
                }
            }
            SubjectEvent::Node(id, event) => {
                nodes::apply(connection, *id, sequence, event)?;
                Concern::default()
            }
            SubjectEvent::Claim(id, event) => {
                claims::apply(connection, id, sequence, event)?;
                Concern::of_claim(id, &event.data)
            }
        };
        timeline::insert(
            connection,
            sequence,
            concern,
            decoded.event_type(),
            &decoded.payload,
        )?;
        Ok(concern)
    }

    /// Writes what was folded.
    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), ProjectionError> {
        self.workspaces.flush(connection)?;
        self.operations.flush(connection)
    }

    /// Forgets what was folded, after a transaction that failed.
    pub(super) fn clear(&mut self) {
        self.workspaces.clear();
        self.operations.clear();
    }

    /// How many rows wait in memory.
    pub(super) fn waiting(&self) -> usize {
        self.workspaces.waiting() + self.operations.waiting()
    }
}
