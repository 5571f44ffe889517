//! A long log, written without anybody having lived it: for whatever must hold with many events.

use std::sync::Arc;

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

/// Appended to at the same time; of one workspace, one event follows the other.
const WRITERS: usize = 100;

/// Appends `count` events (a multiple of 100) to the log of a running plane. Ends when all are in
/// the log.
///
/// # Errors
/// When the log is not reached or refuses one.
pub async fn write(plane: &Plane, count: usize) -> anyhow::Result<()> {
    let mut history = History::of(plane).await?;
    history.grow(WRITERS, count).await?;
    Ok(())
}

/// Appends two events for each of `count` workspaces of Alice's that failed at once, of `cause`,
/// which may be long. Gives the last sequence once all are in the log.
///
/// # Errors
/// When the log is not reached or refuses one.
pub async fn failures(plane: &Plane, count: usize, cause: &str) -> anyhow::Result<u64> {
    let mut history = History::of(plane).await?;
    history.cause = cause.into();
    history.grow(count, 2 * count).await
}

/// Workspaces of Alice's that failed at once, and what is observed of them ever after.
#[derive(Debug)]
pub struct History {
    log: Log,
    owner: UserId,
    /// When they were asked for: now, since what is long overdue is ended by others.
    begun: Timestamp,
    /// Why they failed.
    cause: Arc<str>,
    lives: Vec<Life>,
}

/// One of them: its number, how much it has behind it, and where the last of that is in the log.
#[derive(Debug, Clone, Copy)]
struct Life {
    number: usize,
    turn: usize,
    sequence: u64,
}

impl History {
    /// An empty one in the log of a running plane.
    ///
    /// # Errors
    /// When the log is not reached.
    pub async fn of(plane: &Plane) -> anyhow::Result<Self> {
        Ok(Self {
            log: Log::on(&bus::connect(plane, Role::ControlPlane).await?),
            owner: plane.user_id(ALICE).await?.parse()?,
            begun: Timestamp::now(),
            cause: "it never lived".into(),
            lives: Vec::new(),
        })
    }

    /// The first of its workspaces.
    pub fn first() -> WorkspaceId {
        workspace(0)
    }

    /// Appends `count` events, as many of each of the first `workspaces`, which begin where they
    /// are not there yet; gives the sequence of the last one in the log.
    ///
    /// # Errors
    /// When the log refuses one.
    pub async fn grow(&mut self, workspaces: usize, count: usize) -> anyhow::Result<u64> {
        let born = |number| Life {
            number,
            turn: 0,
            sequence: 0,
        };
        self.lives.extend((self.lives.len()..workspaces).map(born));
        let (mut writers, share) = (JoinSet::new(), workspaces.div_ceil(WRITERS));
        for lives in self.lives[..workspaces].chunks(share) {
            let (log, mut lives) = (self.log.clone(), lives.to_vec());
            let (owner, begun, cause) = (self.owner, self.begun, Arc::clone(&self.cause));
            writers.spawn(async move {
                for _ in 0..count / workspaces {
                    for life in &mut lives {
                        let at = begun + SignedDuration::from_secs(life.turn.try_into()?);
                        life.sequence = append(&log, owner, &cause, at, *life).await?;
                        life.turn += 1;
                    }
                }
                anyhow::Ok(lives)
            });
        }
        while let Some(ended) = writers.join_next().await {
            for life in ended?? {
                self.lives[life.number] = life;
            }
        }
        let last = self.lives.iter().map(|life| life.sequence).max();
        Ok(last.unwrap_or_default())
    }
}

fn workspace(number: usize) -> WorkspaceId {
    WorkspaceId::derived(format!("history-{number}"))
}

async fn append(
    log: &Log,
    owner: UserId,
    cause: &str,
    at: Timestamp,
    life: Life,
) -> anyhow::Result<u64> {
    let Life {
        number,
        turn,
        sequence,
    } = life;
    let context = Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at,
        actor: Actor::Node(NodeId::derived("history")),
        correlation: CorrelationId::derived("history"),
        causation: None,
        traceparent: None,
    };
    let envelope = Envelope::new(
        context,
        &workspace(number),
        event(owner, number, turn, cause, at)?,
    );
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
                deadline: at + SignedDuration::from_hours(24),
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
