//! A long log, written without anybody having lived it: for whatever must hold with many events.

use anyhow::bail;
use jiff::{SignedDuration, Timestamp};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::{CorrelationId, EventId, NodeId, OperationId, UserId, WorkspaceId};
use nexus_events::spec::{Provider, WorkspaceSpec};
use nexus_events::workspace::{ActivitySource, NewOperation, WorkspaceEvent as Event};
use nexus_nats::{Append, Expected, Log, NewEvent, Role};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::bus;
use crate::plane::{ALICE, Plane};

/// Workspaces written to at the same time; of each, one event follows the other.
const WRITERS: usize = 100;

/// Appends `count` events (a multiple of 100) to the log of a running plane: workspaces of Alice's
/// that failed at once, and what is observed of them ever after. Ends when all are in the log.
///
/// # Errors
/// When the log is not reached or refuses one.
pub async fn write(plane: &Plane, count: usize) -> anyhow::Result<()> {
    append_all(plane, WRITERS, count / WRITERS, "it never lived").await?;
    Ok(())
}

/// Appends two events for each of `count` workspaces of Alice's that failed at once, of `cause`,
/// which may be long. Gives the last sequence once all are in the log.
///
/// # Errors
/// When the log is not reached or refuses one.
pub async fn failures(plane: &Plane, count: usize, cause: &str) -> anyhow::Result<u64> {
    append_all(plane, count, 2, cause).await
}

async fn append_all(
    plane: &Plane,
    workspaces: usize,
    turns: usize,
    cause: &str,
) -> anyhow::Result<u64> {
    let log = Log::on(&bus::connect(plane, Role::ControlPlane).await?);
    let owner: UserId = plane.user_id(ALICE).await?.parse()?;
    let mut writers = JoinSet::new();
    for number in 0..workspaces {
        let (log, cause) = (log.clone(), cause.to_owned());
        writers.spawn(async move {
            let mut sequence = 0;
            for turn in 0..turns {
                let event = |at| event(owner, number, turn, &cause, at);
                sequence = append(&log, number, turn, event, sequence).await?;
            }
            anyhow::Ok(sequence)
        });
    }
    let mut last = 0;
    while let Some(ended) = writers.join_next().await {
        last = last.max(ended??);
    }
    Ok(last)
}

async fn append(
    log: &Log,
    number: usize,
    turn: usize,
    event: impl FnOnce(Timestamp) -> anyhow::Result<Event>,
    sequence: u64,
) -> anyhow::Result<u64> {
    let workspace = WorkspaceId::derived(format!("history-{number}"));
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(turn.try_into()?);
    let context = Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at,
        actor: Actor::Node(NodeId::derived("history")),
        correlation: CorrelationId::derived("history"),
        causation: None,
        traceparent: None,
    };
    let envelope = Envelope::new(context, &workspace, event(at)?);
    let event = NewEvent::of(&envelope)?;
    match log.append(Expected::of(sequence), &event).await? {
        Append::Stored { sequence } | Append::Repeated { sequence } => Ok(sequence),
        Append::Conflict { actual } => bail!("somebody else writes here: {actual:?}"),
    }
}

fn event(
    owner: UserId,
    number: usize,
    turn: usize,
    cause: &str,
    at: Timestamp,
) -> anyhow::Result<Event> {
    let operation = OperationId::derived(format!("history-{number}"));
    Ok(match turn {
        0 => Event::Requested {
            owner,
            name: format!("history-{number}").parse()?,
            spec: Box::new(WorkspaceSpec::on(Provider::Fly)),
            ssh_port: None,
            operation: NewOperation {
                id: operation,
                at,
                deadline: at + SignedDuration::from_mins(30),
            },
        },
        1 => Event::Failed {
            operation,
            epoch: 1,
            failure: Failure::new(FailureCode::Timeout, cause, "make another"),
        },
        _ => Event::ActivityObserved {
            source: ActivitySource::Terminal,
            at,
        },
    })
}
