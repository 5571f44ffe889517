//! Appends while the server dies under them.

use std::collections::HashMap;

use nexus_events::id::EventId;
use nexus_nats::embedded::ChildState;
use nexus_nats::testing::TestServer;
use nexus_nats::{Append, AppendError, EventSubject, Expected, Log};

use crate::sample::{claim, event, soon};

const WRITERS: usize = 8;
const KILLS: u64 = 4;

/// Appends to an aggregate of its own until told to stop; every append must end well.
async fn write(
    log: Log,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> (EventSubject, Vec<(u64, EventId)>) {
    let claim = claim();
    let mut acknowledged = Vec::new();
    let mut last = 0;
    while !*stop.borrow_and_update() {
        let event = event(&claim);
        let append = log
            .append(Expected::of(last), &event)
            .await
            .expect("within the budget");
        last = append
            .sequence()
            .unwrap_or_else(|| panic!("nobody else writes here: {append:?}"));
        acknowledged.push((last, event.id));
    }
    (event(&claim).subject, acknowledged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_neither_loses_nor_doubles_an_append() {
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write(log.clone(), stopped.clone()));
    }
    let mut state = server.embedded().state();
    for kill in 1..=KILLS {
        // Enough was written since the last one for appends to be under way.
        let grown = log.info().await.unwrap().last_sequence + 500;
        soon("appends go on", async {
            while log
                .info()
                .await
                .is_ok_and(|info| info.last_sequence < grown)
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        server.crash();
        let again = |state: &ChildState| matches!(state, ChildState::Running { restarts, .. } if *restarts == kill);
        soon("it is started again", state.wait_for(again))
            .await
            .unwrap();
    }
    stop.send_replace(true);
    let written: HashMap<_, _> = soon("every append ends", writers.join_all())
        .await
        .into_iter()
        .collect();

    let mut total = 0;
    for (subject, acknowledged) in written {
        let stored = log.read_after(&subject, 0).await.unwrap();
        let found: Vec<_> = stored
            .iter()
            .filter_map(|event| Some((event.sequence, event.id?)))
            .collect();
        assert_eq!(
            found, acknowledged,
            "exactly what was acknowledged, once, in order"
        );
        total += found.len() as u64;
    }
    let info = log.info().await.unwrap();
    assert_eq!((info.last_sequence, info.missing), (total, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_waits_for_a_server_that_is_away() {
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    server.kill();
    let event = event(&claim());
    let append = log.append(Expected::Empty, &event);
    let (append, ()) = tokio::join!(append, server.restart());
    assert_eq!(append.unwrap().sequence(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_told_from_an_unknown_outcome() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let log = Log::on(&bus);
    server.kill();
    // Until the client has seen the end, what it sends may still have arrived.
    let mut connection = bus.connection();
    soon("the end is seen", connection.wait_for(|now| !now.up))
        .await
        .unwrap();
    let event = event(&claim());
    let error = soon("the budget ends", log.append(Expected::Empty, &event))
        .await
        .unwrap_err();
    assert!(
        matches!(error, AppendError::Unavailable { .. }),
        "never sent: {error:?}"
    );
    server.restart().await;
    let append = soon("it works again", log.append(Expected::Empty, &event))
        .await
        .unwrap();
    assert!(matches!(
        append,
        Append::Stored { sequence: 1 } | Append::Repeated { sequence: 1 }
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_refuses_is_not_tried_for_long() {
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    let mut event = event(&claim());
    event.payload = vec![b'x'; 65 << 10].into();
    let error = log.append(Expected::Empty, &event).await.unwrap_err();
    assert!(matches!(error, AppendError::Refused { .. }), "{error:?}");
    assert_eq!(log.info().await.unwrap().last_sequence, 0);
}
