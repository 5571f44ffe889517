//! Deciding about an aggregate: decide, append, and on a conflict catch up and decide again.
//!
//! The caller brings a snapshot, usually a row of a projection. However old it is, the answer is
//! right: the append only succeeds on the state that was decided on. The event's id is drawn once,
//! so whatever is sent again is recognised, by the server or by reading the log.

use std::marker::PhantomData;

use nexus_events::aggregate::{Aggregate, Decision};
use nexus_events::envelope::{Context, Envelope};
use nexus_events::id::EventId;
use nexus_events::upcast::{DecodeError, decode};

use crate::event_log::{
    Append, AppendError, Expected, Log, NewEvent, NewEventError, ReadError, Recorded,
};
use crate::subject::{EventSubject, SubjectError};

/// How often a decision is made anew before the caller is told that the aggregate is contended.
const TRIES: u32 = 16;

/// An aggregate's state as of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot<A> {
    /// The state.
    pub state: A,
    /// The sequence of the last event in it; 0 for none.
    pub sequence: u64,
}

impl<A: Aggregate> Snapshot<A> {
    /// Before anything happened.
    pub fn empty() -> Self {
        Self {
            state: A::default(),
            sequence: 0,
        }
    }

    /// As of `sequence`.
    pub const fn new(state: A, sequence: u64) -> Self {
        Self { state, sequence }
    }

    fn evolve(&mut self, event: &A::Event, sequence: u64) {
        self.state = std::mem::take(&mut self.state).evolve(event);
        self.sequence = sequence;
    }
}

