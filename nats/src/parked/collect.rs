//! Moving commands the server has given up on out of its queue.

use bytes::Bytes;
use serde::Deserialize;

use super::Parked;
use crate::command_queue::QueueError;
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::stored::Which;
use crate::subject::ParkedSubject;
use crate::topology::{COMMANDS, PARKED};

/// What the server says when it stops delivering a message.
#[derive(Deserialize)]
struct Advisory {
    stream_seq: u64,
    #[serde(default)]
    deliveries: u64,
    #[serde(default)]
    reason: String,
}

impl Parked {
    /// Moves every command that was delivered five times in vain from the queue to the parked
    /// ones, for ever. Any number of replicas may run this.
    pub async fn collect(&self) {
        let filter = "$JS.EVENT.ADVISORY.CONSUMER.*.>".to_owned();
        let mut feed = Feed::new(self.bus.clone(), PARKED, filter);
        loop {
            if !feed.is_open() {
                if let Err(error) = feed.open(Start::At(1)).await {
                    tracing::debug!(%error, "given-up commands cannot be collected yet");
                    self.bus.pause_or_reconnected().await;
                }
                continue;
            }
            let Fed::Message(message) = feed.next().await else {
                continue;
            };
            if let Err(error) = self.take(&message).await {
                tracing::warn!(%error, "a given-up command stays in the queue for now");
            }
        }
    }

    async fn take(&self, message: &FeedMessage) -> Result<(), QueueError> {
        if let Ok(advisory) = serde_json::from_slice::<Advisory>(&message.payload)
            // What we terminate ourselves is parked before.
            && !advisory.reason.starts_with("parked")
        {
            self.move_command(&advisory).await?;
        }
        Ok(self.bus.delete_stored(PARKED, message.sequence).await?)
    }

    async fn move_command(&self, advisory: &Advisory) -> Result<(), QueueError> {
        let sequence = advisory.stream_seq;
        let which = Which::at(sequence);
        let command = self
            .bus
            .stored("reading a given-up command", COMMANDS, &which)
            .await?;
        let (subject, payload) = match command {
            Some(command) => (command.subject.to_string(), command.payload),
            None if advisory.reason.is_empty() => return Ok(()),
            None => (String::new(), Bytes::new()),
        };
        let reason = if advisory.reason.is_empty() {
            format!("delivered {} times without an answer", advisory.deliveries)
        } else {
            format!("terminated: {}", advisory.reason)
        };
        let origin = ParkedSubject::Command(sequence);
        self.park(origin, &subject, &reason, advisory.deliveries, payload)
            .await?;
        Ok(self.bus.delete_stored(COMMANDS, sequence).await?)
    }
}
