//! A preview at several replicas: who was let in at one is at all, until they are shown out.

use std::net::SocketAddr;

use nexus_control_plane::app::{Options, Plane};
use nexus_control_plane::clock::Clock;
use nexus_control_plane::settings::Settings;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, api, ask, closed, cookie, host};
use crate::scene::{Scene, in_time, served};
use crate::service::Service;

/// Another replica of a scene's control plane, with a memory of its own.
struct Replica {
    address: SocketAddr,
    stop: CancellationToken,
    plane: Plane,
    _home: tempfile::TempDir,
}

impl Replica {
    async fn of(scene: &Scene) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let first = scene.app.settings();
        let settings = Settings {
            keys: first.keys.clone(),
            silence: first.silence,
            ..Settings::in_home(home.path())
        };
        let options = Options {
            settings,
            backbone: scene.backbone.clone(),
            clock: Clock::system(),
        };
        let plane = Plane::start(options).await.expect("it starts");
        let (app, stop) = (plane.app(), CancellationToken::new());
        app.caught_up().await;
        let (address, _) = served(&app, home.path(), &stop).await;
        Self {
            address,
            stop,
            plane,
            _home: home,
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.plane.shutdown().await;
    }
}

/// A browser's request at a replica.
async fn shown(scene: &Scene, at: SocketAddr, port: u16, cookie: &str, path: &str) -> Answer {
    let host = host(scene, port);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
    ask(at, &request).await
}

/// Waits until the cookie lets nobody in at a replica, which takes no second.
async fn shut(scene: &Scene, at: SocketAddr, port: u16, cookie: &str) {
    let refused = async { while shown(scene, at, port, cookie, "/").await.status != 401 {} };
    let soon = tokio::time::timeout(std::time::Duration::from_secs(1), refused);
    soon.await.expect("it is closed within a second");
}

#[tokio::test]
async fn who_was_let_in_at_one_replica_is_at_others_and_after_a_restart_until_it_is_closed() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let port = service.port;
    let other = Replica::of(&scene).await;
    let cookie = cookie(&scene, port).await;
    // A page asks for many things at once.
    let at_once = (0..20).map(|_| shown(&scene, other.address, port, &cookie, "/"));
    for answer in in_time(futures::future::join_all(at_once)).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let elsewhere = shown(&scene, other.address, port ^ 1, &cookie, "/").await;
    assert_eq!(elsewhere.status, 401, "it is of one preview");
    other.end().await;
    let started_again = Replica::of(&scene).await;
    let at = started_again.address;
    assert_eq!(shown(&scene, at, port, &cookie, "/").await.status, 200);

    let live = shown(&scene, at, port, &cookie, "/drip").await;
    assert_eq!(live.status, 200);
    let path = format!("/api/v1/workspaces/{}/previews/{port}", scene.workspace);
    let (status, _) = api(&scene, &scene.ada, "DELETE", &path, "").await;
    assert_eq!(status, 204);
    closed(live.stream).await;
    shut(&scene, at, port, &cookie).await;
    let here = shown(&scene, scene.address, port, &cookie, "/").await;
    assert_eq!(here.status, 401);
    let later = Replica::of(&scene).await;
    let there = shown(&scene, later.address, port, &cookie, "/").await;
    assert_eq!(there.status, 401, "a closing is not forgotten");

    let again = crate::client::cookie(&scene, port).await;
    assert_eq!(shown(&scene, at, port, &again, "/").await.status, 200);
    started_again.end().await;
    later.end().await;
}

#[tokio::test]
async fn a_revoked_token_ends_what_it_let_in_at_every_replica() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let port = service.port;
    let other = Replica::of(&scene).await;
    let cookie = cookie(&scene, port).await;
    let live = shown(&scene, other.address, port, &cookie, "/drip").await;
    assert_eq!(live.status, 200);
    let path = format!("/api/v1/tokens/{}", scene.ada.token_id);
    let (status, _) = api(&scene, &scene.ada, "DELETE", &path, "").await;
    assert!(status < 300, "{status}");
    closed(live.stream).await;
    shut(&scene, other.address, port, &cookie).await;
    let later = Replica::of(&scene).await;
    let there = shown(&scene, later.address, port, &cookie, "/").await;
    assert_eq!(there.status, 401, "nor is it let in anew");
    other.end().await;
    later.end().await;
}

#[tokio::test]
async fn a_cookie_nobody_was_let_in_with_is_refused_however_often_it_is_shown() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let cookie = cookie(&scene, service.port).await;
    let (name, _) = cookie.split_once('=').expect("a cookie");
    let guesses = (0..100).map(|guess| {
        let cookie = format!("{name}={}", guess % 50);
        let (scene, port) = (&scene, service.port);
        async move { shown(scene, scene.address, port, &cookie, "/").await.status }
    });
    let answers = in_time(futures::future::join_all(guesses)).await;
    assert!(answers.iter().all(|status| *status == 401), "{answers:?}");
    let honest = shown(&scene, scene.address, service.port, &cookie, "/").await;
    assert_eq!(honest.status, 200);
}
