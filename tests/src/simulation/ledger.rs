//! What must hold of the log, looked at event by event as each is stored.
//!
//! The states are folded by the product's own `evolve`, the rules are written here a second time:
//! a decider that breaks one is not asked whether it did.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use nexus_events::aggregate::Aggregate as _;
use nexus_events::claim::{ClaimEvent, ClaimId, Holder, KeyDigest};
use nexus_events::envelope::{Actor, Envelope};
use nexus_events::id::{OperationId, UserId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use nexus_events::upcast::{AnyEvent, decode_any};
use nexus_events::user::UserEvent;
use nexus_events::workspace::{NewOperation, Phase, Workspace, WorkspaceEvent as Event};
use nexus_nats::Recorded;

use super::virtually;

/// By how much an outcome may come after its deadline: everybody who could tell it may have been
/// cut off, slow and crashed by turns until then.
const LATE: i64 = 60;
/// By how much a clock that says that a workspace is idle may be wrong.
const WRONG: i64 = 7;

/// A rule that was broken, and what was seen.
pub(super) type Broken = (&'static str, String);

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A later one took its place.
    Superseded,
    /// It brought about what was wanted.
    Succeeded,
    /// It did not.
    Failed,
}

/// An operation that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) workspace: WorkspaceId,
    pub(super) end: Option<(End, Duration)>,
}

/// Everything the log says.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) last: u64,
    pub(super) workspaces: BTreeMap<WorkspaceId, Workspace>,
    pub(super) operations: HashMap<OperationId, Accepted>,
    pub(super) claims: BTreeMap<ClaimId, Option<Holder>>,
    /// The keys people have.
    pub(super) keys: BTreeSet<(ClaimId, Holder)>,
    /// Workspaces one of whose deletes failed.
    pub(super) undeleted: BTreeSet<WorkspaceId>,
}

impl Ledger {
    /// Takes the next event, stored `now`; gives a line about it for the trace.
    pub(super) fn take(&mut self, event: &Recorded, now: Duration) -> Result<String, Broken> {
        let Recorded {
            sequence, subject, ..
        } = event;
        if *sequence != self.last + 1 {
            let seen = format!("event {sequence} after event {}", self.last);
            return Err(("the log is contiguous", seen));
        }
        self.last = *sequence;
        let read = decode_any(subject.kind(), &event.payload);
        let read = read.map_err(|error| ("events can be read", format!("{subject}: {error}")))?;
        let what = match &read {
            AnyEvent::Workspace(event) => {
                self.workspace(event, now)?;
                format!(
                    "{} {}",
                    name_of(&event.event_type),
                    operation_of(&event.data)
                )
            }
            AnyEvent::Claim(event) => {
                self.claim(&event.subject, &event.data)?;
                name_of(&event.event_type).to_owned()
            }
            AnyEvent::User(event) => {
                self.user(&event.subject, &event.data)?;
                name_of(&event.event_type).to_owned()
            }
            AnyEvent::Node(event) => name_of(&event.event_type).to_owned(),
        };
        Ok(format!("{sequence} {} {what}", subject.id()))
    }

    /// The workspace of this name that is not deleted.
    pub(super) fn named(
        &self,
        owner: UserId,
        name: &WorkspaceName,
    ) -> Option<(WorkspaceId, &Workspace)> {
        self.workspaces
            .iter()
            .find(|(_, state)| is_named(state, owner, name))
            .map(|(id, state)| (*id, state))
    }

