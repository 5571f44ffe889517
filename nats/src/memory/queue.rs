//! The queue's twin: one open command a subject, delivered until it is done or given up.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use nexus_events::id::{CommandId, WorkspaceId};
use nexus_events::spec::Provider;
use nexus_events::work::WorkCommand;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Flaws;
use crate::command_queue::{DELIVERIES, PATIENCE, Pending, Published, subject_of};
use crate::subject::{CommandSubject, Route};

/// How long the id of a published command is remembered, as `NEXUS_COMMANDS` does.
const MEMORY: Duration = Duration::from_secs(120);

/// A command nobody did.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenUp {
    /// The command.
    pub command: WorkCommand,
    /// Why.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u64,
    /// When it was given up.
    pub at: Timestamp,
}

/// A command as it is delivered.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) sequence: u64,
    pub(crate) subject: CommandSubject,
    pub(crate) command: WorkCommand,
    pub(crate) attempts: u64,
}

/// A queue that lives as long as its last clone.
#[derive(Debug, Clone)]
pub(crate) struct MemoryQueue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    flaws: Flaws,
    open: Mutex<Open>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    messages: BTreeMap<u64, Message>,
    published: HashMap<CommandId, Instant>,
    given_up: Vec<GivenUp>,
}

#[derive(Debug)]
struct Message {
    subject: CommandSubject,
    command: WorkCommand,
    since: Timestamp,
    attempts: u64,
    standing: Standing,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    /// May be taken from then on.
    Waiting(Instant),
    /// In a worker's hands, unless it is silent until then.
    Held(Instant),
}

impl Default for MemoryQueue {
    fn default() -> Self {
        Self::with_flaws(Flaws::default())
    }
}

