//! A log of several aggregates, told event by event as the server would store it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nexus_events::aggregate::EventData;
use nexus_events::audit::{Entry, Record};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CommandId, CorrelationId, EventId, OperationId, UserId};
use nexus_events::upcast::encode;

/// A log under way.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) records: Vec<Record>,
    names: BTreeMap<String, EventId>,
}

/// What led to an event.
#[derive(Debug, Clone)]
pub(crate) struct Because {
    pub(crate) actor: Actor,
    pub(crate) request: &'static str,
    pub(crate) cause: Option<String>,
}

/// A person asked.
pub(crate) fn asked(request: &'static str) -> Because {
    Because {
        actor: Actor::User(UserId::derived("alice")),
        request,
        cause: None,
    }
}

/// A part of the control plane decided by itself.
pub(crate) fn by_itself(request: &'static str) -> Because {
    Because {
        actor: Actor::system("idle-workspaces"),
        ..asked(request)
    }
}

/// A worker tells something by itself.
pub(crate) fn unasked(request: &'static str) -> Because {
    Because {
        actor: Actor::Node(super::node("a")),
        ..asked(request)
    }
}

/// A worker tells how an operation goes.
pub(crate) fn told(request: &'static str, operation: OperationId) -> Because {
    Because {
        actor: Actor::Node(super::node("a")),
        request,
        cause: Some(CommandId::of_operation(operation).to_string()),
    }
}

impl History {
    /// Stores `data` about `subject`, decided at `second`.
    pub(crate) fn tell<D: EventData>(
        &mut self,
        subject: &impl std::fmt::Display,
        second: i64,
        because: Because,
        data: D,
    ) {
        self.tell_at(subject, super::at(second), because, data);
    }

    pub(crate) fn tell_at<D: EventData>(
        &mut self,
        subject: &impl std::fmt::Display,
        at: Timestamp,
        because: Because,
        data: D,
    ) {
        let sequence = self.records.len() as u64 + 1;
        let id = EventId::derived(sequence.to_string());
        self.names.insert(data.name().to_owned(), id);
        let context = Context {
            id,
            at,
            actor: because.actor,
            correlation: CorrelationId::derived(because.request),
            causation: because.cause,
            traceparent: None,
        };
        let subject_name = format!("nexus.evt.{}.{subject}", D::KIND);
        let payload = encode(&Envelope::new(context, subject, data));
        let record = Record::new(sequence, subject_name, Some(at), &payload);
        self.records.push(record);
    }

    /// What follows from the last event called `name`.
    pub(crate) fn following(&self, name: &str, request: &'static str) -> Because {
        Because {
            actor: Actor::system("policies"),
            request,
            cause: Some(self.names[name].to_string()),
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let read = |record: &Record| record.read().unwrap();
        self.records.iter().map(read).collect()
    }
}
