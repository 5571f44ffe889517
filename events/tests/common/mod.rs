//! A workspace to tell stories about.
#![allow(
    dead_code,
    reason = "each test file is a crate of its own and uses a part of this"
)]

pub(crate) mod history;

use jiff::{SignedDuration, Timestamp};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::{NodeId, OperationId, UserId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use nexus_events::spec::{Provider, WorkspaceSpec};
use nexus_events::workspace::{Machine, NewOperation, Phase, StopReason, WorkspaceEvent as Event};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn node(name: &str) -> NodeId {
    NodeId::derived(name)
}

pub(crate) fn workspace(name: &str) -> WorkspaceId {
    WorkspaceId::derived(name)
}

pub(crate) fn operation(name: &str, second: i64) -> NewOperation {
    let begins = at(second);
    let deadline = begins + SignedDuration::from_secs(600);
    NewOperation {
        id: OperationId::derived(name),
        at: begins,
        deadline,
    }
}

pub(crate) fn definition() -> (UserId, WorkspaceName, Box<WorkspaceSpec>) {
    let spec = WorkspaceSpec::on(Provider::Fake);
    (
        UserId::derived("alice"),
        "hello".parse().unwrap(),
        Box::new(spec),
    )
}

pub(crate) fn requested(operation: NewOperation) -> Event {
    let (owner, name, spec) = definition();
    Event::Requested {
        owner,
        name,
        spec,
        ssh_port: Some(2222),
        operation,
    }
}

pub(crate) fn machine() -> Machine {
    Machine {
        handle: "c0ffee".into(),
        image: "nexus/base:latest".into(),
        host_key: Some("ssh-ed25519 AAAA".into()),
        user: "dev".into(),
        home: "/home/dev".into(),
        directory: "/home/dev/workspace".into(),
    }
}

/// From nothing to running.
pub(crate) fn ready(create: NewOperation) -> Vec<Event> {
    let (operation, epoch) = (create.id, 1);
    vec![
        requested(create),
        Event::Placed {
            operation,
            epoch,
            node: node("a"),
        },
        Event::MachineReady {
            operation,
            epoch,
            machine: machine(),
        },
        Event::Ready {
            operation,
            epoch,
            at: create.at,
            partial: false,
            duration_ms: 0,
        },
    ]
}

/// A history that leads to each phase, in the order of [`Phase::ALL`].
pub(crate) fn histories() -> [(Phase, Vec<Event>); 10] {
    let create = operation("create", 0);
    let running = ready(create);
    let (stop, delete) = (operation("stop", 10), operation("delete", 20));
    let stopping = Event::StopRequested {
        operation: stop,
        epoch: 2,
        supersedes: None,
        reason: StopReason::Person,
    };
    let stopped = Event::Stopped {
        operation: stop.id,
        epoch: 2,
        duration_ms: 1,
    };
    let deleting = Event::DeleteRequested {
        operation: delete,
        epoch: 3,
        supersedes: None,
    };
    let deleted = Event::Deleted {
        operation: delete.id,
        epoch: 3,
        duration_ms: 1,
    };
    let failure = Failure::new(FailureCode::ServerError, "no", "try again");
    let failed = Event::Failed {
        operation: create.id,
        epoch: 1,
        failure,
    };
    let after = |more: &[&Event]| {
        running
            .iter()
            .chain(more.iter().copied())
            .cloned()
            .collect::<Vec<_>>()
    };
    [
        (Phase::Absent, vec![]),
        (Phase::Requested, running[..1].to_vec()),
        (Phase::Provisioning, running[..2].to_vec()),
        (Phase::Starting, running[..3].to_vec()),
        (Phase::Running, running.clone()),
        (Phase::Stopping, after(&[&stopping])),
        (Phase::Stopped, after(&[&stopping, &stopped])),
        (Phase::Deleting, after(&[&stopping, &stopped, &deleting])),
        (
            Phase::Deleted,
            after(&[&stopping, &stopped, &deleting, &deleted]),
        ),
        (Phase::Failed, vec![running[0].clone(), failed]),
    ]
}
