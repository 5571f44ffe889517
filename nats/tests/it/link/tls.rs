//! The way over TLS: taken where the worker's port answers with its key, left where it does not.

use std::net::SocketAddr;
use std::time::Duration;

use nexus_events::node::LinkAddress;
use nexus_nats::link::tls::{LinkKey, TlsListen};
use nexus_nats::link::{LinkError, LinkOptions, LinkStream, Links, Way};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::promises;
use super::world::{World, content, node, running, tell};
use crate::sample::soon;

const MIB: usize = 1 << 20;

// A stalled stream takes what the buffers of sockets hold, which grow, and what is thrown away at
// its end.
promises::keeps_the_promises!(
    World::tls(LinkOptions::only(Way::Tls)),
    stalled at 16 * MIB
);

#[tokio::test]
async fn it_is_taken_before_the_relay_and_goes_on_without_nats() {
    let mut world = World::tls(LinkOptions::default()).await;
    let (mut outside, mut inside) = world.open().await;
    assert!(matches!(outside, LinkStream::Tls(_)), "{outside:?}");
    assert_eq!(world.links.way(node()), Some(Way::Tls));
    world.server.kill();
    let mut words = [0; 5];
    outside.write_all(b"still").await.unwrap();
    soon("words", inside.read_exact(&mut words)).await.unwrap();
    inside.write_all(b"there").await.unwrap();
    soon("words", outside.read_exact(&mut words)).await.unwrap();
    assert_eq!(&words, b"there");
}

#[tokio::test]
async fn where_no_relay_may_be_taken_it_is_the_direct_way_to_another_host() {
    let mut world = World::tls(LinkOptions::only(Way::Direct)).await;
    let (stream, _inside) = world.open().await;
    assert_eq!(stream.way(), Way::Tls);
}

#[tokio::test]
async fn a_worker_that_ends_resets_its_streams() {
    let mut world = World::tls(LinkOptions::default()).await;
    let (mut outside, mut inside) = world.open().await;
    inside.write_all(b"so far").await.unwrap();
    let mut words = [0; 6];
    soon("words", outside.read_exact(&mut words)).await.unwrap();
    world.stop.cancel();
    world.worker.await.unwrap();
    let error = soon("the end", outside.read(&mut words)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_not_spoken_to() {
    let world = World::tls(LinkOptions::default()).await;
    let [LinkAddress::Tls { address, .. }] = &world.addresses[..] else {
        panic!("one address, not {:?}", world.addresses);
    };
    let forged = LinkAddress::Tls {
        address: address.clone(),
        key: "5a".repeat(32),
    };
    tell(&world.server, vec![forged]).await;
    let bus = world.server.bus().await;
    let strict = Links::on(&bus, LinkOptions::only(Way::Tls));
    let answer = soon("an answer", strict.open(node(), running())).await;
    match answer {
        Err(LinkError::NotDirect {
            source: Some(error),
            ..
        }) => assert!(error.to_string().contains("certificate"), "{error}"),
        other => panic!("a refusal of the key, not {other:?}"),
    }
    let lenient = Links::on(&bus, LinkOptions::default());
    let stream = soon("a stream", lenient.open(node(), running())).await;
    assert_eq!(stream.unwrap().way(), Way::Relay);
}

/// An address at which nobody listens, and nobody else will while this lives.
fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_port_that_does_not_answer_is_passed_over_until_it_does() {
    let (socket, closed) = closed_port();
    let options = LinkOptions {
        look_again: Duration::from_millis(50),
        ..LinkOptions::default()
    };
    let mut world = World::tls(options).await;
    let [LinkAddress::Tls { address, key }] = &world.addresses[..] else {
        panic!("one address, not {:?}", world.addresses);
    };
    let (open, key) = (address.clone(), key.clone());
    let address = closed.to_string();
    tell(&world.server, vec![LinkAddress::Tls { address, key }]).await;
    world.links = Links::on(&world.server.bus().await, options);
    let (stream, _inside) = world.open().await;
    assert_eq!(stream.way(), Way::Relay);

    // The way there opens: streams find it by themselves.
    let listener = socket.listen(16).unwrap();
    tokio::spawn(passage(listener, open));
    let found = async {
        while world.open().await.0.way() != Way::Tls {
            tokio::task::yield_now().await;
        }
    };
    soon("a stream past NATS", found).await;
}

/// A hole in a firewall.
async fn passage(listener: TcpListener, to: String) {
    while let Ok((mut outside, _)) = listener.accept().await {
        let mut inside = TcpStream::connect(&to).await.unwrap();
        tokio::spawn(async move {
            let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}

#[tokio::test]
async fn what_is_advertised_is_what_is_told() {
    let told = "worker.example:7443".to_owned();
    let world = World::tls_as(LinkOptions::default(), Some(told.clone())).await;
    assert!(
        matches!(&world.addresses[..], [LinkAddress::Tls { address, .. }] if *address == told),
        "{:?}",
        world.addresses
    );
}

#[tokio::test]
async fn what_init_said_before_it_broke_off_is_told() {
    let mut world = World::tls(LinkOptions::default()).await;
    let (mut outside, mut inside) = world.open().await;
    outside.write_all(b"what nobody reads").await.unwrap();
    soon("it", inside.readable()).await.unwrap();
    let expected = content(MIB);
    let saying = expected.clone();
    let ending = tokio::spawn(async move { inside.write_all(&saying).await });
    let mut came = vec![0; MIB];
    soon("every byte", outside.read_exact(&mut came))
        .await
        .unwrap();
    assert!(came == expected);
    ending.await.unwrap().unwrap();
    let error = soon("the end", outside.read(&mut came)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
}

#[tokio::test]
async fn every_address_of_a_host_needs_one_that_others_see() {
    let folder = tempfile::tempdir().unwrap();
    let key = LinkKey::kept_in(&folder.path().join("link.key")).unwrap();
    let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = TlsListen::at(anywhere, None, &key).unwrap_err();
    assert!(error.to_string().contains("--link-advertise"), "{error}");
    TlsListen::at(anywhere, Some("worker.example:7443".into()), &key).unwrap();
}
