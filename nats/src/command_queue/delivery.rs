//! A command in a worker's hands.

use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::Bytes;
use nexus_events::work::WorkCommand;
use tokio::task::JoinHandle;

use super::QueueError;
use super::consume::DELIVERIES;
use super::publish::subject_of;
use crate::call::{CallError, PATIENCE};
use crate::connect::Bus;
use crate::feed::FeedMessage;
use crate::parked::Parked;
use crate::subject::CommandSubject;

/// How often a delivery says that it is being worked on: three times within the patience.
const PROGRESS: Duration = Duration::from_millis(1_500);
/// How often an acknowledgement without answer is repeated.
const TRIES: u32 = 3;

/// A message of the queue, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    pub(crate) attempts: u64,
    pub(crate) payload: Bytes,
    reply: Subject,
}

impl Received {
    pub(super) fn read(message: Message) -> Option<Self> {
        let reply = message.reply.clone()?;
        let attempts = deliveries(&reply)?;
        let message = FeedMessage::read(message)?;
        Some(Self {
            subject: message.subject.to_string(),
            sequence: message.sequence,
            attempts,
            payload: message.payload,
            reply,
        })
    }

    /// The command, or why it is none.
    pub(super) fn decode(&self) -> Result<(CommandSubject, WorkCommand), String> {
        let subject: CommandSubject = self.subject.parse().map_err(text)?;
        let command: WorkCommand = serde_json::from_slice(&self.payload).map_err(text)?;
        if subject_of(&command) == subject {
            Ok((subject, command))
        } else {
            Err(format!("the command belongs on {}", subject_of(&command)))
        }
    }

    /// Takes the message out of the queue for good; it is parked already.
    pub(super) async fn terminate(&self, bus: &Bus) {
        if let Err(error) = self.acknowledge(bus, "+TERM parked".into()).await {
            tracing::warn!(%error, "a parked command comes again");
        }
    }

    /// Sends an acknowledgement and waits until the server has it.
    async fn acknowledge(&self, bus: &Bus, kind: Bytes) -> Result<(), CallError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let reply = self.reply.to_string();
            match bus
                .ask(
                    "acknowledging a command",
                    reply,
                    None,
                    kind.clone(),
                    PATIENCE,
                )
                .await
            {
                Err(error) if error.is_temporary() && tries < TRIES => {
                    bus.pause_or_reconnected().await;
                }
                answer => return answer.map(drop),
            }
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// How often the message was delivered, from its reply subject (ADR-15).
fn deliveries(reply: &str) -> Option<u64> {
    let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    tokens
        .get(if tokens.len() == 7 { 2 } else { 4 })?
        .parse()
        .ok()
}

/// A command, held. While it lives it tells the server every 1.5 s that it is being worked on;
/// dropped without an answer it goes back to the queue at once.
#[derive(Debug)]
pub struct Delivery {
    bus: Bus,
    received: Received,
    subject: CommandSubject,
    command: WorkCommand,
    keeper: JoinHandle<()>,
    answered: bool,
}

impl Delivery {
    pub(super) fn new(
        bus: Bus,
        received: Received,
        subject: CommandSubject,
        command: WorkCommand,
    ) -> Self {
        let keeper = tokio::spawn(keep(bus.clone(), received.reply.clone()));
        Self {
            bus,
            received,
            subject,
            command,
            keeper,
            answered: false,
        }
    }

    /// What is to be done.
    pub const fn command(&self) -> &WorkCommand {
        &self.command
    }

    /// Where it stood.
    pub const fn subject(&self) -> CommandSubject {
        self.subject
    }

    /// Which delivery this is, from 1.
    pub const fn attempt(&self) -> u64 {
        self.received.attempts
    }

    /// Whether it is not delivered again after this: report a failure rather than retry.
    pub const fn is_last(&self) -> bool {
        self.received.attempts >= DELIVERIES
    }

    /// The outcome's event is stored: take the command out of the queue, and wait until it is.
    ///
    /// # Errors
    /// When the server does not answer; the command may then be delivered again.
    pub async fn done(mut self) -> Result<(), QueueError> {
        self.answer();
        Ok(self.received.acknowledge(&self.bus, "+ACK".into()).await?)
    }

    /// Deliver it again after `delay`, to whichever worker; it counts as one of the 5 deliveries.
    ///
    /// # Errors
    /// When the server does not answer; the command is delivered again all the same.
    pub async fn retry_after(mut self, delay: Duration) -> Result<(), QueueError> {
        self.answer();
        let kind = if delay.is_zero() {
            "-NAK".to_owned()
        } else {
            format!(r#"-NAK {{"delay": {}}}"#, delay.as_nanos())
        };
        Ok(self.received.acknowledge(&self.bus, kind.into()).await?)
    }

    /// Nobody can do this: park it with the reason, where a person sees it, and take it out.
    ///
    /// # Errors
    /// When it could not be parked; it then stays in the queue.
    pub async fn give_up(mut self, reason: &str) -> Result<(), QueueError> {
        Parked::on(&self.bus)
            .park_command(&self.received, reason)
            .await?;
        self.answer();
        self.received.terminate(&self.bus).await;
        Ok(())
    }

    fn answer(&mut self) {
        self.answered = true;
        self.keeper.abort();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.keeper.abort();
        if self.answered {
            return;
        }
        let (bus, reply) = (self.bus.clone(), self.received.reply.clone());
        // Without a runtime the process is ending; the server notices within 5 s.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let sent = bus.client.publish(reply, "-NAK".into()).await;
                let flushed = bus.client.flush().await;
                if sent.is_err() || flushed.is_err() {
                    tracing::debug!("a command could not be handed back; it comes by itself");
                }
            });
        }
    }
}

/// Says that the work goes on, until aborted.
async fn keep(bus: Bus, reply: Subject) {
    let mut tick = tokio::time::interval(PROGRESS);
    loop {
        tick.tick().await;
        if bus
            .client
            .publish(reply.clone(), "+WPI".into())
            .await
            .is_err()
        {
            return;
        }
    }
}
