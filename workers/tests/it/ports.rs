//! Ports of the node lead into workspaces through init.

use std::net::{IpAddr, Ipv4Addr};

use nexus_events::workspace::Phase;
use nexus_workers::ports::{Ports, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::World;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn free_port() -> u16 {
    TcpListener::bind((LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn ssh_and_services_are_reached_and_closed_with_the_machine() {
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
    assert_eq!(worker.ports().port_of(create.workspace, Target::Ssh), None);
}

#[tokio::test]
async fn a_taken_ssh_port_fails_the_start_and_names_it() {
    let world = World::new();
    let taken = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let create = world.create_with(&[], Some(port)).await;
    world.worker().perform(&create, false).await;
    let state = world.state(create.workspace).await;
    assert_eq!(state.phase, Phase::Failed);
    assert!(state.failure.unwrap().cause.contains(&port.to_string()));
}

#[tokio::test]
async fn a_service_passes_over_ports_that_are_taken() {
    let world = World::new();
    let taken = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let workspace = world.create(&[]).await.workspace;
    let ports = Ports::with_services(LOCALHOST, port..=port);
    let socket = world.folder.path().join("nobody.sock");
    let error = ports
        .open_service(workspace, socket.clone(), 80, None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&port.to_string()));
    drop(taken);
    let opened = ports
        .open_service(workspace, socket.clone(), 80, None)
        .await
        .unwrap();
    assert_eq!(opened, port);
    let again = ports
        .open_service(workspace, socket, 80, None)
        .await
        .unwrap();
    assert_eq!(again, port, "asked for again it is the same");
}
