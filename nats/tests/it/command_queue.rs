//! Commands are delivered until done, one open at a time: on a server, and by its twin in memory.

use std::time::Duration;

use futures::StreamExt;
use nexus_events::spec::Provider;
use nexus_nats::testing::TestServer;
use nexus_nats::{CommandQueue, MemoryBus, Published, Route};

use crate::sample::{bare_client, command, node, soon, workspace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_has_one_open_command() {
    let server = TestServer::start().await;
    one_open_command(&CommandQueue::on(&server.bus().await)).await;
}

async fn one_open_command(queue: &CommandQueue) {
    let workspace = workspace();
    let (first, second) = (command(workspace, None), command(workspace, None));
    assert_eq!(queue.pending(workspace).await.unwrap(), None);
    assert_eq!(queue.publish(&first).await.unwrap(), Published::Queued);
    assert_eq!(queue.publish(&second).await.unwrap(), Published::Busy);
    let again = queue.publish(&first).await.unwrap();
    assert!(
        matches!(again, Published::Repeated | Published::Busy),
        "{again:?}"
    );
    let pending = queue.pending(workspace).await.unwrap().unwrap();
    assert_eq!(
        (pending.id, pending.subject.route),
        (Some(first.id), Route::Any)
    );

    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let delivery = soon("the command", consumer.next()).await.unwrap();
    assert_eq!((delivery.command(), delivery.attempt()), (&first, 1));
    assert_eq!(
        queue.publish(&second).await.unwrap(),
        Published::Busy,
        "while it is worked on"
    );
    delivery.done().await.unwrap();
    assert_eq!(queue.publish(&second).await.unwrap(), Published::Queued);
    assert_eq!(
        queue.publish(&first).await.unwrap(),
        Published::Repeated,
        "it is done"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_command_makes_way() {
    let server = TestServer::start().await;
    makes_way(&CommandQueue::on(&server.bus().await)).await;
    makes_way(&MemoryBus::default().commands()).await;
}

async fn makes_way(queue: &CommandQueue) {
    let workspace = workspace();
    let (stuck, next) = (command(workspace, None), command(workspace, None));
    queue.publish(&stuck).await.unwrap();
    let pending = queue.pending(workspace).await.unwrap().unwrap();
    assert!(!queue.was_delivered(&pending).await.unwrap(), "nobody took");
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    assert!(!queue.was_delivered(&pending).await.unwrap(), "nor asked");
    let taken = soon("the command", consumer.next()).await.unwrap();
    assert!(queue.was_delivered(&pending).await.unwrap());
    assert_eq!(queue.publish(&next).await.unwrap(), Published::Busy);
    queue.withdraw(&pending).await.unwrap();
    queue.withdraw(&pending).await.unwrap();
    assert_eq!(queue.pending(workspace).await.unwrap(), None);
    assert_eq!(queue.publish(&next).await.unwrap(), Published::Queued);
    // Whoever still has it may say what it likes.
    taken.done().await.unwrap();
    let given = soon("the next one", consumer.next()).await.unwrap();
    assert_eq!(given.command(), &next);
    given.done().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_command_can_be_published_again() {
    let server = TestServer::start().await;
    published_again(&CommandQueue::on(&server.bus().await)).await;
}

async fn published_again(queue: &CommandQueue) {
    let work = command(workspace(), None);
    queue.publish(&work).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    soon("it", consumer.next())
        .await
        .unwrap()
        .done()
        .await
        .unwrap();
    assert_eq!(queue.publish(&work).await.unwrap(), Published::Repeated);
    assert_eq!(queue.publish_again(&work).await.unwrap(), Published::Queued);
    assert_eq!(soon("it", consumer.next()).await.unwrap().command(), &work);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_only_the_route_they_are_for() {
    let server = TestServer::start().await;
    routes(&CommandQueue::on(&server.bus().await)).await;
}

async fn routes(queue: &CommandQueue) {
    let (here, there) = (node(), node());
    let mut mine = queue
        .consumer(Provider::Fake, Route::Node(here))
        .await
        .unwrap();
    let mut theirs = queue
        .consumer(Provider::Fake, Route::Node(there))
        .await
        .unwrap();
    let mut any = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let (first, second, third) = (
        command(workspace(), Some(here)),
        command(workspace(), Some(there)),
        command(workspace(), None),
    );
    for work in [&third, &second, &first] {
        queue.publish(work).await.unwrap();
    }
    for (consumer, work) in [(&mut mine, first), (&mut theirs, second), (&mut any, third)] {
        let delivery = soon("its own", consumer.next()).await.unwrap();
        assert_eq!(delivery.command(), &work);
        delivery.done().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_comes_back_at_once() {
    let server = TestServer::start().await;
    dropped(&CommandQueue::on(&server.bus().await)).await;
}

async fn dropped(queue: &CommandQueue) {
    queue.publish(&command(workspace(), None)).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    drop(soon("it", consumer.next()).await.unwrap());
    let again = tokio::time::timeout(Duration::from_secs(3), consumer.next());
    let again = again
        .await
        .expect("before its patience of 5 s ends")
        .unwrap();
    assert_eq!(again.attempt(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_comes_later_and_a_waiting_worker_is_not_disturbed() {
    let server = TestServer::start().await;
    retried(&CommandQueue::on(&server.bus().await)).await;
}

async fn retried(queue: &CommandQueue) {
    let (first, second) = (command(workspace(), None), command(workspace(), None));
    queue.publish(&first).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let delivery = soon("it", consumer.next()).await.unwrap();
    delivery.retry_after(Duration::from_secs(1)).await.unwrap();
    queue.publish(&second).await.unwrap();
    let next = soon("the other one first", consumer.next()).await.unwrap();
    assert_eq!(next.command(), &second);
    let again = soon("then it", consumer.next()).await.unwrap();
    assert_eq!((again.command(), again.attempt()), (&first, 2));
}

/// A worker that dies keeps its command for 5 s, one that works keeps it for as long as it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_moves_on_from_a_dead_worker_only() {
    let server = TestServer::start().await;
    let queue = CommandQueue::on(&server.bus().await);
    let (dead, alive) = (command(workspace(), None), command(workspace(), None));
    queue.publish(&dead).await.unwrap();
    let dying = server.worker_bus().await;
    let mut theirs = CommandQueue::on(&dying)
        .consumer(Provider::Fake, Route::Any)
        .await
        .unwrap();
    let lost = soon("it", theirs.next()).await.unwrap();
    assert_eq!(lost.command(), &dead);
    dying.drain().await;
    std::mem::forget(lost);

    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    queue.publish(&alive).await.unwrap();
    let held = soon("the other", consumer.next()).await.unwrap();
    assert_eq!(held.command(), &alive);
    let moved = soon("the dead worker's", consumer.next()).await.unwrap();
    assert_eq!((moved.command(), moved.attempt()), (&dead, 2));
    moved.done().await.unwrap();
    // More than 5 s have passed by now; nobody else was given what is worked on.
    let mut other = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let none = tokio::time::timeout(Duration::from_secs(1), other.next()).await;
    assert!(none.is_err(), "{none:?}");
    held.done().await.unwrap();
}

/// A worker that stalls for longer than its patience: its acknowledgement still counts, so it is
/// the epoch and the expected sequence that keep effects single, never the acknowledgement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_acknowledgement_is_taken_and_no_fence() {
    let server = TestServer::start().await;
    let queue = CommandQueue::on(&server.bus().await);
    let work = command(workspace(), None);
    queue.publish(&work).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let stalled = bare_client(&server).await;
    let next = "$JS.API.CONSUMER.MSG.NEXT.NEXUS_COMMANDS.worker-fake-any";
    let inbox = stalled.new_inbox();
    let mut taken = stalled.subscribe(inbox.clone()).await.unwrap();
    stalled
        .publish_with_reply(next, inbox, r#"{"batch":1}"#.into())
        .await
        .unwrap();
    let taken = soon("it is taken", taken.next()).await.unwrap();

    let second = soon("the stalled worker's", consumer.next()).await.unwrap();
    assert_eq!((second.command(), second.attempt()), (&work, 2));
    stalled
        .publish(taken.reply.unwrap(), "+ACK".into())
        .await
        .unwrap();
    soon(
        "it is out of the queue, though another works on it",
        async {
            while queue.pending(work.workspace).await.unwrap().is_some() {
                tokio::task::yield_now().await;
            }
        },
    )
    .await;
    second.done().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_survive_a_killed_server() {
    let server = TestServer::start().await;
    let queue = CommandQueue::on(&server.bus().await);
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await });
    server.kill();
    server.restart().await;
    let work = command(workspace(), None);
    assert_eq!(queue.publish(&work).await.unwrap(), Published::Queued);
    let delivery = soon("the command", waiting).await.unwrap().unwrap();
    assert_eq!(delivery.command(), &work);
    delivery.done().await.unwrap();
}

#[tokio::test]
async fn the_queue_in_memory_gives_the_same_answers() {
    one_open_command(&MemoryBus::default().commands()).await;
    published_again(&MemoryBus::default().commands()).await;
    routes(&MemoryBus::default().commands()).await;
    dropped(&MemoryBus::default().commands()).await;
    retried(&MemoryBus::default().commands()).await;
}

#[tokio::test]
async fn in_memory_a_command_moves_on_from_a_silent_worker_and_is_given_up_in_the_end() {
    let bus = MemoryBus::default();
    let queue = bus.commands();
    let work = command(workspace(), None);
    queue.publish(&work).await.unwrap();
    let mut consumer = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let silent = soon("it", consumer.next()).await.unwrap();
    bus.deliver_again();
    for attempt in 2..=5 {
        let delivery = soon("it comes again", consumer.next()).await.unwrap();
        assert_eq!((delivery.command(), delivery.attempt()), (&work, attempt));
        drop(delivery);
        // What is handed back is on its way.
        tokio::task::yield_now().await;
    }
    assert_eq!(queue.pending(work.workspace).await.unwrap(), None);
    let given_up = bus.given_up_after(0);
    assert_eq!((given_up.len(), given_up[0].attempts), (1, 5));
    silent.done().await.unwrap();
    assert_eq!(bus.open_commands(), []);
}
