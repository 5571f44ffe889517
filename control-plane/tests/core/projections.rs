//! The read model: derived, complete, the same however it was made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use nexus_control_plane::app::{Options, Plane, StartError};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::identity::Identity;
use nexus_control_plane::projections::{ProjectionError, digest, rebuild};
use nexus_control_plane::queries::{EventQuery, QueryError, WorkspaceRef};
use nexus_control_plane::settings::Settings;
use nexus_events::aggregate::Kind;
use nexus_events::id::EventId;
use nexus_events::spec::Provider;
use nexus_events::workspace::Phase;
use nexus_nats::testing::TestServer;
use nexus_nats::{EventSubject, Expected, Log, NewEvent};

use crate::world::{World, start};

/// A life of three workspaces: one runs, one stops, one is gone.
async fn lives(world: &World) {
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let mut all = Vec::new();
    for name in ["runs", "stops", "goes"] {
        let created = world.create(&ada, name).await;
        world.bring_up(created.workspace, node).await;
        all.push(created.workspace);
    }
    let (commands, context) = (world.app.commands(), world.context());
    commands
        .stop_workspace(&ada, &WorkspaceRef::Id(all[1]), &context)
        .await
        .unwrap();
    commands
        .delete_workspace(&ada, &WorkspaceRef::Id(all[2]), &context)
        .await
        .unwrap();
    world.settle().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn read_model(home: &Path) -> PathBuf {
    Settings::in_home(home).read_model()
}

async fn rebuilt(log: &Log, folder: &Path, name: &str) -> String {
    let rebuilt = rebuild::rebuild(log, &folder.join(name)).await.unwrap();
    digest::of_file(&rebuilt.file).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rebuilds_and_the_live_model_are_equal() {
    let server = TestServer::start().await;
    let world = World::over(Backbone::on(&server.bus().await)).await;
    lives(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let log = world.backbone.log.clone();
    world.plane.shutdown().await;
    let first = rebuilt(&log, folder.path(), "first").await;
    let second = rebuilt(&log, folder.path(), "second").await;
    assert_eq!(first, second);
    assert_eq!(
        first,
        digest::of_file(&read_model(world.home.path())).unwrap()
    );
}

#[tokio::test]
async fn a_killed_server_goes_on_where_rows_and_checkpoint_stand() {
    let world = World::in_memory().await;
    lives(&world).await;
    // What a kill leaves behind: database and write-ahead log as they are at this moment.
    let image = tempfile::tempdir().unwrap();
    let (live, copied) = (read_model(world.home.path()), read_model(image.path()));
    copy(live.parent().unwrap(), copied.parent().unwrap());
    let bob = world.person("bob", 2).await;
    world.create(&bob, "later").await;

    let mut settings = Settings::in_home(image.path());
    settings.keys = world.home.path().to_owned();
    let plane = start(settings, &world.backbone, &world.clock).await;
    let last = world.backbone.log.info().await.unwrap().last_sequence;
    plane
        .app()
        .queries()
        .wait_for(last, Duration::from_secs(10))
        .await
        .unwrap();
    let view = plane
        .app()
        .queries()
        .workspace(&bob, &"later".parse().unwrap())
        .unwrap();
    assert_eq!(view.phase, Phase::Requested);
    plane.shutdown().await;
    world.plane.shutdown().await;
    let digests = [copied, live].map(|file| digest::of_file(&file).unwrap());
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn without_its_file_a_server_gives_the_same_answers() {
    let world = World::in_memory().await;
    lives(&world).await;
    let before = world
        .app
        .queries()
        .workspaces(&Identity::Operator, &Default::default())
        .unwrap();
    let home = world.home;
    world.plane.shutdown().await;
    std::fs::remove_dir_all(home.path().join("read-model")).unwrap();
    let plane = start(
        Settings::in_home(home.path()),
        &world.backbone,
        &world.clock,
    )
    .await;
    let after = plane
        .app()
        .queries()
        .workspaces(&Identity::Operator, &Default::default())
        .unwrap();
    assert_eq!(before.items.len(), 3);
    assert_eq!(before, after);
    plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_is_made_anew_beside_the_live_one_and_swapped() {
    let world = World::in_memory().await;
    lives(&world).await;
    let before = world
        .app
        .queries()
        .workspaces(&Identity::Operator, &Default::default())
        .unwrap();
    let sequence = world.app.rebuild().await.unwrap();
    assert_eq!(sequence, before.sequence);
    let after = world
        .app
        .queries()
        .workspaces(&Identity::Operator, &Default::default())
        .unwrap();
    assert_eq!(before, after);
    let bob = world.person("bob", 2).await;
    world.create(&bob, "later").await;
    assert!(
        world
            .app
            .queries()
            .workspace(&bob, &"later".parse().unwrap())
            .is_ok()
    );
    world.plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_the_log_does_not_lead_to_is_named() {
    let world = World::in_memory().await;
    lives(&world).await;
    let compared = world.app.verify().await.unwrap();
    assert!(compared.is_equal(), "{compared:?}");
    assert_eq!(
        compared.sequence,
        world.backbone.log.info().await.unwrap().last_sequence
    );
    let file = read_model(world.home.path());
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "UPDATE workspaces SET phase = 'stopped' WHERE name = 'runs';
             DELETE FROM timeline WHERE sequence = 3;
             INSERT INTO claims (id, sequence, updated_at, state) VALUES ('port-1', 1, 1, '{}');",
        )
        .unwrap();
    let compared = world.app.verify().await.unwrap();
    let wrong: Vec<_> = compared
        .tables
        .iter()
        .filter(|table| !table.equal)
        .map(|table| {
            let rows: Vec<_> = table.different.iter().map(|row| row.how.as_str()).collect();
            (table.name.as_str(), rows)
        })
        .collect();
    assert_eq!(
        wrong,
        [
            ("workspaces", vec!["it is another one"]),
            ("claims", vec!["the log does not lead to it"]),
            ("timeline", vec!["it is missing"]),
        ]
    );
    let bob = world.person("bob", 2).await;
    world.create(&bob, "later").await;
    world.app.rebuild().await.unwrap();
    assert!(
        world.app.verify().await.unwrap().is_equal(),
        "made anew, all is as it should be"
    );
    world.plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_change_places_and_back_without_a_failed_read_or_a_lost_write() {
    let world = World::in_memory().await;
    lives(&world).await;
    assert!(world.app.compare().await.is_err(), "nothing is beside");
    assert!(world.app.switch().await.is_err(), "nothing is beside");
    world.app.shadow().await.unwrap();
    let bob = world.person("bob", 2).await;
    world.create(&bob, "before").await;
    let compared = world.app.compare().await.unwrap();
    assert!(compared.is_equal(), "{compared:?}");
    assert_eq!(compared.sequence, world.app.queries().sequence());

    // Readers and a writer all the while.
    let reading = tokio_util::sync::CancellationToken::new();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (app, stop) = (world.app.clone(), reading.clone());
            tokio::task::spawn_blocking(move || {
                let mut reads = 0_u32;
                while !stop.is_cancelled() {
                    let page = app
                        .queries()
                        .workspaces(&Identity::Operator, &Default::default())
                        .expect("no read fails");
                    assert!(page.items.len() >= 3, "and none sees less than there was");
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for turn in 0..6 {
        world.create(&bob, &format!("turn-{turn}")).await;
        world.app.switch().await.unwrap();
        world.create(&bob, &format!("after-{turn}")).await;
    }
    reading.cancel();
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    // Whichever answers now has every write, and so has the other.
    for _ in 0..2 {
        let names = world
            .app
            .queries()
            .workspaces(&bob, &Default::default())
            .unwrap();
        assert_eq!(names.items.len(), 13);
        let compared = world.app.compare().await.unwrap();
        assert!(compared.is_equal(), "{compared:?}");
        world.app.switch().await.unwrap();
    }
    world.app.forget_shadow().await.unwrap();
    assert!(
        world.app.compare().await.is_err(),
        "nothing is beside any more"
    );
    let last = world.backbone.log.clone();
    let home = world.home;
    world.plane.shutdown().await;
    let folder = tempfile::tempdir().unwrap();
    let anew = rebuilt(&last, folder.path(), "anew").await;
    assert_eq!(anew, digest::of_file(&read_model(home.path())).unwrap());
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_parked_and_projecting_goes_on() {
    let world = World::in_memory().await;
    let odd = NewEvent {
        subject: EventSubject::new(Kind::Workspace, &"ws-odd").unwrap(),
        id: EventId::derived("odd"),
        event_type: "nexus.workspace.teleported.v9".into(),
        traceparent: None,
        payload: br#"{"type":"nexus.workspace.teleported.v9"}"#.as_slice().into(),
    };
    world
        .backbone
        .log
        .append(Expected::Empty, &odd)
        .await
        .unwrap();
    let ada = world.person("ada", 1).await;
    let parked = world
        .app
        .queries()
        .parked(&Identity::Operator)
        .await
        .unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].sequence, 1);
    assert!(
        world.app.queries().parked(&ada).await.is_err(),
        "for administrators only"
    );
    assert!(
        world.app.queries().sequence() >= 3,
        "what came after is projected"
    );
    world
        .app
        .commands()
        .discard_parked(&Identity::Operator, 1)
        .await
        .unwrap();
    assert_eq!(
        world
            .app
            .queries()
            .parked(&Identity::Operator)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_bus_a_message_is_parked_once_however_often_it_is_read() {
    let server = TestServer::start().await;
    let backbone = Backbone::on(&server.bus().await);
    let odd = NewEvent {
        subject: EventSubject::new(Kind::Node, &"node-odd").unwrap(),
        id: EventId::derived("odd"),
        event_type: "nexus.node.joined.v1".into(),
        traceparent: None,
        payload: b"not json".as_slice().into(),
    };
    backbone.log.append(Expected::Empty, &odd).await.unwrap();
    let world = World::over(backbone).await;
    world.app.rebuild().await.unwrap();
    let parked = world
        .app
        .queries()
        .parked(&Identity::Operator)
        .await
        .unwrap();
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0].payload, "not json");
    world.plane.shutdown().await;
}

#[tokio::test]
async fn another_log_is_an_alarm() {
    let world = World::in_memory().await;
    lives(&world).await;
    let home = world.home;
    world.plane.shutdown().await;
    for backbone in [Backbone::memory()] {
        let options = Options {
            settings: Settings::in_home(home.path()),
            backbone,
            clock: Clock::standing_at(Timestamp::now()),
        };
        let refused = Plane::start(options).await.unwrap_err();
        assert!(
            matches!(
                refused,
                StartError::Projection(ProjectionError::OtherLog { .. })
            ),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_reader_waits_for_its_own_write_and_is_told_when_it_does_not_come() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    let queries = world.app.queries();
    queries
        .wait_for(created.sequence, Duration::from_secs(5))
        .await
        .unwrap();
    let late = queries
        .wait_for(created.sequence + 10_000, Duration::from_millis(10))
        .await;
    assert!(matches!(late, Err(QueryError::NotYetVisible { .. })));
}

#[tokio::test]
async fn whoever_was_told_of_a_write_here_reads_it_here() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let (commands, queries) = (world.app.commands(), world.app.queries());
    for number in 0..20 {
        let request = crate::world::new_workspace(&format!("w{number}"));
        let created = commands
            .create_workspace(&ada, request, None, &world.context())
            .await
            .unwrap();
        queries.catch_up_with_own_writes().await;
        let view = queries
            .workspace(&ada, &WorkspaceRef::Id(created.workspace))
            .unwrap();
        assert!(view.sequence >= created.sequence);
        assert!(queries.operation(&ada, created.operation).is_ok());
    }
}

#[tokio::test]
async fn an_operation_tells_its_steps_in_order() {
    use nexus_events::view::OperationState;
    use nexus_events::workspace::{Report, Step};
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    let id = created.workspace;
    world.report(id, node, |_| None).await;
    for step in [Step::Image, Step::Machine] {
        let (begun, ended) = (step.clone(), step);
        world
            .report(id, node, |_| Some(Report::StepStarted { step: begun }))
            .await;
        let succeeded = Report::StepSucceeded {
            step: ended,
            duration_ms: 5,
            detail: None,
        };
        world.report(id, node, |_| Some(succeeded)).await;
    }
    let view = world
        .app
        .queries()
        .operation(&ada, created.operation)
        .unwrap();
    let steps: Vec<_> = view
        .steps
        .iter()
        .map(|step| (step.step.to_string(), step.state))
        .collect();
    let done = OperationState::Succeeded;
    assert_eq!(
        steps,
        [("image".to_owned(), done), ("machine".to_owned(), done)]
    );
    assert_eq!(
        (view.state, view.node),
        (OperationState::InFlight, Some(node))
    );
    world.advance(3);
    let at = world.clock.now();
    world
        .report(id, node, |_| Some(Report::Ready { at, partial: false }))
        .await;
    let view = world
        .app
        .queries()
        .operation(&ada, created.operation)
        .unwrap();
    assert_eq!(
        (view.state, view.duration_ms),
        (OperationState::Succeeded, Some(3_000))
    );
    let page = EventQuery {
        workspace: Some("hello".into()),
        ..Default::default()
    };
    let events = world.app.queries().events(&ada, &page).unwrap().items;
    assert_eq!(
        events.last().unwrap().event["type"],
        "nexus.workspace.ready.v1"
    );
}
