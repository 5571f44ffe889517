//! What nobody could work on is kept where a person sees it.

use std::time::Duration;

use nexus_events::aggregate::Aggregate as _;
use nexus_events::claim::{Claim, ClaimCommand};
use nexus_events::spec::Provider;
use nexus_nats::parked::ParkedError;
use nexus_nats::testing::TestServer;
use nexus_nats::{
    Bus, CommandQueue, EventSubject, Expected, Filter, From, LoadError, Log, Parked, ParkedSubject,
    Published, Repository, Route, Snapshot,
};

use crate::sample::{bare_client, claim, command, context, event, soon, workspace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_given_up_command_is_parked_retried_and_discarded() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let (queue, parked) = (CommandQueue::on(&bus), Parked::on(&bus));
    let work = command(workspace(), None);
    queue.publish(&work).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let delivery = soon("it", consumer.next()).await.unwrap();
    delivery.give_up("the image\nis not there").await.unwrap();
    assert_eq!(
        queue.pending(work.workspace).await.unwrap(),
        None,
        "the next command may come"
    );

    let list = parked.list().await.unwrap();
    let [message] = list.as_slice() else {
        panic!("{list:?}")
    };
    assert_eq!(
        (message.reason.as_str(), message.attempts),
        ("the image is not there", 1)
    );
    assert_eq!(message.payload, serde_json::to_vec(&work).unwrap());
    assert_eq!(&parked.read(message.id).await.unwrap(), message);

    let other = command(work.workspace, None);
    queue.publish(&other).await.unwrap();
    let busy = parked.retry(message.id).await.unwrap_err();
    assert!(matches!(busy, ParkedError::Busy { .. }), "{busy:?}");
    soon("it", consumer.next())
        .await
        .unwrap()
        .done()
        .await
        .unwrap();
    parked.retry(message.id).await.unwrap();
    let again = soon("it again", consumer.next()).await.unwrap();
    assert_eq!((again.command(), again.attempt()), (&work, 1));
    assert_eq!(parked.list().await.unwrap(), []);

    again.give_up("still not").await.unwrap();
    let id = parked.list().await.unwrap()[0].id;
    parked.discard(id).await.unwrap();
    assert_eq!(parked.list().await.unwrap(), []);
    let gone = parked.discard(id).await.unwrap_err();
    assert!(matches!(gone, ParkedError::NotFound { .. }), "{gone:?}");
}

/// Publishes bytes as they are.
async fn raw(server: &TestServer, subject: &str, payload: &'static str) {
    let context = async_nats::jetstream::new(bare_client(server).await);
    let stored = context
        .publish(subject.to_owned(), payload.into())
        .await
        .unwrap();
    stored.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_parked_with_the_reason_and_delays_nobody() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let queue = CommandQueue::on(&bus);
    let poisoned = workspace();
    raw(
        &server,
        &format!("nexus.cmd.fake.any.{poisoned}"),
        "{\"id\":7}",
    )
    .await;
    raw(&server, "nexus.cmd.fake.any.nobody", "\u{0}").await;
    let good = command(workspace(), None);
    queue.publish(&good).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let delivery = soon("the good one", consumer.next()).await.unwrap();
    assert_eq!(delivery.command(), &good);
    let parked = Parked::on(&bus).list().await.unwrap();
    assert_eq!(parked.len(), 2);
    assert!(
        parked.iter().all(|message| !message.reason.is_empty()),
        "{parked:?}"
    );
    assert_eq!(queue.pending(poisoned).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_among_the_events_of_an_aggregate_does_not_end_it() {
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    let claims = Repository::<Claim>::new(log.clone());
    let (id, first) = (claim(), event(&claim()));
    let subject = EventSubject::new(Claim::KIND, &id).unwrap();
    let decide = |state: &Claim| {
        state.decide(&ClaimCommand::Claim {
            workspace: workspace(),
            at: jiff::Timestamp::now(),
            quarantine: jiff::SignedDuration::ZERO,
        })
    };
    raw(&server, &subject.to_string(), "{ no event").await;
    let claimed = claims.execute(&id, Snapshot::empty(), decide, context);
    let claimed = claimed.await.unwrap().snapshot;
    assert_eq!(claimed.sequence, 2);
    raw(&server, &subject.to_string(), "\u{0}").await;
    let release = ClaimCommand::Release {
        workspace: claimed.state.holder.unwrap().workspace().unwrap(),
        at: jiff::Timestamp::now(),
    };
    let released = claims.execute(&id, claimed, |state| state.decide(&release), context);
    assert_eq!(released.await.unwrap().snapshot.sequence, 4);

    // What a newer program wrote happened: nobody decides as if it had not.
    let newer = std::str::from_utf8(&first.payload).unwrap().to_owned();
    let newer = newer.replace("claimed.v1", "claimed.v9");
    raw(
        &server,
        &subject.to_string(),
        Box::leak(newer.into_boxed_str()),
    )
    .await;
    let refused = claims.load(&id).await.unwrap_err();
    assert!(
        matches!(refused, LoadError::Decode { sequence: 5, .. }),
        "{refused:?}"
    );
}

/// Runs the collector beside what is given.
async fn while_collecting<T>(bus: &Bus, work: impl Future<Output = T>) -> T {
    let parked = Parked::on(bus);
    tokio::select! {
        done = work => done,
        () = parked.collect() => unreachable!("it runs for ever"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_deliveries_in_vain_are_enough() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let (queue, parked) = (CommandQueue::on(&bus), Parked::on(&bus));
    let work = command(workspace(), None);
    queue.publish(&work).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    for attempt in 1..=5 {
        let delivery = soon("it", consumer.next()).await.unwrap();
        assert_eq!(
            (delivery.attempt(), delivery.is_last()),
            (attempt, attempt == 5)
        );
        delivery.retry_after(Duration::ZERO).await.unwrap();
    }
    let waiting = tokio::spawn(async move { consumer.next().await });
    let list = while_collecting(&bus, async {
        soon("it is parked", async {
            loop {
                let list = parked.list().await.unwrap();
                if !list.is_empty() && queue.pending(work.workspace).await.unwrap().is_none() {
                    return list;
                }
            }
        })
        .await
    })
    .await;
    let [message] = list.as_slice() else {
        panic!("{list:?}")
    };
    assert!(message.reason.contains("5 times"), "{message:?}");
    assert_eq!(message.payload, serde_json::to_vec(&work).unwrap());

    parked.retry(message.id).await.unwrap();
    let again = soon("it", waiting).await.unwrap().unwrap();
    assert_eq!((again.command(), again.attempt()), (&work, 1));
    assert_eq!(
        queue.publish(&command(work.workspace, None)).await.unwrap(),
        Published::Busy
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_event_is_parked_once_however_often_it_is_read() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let (log, parked) = (Log::on(&bus), Parked::on(&bus));
    let mut new = event(&claim());
    new.payload = "{}".into();
    log.append(Expected::Empty, &new).await.unwrap();
    for _ in 0..2 {
        let mut tail = log.tail(From::start(), Filter::All);
        let event = soon("it", tail.next()).await.unwrap();
        parked
            .park_event(&event, "it is of no known shape")
            .await
            .unwrap();
    }
    let list = parked.list().await.unwrap();
    let [message] = list.as_slice() else {
        panic!("{list:?}")
    };
    assert_eq!(message.origin, ParkedSubject::Event(1));
    let error = parked.retry(message.id).await.unwrap_err();
    assert!(
        matches!(error, ParkedError::NotACommand { .. }),
        "{error:?}"
    );
}
