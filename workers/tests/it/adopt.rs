//! A worker that comes back finds what runs, what ended, and what nobody asked for.

use nexus_events::workspace::{MachineExit, Phase, ServiceStatus, WorkspaceEvent};
use nexus_init_protocol::ReportEvent;
use nexus_workers::conformance::{bring_up, small_spec};
use nexus_workers::fake::{Call, FakeProvider, Reaction};
use nexus_workers::provider::ErrorClass;

use tokio::net::TcpStream;

use crate::world::{PATIENCE, World};

#[tokio::test]
async fn a_running_workspace_is_watched_again() {
    let world = World::new();
    let first = world.worker();
    let create = world.create(&[("web", 8080)]).await;
    first.perform(&create, false).await;
    first.hand_back();
    drop(first);
    let known = &world.state(create.workspace).await.services[&"web".parse().unwrap()];
    let mapped = known.mapped_port.unwrap();
    let left = async {
        while TcpStream::connect(("127.0.0.1", mapped)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let left = tokio::time::timeout(PATIENCE, left).await;
    left.expect("the first worker's ports go with it");
    let second = world.worker();
    let found = second.adopt().await.unwrap();
    assert_eq!(found.adopted, [create.workspace]);
    let reached = async {
        while TcpStream::connect(("127.0.0.1", mapped)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    reached.expect("the port of the service leads there again");
    let init = world.engine.init(create.workspace).unwrap();
    init.report(ReportEvent::ServiceUnhealthy {
        service: "web".into(),
        cause: "ill".into(),
    });
    world
        .wait_for(create.workspace, |event| {
            matches!(
                event,
                WorkspaceEvent::ServiceChanged {
                    status: ServiceStatus::Unhealthy,
                    ..
                }
            )
        })
        .await;
    assert!(
        second.adopt().await.unwrap().adopted.is_empty(),
        "it is watched already"
    );
}

#[tokio::test]
async fn a_machine_that_ended_meanwhile_is_told() {
    let world = World::new();
    let first = world.worker();
    let create = world.create(&[]).await;
    first.perform(&create, false).await;
    first.hand_back();
    drop(first);
    let exit = MachineExit {
        code: Some(1),
        out_of_memory: false,
        cause: "it fell over".into(),
    };
    world.engine.crash(create.workspace, exit);
    let found = world.worker().adopt().await.unwrap();
    assert_eq!(found.ended, [create.workspace]);
    let state = world.state(create.workspace).await;
    assert_eq!(state.phase, Phase::Failed);
    assert_eq!(state.failure.unwrap().cause, "it fell over");
}

#[tokio::test]
async fn a_machine_that_comes_after_its_workspace_is_deleted_goes() {
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[]).await;
    worker.perform(&create, false).await;
    let delete = world.delete(create.workspace).await;
    worker.perform(&delete, false).await;
    assert_eq!(world.engine.machines().len(), 0);
    let mut spec = small_spec("late");
    spec.workspace = create.workspace;
    bring_up(&FakeProvider::on(&world.engine), &spec).await;
    let found = worker.adopt().await.unwrap();
    assert_eq!(found.removed, [create.workspace]);
    assert!(found.orphans.is_empty());
    assert_eq!(world.engine.machines().len(), 0);
}

#[tokio::test]
async fn a_late_machine_that_cannot_be_deleted_stops_no_comparison_and_goes_later() {
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[]).await;
    worker.perform(&create, false).await;
    let delete = world.delete(create.workspace).await;
    worker.perform(&delete, false).await;
    let mut spec = small_spec("late");
    spec.workspace = create.workspace;
    bring_up(&FakeProvider::on(&world.engine), &spec).await;
    let refused = Reaction::Fail(ErrorClass::Auth);
    world.engine.script(Call::Delete, refused);
    assert!(worker.adopt().await.unwrap().removed.is_empty());
    assert_eq!(world.engine.machines().len(), 1);
    assert_eq!(worker.adopt().await.unwrap().removed, [create.workspace]);
}

#[tokio::test]
async fn a_machine_nobody_asked_for_is_listed_and_left_alone() {
    let world = World::new();
    let spec = small_spec("orphan");
    bring_up(&FakeProvider::on(&world.engine), &spec).await;
    let found = world.worker().adopt().await.unwrap();
    assert_eq!(found.orphans.len(), 1);
    assert_eq!(found.orphans[0].workspace, spec.workspace);
    assert_eq!(world.engine.machines().len(), 1);
}
