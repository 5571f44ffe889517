//! Who did this, and because of what: the tree of causes from a request to its last effect.
//!
//! An event names the event or the command right before it. A command is known by the operation
//! it is about, whose beginning is an event; so every chain of causes ends in an event without a
//! cause: a person's request, or what a part of Nexus decided by itself.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Entry;
use super::checks::Fault;
use crate::envelope::Actor;
use crate::id::{CorrelationId, EventId, OperationId};

/// A request, and everything that followed from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What all of it carries.
    pub correlation: CorrelationId,
    /// Who asked.
    pub actor: Actor,
    /// When its first event was decided.
    pub at: Timestamp,
    /// Milliseconds from there to its last event.
    pub lasted_ms: u64,
    /// How many events there are.
    pub events: u64,
    /// What came first, and what followed from that.
    pub effects: Vec<Effect>,
}

/// An event, and what followed from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its place in the log.
    pub sequence: u64,
    /// Its id.
    pub id: EventId,
    /// `<kind>.<name>`.
    pub name: String,
    /// The aggregate.
    pub subject: String,
    /// Who made it happen.
    pub actor: Actor,
    /// When it was decided.
    pub time: Timestamp,
    /// Milliseconds from the request to it.
    pub offset_ms: u64,
    /// The event or command right before, as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<String>,
    /// What happened.
    pub data: Value,
    /// What followed from it.
    pub effects: Vec<Effect>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Everything.
    All,
    /// One operation.
    Operation(OperationId),
    /// One event, by id.
    Event(EventId),
    /// One event, by its place.
    Sequence(u64),
}

#[derive(Debug)]
struct Node {
    effect: Effect,
    correlation: CorrelationId,
    operation: Option<OperationId>,
    begins: bool,
}

/// The causes of the events taken in so far.
#[derive(Debug)]
pub struct Causes {
    /// Whether what happened is kept, or only what led to what.
    keeps_data: bool,
    nodes: Vec<Node>,
    /// By event id and by the id of the command that tells of an operation.
    by_cause: HashMap<String, usize>,
    by_operation: HashMap<OperationId, usize>,
}

impl Default for Causes {
    fn default() -> Self {
        Self {
            keeps_data: true,
            nodes: Vec::new(),
            by_cause: HashMap::new(),
            by_operation: HashMap::new(),
        }
    }
}

impl Causes {
    /// For checking only: what happened is not kept, which a long log would not bear.
    pub fn bare() -> Self {
        Self {
            keeps_data: false,
            ..Self::default()
        }
    }

    /// How many events were taken in.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether none was.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The next event of the log.
    pub fn take(&mut self, entry: &Entry) {
        let index = self.nodes.len();
        self.by_cause.insert(entry.id().to_string(), index);
        let begins = entry.begins();
        if let Some((operation, command)) = begins {
            self.by_cause.insert(command.to_string(), index);
            self.by_operation.insert(operation, index);
        }
        self.nodes.push(Node {
            effect: Effect {
                sequence: entry.sequence,
                id: entry.id(),
                name: entry.name(),
                subject: entry.subject().to_owned(),
                actor: entry.actor().clone(),
                time: entry.time(),
                offset_ms: 0,
                causation: entry.causation().map(str::to_owned),
                data: match self.keeps_data {
                    true => entry.data(),
                    false => Value::Null,
                },
                effects: Vec::new(),
            },
            correlation: entry.correlation(),
            operation: entry.operation(),
            begins: begins.is_some(),
        });
    }

