//! Following the log while the server dies, shrinks, or is replaced.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use nexus_nats::embedded::ChildState;
use nexus_nats::testing::TestServer;
use nexus_nats::{Expected, Filter, From, Log, Role, TailError};

use crate::sample::{bare_client, claim, event, soon};

async fn append(log: &Log, count: u64) -> u64 {
    let mut last = 0;
    for _ in 0..count {
        let append = log.append(Expected::Empty, &event(&claim())).await.unwrap();
        last = append.sequence().unwrap();
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_goes_on_across_kills_without_gap_or_double() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let log = Log::on(&bus);
    let writer = tokio::spawn({
        let log = Log::on(&server.bus().await);
        async move { append(&log, 4_000).await }
    });
    let mut tail = log.tail(From::start(), Filter::All);
    let mut state = server.embedded().state();
    for sequence in 1..=4_000_u64 {
        let event = soon("the next event", tail.next()).await.unwrap();
        assert_eq!(event.sequence, sequence);
        if sequence % 1_000 == 500 {
            let kills = sequence / 1_000 + 1;
            server.crash();
            let again = |state: &ChildState| matches!(state, ChildState::Running { restarts, .. } if *restarts == kills);
            soon("it is started again", state.wait_for(again))
                .await
                .unwrap();
        }
    }
    assert_eq!(writer.await.unwrap(), 4_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_resumes_at_once_when_the_connection_is_back() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let log = Log::on(&bus);
    append(&log, 10).await;
    let mut tail = log.tail(From::start(), Filter::All);
    for _ in 0..10 {
        soon("what is there", tail.next()).await.unwrap();
    }
    server.kill();
    let idle = tokio::spawn(async move { (tail.next().await, Instant::now()) });
    soon("the loss is noticed", async {
        bus.connection()
            .wait_for(|connection| !connection.up)
            .await
            .map(|_| ())
    })
    .await
    .unwrap();
    server.restart().await;
    soon("the connection is back", bus.up()).await;
    let back = Instant::now();
    let appended = append(&log, 1).await;
    let (event, at) = soon("the next event", idle).await.unwrap();
    assert_eq!(event.unwrap().sequence, appended);
    let resumed = at.saturating_duration_since(back);
    assert!(
        resumed < Duration::from_secs(2),
        "{resumed:?}, the library needs 15 s"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_an_alarm_and_is_never_skipped() {
    let server = TestServer::start().await;
    // A log that forgets, as no log of ours does.
    let config = jetstream::stream::Config {
        name: "NEXUS_EVENTS".into(),
        subjects: vec!["nexus.evt.>".into()],
        max_messages_per_subject: 1,
        ..Default::default()
    };
    let context = jetstream::new(bare_client(&server).await);
    context.create_stream(config).await.unwrap();
    let log = Log::on(&server.bus_as(Role::ControlPlane).await);
    let (first, second) = (claim(), claim());
    append(&log, 1).await;
    for (claim, expected) in [(&first, 0), (&second, 0), (&first, 2)] {
        log.append(Expected::of(expected), &event(claim))
            .await
            .unwrap();
    }
    assert_eq!(log.info().await.unwrap().missing, 1);

    let mut tail = log.tail(From::start(), Filter::All);
    let batch = soon("what came before", tail.batch(100, Duration::from_secs(1)))
        .await
        .unwrap();
    assert_eq!(batch.events.len(), 1, "what came before is given");
    for _ in 0..2 {
        let error = soon("the gap", tail.next()).await.unwrap_err();
        assert!(
            matches!(
                error,
                TailError::Gap {
                    expected: 2,
                    found: 3
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_log_under_the_same_name_is_an_alarm() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let log = Log::on(&bus);
    append(&log, 5).await;
    let mut tail = log.tail(From::start(), Filter::All);
    for _ in 0..5 {
        soon("what is there", tail.next()).await.unwrap();
    }
    server.kill();
    std::fs::remove_dir_all(server.folder().join("store")).unwrap();
    server.restart().await;
    server.bus().await;
    let error = soon("the alarm", tail.next()).await.unwrap_err();
    assert!(matches!(error, TailError::OtherLog { .. }), "{error:?}");

    let mut tail = Log::on(&bus).tail(From::after(5), Filter::All);
    let error = soon("the alarm", tail.next()).await.unwrap_err();
    assert!(
        matches!(error, TailError::Shorter { read: 5, last: 0 }),
        "{error:?}"
    );
}
