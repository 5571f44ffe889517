//! A command in a worker's hands.

use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::Bytes;
use nexus_events::id::CommandId;
use nexus_events::work::WorkCommand;
use tokio::task::JoinHandle;

use super::publish::subject_of;
use super::{DELIVERIES, QueueError};
use crate::call::{CallError, PATIENCE};
use crate::connect::Bus;
use crate::feed::FeedMessage;
use crate::memory::{Call, Line, MemoryQueue, Taken};
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
    held: Held,
    subject: CommandSubject,
    command: WorkCommand,
    attempts: u64,
    keeper: JoinHandle<()>,
    answered: bool,
}

/// Where the command is held.
#[derive(Debug, Clone)]
enum Held {
    Bus(Box<Bus>, Received),
    Memory {
        queue: MemoryQueue,
        line: Line,
        sequence: u64,
        id: CommandId,
    },
}

impl Delivery {
    pub(super) fn new(
        bus: Bus,
        received: Received,
        subject: CommandSubject,
        command: WorkCommand,
    ) -> Self {
        let attempts = received.attempts;
        Self::holding(
            Held::Bus(Box::new(bus), received),
            subject,
            command,
            attempts,
        )
    }

    pub(super) fn in_memory(queue: MemoryQueue, line: Line, taken: Taken) -> Self {
        let (sequence, id) = (taken.sequence, taken.command.id);
        let held = Held::Memory {
            queue,
            line,
            sequence,
            id,
        };
        Self::holding(held, taken.subject, taken.command, taken.attempts)
    }

    fn holding(held: Held, subject: CommandSubject, command: WorkCommand, attempts: u64) -> Self {
        let keeper = tokio::spawn(held.clone().keep());
        Self {
            held,
            subject,
            command,
            attempts,
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
        self.attempts
    }

    /// Whether it is not delivered again after this: report a failure rather than retry.
    pub const fn is_last(&self) -> bool {
        self.attempts >= DELIVERIES
    }

    /// The outcome's event is stored: take the command out of the queue, and wait until it is.
    ///
    /// # Errors
    /// When the server does not answer; the command may then be delivered again.
    pub async fn done(mut self) -> Result<(), QueueError> {
        self.answer();
        Ok(self.held.done().await?)
    }

    /// Deliver it again after `delay`, to whichever worker; it counts as one of the 5 deliveries.
    ///
    /// # Errors
    /// When the server does not answer; the command is delivered again all the same.
    pub async fn retry_after(mut self, delay: Duration) -> Result<(), QueueError> {
        self.answer();
        Ok(self.held.again(delay).await?)
    }

    /// Nobody can do this: park it with the reason, where a person sees it, and take it out.
    ///
    /// # Errors
    /// When it could not be parked; it then stays in the queue.
    pub async fn give_up(mut self, reason: &str) -> Result<(), QueueError> {
        self.held.park(reason).await?;
        self.answer();
        if let Held::Bus(bus, received) = &self.held {
            received.terminate(bus).await;
        }
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
        let held = self.held.clone();
        // Without a runtime the process is ending; the server notices within 5 s.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(held.hand_back());
        }
    }
}

impl Held {
    async fn done(&self) -> Result<(), CallError> {
        match self {
            Self::Bus(bus, received) => received.acknowledge(bus, "+ACK".into()).await,
            Self::Memory {
                queue,
                sequence,
                id,
                ..
            } => {
                let (queue, sequence) = (queue.clone(), *sequence);
                self.tell(Call::Done(*id), move || queue.done(sequence))
                    .await
            }
        }
    }

    async fn again(&self, delay: Duration) -> Result<(), CallError> {
        match self {
            Self::Bus(bus, received) => {
                let kind = if delay.is_zero() {
                    "-NAK".to_owned()
                } else {
                    format!(r#"-NAK {{"delay": {}}}"#, delay.as_nanos())
                };
                received.acknowledge(bus, kind.into()).await
            }
            Self::Memory {
                queue,
                sequence,
                id,
                ..
            } => {
                let (queue, sequence) = (queue.clone(), *sequence);
                self.tell(Call::Return(*id), move || queue.again(sequence, delay))
                    .await
            }
        }
    }

    async fn park(&self, reason: &str) -> Result<(), QueueError> {
        match self {
            Self::Bus(bus, received) => Parked::on(bus).park_command(received, reason).await,
            Self::Memory {
                queue,
                sequence,
                id,
                ..
            } => {
                let (queue, sequence, reason) = (queue.clone(), *sequence, reason.to_owned());
                let park = move || queue.give_up(sequence, reason.clone());
                Ok(self.tell(Call::GiveUp(*id), park).await?)
            }
        }
    }

    /// Tells the queue in memory, a few times if it does not answer.
    async fn tell(
        &self,
        call: Call,
        effect: impl Fn() + Clone + Send + 'static,
    ) -> Result<(), CallError> {
        let Self::Memory { line, .. } = self else {
            return Ok(());
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match line.call(|| call.clone(), effect.clone()).await {
                Err(_) if tries < TRIES => {}
                answer => return Ok(answer?),
            }
        }
    }

    /// Says that the work goes on, until aborted.
    async fn keep(self) {
        let mut tick = tokio::time::interval(PROGRESS);
        loop {
            tick.tick().await;
            match &self {
                Self::Bus(bus, received) => {
                    let reply = received.reply.clone();
                    if bus.client.publish(reply, "+WPI".into()).await.is_err() {
                        return;
                    }
                }
                Self::Memory {
                    queue,
                    line,
                    sequence,
                    id,
                } => {
                    let (queue, sequence, id) = (queue.clone(), *sequence, *id);
                    // One that gets lost is made up for by the next.
                    let _ = line
                        .call(|| Call::Extend(id), move || queue.extend(sequence))
                        .await;
                }
            }
        }
    }

    /// Nobody works on it any more.
    async fn hand_back(self) {
        match &self {
            Self::Bus(bus, received) => {
                let sent = bus
                    .client
                    .publish(received.reply.clone(), "-NAK".into())
                    .await;
                let flushed = bus.client.flush().await;
                if sent.is_err() || flushed.is_err() {
                    tracing::debug!("a command could not be handed back; it comes by itself");
                }
            }
            Self::Memory { .. } => {
                if let Err(error) = self.again(Duration::ZERO).await {
                    tracing::debug!(%error, "a command could not be handed back");
                }
            }
        }
    }
}
