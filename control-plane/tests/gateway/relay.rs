//! A node nothing can reach but through the connection it made itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use nexus_events::id::WorkspaceId;
use nexus_nats::Role;
use nexus_nats::link::{Doors, LinkListen, LinkOptions, Links, Way, serve};
use nexus_nats::testing::TestServer;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use crate::scene::{Init, Scene, node};
use crate::viewer::Viewer;

struct OneDoor(PathBuf);

impl Doors for OneDoor {
    fn open(&self, _: WorkspaceId) -> BoxFuture<'_, io::Result<UnixStream>> {
        Box::pin(UnixStream::connect(&self.0))
    }
}

#[tokio::test]
async fn a_terminal_is_relayed() {
    let server = TestServer::start().await;
    let (plane, worker) = (server.bus().await, server.bus_as(Role::Worker).await);
    let (init, stop) = (Init::start().await, CancellationToken::new());
    let doors = Arc::new(OneDoor(init.socket()));
    let serving = serve(worker, node(), doors, LinkListen::nowhere(), stop.clone());
    let serving = tokio::spawn(serving);
    let only = Some(Way::Relay);
    let links = Links::on(&plane, LinkOptions { only });
    let scene = Scene::over(init, Arc::new(links)).await;

    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.type_in("echo far-$((1+1))\n").await;
    viewer.until("far-2").await;
    viewer.ack().await;
    viewer.type_in("seq 1 60000; echo ov''er\n").await;
    loop {
        let shown = viewer.until("\n").await;
        viewer.ack().await;
        if shown.contains("over\r\n") {
            break;
        }
    }
    stop.cancel();
    serving.await.expect("it ends");
}