impl MemoryQueue {
    pub(crate) fn with_flaws(flaws: Flaws) -> Self {
        let shared = Shared {
            flaws,
            open: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Queues a command; `once`: unless it was queued a moment ago.
    pub(crate) fn publish(&self, command: WorkCommand, once: bool) -> Published {
        let (now, id, subject) = (Instant::now(), command.id, subject_of(&command));
        let mut open = self.settled();
        let known = open.published.get(&id);
        if once && known.is_some_and(|since| now.duration_since(*since) < MEMORY) {
            return Published::Repeated;
        }
        if open
            .messages
            .values()
            .any(|message| message.subject == subject)
        {
            return Published::Busy;
        }
        open.last += 1;
        let message = Message {
            subject,
            command,
            since: Timestamp::now(),
            attempts: 0,
            standing: Standing::Waiting(now),
        };
        let sequence = open.last;
        open.messages.insert(sequence, message);
        if once {
            open.published.insert(id, now);
        }
        self.note(open);
        Published::Queued
    }

    pub(crate) fn pending(&self, workspace: WorkspaceId) -> Option<Pending> {
        let open = self.settled();
        let found = open
            .messages
            .iter()
            .find(|(_, message)| message.subject.workspace == workspace);
        found.map(|(sequence, message)| Pending {
            sequence: *sequence,
            subject: message.subject,
            id: Some(message.command.id),
            since: message.since,
        })
    }

    /// Whether it was taken once.
    pub(crate) fn was_delivered(&self, sequence: u64) -> bool {
        let open = self.settled();
        let message = open.messages.get(&sequence);
        message.is_some_and(|message| message.attempts > 0)
    }

    pub(crate) fn withdraw(&self, sequence: u64) {
        let mut open = self.settled();
        open.messages.remove(&sequence);
        self.note(open);
    }

    /// The first command of the route that may be taken; else when to look again, if nothing
    /// changes before.
    pub(crate) fn take(&self, provider: Provider, route: Route) -> Result<Taken, Option<Instant>> {
        let now = Instant::now();
        let mut open = self.settled();
        let mut next = None;
        for (sequence, message) in &mut open.messages {
            if message.subject.provider != provider || message.subject.route != route {
                continue;
            }
            match message.standing {
                Standing::Waiting(from) if from <= now => {
                    message.attempts += 1;
                    message.standing = Standing::Held(now + PATIENCE);
                    return Ok(Taken {
                        sequence: *sequence,
                        subject: message.subject,
                        command: message.command.clone(),
                        attempts: message.attempts,
                    });
                }
                Standing::Waiting(at) | Standing::Held(at) => {
                    next = Some(next.map_or(at, |next: Instant| next.min(at)));
                }
            }
        }
        Err(next)
    }

    /// It is being worked on.
    pub(crate) fn extend(&self, sequence: u64) {
        let mut open = self.settled();
        if let Some(message) = open.messages.get_mut(&sequence)
            && matches!(message.standing, Standing::Held(_))
        {
            message.standing = Standing::Held(Instant::now() + PATIENCE);
        }
    }

    /// It is done; whoever says so, late or not, is believed, as by a server.
    pub(crate) fn done(&self, sequence: u64) {
        let mut open = self.settled();
        if !self.shared.flaws.loses_acknowledgements {
            open.messages.remove(&sequence);
        }
        self.note(open);
    }

    /// It is to come again.
    pub(crate) fn again(&self, sequence: u64, delay: Duration) {
        let mut open = self.settled();
        if let Some(message) = open.messages.get_mut(&sequence) {
            message.standing = Standing::Waiting(Instant::now() + delay);
        }
        self.note(open);
    }

    pub(crate) fn give_up(&self, sequence: u64, reason: String) {
        let mut open = self.settled();
        open.park(sequence, reason);
        self.note(open);
    }

    pub(super) fn open_commands(&self) -> Vec<WorkCommand> {
        let open = self.settled();
        open.messages
            .values()
            .map(|message| message.command.clone())
            .collect()
    }

    pub(super) fn given_up_after(&self, known: usize) -> Vec<GivenUp> {
        let open = self.settled();
        open.given_up.get(known..).unwrap_or_default().to_vec()
    }

    pub(super) fn deliver_again(&self) {
        let now = Instant::now();
        let mut open = self.settled();
        for message in open.messages.values_mut() {
            if matches!(message.standing, Standing::Held(_)) {
                message.standing = Standing::Waiting(now);
            }
        }
        self.note(open);
    }

    /// Takes every command out.
    pub(crate) fn drain(&self) -> Vec<WorkCommand> {
        let messages = std::mem::take(&mut self.settled().messages);
        messages
            .into_values()
            .map(|message| message.command)
            .collect()
    }

    /// Told when something may be taken that could not be before.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn note(&self, open: MutexGuard<'_, Open>) {
        drop(open);
        self.shared.changes.send_modify(|changes| *changes += 1);
    }

    /// The queue as it is now: what was held for too long waits again, or is given up.
    fn settled(&self) -> MutexGuard<'_, Open> {
        // Every change is a single step, so a panic elsewhere leaves nothing torn.
        let mut open = self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.settle(Instant::now());
        open
    }
}

impl Open {
    fn settle(&mut self, now: Instant) {
        let mut in_vain = Vec::new();
        for (sequence, message) in &mut self.messages {
            let (Standing::Held(at) | Standing::Waiting(at)) = message.standing;
            if at > now {
                continue;
            }
            if message.attempts >= DELIVERIES {
                in_vain.push(*sequence);
            } else {
                message.standing = Standing::Waiting(at);
            }
        }
        for sequence in in_vain {
            self.park(
                sequence,
                format!("delivered {DELIVERIES} times without an answer"),
            );
        }
    }

    fn park(&mut self, sequence: u64, reason: String) {
        if let Some(message) = self.messages.remove(&sequence) {
            self.given_up.push(GivenUp {
                command: message.command,
                reason,
                attempts: message.attempts,
                at: Timestamp::now(),
            });
        }
    }
}
