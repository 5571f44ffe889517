//! Heartbeats, users' keys, and tickets that were used.

use jiff::{SignedDuration, Timestamp};
use nexus_events::id::UserId;
use nexus_events::node::Heartbeat;
use nexus_nats::testing::TestServer;
use nexus_nats::{Heartbeats, MemoryBus, SpentTickets, UserKeys};
use uuid::Uuid;

use crate::sample::{node, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_heartbeat_of_each_node_is_kept_and_new_ones_are_heard() {
    let server = TestServer::start().await;
    let heartbeats = Heartbeats::on(&server.bus().await);
    assert_eq!(heartbeats.all().await.unwrap(), []);
    let beat = |node, free_slots| Heartbeat {
        node,
        at: Timestamp::now(),
        running: vec![],
        free_slots,
        link: Vec::new(),
    };
    let (first, second) = (node(), node());
    for heartbeat in [beat(first, 1), beat(first, 2), beat(second, 3)] {
        heartbeats.beat(&heartbeat).await.unwrap();
    }
    let said = |heartbeat: Heartbeat| (heartbeat.node, heartbeat.free_slots);
    let all = heartbeats.all().await.unwrap().into_iter().map(said);
    assert_eq!(all.collect::<Vec<_>>(), [(first, 2), (second, 3)]);
    let mut watch = heartbeats.watch();
    for expected in [(first, 2), (second, 3)] {
        let known = soon("a known one", watch.next()).await.unwrap();
        assert_eq!(said(known), expected);
    }
    heartbeats.beat(&beat(second, 4)).await.unwrap();
    let new = soon("a new one", watch.next()).await.unwrap();
    assert_eq!(said(new), (second, 4));
    server.kill();
    server.restart().await;
    heartbeats.beat(&beat(second, 5)).await.unwrap();
    // The last ones come again first.
    while said(soon("one after a restart", watch.next()).await.unwrap()) != (second, 5) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_is_as_old_as_the_server_says_and_not_its_node() {
    let server = TestServer::start().await;
    let heartbeats = Heartbeats::on(&server.bus().await);
    let node = node();
    assert_eq!(heartbeats.last(node).await.unwrap(), None);
    let now = Timestamp::now();
    let wrong = Heartbeat {
        node,
        at: now - SignedDuration::from_hours(1),
        running: vec![],
        free_slots: 1,
        link: Vec::new(),
    };
    heartbeats.beat(&wrong).await.unwrap();
    let last = heartbeats.last(node).await.unwrap().unwrap();
    assert!(last.at.duration_since(now).abs() < SignedDuration::from_mins(1));
    let mut watch = heartbeats.watch();
    assert_eq!(soon("it", watch.next()).await.unwrap(), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_used_once_by_whoever_is_first() {
    let server = TestServer::start().await;
    let (one, other) = (server.bus().await, server.bus().await);
    let spent = [one, other].map(|bus| SpentTickets::on(&bus));
    for _ in 0..10 {
        let name = Uuid::now_v7();
        let (first, second) = tokio::join!(spent[0].spend(name), spent[1].spend(name));
        assert_ne!(first.unwrap(), second.unwrap(), "one of the two");
        assert!(!spent[0].spend(name).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_used_with_the_keys_that_were_first() {
    let server = TestServer::start().await;
    let keys = UserKeys::on(&server.bus().await);
    let ask = |ours: &'static str| keys.keys_of_this_log(ours.into());
    let (one, other) = tokio::join!(ask("one"), ask("other"));
    assert_eq!(one.unwrap(), other.unwrap());
    keys.replace_keys_of_this_log("third".into()).await.unwrap();
    assert_eq!(ask("fourth").await.unwrap(), "third");
}

#[tokio::test]
async fn heartbeats_in_memory_are_heard_alike() {
    let heartbeats = MemoryBus::default().heartbeats();
    let beat = |node, free_slots| Heartbeat {
        node,
        at: Timestamp::now(),
        running: vec![],
        free_slots,
        link: Vec::new(),
    };
    let (first, second) = (node(), node());
    let (one, two) = (beat(first, 1), beat(second, 2));
    for heartbeat in [&one, &two] {
        heartbeats.beat(heartbeat).await.unwrap();
    }
    let mut watch = heartbeats.watch();
    let mut heard = vec![
        soon("a known one", watch.next()).await.unwrap(),
        soon("a known one", watch.next()).await.unwrap(),
    ];
    heard.sort_by_key(|heartbeat| heartbeat.free_slots);
    assert_eq!(heard, [one, two]);
    let three = beat(first, 3);
    heartbeats.beat(&three).await.unwrap();
    assert_eq!(soon("a new one", watch.next()).await.unwrap(), three);
    let slots = |all: Vec<Heartbeat>| -> u32 { all.iter().map(|beat| beat.free_slots).sum() };
    assert_eq!(
        slots(heartbeats.all().await.unwrap()),
        5,
        "the last of each"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_key_is_gone_from_the_disk() {
    let server = TestServer::start().await;
    let keys = UserKeys::on(&server.bus().await);
    let user = UserId::from_uuid(Uuid::now_v7());
    assert_eq!(keys.get(user).await.unwrap(), None);
    assert!(keys.create(user, "first-secret-key".into()).await.unwrap());
    assert!(
        !keys.create(user, "second".into()).await.unwrap(),
        "the first one stays"
    );
    assert_eq!(keys.get(user).await.unwrap().unwrap(), "first-secret-key");
    keys.forget(user).await.unwrap();
    assert_eq!(keys.get(user).await.unwrap(), None);
    server.kill();
    server.restart().await;
    assert_eq!(keys.get(user).await.unwrap(), None);
    assert!(
        !keys.create(user, "third".into()).await.unwrap(),
        "a forgotten user stays so"
    );
}
