//! Messages of one stream in order, without acknowledgements: what tails, logs and heartbeats read.
//!
//! An ephemeral pull consumer in the server's memory. Two large requests are kept open, so that
//! the server always has one to fill and at most two batches are in memory here. The feed closes
//! itself when the connection was lost, the consumer is gone, or the server has not been heard for
//! 5 s; its owner opens it again where it left off.

pub(crate) mod control;
mod message;

use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures::{FutureExt, StreamExt};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::call::CallError;
use crate::connect::{Bus, Connection};

use control::{Control, control};
pub(crate) use message::FeedMessage;

/// How many messages one request asks for.
const BATCH: u64 = 2_048;
/// How many bytes one request asks for at most.
const BATCH_BYTES: u64 = 4 << 20;
/// How long a request stays open.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long it may say nothing.
const SILENCE: Duration = Duration::from_secs(5);
/// After how long without a reader the server forgets the consumer.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// How soon a feed that closed may be opened again: a server that closes each one is not flooded.
const AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Where a feed begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// With this sequence.
    At(u64),
    /// With the last message of each subject.
    LastPerSubject,
}

/// What a feed gives.
#[derive(Debug)]
pub(crate) enum Fed {
    /// A message.
    Message(FeedMessage),
    /// It was opened, and there was nothing to read.
    CaughtUp,
    /// It has closed itself.
    Closed,
}

/// A feed, open or not.
#[derive(Debug)]
pub(crate) struct Feed {
    bus: Bus,
    stream: &'static str,
    filter: String,
    open: Option<Open>,
    opened: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    client: async_nats::Client,
    subscriber: Subscriber,
    connection: watch::Receiver<Connection>,
    inbox: String,
    request: String,
    /// Where to say that the consumer is not needed any more.
    forget: String,
    /// Requested and not yet delivered or refused.
    outstanding: u64,
    /// The consumer's own count, to tell loss on the way from loss in the stream.
    delivered: u64,
    empty: bool,
    heard: Instant,
    polled: Instant,
}

#[derive(serde::Deserialize)]
struct Created {
    name: String,
    num_pending: u64,
}

impl Feed {
    pub(crate) const fn new(bus: Bus, stream: &'static str, filter: String) -> Self {
        Self {
            bus,
            stream,
            filter,
            open: None,
            opened: None,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Makes the consumer.
    pub(crate) async fn open(&mut self, start: Start) -> Result<(), CallError> {
        self.open = None;
        if let Some(opened) = self.opened {
            tokio::time::sleep_until(opened + AT_MOST_EVERY).await;
        }
        self.opened = Some(Instant::now());
        let connection = self.bus.connection();
        let inbox = self.bus.client.new_inbox();
        let subscriber = self
            .bus
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| CallError::Absent {
                attempt: "subscribing",
                cause: error.to_string(),
            })?;
        let created = self.create_consumer(start).await?;
        let now = Instant::now();
        self.open = Some(Open {
            client: self.bus.client.clone(),
            subscriber,
            connection,
            inbox,
            request: format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, created.name),
            forget: format!("$JS.API.CONSUMER.DELETE.{}.{}", self.stream, created.name),
            outstanding: 0,
            delivered: 0,
            empty: created.num_pending == 0,
            heard: now,
            polled: now,
        });
        Ok(())
    }

    async fn create_consumer(&self, start: Start) -> Result<Created, CallError> {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let mut config = json!({
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "max_deliver": 1,
            "inactive_threshold": FORGOTTEN.as_nanos() as u64,
            "filter_subject": self.filter,
        });
        match start {
            Start::At(sequence) => {
                config["deliver_policy"] = json!("by_start_sequence");
                config["opt_start_seq"] = json!(sequence.max(1));
            }
            Start::LastPerSubject => config["deliver_policy"] = json!("last_per_subject"),
        }
        let call = format!("CONSUMER.CREATE.{}.{name}.{}", self.stream, self.filter);
        let body = json!({ "stream_name": self.stream, "config": config, "action": "" });
        self.bus
            .api("making a reader of the stream", &call, &body)
            .await
    }

    /// What comes next. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Fed {
        let Some(open) = &mut self.open else {
            return Fed::Closed;
        };
        let fed = open.next().await;
        if matches!(fed, Fed::Closed) {
            self.open = None;
        }
        fed
    }
}

impl Open {
    async fn next(&mut self) -> Fed {
        loop {
            if std::mem::take(&mut self.empty) {
                return Fed::CaughtUp;
            }
            let Some(message) = self.message().await else {
                return Fed::Closed;
            };
            match message.status {
                None => match FeedMessage::read(message) {
                    Some(message) => return self.take(message),
                    None => return Fed::Closed,
                },
                Some(_) => match control(&message) {
                    Control::Alive => {}
                    Control::Ended { unfilled } => {
                        self.outstanding = self.outstanding.saturating_sub(unfilled);
                    }
                    Control::Gone => return Fed::Closed,
                },
            }
        }
    }

    /// What the server sends next; `None` when the feed must be opened again.
    async fn message(&mut self) -> Option<Message> {
        if !self.keep_asking().await {
            return None;
        }
        // What is here already needs neither timer nor waker, which is half of a replay's cost.
        if let Some(message) = self.subscriber.next().now_or_never() {
            return message;
        }
        self.forgive_the_reader();
        if self.connection.has_changed().unwrap_or(true) {
            return None;
        }
        let message = tokio::select! {
            biased;
            message = timeout_at(self.heard + SILENCE, self.subscriber.next()) => message.ok()?,
            _ = self.connection.changed() => None,
        };
        self.heard = Instant::now();
        self.polled = self.heard;
        message
    }

    /// A reader who was away for a while has not listened; that is not the server's silence.
    fn forgive_the_reader(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.polled) > HEARTBEAT {
            self.heard = now;
        }
        self.polled = now;
    }

    fn take(&mut self, message: FeedMessage) -> Fed {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.delivered += 1;
        if message.consumer_sequence == self.delivered {
            Fed::Message(message)
        } else {
            // Something was lost on the way here, not in the stream: read it again.
            Fed::Closed
        }
    }

    /// Keeps up to two requests open; `false` when the connection is closed for good.
    async fn keep_asking(&mut self) -> bool {
        while self.outstanding <= BATCH {
            let body = format!(
                r#"{{"batch":{BATCH},"max_bytes":{BATCH_BYTES},"expires":{},"idle_heartbeat":{}}}"#,
                EXPIRES.as_nanos(),
                HEARTBEAT.as_nanos()
            );
            let sent = self
                .client
                .publish_with_reply(self.request.clone(), self.inbox.clone(), body.into())
                .await;
            if sent.is_err() {
                return false;
            }
            self.outstanding += BATCH;
        }
        true
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let (client, forget) = (self.client.clone(), std::mem::take(&mut self.forget));
        // Without a runtime, or a connection, the server forgets the consumer by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = client.publish(forget, Default::default()).await {
                    tracing::debug!(%error, "a reader of a stream is forgotten later");
                }
            });
        }
    }
}
