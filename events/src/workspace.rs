//! The workspace aggregate: what a person wants, what is so, and what is under way.
//!
//! ```text
//!            requested ─► provisioning ─► starting ─► running ◄──┐
//!                │              │             │          │       │ start
//!                └──────────────┴──────┬──────┘          │ stop, idle
//!                                      ▼                 ▼       │
//!      delete, from anywhere         failed          stopping ─► stopped
//!                └─► deleting ─► deleted
//! ```
//!
//! *Desired* and *observed* are apart: intent ([`Desired`]) may change at any moment, and the
//! newest intent wins. Each change of intent is an operation with an id, a deadline and an epoch,
//! one higher than the last; at most one is in flight, and a newer one supersedes it. A report is
//! believed only when it bears the operation and epoch in flight. A late one is recorded as
//! [`WorkspaceEvent::ResultIgnored`] and changes nothing, which is what makes a slow worker, a
//! redelivered command and a returned node harmless.

mod command;
mod decide;
mod event;
mod evolve;
mod rejection;
mod state;
mod step;

pub use command::{Command, NewOperation, Report};
pub use event::{MachineExit, StopReason, WorkspaceEvent};
pub use rejection::Rejection;
pub use state::{
    Activity, ActivitySource, Definition, Desired, Hold, Machine, Operation, OperationKind, Phase,
    ServiceState, ServiceStatus, Workspace,
};
pub use step::Step;

use crate::aggregate::{Aggregate, Decision, Kind};
use crate::id::WorkspaceId;

impl Aggregate for Workspace {
    const KIND: Kind = Kind::Workspace;
    type Id = WorkspaceId;
    type Event = WorkspaceEvent;
    type Command = Command;
    type Rejection = Rejection;

    fn decide(&self, command: &Command) -> Result<Decision<WorkspaceEvent>, Rejection> {
        decide::decide(self, command)
    }

    fn evolve(self, event: &WorkspaceEvent) -> Self {
        evolve::evolve(self, event)
    }
}
