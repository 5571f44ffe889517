//! From an event to what a worker is told.

use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_events::spec::Provider;
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{OperationKind, Phase};
use nexus_nats::testing::TestServer;
use nexus_nats::{CommandQueue, Route};

use crate::world::{World, public_key};

async fn told(world: &World) -> WorkCommand {
    let mut told = Vec::new();
    world
        .until("a command is queued", || {
            told.extend(world.backbone.dispatch.drain());
            !told.is_empty()
        })
        .await;
    assert_eq!(told.len(), 1);
    told.remove(0)
}

#[tokio::test]
async fn a_create_reaches_a_worker_with_the_owners_keys() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    let command = told(&world).await;
    assert_eq!(
        (command.workspace, command.operation),
        (created.workspace, created.operation)
    );
    assert_eq!((command.kind, command.node), (OperationKind::Create, None));
    assert_eq!(command.sequence, created.sequence);
    assert_eq!(command.authorized_keys, [public_key(1)]);
}

#[tokio::test]
async fn what_was_never_placed_is_gone_without_a_worker_and_its_name_is_free() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    told(&world).await;
    let workspace = WorkspaceRef::Id(created.workspace);
    let context = world.context();
    world
        .app
        .commands()
        .delete_workspace(&ada, &workspace, &context)
        .await
        .unwrap();
    let phase = || world.view(&ada, created.workspace).phase;
    world
        .until("it is deleted", || phase() == Phase::Deleted)
        .await;
    assert_eq!(world.backbone.dispatch.drain(), [], "no worker is told");
    let again = world.create(&ada, "hello").await;
    assert_ne!(again.workspace, created.workspace);
}

#[tokio::test]
async fn a_stop_goes_to_the_node_that_holds_the_machine() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    told(&world).await;
    world.bring_up(created.workspace, node).await;
    assert_eq!(world.view(&ada, created.workspace).phase, Phase::Running);
    let workspace = WorkspaceRef::Id(created.workspace);
    world
        .app
        .commands()
        .stop_workspace(&ada, &workspace, &world.context())
        .await
        .unwrap();
    let command = told(&world).await;
    assert_eq!(
        (command.kind, command.node),
        (OperationKind::Stop, Some(node))
    );
    assert_eq!(command.workspace_state.machine.unwrap().handle, "h");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_pulls_what_the_policy_queued() {
    let server = TestServer::start().await;
    let world = World::over(Backbone::on(&server.bus().await)).await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let queue = CommandQueue::on(&server.worker_bus().await);
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let created = world.create(&ada, "hello").await;
    let delivery = consumer.next().await.unwrap();
    assert_eq!(delivery.command().workspace, created.workspace);
    delivery.done().await.unwrap();
    world.plane.shutdown().await;
}
