//! The time is the server's, and every role may ask for it.

use jiff::{SignedDuration, Timestamp};
use nexus_events::spec::Provider;
use nexus_nats::testing::{TestServer, node};
use nexus_nats::{CommandQueue, Role, clock};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_roles_take_the_time_from_the_server() {
    let server = TestServer::start().await;
    let off = server.bus().await.take_time_of_log().await.unwrap();
    // Server and test share a machine, so the answer can be judged.
    assert!(off.abs() < SignedDuration::from_secs(2), "{off}");
    let queue = CommandQueue::on(&server.bus_as(Role::Worker(node())).await);
    queue.take_time(Provider::Fake).await.unwrap();
    let (before, now) = (Timestamp::now(), clock::now());
    assert!(now.duration_since(before).abs() < SignedDuration::from_secs(2));
    assert!(clock::now() >= now, "it goes on");
}
