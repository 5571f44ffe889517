//! Over a real server: commands are taken, and acked after their outcome.

use std::time::Duration;

use nexus_events::id::NodeId;
use nexus_events::workspace::{Phase, WorkspaceEvent};
use nexus_nats::testing::TestServer;
use nexus_nats::{CommandQueue, Log, Published};
use nexus_workers::fake::{Call, FakeProvider, Reaction};
use nexus_workers::runtime::{Runtime, RuntimeOptions};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{PATIENCE, World};

struct Plane {
    server: TestServer,
    world: World,
    queue: CommandQueue,
}

impl Plane {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let bus = server.bus().await;
        let world = World::over(Log::on(&bus));
        let queue = CommandQueue::on(&bus);
        Self {
            server,
            world,
            queue,
        }
    }

    /// A worker with a worker's rights, taking commands until `stop`.
    async fn worker(&self, stop: &CancellationToken) -> Runtime<FakeProvider> {
        self.worker_and_its_end(stop).await.0
    }

    async fn worker_and_its_end(
        &self,
        stop: &CancellationToken,
    ) -> (Runtime<FakeProvider>, JoinHandle<()>) {
        let bus = self.server.worker_bus().await;
        let world = World {
            log: Log::on(&bus),
            engine: self.world.engine.clone(),
            node: self.world.node,
            folder: tempfile::tempdir().unwrap(),
        };
        let options = RuntimeOptions {
            shutdown_grace: Duration::from_millis(50),
            ..RuntimeOptions::default()
        };
        let runtime = world.worker_with(world.node, options);
        let queues = runtime.queues(&CommandQueue::on(&bus)).await.unwrap();
        let (consuming, stop) = (runtime.clone(), stop.clone());
        let end = tokio::spawn(async move {
            let _kept = world;
            consuming.consume(queues, stop).await;
        });
        (runtime, end)
    }

    async fn wait_until_answered(&self, workspace: nexus_events::id::WorkspaceId) {
        let answered = async {
            while self.queue.pending(workspace).await.unwrap().is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, answered)
            .await
            .expect("the command is answered");
    }
}

#[tokio::test]
async fn a_command_is_acked_once_its_outcome_is_stored() {
    let plane = Plane::start().await;
    let stop = CancellationToken::new();
    let create = plane.world.create(&[]).await;
    assert_eq!(
        plane.queue.publish(&create).await.unwrap(),
        Published::Queued
    );
    let _worker = plane.worker(&stop).await;
    plane
        .world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::Ready { .. })
        })
        .await;
    plane.wait_until_answered(create.workspace).await;
    let delete = plane.world.delete(create.workspace).await;
    assert_eq!(
        plane.queue.publish(&delete).await.unwrap(),
        Published::Queued
    );
    plane.wait_until_answered(create.workspace).await;
    assert_eq!(
        plane.world.state(create.workspace).await.phase,
        Phase::Deleted
    );
    stop.cancel();
}

/// It is told again by name should it have died; whoever has room would only delay that.
#[tokio::test]
async fn what_another_node_has_is_left_to_it_at_once() {
    let plane = Plane::start().await;
    let stop = CancellationToken::new();
    plane
        .world
        .engine
        .script(Call::Start, Reaction::HangAfterEffect);
    let create = plane.world.create(&[]).await;
    let other = NodeId::from_uuid(Uuid::now_v7());
    let busy = plane.world.worker_with(other, RuntimeOptions::default());
    let working = {
        let create = create.clone();
        tokio::spawn(async move { busy.perform(&create, false).await })
    };
    plane
        .world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::Placed { .. })
        })
        .await;
    plane.queue.publish(&create).await.unwrap();
    let _worker = plane.worker(&stop).await;
    let answered = plane.wait_until_answered(create.workspace);
    tokio::time::timeout(Duration::from_secs(5), answered)
        .await
        .expect("at once");
    assert_eq!(plane.world.state(create.workspace).await.node, Some(other));
    working.abort();
    stop.cancel();
}

#[tokio::test]
async fn what_a_worker_hands_back_the_next_one_finishes() {
    let plane = Plane::start().await;
    let stop = CancellationToken::new();
    plane
        .world
        .engine
        .script(Call::Start, Reaction::HangAfterEffect);
    let create = plane.world.create(&[]).await;
    plane.queue.publish(&create).await.unwrap();
    let _first = plane.worker(&stop).await;
    plane
        .world
        .engine
        .called(Call::Start, create.workspace)
        .await;
    stop.cancel();
    let _second = plane.worker(&CancellationToken::new()).await;
    plane
        .world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::Ready { .. })
        })
        .await;
    plane.wait_until_answered(create.workspace).await;
    assert_eq!(plane.world.engine.made(), 1);
}

#[tokio::test]
async fn a_worker_ends_in_time_although_the_log_is_away() {
    let plane = Plane::start().await;
    let stop = CancellationToken::new();
    plane
        .world
        .engine
        .script(Call::Start, Reaction::WaitForPoke);
    let create = plane.world.create(&[]).await;
    plane.queue.publish(&create).await.unwrap();
    let (_worker, end) = plane.worker_and_its_end(&stop).await;
    plane
        .world
        .engine
        .called(Call::Start, create.workspace)
        .await;
    plane.server.kill();
    plane.world.engine.poke();
    stop.cancel();
    tokio::time::timeout(PATIENCE, end)
        .await
        .expect("it ends")
        .unwrap();
    plane.server.restart().await;
    let _second = plane.worker(&CancellationToken::new()).await;
    plane
        .world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::Ready { .. })
        })
        .await;
    assert_eq!(plane.world.engine.made(), 1);
}