/// What came of a command that was not refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<A: Aggregate> {
    /// The aggregate afterwards.
    pub snapshot: Snapshot<A>,
    /// What was done.
    pub effect: Effect<A::Event>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<E> {
    /// The event is stored.
    Appended {
        /// Where.
        sequence: u64,
        /// With its envelope, as stored.
        event: Box<Envelope<E>>,
    },
    /// Nothing was to be done, and this is why.
    Nothing(&'static str),
}

/// Why an aggregate could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its id cannot stand in a subject.
    #[error("naming the aggregate")]
    Subject(#[from] SubjectError),
    /// The log did not answer.
    #[error("catching up with the aggregate")]
    Read(#[from] ReadError),
    /// One of its events cannot be read by this program.
    #[error("event {sequence} of {subject} cannot be read")]
    Decode {
        /// Which aggregate.
        subject: String,
        /// Which event.
        sequence: u64,
        /// Why not.
        #[source]
        source: DecodeError,
    },
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R: std::error::Error + 'static> {
    /// The aggregate forbids it.
    #[error(transparent)]
    Rejected(R),
    /// Its events could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The event could not be written down.
    #[error("writing the event down")]
    Encode(#[from] NewEventError),
    /// The log did not take the event, or nobody knows.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Other processes kept changing the aggregate.
    #[error("{subject} changed each time while this was decided")]
    Contended {
        /// Which aggregate.
        subject: String,
    },
}

/// The aggregates of one kind. Clones share the log.
#[derive(Debug)]
pub struct Repository<A> {
    log: Log,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            aggregate: PhantomData,
        }
    }
}

impl<A: Aggregate> Repository<A> {
    /// Over `log`.
    pub const fn new(log: Log) -> Self {
        Self {
            log,
            aggregate: PhantomData,
        }
    }

    /// The log beneath.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Folds all events of an aggregate: one request an event, so for audit and repair.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(&self, id: &A::Id) -> Result<Snapshot<A>, LoadError> {
        self.catch_up(id, Snapshot::empty()).await
    }

    /// Folds the events after `snapshot` onto it.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn catch_up(
        &self,
        id: &A::Id,
        mut snapshot: Snapshot<A>,
    ) -> Result<Snapshot<A>, LoadError> {
        let subject = EventSubject::new(A::KIND, id)?;
        self.fold_newer(&subject, &mut snapshot, None).await?;
        Ok(snapshot)
    }

    /// Decides on `snapshot`, appends what was decided, and on a conflict catches up and decides
    /// again. `decide` must be pure: it may be called several times. `context` is called once.
    ///
    /// An event with the context's id that is stored already counts as this call's success.
    ///
    /// # Errors
    /// See [`ExecuteError`]; nothing was appended unless it is [`AppendError::Ambiguous`].
    pub async fn execute<R: std::error::Error + 'static>(
        &self,
        id: &A::Id,
        snapshot: Snapshot<A>,
        decide: impl Fn(&A) -> Result<Decision<A::Event>, R>,
        context: impl FnOnce() -> Context,
    ) -> Result<Outcome<A>, ExecuteError<R>> {
        self.execute_within(TRIES, id, snapshot, decide, context)
            .await
    }

    /// The same, decided on `snapshot` and on nothing newer: for a decision that rests on something
    /// beside the aggregate, which was looked at after `snapshot` was read.
    ///
    /// # Errors
    /// As [`Repository::execute`]; [`ExecuteError::Contended`] when there is something newer.
    pub async fn execute_once<R: std::error::Error + 'static>(
        &self,
        id: &A::Id,
        snapshot: Snapshot<A>,
        decide: impl Fn(&A) -> Result<Decision<A::Event>, R>,
        context: impl FnOnce() -> Context,
    ) -> Result<Outcome<A>, ExecuteError<R>> {
        self.execute_within(1, id, snapshot, decide, context).await
    }

    async fn execute_within<R: std::error::Error + 'static>(
        &self,
        tries: u32,
        id: &A::Id,
        mut snapshot: Snapshot<A>,
        decide: impl Fn(&A) -> Result<Decision<A::Event>, R>,
        context: impl FnOnce() -> Context,
    ) -> Result<Outcome<A>, ExecuteError<R>> {
        let subject = EventSubject::new(A::KIND, id).map_err(LoadError::from)?;
        let context = context();
        let _turn = self.log.turn(&subject).await;
        for _ in 0..tries {
            let event = match decide(&snapshot.state).map_err(ExecuteError::Rejected)? {
                Decision::Event(event) => Envelope::new(context.clone(), id, event),
                Decision::Nothing(reason) => {
                    return Ok(Outcome {
                        snapshot,
                        effect: Effect::Nothing(reason),
                    });
                }
            };
            let new = NewEvent::of(&event)?;
            let append = self
                .log
                .append(Expected::of(snapshot.sequence), &new)
                .await?;
            match append {
                Append::Stored { sequence } => {
                    snapshot.evolve(&event.data, sequence);
                    return Ok(Outcome {
                        snapshot,
                        effect: appended(sequence, event),
                    });
                }
                // Told before, and the snapshot has it: reading what is newer would not find it.
                Append::Repeated { sequence } if sequence <= snapshot.sequence => {
                    return Ok(Outcome {
                        snapshot,
                        effect: appended(sequence, event),
                    });
                }
                Append::Repeated { .. } | Append::Conflict { .. } => {}
            }
            let mine = self
                .fold_newer(&subject, &mut snapshot, Some(context.id))
                .await?;
            if let Some((sequence, event)) = mine {
                return Ok(Outcome {
                    snapshot,
                    effect: appended(sequence, event),
                });
            }
        }
        Err(ExecuteError::Contended {
            subject: subject.to_string(),
        })
    }

    /// Folds what came after the snapshot, and gives the event called `wanted` if it is there.
    async fn fold_newer(
        &self,
        subject: &EventSubject,
        snapshot: &mut Snapshot<A>,
        wanted: Option<EventId>,
    ) -> Result<Option<(u64, Envelope<A::Event>)>, LoadError> {
        let mut found = None;
        for recorded in self.log.read_after(subject, snapshot.sequence).await? {
            let event = match decoded(&recorded) {
                Ok(event) => event,
                // Readers of the log park it; were it to stand in the way, nothing could ever be
                // said about the aggregate again.
                Err(LoadError::Decode { source, .. }) if source.is_noise() => {
                    snapshot.sequence = recorded.sequence;
                    continue;
                }
                Err(error) => return Err(error),
            };
            snapshot.evolve(&event.data, recorded.sequence);
            if wanted == Some(event.id) {
                found = Some((recorded.sequence, event));
            }
        }
        Ok(found)
    }
}

fn appended<E>(sequence: u64, event: Envelope<E>) -> Effect<E> {
    Effect::Appended {
        sequence,
        event: Box::new(event),
    }
}

fn decoded<E: nexus_events::aggregate::EventData>(
    recorded: &Recorded,
) -> Result<Envelope<E>, LoadError> {
    decode(&recorded.payload).map_err(|source| LoadError::Decode {
        subject: recorded.subject.to_string(),
        sequence: recorded.sequence,
        source,
    })
}
