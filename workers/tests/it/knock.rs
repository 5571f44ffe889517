//! Whoever connects to a stopped workspace wakes it, and is told so.

use std::net::{IpAddr, Ipv4Addr};

use nexus_events::envelope::{Actor, Envelope};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::WorkspaceId;
use nexus_events::upcast::decode;
use nexus_events::workspace::{Command, Phase, WorkspaceEvent};
use nexus_nats::{EventSubject, Filter, From};
use nexus_workers::fake::FakeProvider;
use nexus_workers::ports::Target;
use nexus_workers::runtime::Runtime;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::ports::{free_port, until_free};
use crate::world::{PATIENCE, World, names};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HELLO: &[u8] = b"SSH-2.0-client\r\n";

/// A workspace that was up and is stopped; its SSH port and its service's.
async fn stopped(world: &World, worker: &Runtime<FakeProvider>) -> (WorkspaceId, u16, u16) {
    let port = free_port().await;
    let create = world.create_with(&[("web", 8080)], Some(port)).await;
    let workspace = create.workspace;
    worker.perform(&create, false).await;
    let web = worker.ports().port_of(workspace, Target::Port(8080));
    let stop = world.stop(workspace).await;
    worker.perform(&stop, false).await;
    assert_eq!(world.state(workspace).await.phase, Phase::Stopped);
    (workspace, port, web.unwrap())
}

/// An SSH client up to its version string.
async fn ssh_client(port: u16) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect((LOCALHOST, port)).await.unwrap();
    stream.write_all(HELLO).await.unwrap();
    BufReader::new(stream)
}

async fn line(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let read = tokio::time::timeout(PATIENCE, client.read_line(&mut line)).await;
    read.expect("a line comes").unwrap();
    line
}

async fn started(world: &World, workspace: WorkspaceId) {
    let start = |event: &WorkspaceEvent| matches!(event, WorkspaceEvent::StartRequested { .. });
    world.wait_for(workspace, start).await;
}

fn starts(events: &[WorkspaceEvent]) -> usize {
    let names = names(events);
    names
        .iter()
        .filter(|name| *name == "start_requested")
        .count()
}

#[tokio::test]
async fn all_who_knock_share_one_start_and_are_told_how_far_it_is() {
    let world = World::new();
    let worker = world.worker();
    let (workspace, port, web) = stopped(&world, &worker).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(ssh_client(port).await);
    }
    let mut browser = TcpStream::connect((LOCALHOST, web)).await.unwrap();
    browser.write_all(b"GET / ").await.unwrap();
    browser.shutdown().await.unwrap();
    started(&world, workspace).await;
    assert_eq!(requester(&world, workspace).await, Actor::Node(world.node));
    for client in &mut clients {
        let mut said = line(client).await;
        while said.contains("looking for it") {
            said = line(client).await;
        }
        assert_eq!(said, "Nexus: starting hello ...\r\n");
    }
    let start = world.command_of(workspace).await;
    worker.perform(&start, false).await;
    for client in &mut clients {
        let mut said = line(client).await;
        while said.starts_with("Nexus: ") {
            said = line(client).await;
        }
        assert_eq!(said, "SSH-2.0-fake\r\n");
        assert_eq!(
            line(client).await,
            "SSH-2.0-client\r\n",
            "nothing it said is lost"
        );
    }
    let mut page = Vec::new();
    let read = tokio::time::timeout(PATIENCE, browser.read_to_end(&mut page)).await;
    read.expect("the page comes").unwrap();
    assert_eq!(page, b"GET / ", "nothing before what the service says");
    assert_eq!(starts(&world.events(workspace).await), 1);
}

/// Who asked for the last start.
async fn requester(world: &World, workspace: WorkspaceId) -> Actor {
    let subject = EventSubject::new(nexus_events::aggregate::Kind::Workspace, &workspace).unwrap();
    let mut tail = world.log.tail(From::start(), Filter::Aggregate(subject));
    loop {
        let batch = tail.batch(100, std::time::Duration::from_millis(1)).await;
        for recorded in batch.unwrap().events {
            let event: Envelope<WorkspaceEvent> = decode(&recorded.payload).unwrap();
            if matches!(event.data, WorkspaceEvent::StartRequested { .. }) {
                return event.actor;
            }
        }
    }
}

#[tokio::test]
async fn who_does_not_speak_ssh_wakes_nobody() {
    let world = World::new();
    let worker = world.worker();
    let (workspace, port, _) = stopped(&world, &worker).await;
    let mut scanner = TcpStream::connect((LOCALHOST, port)).await.unwrap();
    scanner.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, scanner.read_to_end(&mut answer)).await;
    // Closed with its words unread, so the kernel may call it a reset.
    let _closed = ended.expect("it is turned away");
    assert_eq!(answer, b"");
    let silent = TcpStream::connect((LOCALHOST, port)).await.unwrap();
    drop(silent);
    // Whoever does speak it comes after them.
    let mut client = ssh_client(port).await;
    line(&mut client).await;
    started(&world, workspace).await;
    assert_eq!(starts(&world.events(workspace).await), 1);
}

#[tokio::test]
async fn a_start_that_fails_is_told_with_its_reason() {
    let world = World::new();
    let worker = world.worker();
    let (workspace, port, _) = stopped(&world, &worker).await;
    let mut client = ssh_client(port).await;
    started(&world, workspace).await;
    let operation = world.state(workspace).await.operation.unwrap().id;
    let failure = Failure::new(FailureCode::Conflict, "no room\nSSH-2.0-evil", "make some");
    world
        .tell(workspace, &Command::Abandon { operation, failure })
        .await;
    let mut said = line(&mut client).await;
    while !said.contains("does not start") {
        assert!(said.starts_with("Nexus: "), "{said:?}");
        said = line(&mut client).await;
    }
    let words = "Nexus: hello does not start: no room SSH-2.0-evil; make some\r\n";
    assert_eq!(said, words, "on one line, whatever the cause holds");
    assert_eq!(line(&mut client).await, "", "then it ends");
}

#[tokio::test]
async fn a_worker_that_comes_back_listens_for_stopped_workspaces_too() {
    let world = World::new();
    let first = world.worker();
    let (workspace, port, web) = stopped(&world, &first).await;
    first.hand_back();
    drop(first);
    until_free(port).await;
    until_free(web).await;
    let second = world.worker();
    second.adopt().await.unwrap();
    assert_eq!(second.ports().port_of(workspace, Target::Ssh), Some(port));
    assert_eq!(
        second.ports().port_of(workspace, Target::Port(8080)),
        Some(web)
    );
    let mut client = ssh_client(port).await;
    started(&world, workspace).await;
    let start = world.command_of(workspace).await;
    second.perform(&start, false).await;
    while line(&mut client).await != "SSH-2.0-fake\r\n" {}
}
