//! An event of whichever aggregate with its place in the log, and what all events have in common.

use jiff::Timestamp;

use crate::aggregate::{EventData as _, Kind};
use crate::envelope::Actor;
use crate::id::{CommandId, CorrelationId, EventId, OperationId, WorkspaceId};
use crate::upcast::AnyEvent;
use crate::workspace::WorkspaceEvent;

/// An event of the log, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the log.
    pub sequence: u64,
    /// When the server stored it, where that is known.
    pub stored_at: Option<Timestamp>,
    /// What happened.
    pub event: AnyEvent,
}

/// The same of each aggregate's envelope.
macro_rules! of_each {
    ($entry:expr, $event:ident => $value:expr) => {
        match &$entry.event {
            AnyEvent::Workspace($event) => $value,
            AnyEvent::User($event) => $value,
            AnyEvent::Node($event) => $value,
            AnyEvent::Claim($event) => $value,
        }
    };
}

impl Entry {
    /// Its id.
    pub fn id(&self) -> EventId {
        of_each!(self, event => event.id)
    }

    /// When it was decided.
    pub fn time(&self) -> Timestamp {
        of_each!(self, event => event.time)
    }

    /// When it came into the log, as far as is known: the server's time is in order, the time of
    /// a decision is its decider's.
    pub fn came_at(&self) -> Timestamp {
        self.stored_at.unwrap_or_else(|| self.time())
    }

    /// Who made it happen.
    pub fn actor(&self) -> &Actor {
        of_each!(self, event => &event.actor)
    }

    /// The request all of it follows from.
    pub fn correlation(&self) -> CorrelationId {
        of_each!(self, event => event.correlationid)
    }

    /// The event or command right before.
    pub fn causation(&self) -> Option<&str> {
        of_each!(self, event => event.causationid.as_deref())
    }

    /// The aggregate's id.
    pub fn subject(&self) -> &str {
        of_each!(self, event => &event.subject)
    }

    /// `nexus.<kind>.<name>.v<version>`.
    pub fn event_type(&self) -> &str {
        of_each!(self, event => &event.event_type)
    }

    /// The aggregate's kind.
    pub const fn kind(&self) -> Kind {
        match self.event {
            AnyEvent::Workspace(_) => Kind::Workspace,
            AnyEvent::User(_) => Kind::User,
            AnyEvent::Node(_) => Kind::Node,
            AnyEvent::Claim(_) => Kind::Claim,
        }
    }

    /// `<kind>.<name>`.
    pub fn name(&self) -> String {
        let name = of_each!(self, event => event.data.name());
        format!("{}.{name}", self.kind())
    }

    /// What happened, as JSON.
    pub fn data(&self) -> serde_json::Value {
        of_each!(self, event => serde_json::to_value(&event.data).unwrap_or_default())
    }

    /// The workspace it is about.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        match &self.event {
            AnyEvent::Workspace(event) => event.subject.parse().ok(),
            AnyEvent::Claim(event) => event.data.holder().workspace(),
            AnyEvent::User(_) | AnyEvent::Node(_) => None,
        }
    }

    /// The operation it begins, and the command that tells a worker of it.
    pub fn begins(&self) -> Option<(OperationId, CommandId)> {
        let AnyEvent::Workspace(event) = &self.event else {
            return None;
        };
        let operation = event.data.begins()?;
        Some((operation, CommandId::of_operation(operation)))
    }

    /// The operation it belongs to.
    pub fn operation(&self) -> Option<OperationId> {
        match &self.event {
            AnyEvent::Workspace(event) => event.data.operation(),
            AnyEvent::User(_) | AnyEvent::Node(_) | AnyEvent::Claim(_) => None,
        }
    }
}

impl WorkspaceEvent {
    /// The operation it begins.
    pub const fn begins(&self) -> Option<OperationId> {
        match self {
            Self::Requested { operation, .. }
            | Self::StartRequested { operation, .. }
            | Self::StopRequested { operation, .. }
            | Self::DeleteRequested { operation, .. }
            | Self::IdleDetected { operation, .. } => Some(operation.id),
            Self::Placed { .. }
            | Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::MachineReady { .. }
            | Self::RepositoryCloned { .. }
            | Self::ServiceChanged { .. }
            | Self::SshPortRefused { .. }
            | Self::SshPortMoved { .. }
            | Self::Ready { .. }
            | Self::Stopped { .. }
            | Self::Deleted { .. }
            | Self::Failed { .. }
            | Self::MachineExited { .. }
            | Self::ActivityObserved { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldReleased { .. }
            | Self::ResultIgnored { .. } => None,
        }
    }

    /// The operation it begins, goes on with or ends.
    pub const fn operation(&self) -> Option<OperationId> {
        match self {
            Self::Placed { operation, .. }
            | Self::StepStarted { operation, .. }
            | Self::StepSucceeded { operation, .. }
            | Self::StepFailed { operation, .. }
            | Self::MachineReady { operation, .. }
            | Self::RepositoryCloned { operation, .. }
            | Self::Ready { operation, .. }
            | Self::Stopped { operation, .. }
            | Self::Deleted { operation, .. }
            | Self::Failed { operation, .. }
            | Self::ResultIgnored { operation, .. } => Some(*operation),
            Self::Requested { .. }
            | Self::StartRequested { .. }
            | Self::StopRequested { .. }
            | Self::DeleteRequested { .. }
            | Self::IdleDetected { .. } => self.begins(),
            Self::ServiceChanged { .. }
            | Self::SshPortRefused { .. }
            | Self::SshPortMoved { .. }
            | Self::MachineExited { .. }
            | Self::ActivityObserved { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldReleased { .. } => None,
        }
    }

    /// Whether it ends its operation, and how, in a word.
    pub const fn ends(&self) -> Option<&'static str> {
        match self {
            Self::Ready { .. } => Some("ready"),
            Self::Stopped { .. } => Some("stopped"),
            Self::Deleted { .. } => Some("deleted"),
            Self::Failed { .. } => Some("failed"),
            Self::Requested { .. }
            | Self::StartRequested { .. }
            | Self::StopRequested { .. }
            | Self::DeleteRequested { .. }
            | Self::IdleDetected { .. }
            | Self::Placed { .. }
            | Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::MachineReady { .. }
            | Self::RepositoryCloned { .. }
            | Self::ServiceChanged { .. }
            | Self::SshPortRefused { .. }
            | Self::SshPortMoved { .. }
            | Self::MachineExited { .. }
            | Self::ActivityObserved { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldReleased { .. }
            | Self::ResultIgnored { .. } => None,
        }
    }
}
