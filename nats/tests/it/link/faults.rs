//! What a relayed stream promises while NATS, the worker or the gateway fails.

use futures::StreamExt as _;
use nexus_nats::Role;
use nexus_nats::link::{LinkListen, LinkStream, serve};
use nexus_nats::testing::other_node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::world::{TestDoors, World, content, node};
use crate::sample::{bare_client_as, soon};

const MIB: usize = 1 << 20;
/// Bytes carried each way while NATS is killed again and again.
const CARRIED: usize = 64 * MIB;
/// How often it is killed.
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_is_lost_or_doubled_when_nats_is_killed_in_mid_stream() {
    let mut world = World::relayed().await;
    let (outside, inside) = world.open().await;
    let expected = content(CARRIED);
    let sending = expected.clone();
    let (read_half, mut write_half) = tokio::io::split(outside);
    let (mut in_read, mut in_write) = inside.into_split();
    // Inside, everything is sent back as it comes.
    let echo = tokio::spawn(async move {
        tokio::io::copy(&mut in_read, &mut in_write).await.unwrap();
        in_write.shutdown().await.unwrap();
    });
    let writer = tokio::spawn(async move {
        write_half.write_all(&sending).await.unwrap();
        write_half.shutdown().await.unwrap();
    });
    let mut reader = read_half;
    let mut came = Vec::with_capacity(CARRIED);
    let part = CARRIED / (KILLS + 1);
    for kill in 1..=KILLS {
        read_up_to(&mut reader, &mut came, kill * part).await;
        world.server.kill();
        world.server.restart().await;
    }
    read_up_to(&mut reader, &mut came, CARRIED).await;
    let mut nothing = [0];
    assert_eq!(soon("the end", reader.read(&mut nothing)).await.unwrap(), 0);
    assert!(came == expected, "what came back is not what was sent");
    writer.await.unwrap();
    echo.await.unwrap();
}

async fn read_up_to(from: &mut tokio::io::ReadHalf<LinkStream>, came: &mut Vec<u8>, length: usize) {
    while came.len() < length {
        let some = soon("bytes", from.read_buf(came)).await.unwrap();
        assert!(some > 0, "it ended after {} bytes", came.len());
    }
}

#[tokio::test]
async fn a_worker_that_was_killed_ends_its_streams_once_another_takes_its_place() {
    let mut world = World::relayed().await;
    let (mut outside, _inside) = world.open().await;
    world.worker.abort();
    let (doors, _) = TestDoors::new();
    let bus = world.server.worker_bus().await;
    let stop = CancellationToken::new();
    tokio::spawn(serve(bus, node(), doors, LinkListen::nowhere(), stop));
    outside.write_all(b"anybody there?").await.unwrap();
    let error = soon("the end", outside.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(error.to_string().contains("no such stream"), "{error}");
}

#[tokio::test]
async fn a_worker_that_is_gone_ends_its_streams() {
    let mut world = World::relayed().await;
    let (mut outside, _inside) = world.open().await;
    // Killed: it says nothing.
    world.worker.abort();
    outside.write_all(b"anybody there?").await.unwrap();
    let error = soon("the end", outside.read(&mut [0])).await.unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}

#[tokio::test]
async fn a_worker_that_ends_says_so() {
    let mut world = World::relayed().await;
    let (mut outside, mut inside) = world.open().await;
    world.stop.cancel();
    let error = soon("the end", outside.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(ended(&mut inside).await, 0);
    world.until_nothing_is_left().await;
}

#[tokio::test]
async fn a_gateway_that_is_gone_ends_its_streams_inside() {
    let mut world = World::relayed().await;
    let (outside, mut inside) = world.open().await;
    let links = world.links.clone();
    drop(world.links);
    drop(links);
    assert_eq!(ended(&mut inside).await, 0);
    drop(outside);
}

async fn ended(inside: &mut UnixStream) -> usize {
    soon("the end inside", inside.read(&mut [0])).await.unwrap()
}

#[tokio::test]
async fn a_worker_cannot_speak_for_another_even_when_it_knows_the_stream() {
    let mut world = World::relayed().await;
    let mine = bare_client_as(&world.server, Role::Worker(node())).await;
    let mut heard = mine
        .subscribe(format!("nexus.link.{}.*", node()))
        .await
        .unwrap();
    mine.flush().await.unwrap();
    let (mut outside, mut inside) = world.open().await;
    // Frames of the stream itself want no answer.
    let back = loop {
        let asked = soon("the request", heard.next()).await.unwrap();
        if let Some(back) = asked.reply {
            break back.to_string();
        }
    };
    let foreign = bare_client_as(&world.server, Role::Worker(other_node())).await;
    let theirs = back.replace(&node().to_string(), &other_node().to_string());
    // Said on its own subject, and on the other's, which the server does not let through.
    for subject in [theirs, back.clone()] {
        foreign.publish(subject, "Rforged".into()).await.unwrap();
    }
    foreign.flush().await.unwrap();
    let mut word = [0; 4];
    inside.write_all(b"here").await.unwrap();
    soon("a word", outside.read_exact(&mut word)).await.unwrap();
    assert_eq!(&word, b"here");
    // The node's own worker ends it by the same words.
    mine.publish(back, "Rforged".into()).await.unwrap();
    let error = soon("its end", outside.read(&mut word)).await.unwrap_err();
    assert!(error.to_string().contains("forged"), "{error}");
}
