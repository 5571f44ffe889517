//! Ports of the node lead into workspaces through init.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use nexus_events::id::WorkspaceId;
use nexus_events::workspace::{Command, Phase, WorkspaceEvent};
use nexus_workers::fake::FakeProvider;
use nexus_workers::ports::{Ports, SocketDoor, Target};
use nexus_workers::runtime::{Runtime, RuntimeOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{PATIENCE, World};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) async fn free_port() -> u16 {
    TcpListener::bind((LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn ssh_and_services_are_reached_until_the_workspace_is_deleted() {
    let world = World::new();
    let worker = world.worker();
    let port = free_port().await;
    let create = world.create_with(&[("web", 8080)], Some(port)).await;
    worker.perform(&create, false).await;

    let mut ssh = TcpStream::connect((LOCALHOST, port)).await.unwrap();
    let mut greeting = [0; 14];
    ssh.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"SSH-2.0-fake\r\n");

    let mapped = worker
        .ports()
        .port_of(create.workspace, Target::Port(8080))
        .unwrap();
    let mut web = TcpStream::connect((LOCALHOST, mapped)).await.unwrap();
    web.write_all(b"ping").await.unwrap();
    web.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // The other direction stays open after one has ended.
    web.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"ping");

    let stop = world.stop(create.workspace).await;
    worker.perform(&stop, false).await;
    assert_eq!(
        worker.ports().port_of(create.workspace, Target::Ssh),
        Some(port),
        "whoever connects wakes it"
    );
    let delete = world.delete(create.workspace).await;
    worker.perform(&delete, false).await;
    assert_eq!(worker.ports().port_of(create.workspace, Target::Ssh), None);
    until_free(port).await;
    until_free(mapped).await;
}

#[tokio::test]
async fn an_open_connection_outlives_the_worker() {
    let world = World::new();
    let worker = world.worker();
    let port = free_port().await;
    let create = world.create_with(&[], Some(port)).await;
    worker.perform(&create, false).await;
    let mut ssh = TcpStream::connect((LOCALHOST, port)).await.unwrap();
    let mut greeting = [0; 14];
    ssh.read_exact(&mut greeting).await.unwrap();
    worker.hand_back();
    drop(worker);
    until_free(port).await;
    ssh.write_all(b"still there").await.unwrap();
    let mut echo = [0; 11];
    ssh.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"still there");
}

/// Waits until nobody listens there any more.
pub(crate) async fn until_free(port: u16) {
    let free = async {
        while TcpStream::connect((LOCALHOST, port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let freed = tokio::time::timeout(PATIENCE, free).await;
    freed.expect("nobody listens there any more");
}

#[tokio::test]
async fn a_taken_ssh_port_fails_the_start_and_names_it() {
    let world = World::new();
    let taken = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let create = world.create_with(&[], Some(port)).await;
    impatient(&world).perform(&create, false).await;
    let state = world.state(create.workspace).await;
    assert_eq!(state.phase, Phase::Failed);
    assert!(state.failure.unwrap().cause.contains(&port.to_string()));
}

/// A worker that waits for no other port.
fn impatient(world: &World) -> Runtime<FakeProvider> {
    let options = RuntimeOptions {
        port_patience: std::time::Duration::ZERO,
        ..RuntimeOptions::default()
    };
    world.worker_with(world.node, options)
}

/// Does what the control plane does about a port that was refused; the port it gives instead.
async fn give_another(world: &World, workspace: WorkspaceId, from: u16) -> u16 {
    let is_told = |event: &WorkspaceEvent| matches!(event, WorkspaceEvent::SshPortRefused { port, .. } if *port == from);
    world.wait_for(workspace, is_told).await;
    let to = free_port().await;
    world
        .tell(workspace, &Command::MoveSshPort { from, to })
        .await;
    to
}

async fn is_answered(port: u16) -> bool {
    let mut ssh = TcpStream::connect((LOCALHOST, port)).await.unwrap();
    let mut greeting = [0; 14];
    ssh.read_exact(&mut greeting).await.unwrap();
    &greeting == b"SSH-2.0-fake\r\n"
}

#[tokio::test]
async fn a_taken_ssh_port_is_told_and_the_start_goes_on_at_another() {
    let world = World::new();
    let taken = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let create = world.create_with(&[], Some(port)).await;
    let worker = world.worker();
    let (_, other) = tokio::join!(
        worker.perform(&create, false),
        give_another(&world, create.workspace, port)
    );
    let state = world.state(create.workspace).await;
    assert_eq!(state.phase, Phase::Running, "{:?}", state.failure);
    let open = worker.ports().port_of(create.workspace, Target::Ssh);
    assert_eq!(open, Some(other));
    assert!(is_answered(other).await);
}

#[tokio::test]
async fn a_command_that_comes_again_goes_by_the_port_the_log_has_since() {
    let world = World::new();
    let taken = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let create = world.create_with(&[], Some(port)).await;
    let first = world.worker();
    let other = tokio::select! {
        verdict = first.perform(&create, false) => panic!("it has no port: {verdict:?}"),
        other = give_another(&world, create.workspace, port) => other,
    };
    // Free by now, and perhaps somebody else's by claim.
    drop((first, taken));
    let second = world.worker();
    second.perform(&create, true).await;
    let open = second.ports().port_of(create.workspace, Target::Ssh);
    assert_eq!(open, Some(other));
}

#[tokio::test]
async fn a_port_that_was_taken_while_the_worker_was_away_is_moved_too() {
    let world = World::new();
    let port = free_port().await;
    let create = world.create_with(&[], Some(port)).await;
    let first = world.worker();
    first.perform(&create, false).await;
    first.hand_back();
    drop(first);
    until_free(port).await;
    let _taken = TcpListener::bind((LOCALHOST, port)).await.unwrap();
    let second = world.worker();
    let found = second.adopt().await.unwrap();
    assert_eq!(found.adopted, [create.workspace]);
    let other = give_another(&world, create.workspace, port).await;
    let opened = async {
        while second.ports().port_of(create.workspace, Target::Ssh) != Some(other) {
            tokio::task::yield_now().await;
        }
    };
    let opened = tokio::time::timeout(PATIENCE, opened).await;
    opened.expect("the worker that came back listens on the other port");
    assert!(is_answered(other).await);
}

#[tokio::test]
async fn a_service_passes_over_ports_that_are_taken() {
    let world = World::new();
    let taken = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let workspace = world.create(&[]).await.workspace;
    let ports = Ports::with_services(LOCALHOST, port..=port);
    let door = Arc::new(SocketDoor(world.folder.path().join("nobody.sock")));
    let error = ports
        .open_service(workspace, door.clone(), 80, None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&port.to_string()));
    drop(taken);
    let opened = ports
        .open_service(workspace, door.clone(), 80, None)
        .await
        .unwrap();
    assert_eq!(opened, port);
    let again = ports.open_service(workspace, door, 80, None).await.unwrap();
    assert_eq!(again, port, "asked for again it is the same");
}
