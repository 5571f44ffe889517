//! A node on another host: terminals work the same over either way there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use nexus_events::id::WorkspaceId;
use nexus_events::node::Heartbeat;
use nexus_nats::Heartbeats;
use nexus_nats::link::tls::{LinkKey, TlsListen};
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
    a_terminal_goes_by(Way::Relay, LinkListen::nowhere()).await;
}

#[tokio::test]
async fn a_terminal_goes_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = LinkKey::kept_in(&folder.path().join("link.key")).expect("a key");
    let tls = TlsListen::at(([127, 0, 0, 1], 0).into(), None, &key).expect("a port");
    a_terminal_goes_by(Way::Tls, LinkListen::nowhere().and_tls(tls)).await;
}

async fn a_terminal_goes_by(way: Way, listen: LinkListen) {
    let server = TestServer::start().await;
    let (plane, worker) = (server.bus().await, server.worker_bus().await);
    let heartbeat = Heartbeat {
        node: node(),
        at: jiff::Timestamp::now(),
        running: Vec::new(),
        free_slots: 1,
        link: listen.addresses(),
    };
    let told = Heartbeats::on(&worker).beat(&heartbeat).await;
    told.expect("a heartbeat");
    let (init, stop) = (Init::start().await, CancellationToken::new());
    let doors = Arc::new(OneDoor(init.socket()));
    let serving = serve(worker, node(), doors, listen, stop.clone());
    let serving = tokio::spawn(serving);
    let links = Links::on(&plane, LinkOptions::only(way));
    let scene = Scene::over(init, Arc::new(links.clone())).await;

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
    assert_eq!(links.way(node()), Some(way));
    stop.cancel();
    serving.await.expect("it ends");
}
