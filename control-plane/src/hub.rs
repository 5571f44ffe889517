//! The tail for people and programs: history from the timeline, then live, one position for both.
//!
//! ```text
//!  subscribe: listen to live ─► read the timeline up to its end ─► caught up ─► live, from there
//! ```
//!
//! Listening begins before the timeline is read, so nothing falls between the two; what comes
//! twice is told by its sequence. No consumer of the log is made for a client. A client that does
//! not keep up is cut with its last sequence and resumes there.

use std::collections::VecDeque;
use std::sync::Arc;

use nexus_events::id::{UserId, WorkspaceId};
use nexus_events::view::EventView;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::identity::Identity;
use crate::projections::Decoded;
use crate::projections::timeline::Concern;
use crate::queries::{EventQuery, Queries, QueryError};

/// Events a client may fall behind before it is cut.
const BEHIND: usize = 1_024;
/// Events read from the timeline at a time, and the bytes after which a page is full: each client
/// holds a page of its own, for as long as it likes to take.
const PAGE: (usize, usize) = (256, 256 << 10);

/// An event on its way to clients, written as JSON once for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct TailEvent {
    /// Its place in the log.
    pub sequence: u64,
    /// `nexus.<kind>.<name>.v<version>`.
    pub event_type: String,
    concern: Concern,
    json: String,
}

impl TailEvent {
    pub(crate) fn new(sequence: u64, event_type: &str, concern: Concern, payload: &[u8]) -> Self {
        // What was decoded as an event is JSON, hence UTF-8.
        let event = String::from_utf8_lossy(payload);
        let json = format!("{{\"sequence\":{sequence},\"event\":{event}}}");
        Self {
            sequence,
            event_type: event_type.to_owned(),
            concern,
            json,
        }
    }

    /// The [`EventView`] as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The event as it is stored.
    pub(crate) fn payload(&self) -> &[u8] {
        // Written by `new`: the first of these words comes before the event, the last byte after.
        let begin = self
            .json
            .find("\"event\":")
            .map_or(0, |at| at + "\"event\":".len());
        &self.json.as_bytes()[begin..self.json.len() - 1]
    }

    /// The same as a value.
    pub fn view(&self) -> EventView {
        serde_json::from_str(&self.json).unwrap_or(EventView {
            sequence: self.sequence,
            event: serde_json::Value::Null,
        })
    }
}

/// Which events a client wants and may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventFilter {
    /// Only what concerns this user; `None`: everything.
    pub(crate) owner: Option<UserId>,
    /// Only what is about this workspace.
    pub(crate) workspace: Option<WorkspaceId>,
    /// Only types that start so (`nexus.workspace.`).
    pub(crate) prefix: Option<String>,
    /// Only types this pattern matches.
    pub(crate) pattern: Option<String>,
}

impl EventFilter {
    pub(crate) fn wants(&self, concern: &Concern, event_type: &str) -> bool {
        self.owner.is_none_or(|owner| concern.owner == Some(owner))
            && self
                .workspace
                .is_none_or(|workspace| concern.workspace == Some(workspace))
            && self
                .prefix
                .as_ref()
                .is_none_or(|prefix| event_type.starts_with(prefix))
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| type_matches(pattern, event_type))
    }
}

