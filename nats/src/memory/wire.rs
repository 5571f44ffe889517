//! What lies between one process and the bus in memory.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use nexus_events::id::{CommandId, NodeId};
use tokio::sync::oneshot;

use crate::call::CallError;
use crate::event_log::{AppendError, NewEvent, ReadError};
use crate::subject::Route;

/// What is asked of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Append an event of this type to this aggregate.
    Append {
        /// The aggregate's subject.
        subject: String,
        /// The event's type.
        event_type: String,
    },
    /// Read the events of an aggregate.
    Read,
    /// Read what comes next in the log.
    Follow,
    /// Queue a command.
    Publish(CommandId),
    /// Ask which command of a workspace is open.
    Pending,
    /// Take back a command that is stuck.
    Withdraw,
    /// Take a command.
    Take(Route),
    /// Say that a command is being worked on.
    Extend(CommandId),
    /// A command is done.
    Done(CommandId),
    /// A command is to come again.
    Return(CommandId),
    /// Nobody can do a command.
    GiveUp(CommandId),
    /// Say that a node lives.
    Beat(NodeId),
    /// Hear of the nodes.
    Hear,
}

/// What a call does where it arrives; it may be done after whoever called has gone.
pub type Effect = Box<dyn FnOnce() + Send>;

/// A call on its way there and back.
pub type Carrying = BoxFuture<'static, Result<(), Lost>>;

/// How a call got lost, as the caller learns when its patience ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It certainly never arrived.
    OnTheWay,
    /// It may have arrived, or may still.
    Unanswered,
}

/// Carries the calls of one process.
pub trait Wire: fmt::Debug + Send + Sync {
    /// Carries `call`: has `effect` done once, now or later or never, and says when the answer is
    /// back. `Ok` only after the effect.
    fn carry(&self, call: Call, effect: Effect) -> Carrying;
}

/// The wire of one process, or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Option<Arc<dyn Wire>>);

impl Line {
    pub(crate) fn over(wire: Arc<dyn Wire>) -> Self {
        Self(Some(wire))
    }

    /// Has `effect` done at the other end, and gives what came of it.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Call,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let Some(wire) = &self.0 else {
            return Ok(effect());
        };
        let (give, answer) = oneshot::channel();
        let effect = Box::new(move || {
            // Whoever asked may have gone.
            let _ = give.send(effect());
        });
        wire.carry(call(), effect).await?;
        answer.await.map_err(|_| Lost::Unanswered)
    }
}

impl Call {
    pub(crate) fn append(event: &NewEvent) -> Self {
        Self::Append {
            subject: event.subject.to_string(),
            event_type: event.event_type.clone(),
        }
    }
}

impl Lost {
    pub(crate) fn of_append(self, event: &NewEvent) -> AppendError {
        let subject = event.subject.to_string();
        let source = CallError::from(self);
        match self {
            Self::OnTheWay => AppendError::Unavailable { subject, source },
            Self::Unanswered => AppendError::Ambiguous { subject, source },
        }
    }

    pub(crate) fn of_read(self, subject: String) -> ReadError {
        let source = self.into();
        ReadError::Unavailable { subject, source }
    }
}

impl From<Lost> for CallError {
    fn from(lost: Lost) -> Self {
        let attempt = "reaching the bus in memory";
        match lost {
            Lost::OnTheWay => Self::Absent {
                attempt,
                cause: "the wire is cut".into(),
            },
            Lost::Unanswered => Self::NoAnswer {
                attempt,
                cause: "it took too long",
            },
        }
    }
}
