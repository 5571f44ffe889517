//! Appending and reading back.

use super::{claim, event, stored};
use crate::event_log::{Append, AppendError, Expected, Log};

/// How many race.
const WRITERS: usize = 16;
/// How often each must win.
const ROUNDS: usize = 4;

pub(super) async fn an_append_moves_the_aggregate(log: &Log) {
    let claim = claim();
    let (first, second) = (event(&claim), event(&claim));
    assert_eq!(log.last(&first.subject).await.unwrap(), None);
    assert_eq!(log.read_after(&first.subject, 0).await.unwrap(), []);

    let one = stored(log, 0, &first).await;
    let two = stored(log, one, &second).await;
    assert!(two > one);
    let last = log.last(&first.subject).await.unwrap().unwrap();
    assert_eq!((last.sequence, last.id), (two, Some(second.id)));
    assert_eq!(
        (last.subject, last.payload),
        (second.subject, second.payload)
    );
    assert_eq!(log.get(one).await.unwrap().unwrap().id, Some(first.id));
    let info = log.info().await.unwrap();
    assert!(info.last_sequence >= two && info.missing == 0 && info.first_sequence == 1);
    assert_eq!(log.get(u64::from(u32::MAX)).await.unwrap(), None);
}

pub(super) async fn a_wrong_expectation_is_a_conflict(log: &Log) {
    let claim = claim();
    let one = stored(log, 0, &event(&claim)).await;
    let two = stored(log, one, &event(&claim)).await;
    for expected in [
        Expected::Empty,
        Expected::At(one),
        Expected::At(two + 1_000),
    ] {
        let append = log.append(expected, &event(&claim)).await.unwrap();
        assert_eq!(append, Append::Conflict { actual: two }, "{expected:?}");
    }
    let other = event(&super::claim());
    let append = log.append(Expected::At(two), &other).await.unwrap();
    assert_eq!(append, Append::Conflict { actual: 0 });
    assert_eq!(
        log.last(&other.subject).await.unwrap(),
        None,
        "nothing was stored"
    );
}

pub(super) async fn a_retry_is_told_from_a_conflict(log: &Log) {
    let claim = claim();
    let (first, second) = (event(&claim), event(&claim));
    let one = stored(log, 0, &first).await;
    let again = log.append(Expected::Empty, &first).await.unwrap();
    assert_eq!(again, Append::Repeated { sequence: one });
    let two = stored(log, one, &second).await;
    for expected in [Expected::Empty, Expected::At(two)] {
        let again = log.append(expected, &first).await.unwrap();
        assert_eq!(again, Append::Repeated { sequence: one }, "{expected:?}");
    }
    assert_eq!(log.read_after(&first.subject, 0).await.unwrap().len(), 2);
}

pub(super) async fn an_id_belongs_to_one_aggregate(log: &Log) {
    let first = event(&claim());
    let one = stored(log, 0, &first).await;
    let mut second = event(&claim());
    second.id = first.id;
    let refused = log.append(Expected::Empty, &second).await.unwrap_err();
    assert!(
        matches!(refused, AppendError::IdTaken { sequence, .. } if sequence == one),
        "{refused:?}"
    );
}

pub(super) async fn newer_events_are_read_in_order(log: &Log) {
    let claim = claim();
    let mut sequences = vec![0];
    for _ in 0..5 {
        let last = *sequences.last().unwrap();
        sequences.push(stored(log, last, &event(&claim)).await);
        stored(log, 0, &event(&super::claim())).await;
    }
    let subject = event(&claim).subject;
    for (index, &after) in sequences.iter().enumerate() {
        let newer = log.read_after(&subject, after).await.unwrap();
        let found: Vec<u64> = newer.iter().map(|event| event.sequence).collect();
        assert_eq!(found, sequences[index + 1..], "after {after}");
    }
}

/// Without waiting in line: each reads the last sequence and tries, until it has won often enough.
pub(super) async fn of_racing_writers_one_wins_each_round(log: &Log) {
    let claim = claim();
    let subject = event(&claim).subject;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (log, claim) = (log.clone(), claim.clone());
        writers.spawn(async move {
            let mut won = Vec::new();
            let mut expected = 0;
            while won.len() < ROUNDS {
                let event = event(&claim);
                match log.append(Expected::of(expected), &event).await.unwrap() {
                    Append::Conflict { actual } => expected = actual,
                    Append::Repeated { .. } => panic!("a new id cannot be known"),
                    Append::Stored { sequence } => {
                        won.push(event.id);
                        expected = sequence;
                    }
                }
            }
            won
        });
    }
    let mut won: Vec<_> = writers.join_all().await.concat();
    let events = log.read_after(&subject, 0).await.unwrap();
    let mut found: Vec<_> = events.iter().filter_map(|event| event.id).collect();
    won.sort_unstable();
    found.sort_unstable();
    assert_eq!(
        found, won,
        "every acknowledged append is there once, and nothing else"
    );
}