    /// Operations in flight.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = (WorkspaceId, &Workspace)> {
        self.workspaces
            .iter()
            .filter(|(_, state)| state.operation.is_some())
            .map(|(id, state)| (*id, state))
    }

    fn workspace(&mut self, event: &Envelope<Event>, now: Duration) -> Result<(), Broken> {
        let at = seconds();
        let id: WorkspaceId = match event.subject.parse() {
            Ok(id) => id,
            Err(error) => return Err(("events can be read", error.to_string())),
        };
        let state = self.workspaces.get(&id).cloned().unwrap_or_default();
        let sequence = self.last;
        let broken = |rule, what: &str| {
            let seen = format!(
                "{what}: event {sequence} ({}) of {id} in phase {:?}, epoch {}, operation {:?}",
                event.event_type,
                state.phase,
                state.epoch,
                state.operation.as_ref().map(|current| current.id)
            );
            Err::<(), Broken>((rule, seen))
        };
        match &event.data {
            Event::Requested {
                owner,
                name,
                ssh_port,
                operation,
                ..
            } => {
                if state.phase != Phase::Absent {
                    broken("a workspace is requested once", "requested again")?;
                }
                if let Some((other, _)) = self.named(*owner, name) {
                    broken("a name has one holder", &format!("{other} has {name}"))?;
                }
                if let Some(port) = ssh_port
                    && let Some(other) = self.with_port(*port)
                {
                    broken("a port has one holder", &format!("{other} has {port}"))?;
                }
                self.begin(id, &state, operation, 1)?;
            }
            Event::StartRequested {
                operation,
                epoch,
                supersedes,
            }
            | Event::StopRequested {
                operation,
                epoch,
                supersedes,
                ..
            }
            | Event::DeleteRequested {
                operation,
                epoch,
                supersedes,
            } => self.begin_after(id, &state, operation, *epoch, *supersedes, now)?,
            Event::IdleDetected {
                operation, epoch, ..
            } => {
                if state
                    .idle_at()
                    .is_none_or(|idle| idle.as_second() > at + WRONG)
                {
                    broken("only idle workspaces are stopped", "it was in use")?;
                }
                self.begin_after(id, &state, operation, *epoch, None, now)?;
            }
            Event::Placed {
                operation, epoch, ..
            } => {
                if !is_in_flight(&state, *operation, *epoch) {
                    broken("only what is in flight is worked on", "placed")?;
                }
                if state
                    .operation
                    .as_ref()
                    .is_some_and(|current| current.placed)
                {
                    broken("one worker takes an operation", "placed twice")?;
                }
            }
            Event::StepStarted {
                operation, epoch, ..
            }
            | Event::StepSucceeded {
                operation, epoch, ..
            }
            | Event::StepFailed {
                operation, epoch, ..
            }
            | Event::MachineReady {
                operation, epoch, ..
            }
            | Event::RepositoryCloned {
                operation, epoch, ..
            } => {
                if !is_in_flight(&state, *operation, *epoch) {
                    broken("only what is in flight is worked on", "a step")?;
                }
            }
            Event::Ready {
                operation, epoch, ..
            }
            | Event::Stopped {
                operation, epoch, ..
            }
            | Event::Deleted {
                operation, epoch, ..
            } => {
                if !is_in_flight(&state, *operation, *epoch) {
                    broken("an operation has one outcome", "an outcome")?;
                }
                self.end(*operation, End::Succeeded, now);
            }
            Event::Failed {
                operation, epoch, ..
            } => {
                if !is_in_flight(&state, *operation, *epoch) {
                    broken("an operation has one outcome", "an outcome")?;
                }
                self.end(*operation, End::Failed, now);
                if state.phase == Phase::Deleting {
                    self.undeleted.insert(id);
                }
            }
            Event::SshPortMoved { to, .. } => {
                if let Some(other) = self.with_port(*to) {
                    broken("a port has one holder", &format!("{other} has {to}"))?;
                }
            }
            Event::MachineExited { .. }
            | Event::ServiceChanged { .. }
            | Event::SshPortRefused { .. }
            | Event::ActivityObserved { .. }
            | Event::HoldPlaced { .. } => {
                if matches!(state.phase, Phase::Absent | Phase::Deleted) {
                    broken("what is deleted stays so", "something happened to it")?;
                }
            }
            Event::HoldReleased { .. } | Event::ResultIgnored { .. } => {}
        }
        let deadline = state.operation.as_ref().map(|current| current.deadline);
        let ends = matches!(
            event.data,
            Event::Ready { .. }
                | Event::Stopped { .. }
                | Event::Deleted { .. }
                | Event::Failed { .. }
        );
        if ends && deadline.is_some_and(|deadline| deadline.as_second() + LATE < at) {
            broken("an operation ends by its deadline", "it came too late")?;
        }
        if let (Actor::Node(who), Some(holder)) = (&event.actor, state.node)
            && *who != holder
            && !matches!(
                event.data,
                Event::ResultIgnored { .. } | Event::StartRequested { .. }
            )
        {
            broken(
                "its node alone tells of a workspace",
                &format!("{who} does"),
            )?;
        }
        self.workspaces.insert(id, state.evolve(&event.data));
        Ok(())
    }

    fn begin_after(
        &mut self,
        id: WorkspaceId,
        state: &Workspace,
        operation: &NewOperation,
        epoch: u64,
        supersedes: Option<OperationId>,
        now: Duration,
    ) -> Result<(), Broken> {
        let current = state.operation.as_ref().map(|current| current.id);
        if current != supersedes {
            let seen = format!("{id}: {} begins beside {current:?}", operation.id);
            return Err(("one operation is in flight", seen));
        }
        if matches!(state.phase, Phase::Absent | Phase::Deleted) {
            let seen = format!("{id}: {} begins", operation.id);
            return Err(("what is deleted stays so", seen));
        }
        if let Some(current) = current {
            self.end(current, End::Superseded, now);
        }
        self.begin(id, state, operation, epoch)
    }

    fn begin(
        &mut self,
        workspace: WorkspaceId,
        state: &Workspace,
        operation: &NewOperation,
        epoch: u64,
    ) -> Result<(), Broken> {
        if epoch != state.epoch + 1 {
            let seen = format!("{workspace}: epoch {epoch} after {}", state.epoch);
            return Err(("epochs count up by one", seen));
        }
        let accepted = Accepted {
            workspace,
            end: None,
        };
        match self.operations.insert(operation.id, accepted) {
            None => Ok(()),
            Some(other) => {
                let seen = format!("{} of {} and {workspace}", operation.id, other.workspace);
                Err(("an operation begins once", seen))
            }
        }
    }

    fn end(&mut self, operation: OperationId, end: End, now: Duration) {
        if let Some(accepted) = self.operations.get_mut(&operation) {
            accepted.end = Some((end, now));
        }
    }

    fn with_port(&self, port: u16) -> Option<WorkspaceId> {
        let has = |state: &Workspace| {
            let definition = state.definition.as_ref();
            let held = definition.and_then(|definition| definition.ssh_port);
            state.phase != Phase::Deleted && held == Some(port)
        };
        self.workspaces
            .iter()
            .find(|(_, state)| has(state))
            .map(|(id, _)| *id)
    }

    fn user(&mut self, id: &str, event: &UserEvent) -> Result<(), Broken> {
        let user: UserId = id
            .parse()
            .map_err(|error| ("events can be read", format!("{error}")))?;
        let holder = Holder::from(user);
        match event {
            UserEvent::KeyAdded { fingerprint, .. } => {
                let Some(key) = KeyDigest::of_fingerprint(fingerprint).map(ClaimId::Key) else {
                    return Err(("events can be read", format!("{user} has {fingerprint}")));
                };
                if self.claims.get(&key) != Some(&Some(holder)) {
                    let seen = format!("{user} has {key}, which is not claimed for them");
                    return Err(("a key is claimed before it lets in", seen));
                }
                self.keys.insert((key, holder));
            }
            UserEvent::KeyRemoved { fingerprint, .. } => {
                let key = KeyDigest::of_fingerprint(fingerprint).map(ClaimId::Key);
                self.keys
                    .retain(|(of, whose)| *whose != holder || Some(of) != key.as_ref());
            }
            UserEvent::Erased { .. } => self.keys.retain(|(_, whose)| *whose != holder),
            UserEvent::Registered { .. }
            | UserEvent::TokenIssued { .. }
            | UserEvent::TokenRevoked { .. }
            | UserEvent::CertificateIssued { .. }
            | UserEvent::CredentialsChanged { .. }
            | UserEvent::ScriptsChanged { .. } => {}
        }
        Ok(())
    }

    fn claim(&mut self, id: &str, event: &ClaimEvent) -> Result<(), Broken> {
        let id: ClaimId = id
            .parse()
            .map_err(|error| ("events can be read", format!("{error}")))?;
        let holder = self.claims.entry(id.clone()).or_default();
        match event {
            ClaimEvent::Claimed { .. } | ClaimEvent::KeyClaimed { .. } => {
                let claimant = event.holder();
                if let Some(other) = holder.filter(|other| *other != claimant) {
                    let seen = format!("{id} is claimed for {claimant}, and {other} has it");
                    return Err(("of several claimants one wins", seen));
                }
                *holder = Some(claimant);
            }
            ClaimEvent::Released { .. } | ClaimEvent::KeyReleased { .. } => {
                let claimant = event.holder();
                if *holder != Some(claimant) {
                    let seen = format!("{id} is released for {claimant}, and {holder:?} has it");
                    return Err(("only a holder lets go", seen));
                }
                *holder = None;
            }
        }
        Ok(())
    }
}

