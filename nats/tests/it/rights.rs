//! What each user may do on the embedded server, tried on the server itself.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use nexus_nats::testing::{TestServer, node, other_node};
use nexus_nats::{Bus, CommandQueue, Heartbeats, Log, Role, StepLogs, topology};
use tokio::sync::mpsc;

use crate::sample::soon;

/// A bare client as `role`, and the server's complaints.
async fn client(server: &TestServer, role: Role) -> (Client, mpsc::UnboundedReceiver<String>) {
    let seed = std::fs::read_to_string(server.embedded().seed_file(role)).unwrap();
    let (sender, complaints) = mpsc::unbounded_channel();
    let client = ConnectOptions::new()
        .nkey(seed.trim().to_owned())
        .custom_inbox_prefix(role.inbox())
        .event_callback(move |event| {
            if let async_nats::Event::ServerError(error) = event {
                let _ = sender.send(error.to_string().to_lowercase());
            }
            std::future::ready(())
        })
        .connect(server.url())
        .await
        .unwrap();
    (client, complaints)
}

/// Whether the server lets `role` publish there: a complaint comes before the flush's answer.
async fn may_publish(server: &TestServer, role: Role, subject: &str) -> bool {
    let (client, mut complaints) = client(server, role).await;
    client.publish(subject.to_owned(), "".into()).await.unwrap();
    quiet(&client, &mut complaints).await
}

async fn may_subscribe(server: &TestServer, role: Role, subject: &str, queue: bool) -> bool {
    let (client, mut complaints) = client(server, role).await;
    let _subscriber = if queue {
        client
            .queue_subscribe(subject.to_owned(), "q".into())
            .await
            .unwrap()
    } else {
        client.subscribe(subject.to_owned()).await.unwrap()
    };
    quiet(&client, &mut complaints).await
}

/// Does what is forbidden to everyone; its complaint comes after any about what was done before.
async fn quiet(client: &Client, complaints: &mut mpsc::UnboundedReceiver<String>) -> bool {
    client.publish("forbidden.to.all", "".into()).await.unwrap();
    client.flush().await.unwrap();
    let complaint = soon("a complaint", complaints.recv()).await.unwrap();
    complaint.contains("forbidden.to.all")
}

/// The users of [`MATRIX`], in its order.
fn roles() -> [Role; 3] {
    [Role::ControlPlane, Role::Worker(node()), Role::Cli]
}

/// The names in the matrix: the worker's own node, and another.
fn named(subject: &str) -> String {
    subject
        .replace("MINE", &node().to_string())
        .replace("OTHER", &other_node().to_string())
}

