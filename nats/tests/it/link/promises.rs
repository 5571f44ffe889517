//! What every stream promises while nothing fails, whichever way it goes.

use nexus_nats::link::LinkError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::{World, content, read_all, stopped, write_all};
use crate::sample::soon;

const MIB: usize = 1 << 20;

/// The tests of one way: each promise, in a world of its own made by `$world`.
macro_rules! keeps_the_promises {
    ($world:expr, stalled at $bound:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn bytes_come_once_and_in_order_both_ways_at_once() {
            promises::bytes_come_once_and_in_order_both_ways_at_once($world.await).await;
        }

        #[tokio::test]
        async fn one_direction_ends_while_the_other_goes_on() {
            promises::one_direction_ends_while_the_other_goes_on($world.await).await;
        }

        #[tokio::test]
        async fn what_does_not_run_is_refused_with_a_reason() {
            promises::what_does_not_run_is_refused_with_a_reason($world.await).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_stalled_reader_stops_its_own_stream_only() {
            promises::a_stalled_reader_stops_its_own_stream_only($world.await, $bound).await;
        }

        #[tokio::test]
        async fn a_dropped_stream_ends_inside_and_delivers_what_was_written() {
            promises::a_dropped_stream_ends_inside_and_delivers_what_was_written($world.await)
                .await;
        }

        #[tokio::test]
        async fn an_end_inside_is_told_with_what_was_said_before() {
            promises::an_end_inside_is_told_with_what_was_said_before($world.await).await;
        }

        #[tokio::test]
        async fn many_streams_leave_nothing_behind() {
            promises::many_streams_leave_nothing_behind($world.await).await;
        }
    };
}
pub(super) use keeps_the_promises;

pub(super) async fn bytes_come_once_and_in_order_both_ways_at_once(mut world: World) {
    let (outside, inside) = world.open().await;
    let (down, up) = (content(9 * MIB + 1), content(5 * MIB + 3));
    let (out_read, out_write) = tokio::io::split(outside);
    let (in_read, in_write) = inside.into_split();
    let (_, _, up_came, down_came) = soon("both directions", async {
        tokio::join!(
            write_all(out_write, up.clone()),
            write_all(in_write, down.clone()),
            read_all(in_read),
            read_all(out_read),
        )
    })
    .await;
    assert!(up_came == up, "up: {} of {}", up_came.len(), up.len());
    assert!(
        down_came == down,
        "down: {} of {}",
        down_came.len(),
        down.len()
    );
    world.until_nothing_is_left().await;
}

pub(super) async fn one_direction_ends_while_the_other_goes_on(mut world: World) {
    let (mut outside, mut inside) = world.open().await;
    outside.write_all(b"question").await.unwrap();
    outside.shutdown().await.unwrap();
    let mut question = Vec::new();
    soon("its end", inside.read_to_end(&mut question))
        .await
        .unwrap();
    assert_eq!(question, b"question");
    let error = outside.write_all(b"more").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    inside.write_all(b"answer").await.unwrap();
    drop(inside);
    assert_eq!(soon("the answer", read_all(&mut outside)).await, b"answer");

    let (mut outside, mut inside) = world.open().await;
    inside.shutdown().await.unwrap();
    assert_eq!(soon("the end", read_all(&mut outside)).await, b"");
    outside.write_all(b"still").await.unwrap();
    outside.shutdown().await.unwrap();
    assert_eq!(soon("what follows", read_all(&mut inside)).await, b"still");
}

pub(super) async fn what_does_not_run_is_refused_with_a_reason(world: World) {
    match world.try_open(stopped()).await {
        Err(LinkError::Refused { reason, .. }) => assert_eq!(reason, "it does not run here"),
        other => panic!("a refusal, not {other:?}"),
    }
    world.until_nothing_is_left().await;
}

pub(super) async fn a_stalled_reader_stops_its_own_stream_only(mut world: World, bound: usize) {
    let (stalled, flooding) = world.open().await;
    let (fast, inside) = world.open().await;
    let flood = tokio::spawn(flood(flooding, 64 * MIB));
    let expected = content(16 * MIB);
    let (_, came) = soon("the fast stream", async {
        tokio::join!(write_all(inside, expected.clone()), read_all(fast))
    })
    .await;
    assert!(came == expected);
    // Dropped unread, the stalled one ends the program that floods it.
    drop(stalled);
    let written = soon("the end of the flood", flood).await.unwrap();
    assert!(
        written <= bound,
        "{written} bytes were taken from a stalled stream"
    );
    world.until_nothing_is_left().await;
}

pub(super) async fn a_dropped_stream_ends_inside_and_delivers_what_was_written(mut world: World) {
    let (mut outside, mut inside) = world.open().await;
    outside.write_all(b"the last words").await.unwrap();
    drop(outside);
    assert_eq!(
        soon("the end", read_all(&mut inside)).await,
        b"the last words"
    );
    world.until_nothing_is_left().await;
}

pub(super) async fn an_end_inside_is_told_with_what_was_said_before(mut world: World) {
    let (mut outside, mut inside) = world.open().await;
    inside.write_all(b"bye").await.unwrap();
    drop(inside);
    let mut words = [0; 3];
    soon("the words", outside.read_exact(&mut words))
        .await
        .unwrap();
    assert_eq!(&words, b"bye");
    assert_eq!(soon("the end", outside.read(&mut words)).await.unwrap(), 0);
}

pub(super) async fn many_streams_leave_nothing_behind(mut world: World) {
    for round in 0..100_u8 {
        let (mut outside, mut inside) = world.open().await;
        outside.write_all(&[round]).await.unwrap();
        let mut byte = [0];
        soon("a byte", inside.read_exact(&mut byte)).await.unwrap();
        assert_eq!(byte, [round]);
        if round % 2 == 0 {
            drop(outside);
            soon("its end", read_all(&mut inside)).await;
        } else {
            drop(inside);
            soon("its end", read_all(&mut outside)).await;
        }
    }
    world.until_nothing_is_left().await;
    // The worker has nothing left either: it ends at once, with no stream to wait for.
    world.stop.cancel();
    soon("the worker's end", world.worker).await.unwrap();
}

/// Writes until it cannot, and tells how much that was.
async fn flood(mut to: tokio::net::UnixStream, most: usize) -> usize {
    let piece = vec![7; 64 << 10];
    let mut written = 0;
    while written < most {
        match to.write(&piece).await {
            Ok(some) => written += some,
            Err(_) => break,
        }
    }
    written
}
