//! Telling the log about one workspace: one event after the other, each at most once.

use std::collections::HashSet;
use std::time::Duration;

use nexus_events::aggregate::Kind;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CommandId, CorrelationId, EventId, NodeId, WorkspaceId};
use nexus_events::workspace::{Command, Rejection, Workspace, WorkspaceEvent};
use nexus_nats::repository::{Effect, LoadError};
use nexus_nats::{
    AppendError, EventSubject, ExecuteError, Outcome, ReadError, Repository, Snapshot, clock,
};
use uuid::Uuid;

/// Between two attempts while the log is away.
const PAUSE: Duration = Duration::from_millis(250);

/// Why something could not be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// The workspace's rules forbid it: it came too late, or is somebody else's.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The log will never take it.
    #[error("telling the log about the workspace")]
    Refused(#[source] ExecuteError<Rejection>),
    /// Older events of the workspace cannot be read.
    #[error("reading what the log has of the workspace")]
    Unreadable(#[from] LoadError),
}

/// What led to the reports of one recorder.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) node: NodeId,
    pub(super) correlation: CorrelationId,
    pub(super) causation: Option<String>,
    pub(super) traceparent: Option<String>,
}

/// Tells the log about one workspace. It knows the state as of the last event it saw; whatever
/// others appended meanwhile is read when an append conflicts.
#[derive(Debug)]
pub(super) struct Recorder {
    workspaces: Repository<Workspace>,
    workspace: WorkspaceId,
    origin: Origin,
    snapshot: Snapshot<Workspace>,
    /// Events about this workspace that are stored already, as far as this recorder looked.
    told: HashSet<EventId>,
}

impl Recorder {
    pub(super) fn new(
        workspaces: Repository<Workspace>,
        workspace: WorkspaceId,
        origin: Origin,
        snapshot: Snapshot<Workspace>,
    ) -> Self {
        Self {
            workspaces,
            workspace,
            origin,
            snapshot,
            told: HashSet::new(),
        }
    }

    pub(super) fn state(&self) -> &Workspace {
        &self.snapshot.state
    }

    /// The same, for what follows from something else.
    pub(super) fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Reads what was told after `sequence`, so that an earlier delivery's reports are known.
    pub(super) async fn look_back(&mut self, sequence: u64) -> Result<(), RecordError> {
        let subject =
            EventSubject::new(Kind::Workspace, &self.workspace).map_err(LoadError::from)?;
        loop {
            match self.workspaces.log().read_after(&subject, sequence).await {
                Ok(events) => {
                    self.told.extend(events.iter().filter_map(|event| event.id));
                    return self.catch_up().await;
                }
                Err(ReadError::Unavailable { .. }) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(LoadError::from(error).into()),
            }
        }
    }

    /// Folds what others appended.
    pub(super) async fn catch_up(&mut self) -> Result<(), RecordError> {
        let snapshot = self
            .workspaces
            .catch_up(&self.workspace, self.snapshot.clone())
            .await?;
        self.snapshot = snapshot;
        Ok(())
    }

    /// Whether the state as of the last event seen admits `command`; tells nothing.
    pub(super) fn allows(&self, command: &Command) -> Result<(), RecordError> {
        decide(&self.snapshot.state, command)?;
        Ok(())
    }

    /// Tells the log what `command` decides to, once per `seed`. Waits while the log is away: a
    /// fact that is not stored is no fact, and the effect before it cannot be taken back.
    pub(super) async fn record(
        &mut self,
        seed: Option<String>,
        command: Command,
    ) -> Result<Option<WorkspaceEvent>, RecordError> {
        let id = match seed {
            Some(seed) => EventId::derived(seed),
            None => EventId::from_uuid(Uuid::now_v7()),
        };
        if self.told.contains(&id) {
            return Ok(None);
        }
        let context = self.context(id);
        loop {
            let decide = |state: &Workspace| decide(state, &command);
            let snapshot = self.snapshot.clone();
            let told = self
                .workspaces
                .execute(&self.workspace, snapshot, decide, || context.clone());
            match told.await {
                Ok(outcome) => return Ok(self.take(id, outcome)),
                Err(ExecuteError::Rejected(rejection)) => return Err(rejection.into()),
                Err(error) if is_temporary(&error) => {
                    tracing::warn!(%error, workspace = %self.workspace, "the log is away");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(RecordError::Refused(error)),
            }
        }
    }

    fn take(&mut self, id: EventId, outcome: Outcome<Workspace>) -> Option<WorkspaceEvent> {
        self.snapshot = outcome.snapshot;
        match outcome.effect {
            Effect::Appended { event, .. } => {
                self.told.insert(id);
                Some(event.data)
            }
            Effect::Nothing(_) => None,
        }
    }

    fn context(&self, id: EventId) -> Context {
        Context {
            id,
            at: clock::now(),
            actor: Actor::Node(self.origin.node),
            correlation: self.origin.correlation,
            causation: self.origin.causation.clone(),
            traceparent: self.origin.traceparent.clone(),
        }
    }
}

impl Origin {
    /// For what follows from no command: an exit, activity, a service's health.
    pub(super) fn unasked(node: NodeId) -> Self {
        Self {
            node,
            correlation: CorrelationId::from_uuid(Uuid::now_v7()),
            causation: None,
            traceparent: None,
        }
    }

    /// The command whose reports these are.
    pub(super) fn of_command(
        node: NodeId,
        correlation: CorrelationId,
        command: CommandId,
        traceparent: Option<String>,
    ) -> Self {
        Self {
            node,
            correlation,
            causation: Some(command.to_string()),
            traceparent,
        }
    }
}

fn decide(
    state: &Workspace,
    command: &Command,
) -> Result<nexus_events::aggregate::Decision<WorkspaceEvent>, Rejection> {
    use nexus_events::aggregate::Aggregate as _;
    state.decide(command)
}

fn is_temporary(error: &ExecuteError<Rejection>) -> bool {
    match error {
        ExecuteError::Append(AppendError::Unavailable { .. } | AppendError::Ambiguous { .. })
        | ExecuteError::Load(LoadError::Read(ReadError::Unavailable { .. }))
        | ExecuteError::Contended { .. } => true,
        ExecuteError::Append(AppendError::Refused { .. } | AppendError::IdTaken { .. })
        | ExecuteError::Load(_)
        | ExecuteError::Encode(_)
        | ExecuteError::Rejected(_) => false,
    }
}
