//! Heartbeats and users' keys.

use jiff::Timestamp;
use nexus_events::id::UserId;
use nexus_events::node::Heartbeat;
use nexus_nats::testing::TestServer;
use nexus_nats::{Heartbeats, MemoryBus, UserKeys};
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
    let (one, two, three) = (beat(first, 1), beat(first, 2), beat(second, 3));
    for heartbeat in [&one, &two, &three] {
        heartbeats.beat(heartbeat).await.unwrap();
    }
    assert_eq!(
        heartbeats.all().await.unwrap(),
        [two.clone(), three.clone()]
    );
    let mut watch = heartbeats.watch();
    for expected in [two, three] {
        assert_eq!(soon("a known one", watch.next()).await.unwrap(), expected);
    }
    let four = beat(second, 4);
    heartbeats.beat(&four).await.unwrap();
    assert_eq!(soon("a new one", watch.next()).await.unwrap(), four);
    server.kill();
    server.restart().await;
    let five = beat(second, 5);
    heartbeats.beat(&five).await.unwrap();
    // The last ones come again first.
    while soon("one after a restart", watch.next()).await.unwrap() != five {}
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
