//! Terminals of workspaces that start, stop and go.

use jiff::Timestamp;
use nexus_control_plane::commands::RequestContext;
use nexus_control_plane::identity::Identity;
use nexus_events::workspace::Report;

use crate::scene::Scene;
use crate::viewer::Viewer;

/// Ada's token counts no more.
pub(crate) async fn revoke(scene: &Scene) {
    let context = RequestContext::new(Timestamp::now());
    let revoked = scene
        .app
        .commands()
        .revoke_token(&Identity::Operator, scene.ada.token_id, &context)
        .await;
    revoked.expect("it is revoked");
    scene.settle().await;
}

async fn stop(scene: &Scene) {
    scene.ask_to_stop().await;
    scene.place().await;
    let at = Timestamp::now();
    scene.report(Report::Stopped { at }).await;
}

#[tokio::test]
async fn a_stopped_workspace_closes_its_terminals() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    stop(&scene).await;
    let (_, code, reason) = viewer.end().await;
    assert_eq!((code, reason.as_str()), (4001, "the workspace stopped"));
}

#[tokio::test]
async fn a_machine_that_goes_first_is_known_for_what_it_is() {
    let mut scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    scene.ask_to_stop().await;
    scene.init.kill();
    let (_, code, _) = viewer.end().await;
    assert_eq!(code, 4001);
}

#[tokio::test]
async fn a_deleted_workspace_closes_its_terminals() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    scene.ask_to_delete().await;
    scene.place().await;
    let at = Timestamp::now();
    scene.report(Report::Deleted { at }).await;
    let (_, code, reason) = viewer.end().await;
    assert_eq!((code, reason.as_str()), (4002, "the workspace is deleted"));
}

#[tokio::test]
async fn a_node_that_is_gone_is_told_from_a_workspace_that_is() {
    let mut scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    scene.init.kill();
    let (told, code, _) = viewer.end().await;
    assert_eq!(code, 4005);
    assert_eq!(told.last().expect("an error")["code"], "NETWORK_ERROR");
}

#[tokio::test]
async fn whoever_knocks_at_a_stopped_workspace_wakes_it_and_is_told() {
    let scene = Scene::start().await;
    stop(&scene).await;
    let mut viewer = Viewer::open(&scene, "/terminal/hello").await;
    let status = viewer.told().await;
    assert_eq!(status["type"], "status", "{status}");
    assert_eq!(status["message"], "Starting hello");
    // What is typed meanwhile is not lost.
    viewer.type_in("echo ty''ped-ahead\n").await;
    scene.bring_up().await;
    let attached = viewer.told().await;
    assert_eq!(attached["type"], "attached", "{attached}");
    viewer.until("typed-ahead").await;
}

#[tokio::test]
async fn a_start_that_fails_is_told() {
    use nexus_events::failure::{Failure, FailureCode};

    let scene = Scene::start().await;
    stop(&scene).await;
    let mut viewer = Viewer::open(&scene, "/terminal/hello").await;
    assert_eq!(viewer.told().await["type"], "status");
    scene.place().await;
    let failure = Failure::new(FailureCode::Capacity, "no room left", "make some");
    scene.report(Report::Failed { failure }).await;
    let (told, code, reason) = viewer.end().await;
    assert_eq!(code, 4001, "{told:?}");
    assert!(reason.contains("no room left"), "{reason}");
}

#[tokio::test]
async fn a_server_that_restarts_says_so() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    scene.stop.cancel();
    let (_, code, _) = viewer.end().await;
    assert_eq!(code, 1001);
}
