//! A world for one test: a log in memory, a fake engine, workers that come and go.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nexus_events::aggregate::{Aggregate as _, Kind};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{
    CommandId, CorrelationId, EventId, NodeId, OperationId, UserId, WorkspaceId,
};
use nexus_events::spec::{Provider, Repository as Source, ServiceSpec, WorkspaceSpec};
use nexus_events::upcast::decode;
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{
    Command, NewOperation, OperationKind, StopReason, Workspace, WorkspaceEvent,
};
use nexus_nats::{EventSubject, Filter, From, Log, Repository};
use nexus_workers::fake::{FakeEngine, FakeProvider};
use nexus_workers::ports::Ports;
use nexus_workers::runtime::{Output, Positions, Runtime, RuntimeOptions};
use tempfile::TempDir;
use uuid::Uuid;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) log: Log,
    pub(crate) engine: FakeEngine,
    pub(crate) node: NodeId,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(Log::memory())
    }

    pub(crate) fn over(log: Log) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = FakeEngine::in_folder(folder.path());
        // A server of a test has a user for its worker.
        let node = nexus_nats::testing::node();
        Self {
            log,
            engine,
            node,
            folder,
        }
    }

    /// The worker of this world's node, started (again).
    pub(crate) fn worker(&self) -> Runtime<FakeProvider> {
        self.worker_with(self.node, RuntimeOptions::default())
    }

    pub(crate) fn worker_with(
        &self,
        node: NodeId,
        options: RuntimeOptions,
    ) -> Runtime<FakeProvider> {
        let (output, mut heard) = Output::channel();
        tokio::spawn(async move { while heard.recv().await.is_some() {} });
        let positions = Positions::in_folder(self.folder.path().join("positions")).unwrap();
        let ports = Ports::with_services(IpAddr::V4(Ipv4Addr::LOCALHOST), 42_000..=42_999);
        let provider = FakeProvider::on(&self.engine);
        Runtime::new(
            provider,
            node,
            self.log.clone(),
            output,
            ports,
            positions,
            options,
        )
    }

    /// Somebody asks for a workspace with a repository and these services.
    pub(crate) async fn create(&self, services: &[(&str, u16)]) -> WorkCommand {
        self.create_with(services, None).await
    }

    pub(crate) async fn create_with(
        &self,
        services: &[(&str, u16)],
        ssh_port: Option<u16>,
    ) -> WorkCommand {
        self.request(services, ssh_port, operation()).await
    }

    /// The same, to be done within this time.
    pub(crate) async fn create_within(&self, limit: SignedDuration) -> WorkCommand {
        let mut operation = operation();
        operation.deadline = operation.at + limit;
        self.request(&[], None, operation).await
    }

    async fn request(
        &self,
        services: &[(&str, u16)],
        ssh_port: Option<u16>,
        operation: NewOperation,
    ) -> WorkCommand {
        let workspace = WorkspaceId::from_uuid(Uuid::now_v7());
        let command = Command::Request {
            owner: UserId::from_uuid(Uuid::now_v7()),
            name: "hello".parse().unwrap(),
            spec: Box::new(spec(services)),
            ssh_port,
            operation,
        };
        self.ask(workspace, command, OperationKind::Create).await
    }

    pub(crate) async fn start(&self, workspace: WorkspaceId) -> WorkCommand {
        let command = Command::Start {
            operation: operation(),
        };
        self.ask(workspace, command, OperationKind::Start).await
    }

    pub(crate) async fn stop(&self, workspace: WorkspaceId) -> WorkCommand {
        let operation = operation();
        let reason = StopReason::Person;
        self.ask(
            workspace,
            Command::Stop { operation, reason },
            OperationKind::Stop,
        )
        .await
    }

    pub(crate) async fn delete(&self, workspace: WorkspaceId) -> WorkCommand {
        let command = Command::Delete {
            operation: operation(),
        };
        self.ask(workspace, command, OperationKind::Delete).await
    }

    /// Appends what a person asked for, and makes the command the policy would.
    async fn ask(
        &self,
        workspace: WorkspaceId,
        command: Command,
        kind: OperationKind,
    ) -> WorkCommand {
        let sequence = self.tell(workspace, &command).await;
        let asked = self.command_of(workspace).await;
        assert_eq!((asked.sequence, asked.kind), (sequence, kind));
        asked
    }

    /// The command the policy would make of the operation in flight, whoever asked for it.
    pub(crate) async fn command_of(&self, workspace: WorkspaceId) -> WorkCommand {
        let snapshot = self.repository().load(&workspace).await.unwrap();
        let operation = snapshot.state.operation.clone().unwrap();
        let (kind, sequence) = (operation.kind, snapshot.sequence);
        WorkCommand {
            id: CommandId::derived(operation.id.to_string()),
            workspace,
            operation: operation.id,
            kind,
            epoch: operation.epoch,
            deadline: operation.deadline,
            provider: Provider::Fake,
            node: snapshot.state.node,
            cause: EventId::from_uuid(Uuid::now_v7()),
            correlation: CorrelationId::from_uuid(Uuid::now_v7()),
            actor: Actor::Operator,
            traceparent: None,
            workspace_state: snapshot.state,
            sequence,
            authorized_keys: vec!["ssh-ed25519 AAAAtest somebody".into()],
        }
    }

    /// Appends what `command` decides to; returns where.
    pub(crate) async fn tell(&self, workspace: WorkspaceId, command: &Command) -> u64 {
        let repository = self.repository();
        let snapshot = repository.load(&workspace).await.unwrap();
        let context = || Context {
            id: EventId::from_uuid(Uuid::now_v7()),
            at: Timestamp::now(),
            actor: Actor::Operator,
            correlation: CorrelationId::from_uuid(Uuid::now_v7()),
            causation: None,
            traceparent: None,
        };
        let decide = |state: &Workspace| state.decide(command);
        let outcome = repository
            .execute(&workspace, snapshot, decide, context)
            .await;
        outcome.unwrap().snapshot.sequence
    }

    pub(crate) fn repository(&self) -> Repository<Workspace> {
        Repository::new(self.log.clone())
    }

    pub(crate) async fn state(&self, workspace: WorkspaceId) -> Workspace {
        self.repository().load(&workspace).await.unwrap().state
    }

    pub(crate) async fn events(&self, workspace: WorkspaceId) -> Vec<WorkspaceEvent> {
        let subject = EventSubject::new(Kind::Workspace, &workspace).unwrap();
        let recorded = self.log.read_after(&subject, 0).await.unwrap();
        let event = |payload: &[u8]| -> Envelope<WorkspaceEvent> { decode(payload).unwrap() };
        recorded
            .iter()
            .map(|recorded| event(&recorded.payload).data)
            .collect()
    }

    /// Waits for an event about the workspace.
    pub(crate) async fn wait_for(
        &self,
        workspace: WorkspaceId,
        wanted: impl Fn(&WorkspaceEvent) -> bool,
    ) -> WorkspaceEvent {
        let subject = EventSubject::new(Kind::Workspace, &workspace).unwrap();
        let mut tail = self.log.tail(From::start(), Filter::Aggregate(subject));
        let found = async {
            loop {
                let batch = tail.batch(100, Duration::from_millis(1)).await.unwrap();
                for recorded in batch.events {
                    let event: Envelope<WorkspaceEvent> = decode(&recorded.payload).unwrap();
                    if wanted(&event.data) {
                        return event.data;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("the event comes")
    }
}

pub(crate) fn operation() -> NewOperation {
    let at = Timestamp::now();
    NewOperation {
        id: OperationId::from_uuid(Uuid::now_v7()),
        at,
        deadline: at + SignedDuration::from_mins(10),
    }
}

fn spec(services: &[(&str, u16)]) -> WorkspaceSpec {
    let mut spec = WorkspaceSpec::on(Provider::Fake);
    spec.repository = Some(Source {
        owner: "acme".parse().unwrap(),
        name: "hello".parse().unwrap(),
        url: "https://example.com/acme/hello.git".parse().unwrap(),
        branch: None,
    });
    for (name, port) in services {
        let service = ServiceSpec {
            command: "serve".into(),
            port: Some(*port),
            depends_on: Vec::new(),
            health_check: None,
            restart: Default::default(),
        };
        spec.services.insert(name.parse().unwrap(), service);
    }
    spec
}

/// Polls `future` at most so often, then drops it; gives its output when it came to an end.
pub(crate) async fn poll_at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    use std::task::Poll;
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Which events there are, by name.
pub(crate) fn names(events: &[WorkspaceEvent]) -> Vec<String> {
    use nexus_events::aggregate::EventData as _;
    events
        .iter()
        .map(|event| match event {
            WorkspaceEvent::StepStarted { step, .. } => format!("{step} started"),
            WorkspaceEvent::StepSucceeded { step, .. } => format!("{step} succeeded"),
            WorkspaceEvent::StepFailed { failure, .. } => {
                let step = failure.step.as_ref().map(ToString::to_string);
                format!("{} failed", step.unwrap_or_default())
            }
            WorkspaceEvent::ServiceChanged {
                service, status, ..
            } => format!("{service} {status:?}").to_lowercase(),
            other => other.name().to_owned(),
        })
        .collect()
}
