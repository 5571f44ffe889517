//! The direct way: a connected socket is handed over, and nobody is between any more.

use nexus_events::node::LinkAddress;
use nexus_nats::Role;
use nexus_nats::link::{
    LinkError, LinkListen, LinkOptions, LinkStream, Links, Way, serve, this_host,
};
use nexus_nats::testing::other_node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::world::{TestDoors, World, node, running, stopped, tell};
use crate::sample::soon;

#[tokio::test]
async fn a_stream_goes_on_without_the_worker_and_without_nats() {
    let mut world = World::direct(LinkOptions::default()).await;
    let (mut outside, mut inside) = world.open().await;
    assert!(matches!(outside, LinkStream::Direct(_)), "{outside:?}");
    assert_eq!(world.links.way(node()), Some(Way::Direct));
    world.worker.abort();
    world.server.kill();
    let mut words = [0; 5];
    outside.write_all(b"still").await.unwrap();
    soon("words", inside.read_exact(&mut words)).await.unwrap();
    inside.write_all(b"there").await.unwrap();
    soon("words", outside.read_exact(&mut words)).await.unwrap();
    assert_eq!(&words, b"there");
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again_on_another_way() {
    let world = World::direct(LinkOptions::default()).await;
    match world.try_open(stopped()).await {
        Err(LinkError::Refused { reason, .. }) => assert_eq!(reason, "it does not run here"),
        other => panic!("a refusal, not {other:?}"),
    }
    assert_eq!(world.links.way(node()), None);
}

#[tokio::test]
async fn the_relay_is_taken_where_told_and_where_the_socket_is_dead() {
    let mut world = World::direct(LinkOptions::only(Way::Relay)).await;
    let (stream, _inside) = world.open().await;
    assert!(matches!(stream, LinkStream::Relayed(_)));

    let mut world = World::direct(LinkOptions::default()).await;
    std::fs::remove_file(world.folder().join("link.sock")).unwrap();
    let (stream, _inside) = world.open().await;
    assert!(matches!(stream, LinkStream::Relayed(_)));
}

#[tokio::test]
async fn the_socket_of_another_node_is_passed_over() {
    let mut world = World::relayed().await;
    let path = world.folder().join("other.sock");
    let listen = LinkListen::at(&path).unwrap();
    tell(&world.server, listen.addresses()).await;
    let (doors, _) = TestDoors::new();
    let other = other_node();
    let bus = world.server.bus_as(Role::Worker(other)).await;
    tokio::spawn(serve(bus, other, doors, listen, CancellationToken::new()));
    let bus = world.server.bus_as(Role::ControlPlane).await;
    world.links = Links::on(&bus, LinkOptions::default());
    let (stream, _inside) = world.open().await;
    assert!(matches!(stream, LinkStream::Relayed(_)));
}

#[tokio::test]
async fn without_an_address_on_this_host_there_is_no_direct_way() {
    let world = World::relayed().await;
    let elsewhere = LinkAddress::UnixSocket {
        host: format!("not {}", this_host().unwrap()),
        path: "/nowhere/link.sock".into(),
    };
    tell(&world.server, vec![elsewhere, LinkAddress::Unknown]).await;
    let bus = world.server.bus_as(Role::ControlPlane).await;
    let links = Links::on(&bus, LinkOptions::only(Way::Direct));
    let answer = soon("an answer", links.open(node(), running())).await;
    assert!(
        matches!(answer, Err(LinkError::NotDirect { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn the_socket_is_its_owners_only_however_deep_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let path = deep.join("link.sock");
    let first = LinkListen::at(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(first);
    let again = LinkListen::at(&path).unwrap();
    assert_eq!(again.addresses().len(), 1, "a dead worker's is replaced");
}