/// Whether `pattern` (`*` is any text) matches a type, with or without `nexus.` and the version.
fn type_matches(pattern: &str, event_type: &str) -> bool {
    let bare = event_type.strip_prefix("nexus.").unwrap_or(event_type);
    let bare = bare.rsplit_once('.').map_or(bare, |(name, _)| name);
    glob(pattern.as_bytes(), event_type.as_bytes()) || glob(pattern.as_bytes(), bare.as_bytes())
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == text[t] => {
                p += 1;
                t += 1;
            }
            // Let the last star take one more byte.
            _ => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    p = *after + 1;
                    t = *taken;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Hands out subscriptions. Clones share them.
#[derive(Debug, Clone)]
pub struct Hub {
    live: broadcast::Sender<Arc<TailEvent>>,
    queries: Queries,
    stop: CancellationToken,
}

/// The sending side: what was projected goes to whoever listens.
pub(crate) type Live = broadcast::Sender<Arc<TailEvent>>;

/// A channel for live events.
pub(crate) fn live() -> Live {
    broadcast::Sender::new(BEHIND)
}

/// Sends projected events to whoever listens.
pub(crate) fn send(live: &Live, events: &[(Decoded, Concern)]) {
    if live.receiver_count() == 0 {
        return;
    }
    for (event, concern) in events {
        let event = TailEvent::new(event.sequence, event.event_type(), *concern, &event.payload);
        // Nobody listening any more is no fault.
        let _ = live.send(Arc::new(event));
    }
}

impl Hub {
    pub(crate) const fn new(live: Live, queries: Queries, stop: CancellationToken) -> Self {
        Self {
            live,
            queries,
            stop,
        }
    }

    /// What `identity` may see and `query` asks for, from `query.after` on.
    ///
    /// # Errors
    /// When the workspace asked for is not there, or not theirs.
    pub fn subscribe(
        &self,
        identity: &Identity,
        query: &EventQuery,
    ) -> Result<Subscription, QueryError> {
        Ok(Subscription {
            live: self.live.subscribe(),
            filter: self.queries.event_filter(identity, query)?,
            queries: self.queries.clone(),
            stop: self.stop.clone(),
            last: query.after.unwrap_or(0),
            page: VecDeque::new(),
            history: History::Unread,
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum History {
    Unread,
    /// All of it is in the page.
    Through,
    /// The client was told.
    Told,
}

/// What a client is given next.
#[derive(Debug, Clone, PartialEq)]
pub enum TailItem {
    /// An event.
    Event(Arc<TailEvent>),
    /// History is through; what comes now is live. Told once.
    CaughtUp {
        /// The newest event looked at.
        sequence: u64,
    },
    /// The client was too slow; it resumes after this sequence.
    Cut {
        /// The last event it was given, or that did not concern it.
        last: u64,
    },
    /// The server stops.
    Ended,
}

/// One client's place in the log.
#[derive(Debug)]
pub struct Subscription {
    live: broadcast::Receiver<Arc<TailEvent>>,
    filter: EventFilter,
    queries: Queries,
    stop: CancellationToken,
    last: u64,
    page: VecDeque<Arc<TailEvent>>,
    history: History,
}

impl Subscription {
    /// The last sequence given or passed over: where to resume.
    pub const fn position(&self) -> u64 {
        self.last
    }

    /// What comes next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the timeline cannot be read.
    pub async fn next(&mut self) -> Result<TailItem, QueryError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.last = self.last.max(event.sequence);
                return Ok(TailItem::Event(event));
            }
            match self.history {
                History::Unread => self.read_page()?,
                History::Through => {
                    self.history = History::Told;
                    return Ok(TailItem::CaughtUp {
                        sequence: self.last,
                    });
                }
                History::Told => return Ok(self.live().await),
            }
        }
    }

    fn read_page(&mut self) -> Result<(), QueryError> {
        let page = self
            .queries
            .history(&self.filter, self.last, PAGE.0, PAGE.1)?;
        if page.complete {
            self.history = History::Through;
        }
        self.page = page.events.into_iter().map(Arc::new).collect();
        if self.page.is_empty() {
            self.last = self.last.max(page.looked_at);
        }
        Ok(())
    }

    async fn live(&mut self) -> TailItem {
        loop {
            let received = tokio::select! {
                biased;
                received = self.live.recv() => received,
                () = self.stop.cancelled() => return TailItem::Ended,
            };
            match received {
                Ok(event) if event.sequence <= self.last => {}
                Ok(event) => {
                    self.last = event.sequence;
                    if self.filter.wants(&event.concern, &event.event_type) {
                        return TailItem::Event(event);
                    }
                }
                Err(RecvError::Lagged(_)) => return TailItem::Cut { last: self.last },
                Err(RecvError::Closed) => return TailItem::Ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_types_in_full_and_in_short() {
        let ready = "nexus.workspace.ready.v1";
        for pattern in [
            "*",
            "workspace.*",
            "*.ready",
            "nexus.workspace.ready.v1",
            "*read*",
        ] {
            assert!(type_matches(pattern, ready), "{pattern}");
        }
        for pattern in [
            "",
            "ready",
            "node.*",
            "workspace",
            "*.ready.v2",
            "workspace.ready*x",
        ] {
            assert!(!type_matches(pattern, ready), "{pattern}");
        }
    }
}
