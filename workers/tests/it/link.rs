//! The gateway's way to init, through the worker or past it: the same protocol, end to end.

use std::io;
use std::sync::Arc;

use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::node::Heartbeat;
use nexus_init_protocol::{
    BoxFuture, Client, ClientError, ExecSpec, ExitOutcome, InitStream, Reach,
};
use nexus_nats::link::tls::{LinkKey, TlsListen};
use nexus_nats::link::{LinkListen, LinkOptions, LinkStream, Links, Way, serve};
use nexus_nats::testing::TestServer;
use nexus_nats::{Heartbeats, Log};
use nexus_workers::link::InitDoors;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// The way to one workspace.
#[derive(Debug)]
struct Line {
    links: Links,
    node: NodeId,
    workspace: WorkspaceId,
}

impl Reach for Line {
    fn open(&self) -> BoxFuture<'_, io::Result<InitStream>> {
        Box::pin(async move {
            match self.links.open(self.node, self.workspace).await {
                Ok(LinkStream::Direct(stream)) => Ok(InitStream::Unix(stream)),
                Ok(stream @ (LinkStream::Tls(_) | LinkStream::Relayed(_))) => {
                    Ok(InitStream::Other(Box::new(stream)))
                }
                Err(error) => Err(io::Error::other(error)),
            }
        })
    }
}

#[tokio::test]
async fn programs_are_run_over_the_link_while_the_workspace_runs() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let world = World::over(Log::on(&bus));
    let worker = world.worker();
    let create = world.create(&[]).await;
    worker.perform(&create, false).await;

    let folder = world.folder.path();
    let key = LinkKey::kept_in(&folder.join("link.key")).unwrap();
    let tls = TlsListen::at(([127, 0, 0, 1], 0).into(), None, &key).unwrap();
    let listen = LinkListen::at(&folder.join("link.sock"))
        .unwrap()
        .and_tls(tls);
    let stop = CancellationToken::new();
    let theirs = server.worker_bus().await;
    let heartbeat = Heartbeat {
        node: world.node,
        at: jiff::Timestamp::now(),
        running: Vec::new(),
        free_slots: 1,
        link: listen.addresses(),
    };
    Heartbeats::on(&theirs).beat(&heartbeat).await.unwrap();
    let doors = Arc::new(InitDoors::of(&worker));
    let serving = tokio::spawn(serve(theirs, world.node, doors, listen, stop.clone()));

    let clients = [Way::Direct, Way::Tls, Way::Relay].map(|way| {
        Client::over(Arc::new(Line {
            links: Links::on(&bus, LinkOptions::only(way)),
            node: world.node,
            workspace: create.workspace,
        }))
    });
    for client in &clients {
        for (program, code) in [("true", 0), ("false", 1)] {
            let ran = client.exec_to_end(&ExecSpec::new([program]), 10).await;
            assert_eq!(ran.unwrap().outcome, ExitOutcome::Exited { code });
        }
    }
    let stopping = world.stop(create.workspace).await;
    worker.perform(&stopping, false).await;
    for client in &clients {
        match client.exec_to_end(&ExecSpec::new(["true"]), 10).await {
            Err(ClientError::Connect { source, .. }) => {
                assert!(
                    source.to_string().contains("it does not run here"),
                    "{source}"
                );
            }
            other => panic!("nobody is there, not {other:?}"),
        }
    }
    stop.cancel();
    serving.await.unwrap();
}