fn is_in_flight(state: &Workspace, operation: OperationId, epoch: u64) -> bool {
    let current = state.operation.as_ref();
    current.is_some_and(|current| current.id == operation && current.epoch == epoch)
}

fn is_named(state: &Workspace, owner: UserId, name: &WorkspaceName) -> bool {
    let definition = state.definition.as_ref();
    let named = definition.is_some_and(|it| it.owner == owner && it.name == *name);
    named && state.phase != Phase::Deleted
}

fn name_of(event_type: &str) -> &str {
    event_type.split('.').nth(2).unwrap_or(event_type)
}

/// The right time of day.
fn seconds() -> i64 {
    let now = virtually::wall().unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// The operation an event is about, and its step, for the trace.
fn operation_of(event: &Event) -> String {
    match event {
        Event::Requested { operation, .. }
        | Event::StartRequested { operation, .. }
        | Event::StopRequested { operation, .. }
        | Event::DeleteRequested { operation, .. }
        | Event::IdleDetected { operation, .. } => operation.id.to_string(),
        Event::Placed {
            operation, node, ..
        } => format!("{operation} on {node}"),
        Event::StepStarted {
            operation, step, ..
        }
        | Event::StepSucceeded {
            operation, step, ..
        } => format!("{operation} {step}"),
        Event::StepFailed {
            operation, failure, ..
        }
        | Event::Failed {
            operation, failure, ..
        } => format!("{operation} {}", failure.cause),
        Event::MachineReady { operation, .. }
        | Event::RepositoryCloned { operation, .. }
        | Event::Ready { operation, .. }
        | Event::Stopped { operation, .. }
        | Event::Deleted { operation, .. }
        | Event::ResultIgnored { operation, .. } => operation.to_string(),
        Event::ServiceChanged {
            service, status, ..
        } => format!("{service} {status:?}"),
        Event::SshPortRefused { port, .. } => port.to_string(),
        Event::SshPortMoved { from, to } => format!("{from} to {to}"),
        Event::MachineExited { exit, .. } => exit.cause.clone(),
        Event::ActivityObserved { source, .. } => format!("{source:?}"),
        Event::HoldPlaced { name, .. } | Event::HoldReleased { name, .. } => name.to_string(),
    }
}
