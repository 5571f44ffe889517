//! The worker dies between any two steps, and comes back: one machine, one outcome, told once.

use std::collections::HashMap;

use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{OperationKind, Phase, WorkspaceEvent};
use nexus_workers::runtime::{RuntimeOptions, Verdict};
use uuid::Uuid;

use crate::world::{World, names, poll_at_most};

/// More than any operation here takes.
const MOST_POLLS: usize = 2_000;

/// Brings a world to where `kind` can be asked for, and asks.
async fn asked(world: &World, kind: OperationKind) -> WorkCommand {
    let create = world.create(&[("web", 8080)]).await;
    let workspace = create.workspace;
    if kind == OperationKind::Create {
        return create;
    }
    let worker = world.worker();
    worker.perform(&create, false).await;
    let command = match kind {
        OperationKind::Stop => world.stop(workspace).await,
        OperationKind::Delete => world.delete(workspace).await,
        OperationKind::Start | OperationKind::Create => {
            let stop = world.stop(workspace).await;
            worker.perform(&stop, false).await;
            world.start(workspace).await
        }
    };
    worker.hand_back();
    command
}

/// Lets a worker die after `polls`, and another of the same node take the command again.
async fn die_and_come_back(kind: OperationKind, polls: usize) -> bool {
    let world = World::new();
    let command = asked(&world, kind).await;
    let first = world.worker();
    let done = poll_at_most(polls, first.perform(&command, false)).await;
    first.hand_back();
    drop(first);
    if done.is_some() {
        return true;
    }
    let verdict = world.worker().perform(&command, true).await;
    assert_eq!(verdict, Verdict::Done, "{kind:?} after {polls} polls");
    check(&world, &command, kind, polls).await;
    false
}

async fn check(world: &World, command: &WorkCommand, kind: OperationKind, polls: usize) {
    let at = format!("{kind:?} after {polls} polls");
    let phase = world.state(command.workspace).await.phase;
    let (expected, machines) = match kind {
        OperationKind::Create | OperationKind::Start => (Phase::Running, 1),
        OperationKind::Stop => (Phase::Stopped, 1),
        OperationKind::Delete => (Phase::Deleted, 0),
    };
    assert_eq!(phase, expected, "{at}");
    assert_eq!(world.engine.made(), 1, "{at}");
    assert_eq!(world.engine.machines().len(), machines, "{at}");
    told_once(world, command.workspace, command.epoch, &at).await;
}

/// No event of the operation is there twice.
async fn told_once(world: &World, workspace: WorkspaceId, epoch: u64, at: &str) {
    let events = world.events(workspace).await;
    let of_operation: Vec<WorkspaceEvent> = events
        .into_iter()
        .filter(|event| epoch_of(event) == Some(epoch))
        .collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for name in names(&of_operation) {
        *seen.entry(name).or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{at}: {twice:?}");
}

fn epoch_of(event: &WorkspaceEvent) -> Option<u64> {
    let json = serde_json::to_value(event).unwrap();
    let fields = json.as_object().unwrap().values().next().unwrap();
    fields.get("epoch").and_then(serde_json::Value::as_u64)
}

/// Dies at every point, until the operation comes to its end before.
async fn dies_everywhere(kind: OperationKind) {
    for polls in 0..MOST_POLLS {
        if die_and_come_back(kind, polls).await {
            assert!(polls > 2, "{kind:?} has points to die at");
            return;
        }
    }
    panic!("{kind:?} takes more than {MOST_POLLS} polls");
}

#[tokio::test]
async fn a_create_survives_the_death_of_its_worker_at_every_point() {
    dies_everywhere(OperationKind::Create).await;
}

#[tokio::test]
async fn a_start_survives_the_death_of_its_worker_at_every_point() {
    dies_everywhere(OperationKind::Start).await;
}

#[tokio::test]
async fn a_stop_survives_the_death_of_its_worker_at_every_point() {
    dies_everywhere(OperationKind::Stop).await;
}

#[tokio::test]
async fn a_delete_survives_the_death_of_its_worker_at_every_point() {
    dies_everywhere(OperationKind::Delete).await;
}

#[tokio::test]
async fn a_command_that_comes_again_after_its_end_changes_nothing() {
    let world = World::new();
    let command = world.create(&[]).await;
    let worker = world.worker();
    worker.perform(&command, false).await;
    let before = world.events(command.workspace).await;
    assert_eq!(worker.perform(&command, true).await, Verdict::Done);
    assert_eq!(world.events(command.workspace).await, before);
}

#[tokio::test]
async fn a_create_that_comes_again_after_the_workspace_is_gone_makes_nothing() {
    let world = World::new();
    let create = world.create(&[]).await;
    let worker = world.worker();
    worker.perform(&create, false).await;
    let delete = world.delete(create.workspace).await;
    assert_eq!(worker.perform(&delete, false).await, Verdict::Done);
    let before = world.events(create.workspace).await;
    // Delivered again, or queued anew by a replica that had not read of its end.
    for redelivered in [true, false] {
        let verdict = world.worker().perform(&create, redelivered).await;
        assert_eq!(verdict, Verdict::Done, "redelivered: {redelivered}");
    }
    assert_eq!(world.engine.made(), 1);
    assert!(world.engine.machines().is_empty());
    assert_eq!(world.events(create.workspace).await, before);
}

#[tokio::test]
async fn of_two_workers_that_take_one_command_one_is_placed() {
    let world = World::new();
    let command = world.create(&[]).await;
    let other = NodeId::from_uuid(Uuid::now_v7());
    let one = world.worker();
    let two = world.worker_with(other, RuntimeOptions::default());
    let (first, second) = tokio::join!(one.perform(&command, false), two.perform(&command, false));
    let mut verdicts = [first, second];
    verdicts.sort_by_key(|verdict| *verdict != Verdict::Done);
    // The second may come when all is over.
    assert_eq!(verdicts[0], Verdict::Done);
    assert!(matches!(verdicts[1], Verdict::Elsewhere | Verdict::Done));
    let events = world.events(command.workspace).await;
    let placed = |event: &&WorkspaceEvent| matches!(event, WorkspaceEvent::Placed { .. });
    assert_eq!(events.iter().filter(placed).count(), 1);
    let ready = |event: &&WorkspaceEvent| matches!(event, WorkspaceEvent::Ready { .. });
    assert_eq!(events.iter().filter(ready).count(), 1);
    assert_eq!(world.engine.made(), 1);
}
