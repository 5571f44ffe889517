//! What a relayed stream promises while nothing fails.

use nexus_nats::link::relay::WINDOW;
use nexus_nats::link::{LinkError, Way};

use super::promises;
use super::world::{World, node, running};
use crate::sample::soon;

const MIB: usize = 1 << 20;

// A stalled stream takes what is under way at most: both windows, the copy's buffer, the sockets'
// buffers.
promises::keeps_the_promises!(World::relayed(), stalled at 2 * WINDOW + 3 * MIB);

#[tokio::test]
async fn the_way_taken_is_told() {
    let mut world = World::relayed().await;
    let (stream, _inside) = world.open().await;
    assert_eq!(stream.way(), Way::Relay);
    assert_eq!(world.links.way(node()), Some(Way::Relay));
}

#[tokio::test]
async fn a_node_whose_worker_is_away_is_absent() {
    let world = World::relayed().await;
    world.stop.cancel();
    world.worker.await.unwrap();
    let answer = soon("an answer", world.links.open(node(), running())).await;
    assert!(
        matches!(answer, Err(LinkError::Absent { .. })),
        "{answer:?}"
    );
}
