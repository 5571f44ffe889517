//! The log, line by line, for whoever may read it: what audit, backup and replay work on.
//!
//! An administrator is given the stream itself, every message of it, whatever a read model made
//! of it. Everybody else is given the events that concern them, from the timeline, byte for byte.

use nexus_events::audit::Record;
use nexus_events::audit::line::{End, FORMAT, Head, Kept, Line};
use nexus_events::id::UserId;
use nexus_events::work::Bytes;
use nexus_nats::{Filter, From};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::app::App;
use crate::hub::EventFilter;
use crate::identity::Identity;
use crate::queries::{EventQuery, QueryError};

/// Lines read ahead of whoever takes them.
const AHEAD: usize = 256;
/// Events read at a time.
const BATCH: usize = 500;

/// Which part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// Only events after this sequence.
    pub(crate) after: Option<u64>,
    /// Only events up to this sequence.
    pub(crate) until: Option<u64>,
    /// Only those about this workspace: an id or a name.
    pub(crate) workspace: Option<String>,
    /// With what was refused, after the events. For administrators.
    pub(crate) refusals: Option<bool>,
    /// With what is kept of users beside the log, encrypted. For whoever operates the server.
    pub(crate) kept: Option<bool>,
}

/// Why an export ends without its last line.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("reading the log")]
    Log(#[from] nexus_nats::TailError),
    #[error("reading the timeline")]
    Timeline(#[from] QueryError),
    #[error("reading what was refused")]
    Refusals(#[from] nexus_nats::refusals::RefusalsError),
    #[error("event {sequence} of the timeline cannot be read")]
    Event {
        sequence: u64,
        #[source]
        source: nexus_events::upcast::DecodeError,
    },
    #[error("reading what is kept of users")]
    Kept(#[from] nexus_nats::CallError),
    #[error("whoever asked has gone")]
    Gone,
}

/// What is exported, and to whom.
struct Export {
    app: App,
    /// `None`: the stream itself.
    filter: Option<EventFilter>,
    refusals: bool,
    kept: bool,
    after: u64,
    last: u64,
    lines: mpsc::Sender<Line>,
    events: u64,
}

impl App {
    /// The lines of what `identity` may see of the log. The last one is [`Line::End`]; where it
    /// is missing something went wrong, and the server's log says what.
    ///
    /// # Errors
    /// When the log does not answer, or the workspace asked for is not there.
    pub(crate) async fn export(
        &self,
        identity: &Identity,
        query: &ExportQuery,
    ) -> Result<mpsc::Receiver<Line>, QueryError> {
        let kept = query.kept.unwrap_or(false);
        if kept && *identity != Identity::Operator {
            return Err(QueryError::Forbidden);
        }
        let whole = identity.is_admin() && query.workspace.is_none();
        let filter = self.queries().event_filter(
            identity,
            &EventQuery {
                workspace: query.workspace.clone(),
                ..EventQuery::default()
            },
        )?;
        let info = self.backbone().log.info().await?;
        let there = match whole {
            true => info.last_sequence,
            false => self.queries().sequence(),
        };
        let (lines, received) = mpsc::channel(AHEAD);
        let after = query.after.unwrap_or(0);
        let last = query.until.unwrap_or(there).min(there).max(after);
        let head = Head {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            created: info.created,
            after,
            last,
            partial: !whole,
            redacted: false,
            host: self.settings().public_host.clone(),
        };
        let export = Export {
            app: self.clone(),
            filter: (!whole).then_some(filter),
            refusals: identity.is_admin() && query.refusals.unwrap_or(false),
            kept: whole && kept,
            after,
            last,
            lines,
            events: 0,
        };
        tokio::spawn(export.run(head));
        Ok(received)
    }
}

impl Export {
    async fn run(mut self, head: Head) {
        match self.write(head).await {
            Ok(()) | Err(Cut::Gone) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "an export of the log ends early");
            }
        }
    }

    async fn write(&mut self, head: Head) -> Result<(), Cut> {
        self.send(Line::Log(head)).await?;
        match self.filter.take() {
            None => self.stream().await?,
            Some(filter) => self.timeline(filter).await?,
        }
        let mut refusals = 0;
        if self.refusals {
            for refused in self.app.backbone().refusals.all().await? {
                refusals += 1;
                self.send(Line::Refused(refused)).await?;
            }
        }
        let kept = match self.kept {
            true => self.kept_values().await?,
            false => 0,
        };
        let end = End {
            events: self.events,
            refusals,
            kept: self.kept.then_some(kept),
            head: None,
        };
        self.send(Line::End(end)).await
    }

    /// Every message of the stream.
    async fn stream(&mut self) -> Result<(), Cut> {
        let log = self.app.backbone().log.clone();
        let mut tail = log.tail(From::after(self.after), Filter::All);
        let mut position = self.after;
        while position < self.last {
            let patience = std::time::Duration::from_millis(20);
            for event in tail.batch(BATCH, patience).await?.events {
                if event.sequence > self.last {
                    return Ok(());
                }
                position = event.sequence;
                let subject = event.subject.to_string();
                let stored_at = Some(event.stored_at);
                let record = Record::new(position, subject, stored_at, &event.payload);
                self.tell(record).await?;
            }
        }
        Ok(())
    }

    /// The events of the timeline that pass `filter`.
    async fn timeline(&mut self, filter: EventFilter) -> Result<(), Cut> {
        let mut position = self.after;
        loop {
            let (queries, wanted) = (self.app.queries().clone(), filter.clone());
            let reading = move || queries.history(&wanted, position, BATCH, usize::MAX);
            let page = tokio::task::spawn_blocking(reading);
            let page = page.await.map_err(|_| Cut::Gone)??;
            for event in page.events {
                let sequence = event.sequence;
                if sequence > self.last {
                    return Ok(());
                }
                let record = Record::of_payload(sequence, event.payload())
                    .map_err(|source| Cut::Event { sequence, source })?;
                self.tell(record).await?;
            }
            position = page.looked_at;
            if page.complete || position >= self.last {
                return Ok(());
            }
        }
    }

    /// The key of each user, and each value of theirs that is in force.
    async fn kept_values(&self) -> Result<u64, Cut> {
        let mut kept_so_far = 0;
        let app = self.app.clone();
        let backbone = app.backbone();
        for (user, state) in app.queries().all_users()? {
            if let Some(key) = backbone.key_store.get(user).await? {
                kept_so_far += 1;
                self.keep(user, None, &key).await?;
            }
            let credentials = state.credentials.values();
            for kept in credentials.chain(&state.post_start) {
                if let Some(value) = backbone.value_store.get(user, &kept.digest).await? {
                    kept_so_far += 1;
                    self.keep(user, Some(kept.digest.clone()), &value).await?;
                }
            }
        }
        Ok(kept_so_far)
    }

    async fn keep(&self, user: UserId, digest: Option<String>, value: &[u8]) -> Result<(), Cut> {
        let value = Bytes(value.to_vec());
        self.send(Line::Kept(Kept {
            user,
            digest,
            value,
        }))
        .await
    }

    async fn tell(&mut self, record: Record) -> Result<(), Cut> {
        self.events += 1;
        self.send(Line::Event(record)).await
    }

    async fn send(&self, line: Line) -> Result<(), Cut> {
        self.lines.send(line).await.map_err(|_| Cut::Gone)
    }
}
