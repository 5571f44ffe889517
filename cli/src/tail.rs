//! The event stream of the server, followed across broken connections without a gap.
//!
//! Every event bears its sequence. After a break the stream is asked for again from the last one
//! seen, and one that comes twice is dropped, so whoever reads here sees each event once, in order.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_events::view::EventView;
use reqwest::Response;

use crate::clean::clean;
use crate::client::{Client, Frame, Parser, Request};
use crate::error::{Error, Result};
use crate::exit::Exit;

/// The server says something at least every 15 s; after three times that the line is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// The pause before the first attempt to connect again; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Only of this workspace, by id.
    pub(crate) workspace: Option<String>,
    /// Only of this type.
    pub(crate) event_type: Option<String>,
    /// Only of this kind.
    pub(crate) kind: Option<String>,
}

/// What the stream says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// An event.
    Event(EventView),
    /// Everything that was there at the beginning has been said.
    CaughtUp,
    /// The connection broke; the stream goes on by itself.
    Broken(Error),
}

/// A position in the event stream.
pub(crate) struct Tail {
    client: Client,
    filter: Filter,
    after: u64,
    connection: Option<Connection>,
    ready: VecDeque<Frame>,
    pause: Duration,
    was_connected: bool,
}

struct Connection {
    response: Response,
    parser: Parser,
}

impl Tail {
    /// The events after the sequence `after` that pass `filter`.
    pub(crate) const fn new(client: Client, filter: Filter, after: u64) -> Self {
        Self {
            client,
            filter,
            after,
            connection: None,
            ready: VecDeque::new(),
            pause: FIRST_PAUSE,
            was_connected: false,
        }
    }

    /// The next item. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// The very first connection fails, or the server refuses for good.
    pub(crate) async fn next(&mut self) -> Result<Item> {
        loop {
            while let Some(frame) = self.ready.pop_front() {
                if let Some(item) = self.item(&frame)? {
                    return Ok(item);
                }
            }
            match self.read().await {
                Ok(()) => {}
                Err(error) if self.was_connected && is_passing(&error) => {
                    return Ok(Item::Broken(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads at least one piece of the stream, connecting first where needed.
    async fn read(&mut self) -> Result<()> {
        if self.connection.is_none() {
            if self.was_connected {
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            self.connection = Some(self.connect().await?);
            self.was_connected = true;
        }
        let Some(Connection { response, parser }) = &mut self.connection else {
            return Ok(());
        };
        let why = match tokio::time::timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.pause = FIRST_PAUSE;
                self.ready.extend(parser.push(&bytes));
                return Ok(());
            }
            Ok(Ok(None)) => "the server ended the stream",
            Ok(Err(_)) => "the connection broke",
            Err(_) => "the server was silent for too long",
        };
        self.connection = None;
        Err(broken(why))
    }

    async fn connect(&self) -> Result<Connection> {
        let request = Request::get("follow the events", "/api/v1/events")
            .query("after", self.after)
            .maybe("workspace", self.filter.workspace.as_deref())
            .maybe("type", self.filter.event_type.as_deref())
            .maybe("kind", self.filter.kind.as_deref())
            .accept("text/event-stream");
        Ok(Connection {
            response: self.client.stream(&request).await?,
            parser: Parser::default(),
        })
    }

    fn closed(&mut self, frame: &Frame) -> Item {
        self.connection = None;
        let said = serde_json::from_str::<Closed>(&frame.data);
        let reason = said.map_or_else(|_| String::new(), |closed| clean(&closed.reason));
        Item::Broken(broken(&format!("the server ended the stream: {reason}")))
    }

    fn item(&mut self, frame: &Frame) -> Result<Option<Item>> {
        match (&frame.id, frame.event.as_str()) {
            (Some(_), _) => {}
            (None, "caught_up") => return Ok(Some(Item::CaughtUp)),
            (None, "closed") => return Ok(Some(self.closed(frame))),
            // What bears no sequence is no event of the log; a newer server may say more.
            (None, _) => return Ok(None),
        }
        let view: EventView = serde_json::from_str(&frame.data).map_err(|error| {
            let why = format!("the server sent an event that cannot be read: {error}");
            Error::new(Exit::Failure, "follow the events", why, "nexus version")
        })?;
        if view.sequence <= self.after {
            return Ok(None);
        }
        self.after = view.sequence;
        Ok(Some(Item::Event(view)))
    }
}

fn broken(why: &str) -> Error {
    let next = "nexus daemon status";
    Error::new(Exit::Unreachable, "follow the events", why, next)
}

/// What the server says before it ends a stream.
#[derive(serde::Deserialize)]
struct Closed {
    reason: String,
}

/// Whether trying again may help.
const fn is_passing(error: &Error) -> bool {
    matches!(error.exit, Exit::Unreachable | Exit::NotReady)
}
