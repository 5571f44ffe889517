//! Every step fails once, for good, or says nothing: what the log then tells.

use jiff::SignedDuration;
use nexus_events::failure::FailureCode;
use nexus_events::workspace::{Phase, Step, WorkspaceEvent};
use nexus_init_protocol::StepName;
use nexus_workers::fake::{Call, Reaction, SetupScript};
use nexus_workers::provider::ErrorClass;
use nexus_workers::runtime::{RuntimeOptions, Verdict};

use crate::world::{World, names};

const BRING_UP: [(Call, Step); 3] = [
    (Call::PrepareImage, Step::Image),
    (Call::EnsureMachine, Step::Machine),
    (Call::Start, Step::Start),
];

#[tokio::test]
async fn a_step_that_fails_for_good_fails_the_operation_and_says_why() {
    for (call, step) in BRING_UP {
        let world = World::new();
        world
            .engine
            .script(call, Reaction::Fail(ErrorClass::Invalid));
        let command = world.create(&[]).await;
        assert_eq!(world.worker().perform(&command, false).await, Verdict::Done);
        let state = world.state(command.workspace).await;
        assert_eq!(state.phase, Phase::Failed, "{call:?}");
        let failure = state.failure.unwrap();
        assert_eq!(failure.step, Some(step.clone()));
        assert_eq!(failure.code, FailureCode::ValidationError);
        assert!(failure.cause.contains("as scripted") && !failure.hint.contains("NAME"));
        let told = names(&world.events(command.workspace).await);
        assert!(told.contains(&format!("{step} failed")), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_in_passing_is_done_again_and_once() {
    for (call, _) in BRING_UP {
        for class in [ErrorClass::Transient, ErrorClass::Unknown, ErrorClass::Rate] {
            let world = World::new();
            world.engine.script(call, Reaction::Fail(class));
            world.engine.script(call, Reaction::FailAfterEffect(class));
            let command = world.create(&[]).await;
            assert_eq!(world.worker().perform(&command, false).await, Verdict::Done);
            assert_eq!(
                world.state(command.workspace).await.phase,
                Phase::Running,
                "{call:?}"
            );
            assert_eq!(world.engine.made(), 1, "{call:?} {class:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stop_and_delete_are_tried_again_too() {
    for call in [Call::Stop, Call::Delete] {
        let world = World::new();
        let worker = world.worker();
        let create = world.create(&[]).await;
        worker.perform(&create, false).await;
        world
            .engine
            .script(call, Reaction::FailAfterEffect(ErrorClass::Unknown));
        let (command, phase) = match call {
            Call::Stop => (world.stop(create.workspace).await, Phase::Stopped),
            _ => (world.delete(create.workspace).await, Phase::Deleted),
        };
        assert_eq!(worker.perform(&command, false).await, Verdict::Done);
        assert_eq!(world.state(create.workspace).await.phase, phase);
    }
}

#[tokio::test]
async fn a_delete_that_fails_is_told_and_can_be_asked_for_again() {
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[]).await;
    worker.perform(&create, false).await;
    world
        .engine
        .script(Call::Delete, Reaction::Fail(ErrorClass::Auth));
    let delete = world.delete(create.workspace).await;
    worker.perform(&delete, false).await;
    assert_eq!(world.state(create.workspace).await.phase, Phase::Failed);
    let delete = world.delete(create.workspace).await;
    worker.perform(&delete, false).await;
    assert_eq!(world.state(create.workspace).await.phase, Phase::Deleted);
}

#[tokio::test]
async fn a_set_up_step_that_fails_ends_it_or_leaves_it_partial() {
    for (step, phase) in [
        (StepName::Ssh, Phase::Failed),
        (StepName::Clone, Phase::Failed),
        (StepName::Install, Phase::Running),
        (StepName::Hooks, Phase::Running),
    ] {
        let world = World::new();
        let fail = Some(step.clone());
        world.engine.script_setup(SetupScript {
            fail,
            ..SetupScript::default()
        });
        let command = world.create(&[]).await;
        assert_eq!(world.worker().perform(&command, false).await, Verdict::Done);
        let state = world.state(command.workspace).await;
        assert_eq!(state.phase, phase, "{step}");
        assert_eq!(state.partial, phase == Phase::Running);
        if phase == Phase::Failed {
            let failure = state.failure.unwrap();
            assert_eq!(failure.step.unwrap().to_string(), step.to_string());
            assert!(failure.cause.contains("the last line"));
        }
    }
}

#[tokio::test]
async fn a_service_that_never_gets_well_leaves_the_workspace_partial() {
    let world = World::new();
    let unhealthy = vec!["api".to_owned()];
    world.engine.script_setup(SetupScript {
        unhealthy,
        ..SetupScript::default()
    });
    let command = world.create(&[("api", 9000), ("web", 8080)]).await;
    world.worker().perform(&command, false).await;
    let state = world.state(command.workspace).await;
    assert!(state.partial && state.phase == Phase::Running);
    let told = names(&world.events(command.workspace).await);
    assert!(told.contains(&"service-api failed".to_owned()), "{told:?}");
    assert!(
        told.contains(&"service-web succeeded".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn an_operation_past_its_deadline_is_told_so_with_its_step() {
    let world = World::new();
    world.engine.script(Call::Start, Reaction::HangAfterEffect);
    let command = world.create_within(SignedDuration::from_millis(50)).await;
    let verdict = world.worker().perform(&command, false).await;
    assert_eq!(verdict, Verdict::Done);
    let failure = world.state(command.workspace).await.failure.unwrap();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.step, Some(Step::Start));
}

#[tokio::test]
async fn a_machine_that_ends_during_its_set_up_fails_the_operation() {
    let world = World::new();
    let hang_before = Some(StepName::Clone);
    world.engine.script_setup(SetupScript {
        hang_before,
        ..SetupScript::default()
    });
    let command = world.create(&[]).await;
    let worker = world.worker();
    let performing = {
        let (worker, command) = (worker.clone(), command.clone());
        tokio::spawn(async move { worker.perform(&command, false).await })
    };
    world
        .wait_for(command.workspace, |event| {
            matches!(event, WorkspaceEvent::MachineReady { .. })
        })
        .await;
    let exit = nexus_events::workspace::MachineExit {
        code: Some(137),
        out_of_memory: true,
        cause: "the kernel ended it for want of memory".into(),
    };
    world.engine.crash(command.workspace, exit);
    assert_eq!(performing.await.unwrap(), Verdict::Done);
    let failure = world.state(command.workspace).await.failure.unwrap();
    assert_eq!(failure.code, FailureCode::MachineExited);
    assert!(failure.hint.contains("memory"));
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named() {
    let world = World::new();
    world.engine.lose_image("fake/base");
    let command = world.create(&[]).await;
    world
        .worker_with(world.node, RuntimeOptions::default())
        .perform(&command, false)
        .await;
    let failure = world.state(command.workspace).await.failure.unwrap();
    assert_eq!(failure.code, FailureCode::NotFound);
    assert!(failure.cause.contains("fake/base"));
    assert_eq!(world.engine.made(), 0);
}
