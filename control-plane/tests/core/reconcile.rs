//! Reconcilers, with a clock that is handed in: each run twice, the second time to no effect.

use nexus_control_plane::queries::WorkspaceRef;
use nexus_events::failure::FailureCode;
use nexus_events::node::NodeStatus;
use nexus_events::spec::Provider;
use nexus_events::view::OperationState;
use nexus_events::workspace::{OperationKind, Phase};
use nexus_nats::Route;

use crate::world::{World, new_workspace};

#[tokio::test]
async fn an_overdue_operation_fails_with_cause_and_hint() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    let reconciler = world.app.reconciler();
    let now = world.advance(60);
    assert_eq!(reconciler.overdue_operations(now).await.unwrap(), 0);
    let now = world.advance(30 * 60);
    // The driver's own timer may have been first; between the two it is done once.
    reconciler.overdue_operations(now).await.unwrap();
    world.settle().await;
    assert_eq!(reconciler.overdue_operations(now).await.unwrap(), 0);
    let view = world.view(&ada, created.workspace);
    let failure = view.failure.unwrap();
    assert_eq!(
        (view.phase, failure.code),
        (Phase::Failed, FailureCode::Timeout)
    );
    assert!(failure.hint.contains("nexus node list"), "{failure:?}");
    let operation = world
        .app
        .queries()
        .operation(&ada, created.operation)
        .unwrap();
    assert_eq!(operation.state, OperationState::Failed);
}

#[tokio::test]
async fn a_workspace_nobody_uses_is_stopped_after_ten_minutes() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    world.bring_up(created.workspace, node).await;
    let reconciler = world.app.reconciler();
    let now = world.advance(599);
    assert_eq!(reconciler.idle_workspaces(now).await.unwrap(), 0);
    let now = world.advance(2);
    reconciler.idle_workspaces(now).await.unwrap();
    world.settle().await;
    assert_eq!(reconciler.idle_workspaces(now).await.unwrap(), 0);
    let view = world.view(&ada, created.workspace);
    assert_eq!(view.phase, Phase::Stopping);
    let operation = view.operation.unwrap();
    assert_eq!(operation.kind, OperationKind::Stop);
    let operation = world.app.queries().operation(&ada, operation.id).unwrap();
    assert_eq!(operation.reason, "idle");
}

#[tokio::test]
async fn what_is_used_stays_up() {
    use nexus_events::workspace::ActivitySource;
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    world.bring_up(created.workspace, node).await;
    world.advance(500);
    let workspace = WorkspaceRef::Id(created.workspace);
    let (commands, context) = (world.app.commands(), world.context());
    let source = ActivitySource::Exec;
    commands
        .observe_activity(&ada, &workspace, source, &context)
        .await
        .unwrap();
    world.settle().await;
    let now = world.advance(500);
    assert_eq!(
        world.app.reconciler().idle_workspaces(now).await.unwrap(),
        0
    );
    assert_eq!(world.view(&ada, created.workspace).phase, Phase::Running);
}

#[tokio::test]
async fn a_silent_node_is_lost_its_operations_fail_and_it_may_return() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    world.beat(node);
    let created = world.create(&ada, "hello").await;
    world.bring_up(created.workspace, node).await;
    let status = || world.app.queries().node(&ada, node).unwrap().status;
    let reconciler = world.app.reconciler();

    let now = world.advance(10);
    reconciler.lost_nodes(now).await.unwrap();
    assert_eq!(status(), NodeStatus::Online);
    let now = world.advance(10);
    reconciler.lost_nodes(now).await.unwrap();
    world.settle().await;
    assert_eq!(status(), NodeStatus::Lost);
    assert!(
        world.view(&ada, created.workspace).unknown,
        "nobody can say how it is"
    );

    let workspace = WorkspaceRef::Id(created.workspace);
    world
        .app
        .commands()
        .stop_workspace(&ada, &workspace, &world.context())
        .await
        .unwrap();
    world.settle().await;
    let now = world.advance(61);
    reconciler.lost_nodes(now).await.unwrap();
    world.settle().await;
    let view = world.view(&ada, created.workspace);
    assert_eq!(view.failure.unwrap().code, FailureCode::NodeLost);

    world.beat(node);
    reconciler.lost_nodes(now).await.unwrap();
    world.settle().await;
    assert_eq!(status(), NodeStatus::Online);
    assert!(!world.view(&ada, created.workspace).unknown);
}

#[tokio::test]
async fn a_command_that_got_lost_is_told_again() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    let dispatch = &world.backbone.dispatch;
    let mut told = Vec::new();
    world
        .until("the policy queues it", || {
            told.extend(dispatch.drain());
            !told.is_empty()
        })
        .await;
    let reconciler = world.app.reconciler();
    assert_eq!(
        reconciler
            .undelivered_commands(world.clock.now())
            .await
            .unwrap(),
        0,
        "too young"
    );
    let now = world.advance(2);
    reconciler.undelivered_commands(now).await.unwrap();
    let again = dispatch.drain();
    assert_eq!(again.len(), 1);
    assert_eq!(
        (again[0].id, again[0].operation),
        (told[0].id, created.operation)
    );
    assert_eq!(again[0].authorized_keys, told[0].authorized_keys);
}

#[tokio::test]
async fn a_command_that_is_stuck_makes_way_for_itself() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    let dispatch = &world.backbone.dispatch;
    let mut consumer = dispatch.consumer(Provider::Fake, Route::Any).await.unwrap();
    let taken = consumer.next().await.unwrap();
    let stuck = dispatch.pending(created.workspace).await.unwrap().unwrap();
    let reconciler = world.app.reconciler();
    let soon = stuck.since + jiff::SignedDuration::from_secs(10);
    assert_eq!(reconciler.undelivered_commands(soon).await.unwrap(), 0);
    let late = stuck.since + jiff::SignedDuration::from_secs(30);
    assert_eq!(reconciler.undelivered_commands(late).await.unwrap(), 1);
    let again = dispatch.pending(created.workspace).await.unwrap().unwrap();
    assert!(again.sequence > stuck.sequence);
    assert_eq!(again.id, Some(taken.command().id));
}

#[tokio::test]
async fn a_claim_whose_workspace_never_came_is_released() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    world.create(&ada, "here").await;
    let kept = world.held().await;
    // What a server that ends between the claims and the request leaves behind.
    world.claim_only(&ada, "never").await;
    assert_eq!(world.held().await.len(), kept.len() + 1);
    let reconciler = world.app.reconciler();
    let now = world.advance(60);
    assert_eq!(
        reconciler.orphan_claims(now).await.unwrap(),
        0,
        "its request may still come"
    );
    let now = world.advance(120);
    reconciler.orphan_claims(now).await.unwrap();
    assert_eq!(world.held().await, kept);
    let context = world.context();
    let created = world
        .app
        .commands()
        .create_workspace(&ada, new_workspace("never"), None, &context)
        .await;
    assert!(created.is_ok(), "the name is free again");
}
