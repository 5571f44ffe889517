//! What the tests append and queue.

use std::time::Duration;

use jiff::Timestamp;
use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{
    CommandId, CorrelationId, EventId, NodeId, OperationId, UserId, WorkspaceId,
};
use nexus_events::spec::Provider;
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{OperationKind, Workspace};
use nexus_nats::testing::TestServer;
use nexus_nats::{NewEvent, Role};
use uuid::Uuid;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::now_v7())
}

pub(crate) fn node() -> NodeId {
    NodeId::from_uuid(Uuid::now_v7())
}

pub(crate) fn claim() -> ClaimId {
    let owner = UserId::from_uuid(Uuid::now_v7());
    ClaimId::Name {
        owner,
        name: "sample".parse().unwrap(),
    }
}

pub(crate) fn context() -> Context {
    Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at: Timestamp::now(),
        actor: Actor::system("test"),
        correlation: CorrelationId::from_uuid(Uuid::now_v7()),
        causation: None,
        traceparent: None,
    }
}

pub(crate) fn event(claim: &ClaimId) -> NewEvent {
    let data = ClaimEvent::Claimed {
        workspace: workspace(),
        at: Timestamp::now(),
    };
    NewEvent::of(&Envelope::new(context(), claim, data)).unwrap()
}

pub(crate) fn command(workspace: WorkspaceId, node: Option<NodeId>) -> WorkCommand {
    WorkCommand {
        id: CommandId::from_uuid(Uuid::now_v7()),
        workspace,
        operation: OperationId::from_uuid(Uuid::now_v7()),
        kind: OperationKind::Create,
        epoch: 1,
        deadline: Timestamp::now(),
        provider: Provider::Fake,
        node,
        cause: EventId::from_uuid(Uuid::now_v7()),
        correlation: CorrelationId::from_uuid(Uuid::now_v7()),
        actor: Actor::Operator,
        traceparent: None,
        workspace_state: Workspace::default(),
        sequence: 7,
        authorized_keys: vec![],
    }
}

/// The answer, or a panic when it takes too long.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: too late"))
}

/// A client that is not ours, with the rights of the control plane.
pub(crate) async fn bare_client(server: &TestServer) -> async_nats::Client {
    bare_client_as(server, Role::ControlPlane).await
}

/// A client that is not ours, with the rights of `role`.
pub(crate) async fn bare_client_as(server: &TestServer, role: Role) -> async_nats::Client {
    let seed = std::fs::read_to_string(server.embedded().seed_file(role)).unwrap();
    async_nats::ConnectOptions::new()
        .nkey(seed.trim().to_owned())
        .custom_inbox_prefix(role.inbox())
        .connect(server.url())
        .await
        .unwrap()
}
