//! Given these events, when this command, then this: the harness for deciders, and generators; and
//! ([`outside`]) what must hold of everything that reads bytes of others.

pub mod outside;

use crate::aggregate::{Aggregate, Decision};

/// A decider under test: a state reached through events.
#[derive(Debug, Clone)]
pub struct Given<A> {
    state: A,
}

/// An aggregate that has seen `events`.
pub fn given<A: Aggregate>(events: &[A::Event]) -> Given<A> {
    Given {
        state: fold(events),
    }
}

/// The state after `events`.
pub fn fold<A: Aggregate>(events: &[A::Event]) -> A {
    events.iter().fold(A::default(), A::evolve)
}

impl<A: Aggregate> Given<A>
where
    A::Rejection: PartialEq,
{
    /// Gives the command.
    pub fn when(self, command: A::Command) -> Answered<A> {
        let answer = self.state.decide(&command);
        Answered {
            state: self.state,
            answer,
        }
    }
}

/// What the decider answered.
#[derive(Debug)]
pub struct Answered<A: Aggregate> {
    state: A,
    answer: Result<Decision<A::Event>, A::Rejection>,
}

impl<A: Aggregate> Answered<A>
where
    A::Rejection: PartialEq,
{
    /// It must have been this event; goes on from the state after it.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn then(self, event: A::Event) -> Given<A> {
        match self.answer {
            Ok(Decision::Event(happened)) => assert_eq!(happened, event),
            other => panic!("expected {event:?}, got {other:?}"),
        }
        Given {
            state: self.state.evolve(&event),
        }
    }

    /// It must have been some event; returns it.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn then_some(self) -> A::Event {
        match self.answer {
            Ok(Decision::Event(event)) => event,
            other => panic!("expected an event, got {other:?}"),
        }
    }

    /// Nothing must have been to do.
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn then_nothing(self) {
        match self.answer {
            Ok(Decision::Nothing(_)) => {}
            other => panic!("expected nothing, got {other:?}"),
        }
    }

    /// It must have been refused by this rule.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn then_rejected(self, rejection: &A::Rejection) {
        match self.answer {
            Err(refused) => assert_eq!(&refused, rejection),
            other => panic!("expected {rejection:?}, got {other:?}"),
        }
    }
}
