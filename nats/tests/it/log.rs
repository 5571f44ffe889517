//! One suite, two logs.

use nexus_nats::embedded::Durability;
use nexus_nats::testing::TestServer;
use nexus_nats::{Log, conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_in_memory_conforms() {
    conformance::suite(&Log::memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_on_a_server_conforms() {
    let server = TestServer::start().await;
    conformance::suite(&Log::on(&server.bus().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_on_a_server_that_waits_for_the_disk_conforms() {
    let server = TestServer::with(Durability::Always).await;
    conformance::suite(&Log::on(&server.bus().await)).await;
}
