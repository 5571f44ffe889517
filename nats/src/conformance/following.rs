//! Following the log.

use std::time::Duration;

use nexus_events::aggregate::Kind;
use tokio::time::timeout;

use super::{PATIENCE, claim, event, stored};
use crate::event_log::{Log, Recorded};
use crate::tail::{Batch, Filter, From, Tail};

/// Enough for several chunks.
const MANY: usize = 1_500;
const WAIT: Duration = Duration::from_millis(20);

async fn next(tail: &mut Tail) -> Recorded {
    timeout(PATIENCE, tail.next())
        .await
        .expect("an event in time")
        .expect("an event")
}

async fn batch(tail: &mut Tail, limit: usize) -> Batch {
    timeout(PATIENCE, tail.batch(limit, WAIT))
        .await
        .expect("a batch in time")
        .expect("a batch")
}

pub(super) async fn a_tail_gives_every_event_in_order(log: &Log) {
    let claim = claim();
    let mut last = 0;
    for _ in 0..MANY {
        last = stored(log, last, &event(&claim)).await;
    }
    let mut tail = log.tail(From::start(), Filter::All);
    let mut expected = 1;
    while expected <= last {
        let batch = batch(&mut tail, 1_000).await;
        assert!(batch.events.len() <= 1_000);
        for event in batch.events {
            assert_eq!(event.sequence, expected);
            expected += 1;
        }
        assert_eq!(tail.position(), expected - 1);
    }
    assert!(tail.has_caught_up());

    let middle = last - 10;
    let mut tail = log.tail(From::after(middle), Filter::All);
    assert_eq!(next(&mut tail).await.sequence, middle + 1);
}

pub(super) async fn a_tail_says_once_that_it_has_caught_up(log: &Log) {
    let last = log.info().await.unwrap().last_sequence;
    let mut tail = log.tail(From::after(last), Filter::All);
    assert_eq!(
        batch(&mut tail, 10).await,
        Batch {
            events: vec![],
            caught_up: true
        }
    );

    let new = event(&claim());
    let (got, sequence) = tokio::join!(batch(&mut tail, 10), stored(log, 0, &new));
    assert_eq!(got.events.len(), 1, "it says so only once: {got:?}");
    assert_eq!(
        (got.events[0].sequence, got.events[0].id),
        (sequence, Some(new.id))
    );
    assert!(got.caught_up);
}

pub(super) async fn filters_give_only_what_they_name(log: &Log) {
    let claim = claim();
    let start = log.info().await.unwrap().last_sequence;
    let one = stored(log, 0, &event(&claim)).await;
    stored(log, 0, &event(&super::claim())).await;
    let three = stored(log, one, &event(&claim)).await;

    let subject = event(&claim).subject;
    let mut tail = log.tail(From::start(), Filter::Aggregate(subject.clone()));
    assert_eq!(next(&mut tail).await.sequence, one);
    assert_eq!(next(&mut tail).await.sequence, three);

    let mut tail = log.tail(From::after(start), Filter::Kind(Kind::Claim));
    assert_eq!(batch(&mut tail, 3).await.events.len(), 3);
    let mut tail = log.tail(From::start(), Filter::Kind(Kind::User));
    assert_eq!(
        batch(&mut tail, 3).await,
        Batch {
            events: vec![],
            caught_up: true
        }
    );
}

pub(super) async fn a_dropped_wait_loses_nothing(log: &Log) {
    let claim = claim();
    let start = log.info().await.unwrap().last_sequence;
    let mut tail = log.tail(From::after(start), Filter::All);
    let mut last = 0;
    let mut seen = Vec::new();
    for round in 0..20 {
        last = stored(log, last, &event(&claim)).await;
        // Given up after so short a while that it may be at any point of its way.
        let patience = Duration::from_micros(50 * round);
        if let Ok(batch) = timeout(patience, tail.batch(100, WAIT)).await {
            seen.extend(
                batch
                    .unwrap()
                    .events
                    .into_iter()
                    .map(|event| event.sequence),
            );
        }
    }
    while tail.position() < last {
        seen.extend(
            batch(&mut tail, 100)
                .await
                .events
                .into_iter()
                .map(|event| event.sequence),
        );
    }
    assert_eq!(seen, (start + 1..=last).collect::<Vec<_>>());
}
