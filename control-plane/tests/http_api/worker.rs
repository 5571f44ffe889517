//! What a worker reports of a workspace that comes up.

use nexus_events::id::{NodeId, OperationId, WorkspaceId};
use nexus_events::workspace::{Machine, ServiceStatus, WorkspaceEvent};

use crate::server::{Server, noon};

/// The node every test's server has.
pub(crate) fn node() -> NodeId {
    NodeId::derived("the node")
}

/// Brings up a workspace requested at `requested`; gives the operation that did.
pub(crate) async fn bring_up(server: &Server, id: &str, requested: u64) -> OperationId {
    server.visible(requested).await;
    let workspace: WorkspaceId = id.parse().expect("an id");
    let page = server
        .operator()
        .get(&format!("/api/v1/workspaces/{id}/operations"))
        .await;
    let operation = page.body["items"][0]["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("an id");
    let mut last = requested;
    for event in events(operation) {
        last = server.append(last, workspace, event).await;
    }
    operation
}

fn events(operation: OperationId) -> Vec<WorkspaceEvent> {
    let epoch = 1;
    let service = |name: &str, port, mapped| WorkspaceEvent::ServiceChanged {
        epoch,
        service: name.parse().expect("a name"),
        status: ServiceStatus::Running,
        port: Some(port),
        mapped_port: Some(mapped),
        cause: None,
    };
    let (commit, branch) = ("abc123def456".into(), "main".into());
    vec![
        WorkspaceEvent::Placed {
            operation,
            epoch,
            node: node(),
        },
        WorkspaceEvent::MachineReady {
            operation,
            epoch,
            machine: machine(),
        },
        WorkspaceEvent::RepositoryCloned {
            operation,
            epoch,
            commit,
            branch,
        },
        service("web", 3000, 23_000),
        service("api", 4000, 23_001),
        WorkspaceEvent::Ready {
            operation,
            epoch,
            at: noon(),
            partial: false,
            duration_ms: 5,
        },
    ]
}

fn machine() -> Machine {
    Machine {
        handle: "1".into(),
        image: "base".into(),
        host_key: None,
        user: "dev".into(),
        home: "/home/dev".into(),
        directory: "/home/dev/workspace".into(),
    }
}