    /// Every event whose cause is not there, or does not come before it.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(cause) = &node.effect.causation else {
                continue;
            };
            let fault = match self.by_cause.get(cause) {
                Some(before) if *before < index => continue,
                Some(_) => format!("its cause {cause} comes after it"),
                None => format!("its cause {cause} is nowhere"),
            };
            let sequence = node.effect.sequence;
            faults.push(Fault { sequence, fault });
        }
        faults
    }

    /// The requests behind what is asked about, in their order. Of one event only what led to it
    /// and what followed from it is told.
    pub fn requests(self, about: About) -> Vec<Request> {
        let parents: Vec<Option<usize>> = (0..self.nodes.len())
            .map(|index| self.parent(index))
            .collect();
        let wanted = self.wanted(about, &parents);
        let mut effects: Vec<Option<(CorrelationId, Effect)>> = self
            .nodes
            .into_iter()
            .map(|node| Some((node.correlation, node.effect)))
            .collect();
        let mut roots = Vec::new();
        // From the last to the first: what follows from an event is complete before it is moved.
        for index in (0..effects.len()).rev() {
            let Some((correlation, mut effect)) = effects[index].take() else {
                continue;
            };
            effect.effects.reverse();
            if !wanted[index] {
                continue;
            }
            match parents[index].and_then(|parent| effects[parent].as_mut()) {
                Some((_, parent)) => parent.effects.push(effect),
                None => roots.push((correlation, effect)),
            }
        }
        roots.reverse();
        grouped(roots)
    }

    /// What an event follows from: what it names, else the beginning of its operation.
    fn parent(&self, index: usize) -> Option<usize> {
        let node = &self.nodes[index];
        let named = node.effect.causation.as_ref();
        let named = named.and_then(|cause| self.by_cause.get(cause));
        let operation = node.operation.filter(|_| !node.begins);
        let begun = operation.and_then(|operation| self.by_operation.get(&operation));
        named.or(begun).copied().filter(|parent| *parent < index)
    }

    fn wanted(&self, about: About, parents: &[Option<usize>]) -> Vec<bool> {
        let root = |mut index: usize| {
            while let Some(parent) = parents[index] {
                index = parent;
            }
            index
        };
        let one = match about {
            About::All => return vec![true; self.nodes.len()],
            About::Operation(operation) => {
                let begun = self.by_operation.get(&operation);
                let requests = begun.map(|index| self.nodes[root(*index)].correlation);
                let of_request = |index: usize| {
                    let root = &self.nodes[root(index)];
                    requests == Some(root.correlation)
                };
                return (0..self.nodes.len()).map(of_request).collect();
            }
            About::Event(id) => self.nodes.iter().position(|node| node.effect.id == id),
            About::Sequence(sequence) => self
                .nodes
                .iter()
                .position(|node| node.effect.sequence == sequence),
        };
        let mut wanted = vec![false; self.nodes.len()];
        let Some(one) = one else {
            return wanted;
        };
        wanted[one] = true;
        let mut before = one;
        while let Some(parent) = parents[before] {
            wanted[parent] = true;
            before = parent;
        }
        for index in one + 1..self.nodes.len() {
            let mut above = parents[index];
            while let Some(parent) = above {
                if parent == one {
                    wanted[index] = true;
                }
                above = parents[parent];
            }
        }
        wanted
    }
}

/// Roots of one request together, in the order of their first.
fn grouped(roots: Vec<(CorrelationId, Effect)>) -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    let mut known: HashMap<CorrelationId, usize> = HashMap::new();
    for (correlation, effect) in roots {
        match known.get(&correlation) {
            Some(index) => requests[*index].effects.push(effect),
            None => {
                known.insert(correlation, requests.len());
                requests.push(Request {
                    correlation,
                    actor: effect.actor.clone(),
                    at: effect.time,
                    lasted_ms: 0,
                    events: 0,
                    effects: vec![effect],
                });
            }
        }
    }
    for request in &mut requests {
        let (mut events, mut lasted) = (0, 0);
        for effect in &mut request.effects {
            measure(effect, request.at, &mut events, &mut lasted);
        }
        (request.events, request.lasted_ms) = (events, lasted);
    }
    requests
}

fn measure(effect: &mut Effect, since: Timestamp, events: &mut u64, lasted: &mut u64) {
    let offset = effect.time.duration_since(since).as_millis();
    effect.offset_ms = u64::try_from(offset).unwrap_or(0);
    *events += 1;
    *lasted = (*lasted).max(effect.offset_ms);
    for below in &mut effect.effects {
        measure(below, since, events, lasted);
    }
}
