//! Two planes over one log, each with a home of its own: what they derive is the same.

use nexus_control_plane::app::StartError;
use nexus_control_plane::app::{Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::projections::digest;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_control_plane::settings::Settings;
use nexus_events::spec::Provider;
use nexus_nats::testing::TestServer;

use crate::world::World;

/// One world, and another over the same log with the same keys.
pub(crate) async fn two(backbone: Backbone) -> (World, World) {
    let one = World::over(backbone.clone()).await;
    let keys = one.home.path().to_owned();
    let other = World::with(backbone, |settings| settings.keys = keys).await;
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_rebuilt_have_equal_digests() {
    let server = TestServer::start().await;
    let (one, other) = two(Backbone::on(&server.bus().await)).await;
    let ada = one.person("ada", 1).await;
    let node = one.node(Provider::Fake).await;
    other.settle().await;
    let created = other.create(&ada, "hello").await;
    one.settle().await;
    one.bring_up(created.workspace, node).await;
    other.settle().await;
    let workspace = WorkspaceRef::Id(created.workspace);
    let context = other.context();
    other
        .app
        .commands()
        .stop_workspace(&ada, &workspace, &context)
        .await
        .unwrap();
    for world in [&one, &other] {
        world.settle().await;
        world.app.rebuild().await.unwrap();
    }
    let mut digests = Vec::new();
    for world in [one, other] {
        // Whatever policies have appended since.
        world.settle().await;
        let file = Settings::in_home(world.home.path()).read_model();
        let home = world.home;
        world.plane.shutdown().await;
        digests.push(digest::of_file(&file).unwrap());
        drop(home);
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn a_person_of_one_replica_is_the_same_at_the_other() {
    let (one, other) = two(Backbone::memory()).await;
    let ada = one.person("ada", 1).await;
    other.settle().await;
    let again = other.person("ada", 1).await;
    assert_eq!(ada.user(), again.user(), "derived from the same key");
}

#[tokio::test]
async fn a_replica_with_other_keys_does_not_start() {
    let one = World::in_memory().await;
    let home = tempfile::tempdir().unwrap();
    let options = Options {
        settings: Settings::in_home(home.path()),
        backbone: one.backbone.clone(),
        clock: one.clock.clone(),
    };
    let refused = Plane::start(options).await.unwrap_err();
    assert!(matches!(refused, StartError::SharedKeys(_)), "{refused:?}");
}
