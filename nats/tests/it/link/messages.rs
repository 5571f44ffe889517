//! What a relayed stream costs in messages.

use std::time::{Duration, Instant};

use async_nats::{ConnectOptions, Subscriber};
use futures::StreamExt as _;
use nexus_nats::Role;
use nexus_nats::testing::node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::World;
use crate::sample::soon;

/// Bytes that came are acknowledged within this, if nothing takes word of it along.
const TELL_WITHIN: Duration = Duration::from_millis(50);

/// Hears what somebody of `role` may.
async fn listener(world: &World, role: Role, subject: &str) -> Subscriber {
    let seed = std::fs::read_to_string(world.server.embedded().seed_file(role)).unwrap();
    let options = ConnectOptions::with_nkey(seed.trim().to_owned());
    let client = options.connect(world.server.url()).await.unwrap();
    let messages = client.subscribe(subject.to_owned()).await.unwrap();
    client.flush().await.unwrap();
    messages
}

/// How many messages come until the one that brings the last of `keystrokes` bytes.
async fn counted(messages: &mut Subscriber, keystrokes: usize) -> usize {
    let (mut all, mut bytes) = (0, 0);
    while bytes < keystrokes {
        let message = soon("a message", messages.next()).await.unwrap();
        if message.payload.starts_with(b"D") {
            bytes += 1;
        }
        // The stream was opened, and asked for, by other words.
        all += usize::from(!message.payload.starts_with(b"O"));
    }
    all
}

#[tokio::test]
async fn a_keystroke_and_its_echo_are_a_message_each() {
    const KEYSTROKES: usize = 200;
    let mut world = World::relayed().await;
    let inward = format!("nexus.link.{}.*", node());
    let mut inward = listener(&world, Role::Worker(node()), &inward).await;
    let outward = format!("{}.link.*.*.*", Role::ControlPlane.inbox());
    let mut outward = listener(&world, Role::ControlPlane, &outward).await;
    let (mut outside, mut inside) = world.open().await;
    let begun = Instant::now();
    let mut key = [0];
    for _ in 0..KEYSTROKES {
        outside.write_all(b"k").await.unwrap();
        soon("a key", inside.read_exact(&mut key)).await.unwrap();
        inside.write_all(&key).await.unwrap();
        soon("its echo", outside.read_exact(&mut key))
            .await
            .unwrap();
    }
    let ticks = begun.elapsed().as_millis() / TELL_WITHIN.as_millis();
    // One that says that the stream is open, and one whenever typing took its time.
    let most = KEYSTROKES + 2 + usize::try_from(ticks).unwrap();
    for (way, messages) in [("inward", &mut inward), ("outward", &mut outward)] {
        let count = counted(messages, KEYSTROKES).await;
        assert!(count <= most, "{way}: {count} messages, not {most}");
    }
}
