//! A worker's end of the queue: one message at a time, when there is room for it.
//!
//! Two consumers serve a worker, since commands without a machine may go to any worker of the
//! provider and those about a machine only to the node that has it. Both are durable: they belong
//! to the provider or the node, not to the connection, and every worker of a provider shares the
//! first one.

use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures::StreamExt;
use nexus_events::spec::Provider;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::delivery::{Delivery, Received};
use super::{CommandQueue, DELIVERIES, Kind, PATIENCE, QueueError};
use crate::call::CallError;
use crate::connect::{Bus, Connection};
use crate::feed::control::{Control, control};
use crate::memory::{Call, Line, MemoryQueue};
use crate::parked::Parked;
use crate::subject::{CommandSubject, Route};
use crate::topology::COMMANDS;

const EXPIRES: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(5);
/// Before the consumer is looked up again: a server that ends each request is not flooded.
const PAUSE: Duration = Duration::from_millis(50);

/// A durable consumer of one route.
#[derive(Debug)]
pub struct CommandConsumer {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Bus(Box<BusConsumer>),
    Memory {
        queue: MemoryQueue,
        line: Line,
        provider: Provider,
        route: Route,
    },
}

/// A consumer on a server.
#[derive(Debug)]
struct BusConsumer {
    bus: Bus,
    name: String,
    filter: String,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    subscriber: Subscriber,
    connection: watch::Receiver<Connection>,
    inbox: String,
    asked: bool,
    heard: Instant,
}

/// What the consumer of a route is called; a worker's rights are for this name.
pub(crate) fn consumer_name(provider: Provider, route: Route) -> String {
    format!("worker-{provider}-{route}")
}

/// What one wait gave.
enum Heard {
    Command(Box<Message>),
    Nothing,
    Gone,
}

impl CommandQueue {
    /// The commands of `provider` on `route`. The consumer is made when it is missing.
    ///
    /// # Errors
    /// When the server refuses. One that does not answer is waited for by
    /// [`CommandConsumer::next`].
    pub async fn consumer(
        &self,
        provider: Provider,
        route: Route,
    ) -> Result<CommandConsumer, QueueError> {
        let source = match &self.kind {
            Kind::Bus(bus) => {
                let mut consumer = BusConsumer {
                    bus: bus.clone(),
                    name: consumer_name(provider, route),
                    filter: CommandSubject::all_for(provider, route),
                    open: None,
                };
                consumer.open().await?;
                Source::Bus(Box::new(consumer))
            }
            Kind::Memory(queue, line) => Source::Memory {
                queue: queue.clone(),
                line: line.clone(),
                provider,
                route,
            },
        };
        Ok(CommandConsumer { source })
    }
}

/// The call whose answer tells a worker of `provider` the server's time.
pub(super) fn time(provider: Provider) -> String {
    format!(
        "CONSUMER.INFO.{COMMANDS}.{}",
        consumer_name(provider, Route::Any)
    )
}

impl CommandConsumer {
    /// The next command, as soon as there is one. Call it only with room for a command, and poll
    /// it until it answers: one that arrives while nobody polls waits, and is given to another
    /// worker after 5 s. Dropping the future loses nothing.
    ///
    /// A message that cannot be read is parked with the reason and skipped.
    ///
    /// # Errors
    /// When the server refuses; a server that is away is waited for.
    pub async fn next(&mut self) -> Result<Delivery, QueueError> {
        match &mut self.source {
            Source::Bus(consumer) => consumer.next().await,
            Source::Memory {
                queue,
                line,
                provider,
                route,
            } => Ok(next_in_memory(queue, line, *provider, *route).await),
        }
    }
}

