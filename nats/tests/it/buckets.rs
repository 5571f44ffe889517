//! Heartbeats and users' keys.

use jiff::Timestamp;
use nexus_events::id::UserId;
use nexus_events::node::Heartbeat;
use nexus_nats::testing::TestServer;
use nexus_nats::{Heartbeats, UserKeys};
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
