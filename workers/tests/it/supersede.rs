//! The newest intent wins: work that is no longer wanted stops, and its late words change nothing.

use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{Command, Phase, WorkspaceEvent};
use nexus_init_protocol::StepName;
use nexus_workers::fake::{Call, FakeProvider, Reaction, SetupScript};
use nexus_workers::runtime::{Runtime, RuntimeOptions, Verdict};
use tokio::task::JoinHandle;

use crate::world::{PATIENCE, World};

fn performing(worker: &Runtime<FakeProvider>, command: &WorkCommand) -> JoinHandle<Verdict> {
    let (worker, command) = (worker.clone(), command.clone());
    tokio::spawn(async move { worker.perform(&command, false).await })
}

async fn ended(performing: JoinHandle<Verdict>) -> Verdict {
    tokio::time::timeout(PATIENCE, performing)
        .await
        .expect("it lets go")
        .unwrap()
}

#[tokio::test]
async fn a_delete_ends_a_create_that_hangs_in_any_call() {
    for call in [Call::PrepareImage, Call::EnsureMachine, Call::Start] {
        for reaction in [Reaction::Hang, Reaction::HangAfterEffect] {
            let world = World::new();
            let worker = world.worker();
            world.engine.script(call, reaction);
            let create = world.create(&[]).await;
            let creating = performing(&worker, &create);
            world.engine.called(call, create.workspace).await;
            let delete = world.delete(create.workspace).await;
            let deleting = performing(&worker, &delete);
            assert_eq!(ended(creating).await, Verdict::Done, "{call:?}");
            assert_eq!(ended(deleting).await, Verdict::Done, "{call:?}");
            assert_eq!(world.state(create.workspace).await.phase, Phase::Deleted);
            assert!(world.engine.machines().is_empty(), "{call:?} {reaction:?}");
        }
    }
}

#[tokio::test]
async fn a_stop_ends_a_set_up_that_hangs() {
    let world = World::new();
    let worker = world.worker();
    let hang_before = Some(StepName::Install);
    world.engine.script_setup(SetupScript {
        hang_before,
        ..SetupScript::default()
    });
    let create = world.create(&[]).await;
    let creating = performing(&worker, &create);
    world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::RepositoryCloned { .. })
        })
        .await;
    let stop = world.stop(create.workspace).await;
    assert_eq!(ended(performing(&worker, &stop)).await, Verdict::Done);
    assert_eq!(ended(creating).await, Verdict::Done);
    assert_eq!(world.state(create.workspace).await.phase, Phase::Stopped);
}

#[tokio::test]
async fn work_that_is_superseded_elsewhere_is_noticed_by_looking() {
    let world = World::new();
    let options = RuntimeOptions {
        fence_interval: Duration::from_millis(10),
        ..RuntimeOptions::default()
    };
    let worker = world.worker_with(world.node, options);
    world.engine.script(Call::Start, Reaction::Hang);
    let create = world.create(&[]).await;
    let creating = performing(&worker, &create);
    world.engine.called(Call::Start, create.workspace).await;
    world.stop(create.workspace).await;
    assert_eq!(ended(creating).await, Verdict::Done);
    assert_eq!(world.state(create.workspace).await.phase, Phase::Stopping);
}

#[tokio::test]
async fn a_late_result_changes_nothing() {
    let world = World::new();
    let options = RuntimeOptions {
        fence_interval: Duration::from_secs(3600),
        ..RuntimeOptions::default()
    };
    let worker = world.worker_with(world.node, options);
    world.engine.script(Call::Start, Reaction::WaitForPoke);
    let create = world.create(&[]).await;
    let creating = performing(&worker, &create);
    world.engine.called(Call::Start, create.workspace).await;
    let failure = Failure::new(
        FailureCode::NodeLost,
        "its node went silent",
        "start it again",
    );
    let abandon = Command::Abandon {
        operation: create.operation,
        failure,
    };
    world.tell(create.workspace, &abandon).await;
    world.engine.poke();
    assert_eq!(ended(creating).await, Verdict::Done);
    let state = world.state(create.workspace).await;
    assert_eq!(state.phase, Phase::Failed);
    let ready = |event: &WorkspaceEvent| matches!(event, WorkspaceEvent::Ready { .. });
    assert!(!world.events(create.workspace).await.iter().any(ready));
}

#[tokio::test]
async fn a_worker_that_ends_hands_its_work_back() {
    let world = World::new();
    let worker = world.worker();
    world.engine.script(Call::Start, Reaction::Hang);
    let create = world.create(&[]).await;
    let creating = performing(&worker, &create);
    world.engine.called(Call::Start, create.workspace).await;
    worker.hand_back();
    assert!(matches!(ended(creating).await, Verdict::HandBack(_)));
    assert_eq!(world.worker().perform(&create, true).await, Verdict::Done);
    assert_eq!(world.state(create.workspace).await.phase, Phase::Running);
    assert_eq!(world.engine.made(), 1);
}