async fn next_in_memory(
    queue: &MemoryQueue,
    line: &Line,
    provider: Provider,
    route: Route,
) -> Delivery {
    let mut changes = queue.changes();
    loop {
        changes.borrow_and_update();
        let there = queue.clone();
        let take = move || there.take(provider, route);
        match line.call(|| Call::Take(route), take).await {
            Ok(Ok(taken)) => return Delivery::in_memory(queue.clone(), line.clone(), taken),
            Ok(Err(Some(due))) => {
                // Something else may come before.
                let _ = timeout_at(due, changes.changed()).await;
            }
            Ok(Err(None)) => {
                // The sender is held by the queue, so this ends with a change only.
                let _ = changes.changed().await;
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

impl BusConsumer {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        loop {
            if self.open.is_none() {
                self.open_patiently().await?;
            }
            let Some(open) = &mut self.open else { continue };
            match open.wait(&self.bus, &self.name).await {
                Heard::Command(message) => {
                    if let Some(delivery) = self.receive(*message).await {
                        return Ok(delivery);
                    }
                }
                Heard::Nothing => {}
                Heard::Gone => {
                    self.open = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn open_patiently(&mut self) -> Result<(), QueueError> {
        loop {
            match self.open().await {
                Err(error) if error.is_temporary() => {
                    tracing::debug!(%error, consumer = self.name, "the queue is not there yet");
                    self.bus.pause_or_reconnected().await;
                }
                answer => return answer.map_err(QueueError::from),
            }
        }
    }

    async fn open(&mut self) -> Result<(), CallError> {
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
        self.make().await?;
        let heard = Instant::now();
        self.open = Some(Open {
            subscriber,
            connection,
            inbox,
            asked: false,
            heard,
        });
        Ok(())
    }

    async fn make(&self) -> Result<(), CallError> {
        let body = json!({
            "stream_name": COMMANDS,
            "action": "",
            "config": {
                "durable_name": self.name,
                "name": self.name,
                "deliver_policy": "all",
                "ack_policy": "explicit",
                "replay_policy": "instant",
                "ack_wait": PATIENCE.as_nanos() as u64,
                "max_deliver": DELIVERIES,
                "max_ack_pending": 10_000,
                "filter_subject": self.filter,
            },
        });
        let call = format!("CONSUMER.CREATE.{COMMANDS}.{}.{}", self.name, self.filter);
        self.bus
            .api::<serde_json::Value>("making the consumer of commands", &call, &body)
            .await
            .map(drop)
    }

    /// Takes a message as a delivery; parks what cannot be read.
    async fn receive(&self, message: Message) -> Option<Delivery> {
        let received = Received::read(message)?;
        match received.decode() {
            Ok((subject, command)) => {
                Some(Delivery::new(self.bus.clone(), received, subject, command))
            }
            Err(reason) => {
                tracing::error!(
                    subject = received.subject,
                    reason,
                    "a command cannot be read"
                );
                let parked = Parked::on(&self.bus).park_command(&received, &reason).await;
                match parked {
                    Ok(()) => received.terminate(&self.bus).await,
                    Err(error) => tracing::warn!(%error, "it comes again"),
                }
                None
            }
        }
    }
}

impl Open {
    async fn wait(&mut self, bus: &Bus, name: &str) -> Heard {
        if self.connection.has_changed().unwrap_or(true) || !self.ask(bus, name).await {
            return Heard::Gone;
        }
        let message = tokio::select! {
            biased;
            message = timeout_at(self.heard + SILENCE, self.subscriber.next()) => message,
            _ = self.connection.changed() => return Heard::Gone,
        };
        let Ok(Some(message)) = message else {
            return Heard::Gone;
        };
        self.heard = Instant::now();
        if message.status.is_none() {
            self.asked = false;
            return Heard::Command(Box::new(message));
        }
        match control(&message) {
            Control::Alive => Heard::Nothing,
            Control::Ended { .. } => {
                self.asked = false;
                Heard::Nothing
            }
            Control::Gone => Heard::Gone,
        }
    }

    /// Asks for one command, unless that is under way; `false` when the client is closed.
    async fn ask(&mut self, bus: &Bus, name: &str) -> bool {
        if self.asked {
            return true;
        }
        let body = format!(
            r#"{{"batch":1,"expires":{},"idle_heartbeat":{}}}"#,
            EXPIRES.as_nanos(),
            HEARTBEAT.as_nanos()
        );
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.{name}");
        let sent = bus
            .client
            .publish_with_reply(subject, self.inbox.clone(), body.into())
            .await;
        self.asked = sent.is_ok();
        self.heard = Instant::now();
        self.asked
    }
}