/// What each user may publish to: the control plane, the worker of `MINE` (with the provider
/// `fake`), the command line.
const MATRIX: [(&str, [bool; 3]); 57] = [
    ("nexus.evt.workspace.ws-7", [true, true, false]),
    ("nexus.evt.node.MINE", [true, true, false]),
    ("nexus.evt.node.OTHER", [true, false, false]),
    ("nexus.evt.user.user-7", [true, false, false]),
    ("nexus.evt.claim.port-7", [true, false, false]),
    ("nexus.evt.workspace.a.b", [true, false, false]),
    ("nexus.cmd.docker.any.ws-7", [true, false, false]),
    ("nexus.log.ws-7.op-7.clone", [true, true, false]),
    ("nexus.parked.command.7", [true, true, false]),
    ("nexus.parked.event.7", [true, false, false]),
    ("nexus.log.ws-7.op-7", [true, false, false]),
    ("$KV.nexus_nodes.MINE", [true, true, false]),
    ("$KV.nexus_nodes.OTHER", [true, false, false]),
    ("$KV.nexus_user_keys.user-7", [true, false, false]),
    ("$KV.nexus_previews.closed.7.3000.all", [true, false, false]),
    ("$JS.API.INFO", [true, true, true]),
    ("$JS.API.STREAM.INFO.NEXUS_EVENTS", [true, false, true]),
    ("$JS.API.STREAM.CREATE.X", [true, false, false]),
    ("$JS.API.STREAM.UPDATE.NEXUS_EVENTS", [true, false, false]),
    ("$JS.API.STREAM.DELETE.NEXUS_EVENTS", [false, false, false]),
    ("$JS.API.STREAM.PURGE.NEXUS_EVENTS", [false, false, false]),
    ("$JS.API.STREAM.RESTORE.NEXUS_EVENTS", [false, false, false]),
    (
        "$JS.API.STREAM.MSG.DELETE.NEXUS_EVENTS",
        [false, false, false],
    ),
    (
        "$JS.API.STREAM.MSG.DELETE.NEXUS_PARKED",
        [true, false, false],
    ),
    ("$JS.API.STREAM.MSG.GET.NEXUS_EVENTS", [true, true, false]),
    (
        "$JS.API.STREAM.MSG.GET.KV_nexus_user_keys",
        [true, false, false],
    ),
    (
        "$JS.API.DIRECT.GET.KV_nexus_user_keys",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-fake-any.nexus.cmd.fake.any.*",
        [true, true, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-fake-MINE.nexus.cmd.fake.MINE.*",
        [true, true, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-fake-OTHER.nexus.cmd.fake.OTHER.*",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-fake-MINE.nexus.cmd.fake.OTHER.*",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-docker-any.nexus.cmd.docker.any.*",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-fake-any.nexus.cmd.>",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_COMMANDS.worker-fake-any",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.CREATE.NEXUS_EVENTS.c.nexus.evt.>",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.DELETE.NEXUS_COMMANDS.c",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.MSG.NEXT.NEXUS_COMMANDS.worker-fake-any",
        [true, true, false],
    ),
    (
        "$JS.API.CONSUMER.MSG.NEXT.NEXUS_COMMANDS.worker-fake-MINE",
        [true, true, false],
    ),
    (
        "$JS.API.CONSUMER.MSG.NEXT.NEXUS_COMMANDS.worker-fake-OTHER",
        [true, false, false],
    ),
    (
        "$JS.API.CONSUMER.MSG.NEXT.NEXUS_COMMANDS.worker-docker-any",
        [true, false, false],
    ),
    (
        "$JS.ACK.NEXUS_COMMANDS.worker-fake-any.1.1.1.1.1",
        [true, true, false],
    ),
    (
        "$JS.ACK.NEXUS_COMMANDS.worker-fake-MINE.1.1.1.1.1",
        [true, true, false],
    ),
    (
        "$JS.ACK.NEXUS_COMMANDS.worker-fake-OTHER.1.1.1.1.1",
        [true, false, false],
    ),
    ("$JS.ACK.NEXUS_PARKED.c.1.1.1.1.1", [true, false, false]),
    ("$SYS.REQ.SERVER.PING", [false, false, false]),
    // Replies: nobody forges one.
    ("_INBOX_control-plane.x", [false, false, false]),
    ("_INBOX_worker.MINE.x", [false, false, false]),
    ("_INBOX_worker.OTHER.x", [false, false, false]),
    ("_INBOX_cli.x", [false, false, false]),
    // Streams: opened by the control plane only, answered by the worker that was asked.
    ("nexus.link.MINE.stream-7", [true, false, false]),
    ("nexus.link.OTHER.stream-7", [true, false, false]),
    ("nexus.ticket.MINE", [true, false, false]),
    ("nexus.ticket.OTHER", [true, false, false]),
    (
        "_INBOX_control-plane.link.MINE.gateway-7.stream-7",
        [false, true, false],
    ),
    (
        "_INBOX_control-plane.link.OTHER.gateway-7.stream-7",
        [false, false, false],
    ),
    (
        "_INBOX_control-plane.link.gateway-7.stream-7",
        [false, false, false],
    ),
    ("_INBOX_control-plane.link.x", [false, false, false]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_matrix_of_publishing() {
    let server = TestServer::start().await;
    server.bus().await;
    for (subject, allowed) in MATRIX {
        let subject = named(subject);
        for (role, allowed) in roles().into_iter().zip(allowed) {
            assert_eq!(
                may_publish(&server, role, &subject).await,
                allowed,
                "{role:?} {subject}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hears_what_is_not_for_them() {
    let server = TestServer::start().await;
    for role in roles() {
        for subject in [
            "nexus.evt.>",
            "nexus.cmd.>",
            ">",
            "_INBOX.>",
            "$JS.>",
            "$KV.>",
            "*.>",
            "nexus.link.>",
            "nexus.link.*.*",
            "nexus.ticket.*",
            "_INBOX_worker.>",
        ] {
            for queue in [false, true] {
                let allowed = may_subscribe(&server, role, subject, queue).await;
                assert!(!allowed, "{role:?} {subject} queue {queue}");
            }
        }
        assert!(may_subscribe(&server, role, &format!("{}.x", role.inbox()), false).await);
        let is_worker = matches!(role, Role::Worker(_));
        for (subject, allowed) in [
            ("nexus.link.MINE.*", is_worker),
            ("nexus.ticket.MINE", is_worker),
            // What is for another worker, and what it is answered.
            ("nexus.link.OTHER.*", false),
            ("nexus.ticket.OTHER", false),
            ("_INBOX_worker.OTHER.>", false),
        ] {
            let hears = may_subscribe(&server, role, &named(subject), false).await;
            assert_eq!(hears, allowed, "{role:?} hears {subject}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_nobody_comes_in() {
    let server = TestServer::start().await;
    assert!(async_nats::connect(server.url()).await.is_err());
    let options = nexus_nats::Options::new([server.url()], Role::Worker(node()))
        .patience(Duration::from_millis(100));
    assert!(Bus::connect(options).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_can_do_all_of_its_work() {
    use crate::sample::{command, workspace};
    use nexus_events::aggregate::Aggregate;
    use nexus_events::node::{Heartbeat, Node, NodeCommand, NodeProfile};
    use nexus_events::spec::{Capabilities, Provider};
    use nexus_events::work::{OutputChunk, OutputStream};
    use nexus_nats::{Repository, Route, Snapshot};

    let server = TestServer::start().await;
    let control = server.bus().await;
    let bus = server.worker_bus().await;
    let (node, workspace) = (node(), workspace());
    let work = command(workspace, Some(node));
    CommandQueue::on(&control).publish(&work).await.unwrap();

    let queue = CommandQueue::on(&bus);
    let mut any = queue.consumer(Provider::Fake, Route::Any).await.unwrap();
    let mut mine = queue
        .consumer(Provider::Fake, Route::Node(node))
        .await
        .unwrap();
    let delivery = soon("the command", mine.next()).await.unwrap();
    assert_eq!(delivery.command().id, work.id);

    let at = jiff::Timestamp::now();
    let profile = NodeProfile {
        provider: Provider::Fake,
        hostname: "h".into(),
        engine: "fake".into(),
        version: "1".into(),
        slots: 1,
        capabilities: Capabilities::default(),
    };
    let join = NodeCommand::Join { profile, at };
    let context = || nexus_events::envelope::Context {
        id: nexus_events::id::EventId::from_uuid(uuid::Uuid::now_v7()),
        at,
        actor: nexus_events::envelope::Actor::Node(node),
        correlation: nexus_events::id::CorrelationId::from_uuid(uuid::Uuid::now_v7()),
        causation: None,
        traceparent: None,
    };
    let nodes = Repository::<Node>::new(Log::on(&bus));
    let decide = |state: &Node| state.decide(&join);
    nodes
        .execute(&node, Snapshot::empty(), decide, context)
        .await
        .unwrap();
    // Knowing nothing again: the conflict is resolved with a worker's rights.
    nodes
        .execute(&node, Snapshot::empty(), decide, context)
        .await
        .unwrap();

    let chunk = OutputChunk {
        at,
        workspace,
        operation: work.operation,
        step: nexus_events::workspace::Step::Clone,
        stream: OutputStream::Stdout,
        text: "hello".into(),
    };
    StepLogs::on(&bus).publish(&chunk).await.unwrap();
    let heartbeat = Heartbeat {
        node,
        at,
        running: vec![],
        free_slots: 1,
        link: Vec::new(),
    };
    Heartbeats::on(&bus).beat(&heartbeat).await.unwrap();
    delivery.done().await.unwrap();
    assert_eq!(
        CommandQueue::on(&control).pending(workspace).await.unwrap(),
        None
    );

    CommandQueue::on(&control)
        .publish(&command(workspace, None))
        .await
        .unwrap();
    let delivery = soon("the command", any.next()).await.unwrap();
    delivery.give_up("not today").await.unwrap();
    let parked = nexus_nats::Parked::on(&control).list().await.unwrap();
    assert_eq!(parked.len(), 1);
    assert!(
        topology::ensure(&bus, nexus_nats::Replicas(1))
            .await
            .is_err(),
        "not a worker's"
    );
}
