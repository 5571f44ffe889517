//! A command run inside a workspace: asked of the node that holds it, answered frame by frame.
//!
//! Core messages beside the log, since nothing here is a fact: lost with the connection, never
//! replayed. The node may be [`WINDOW`] frames ahead of its reader at most; each last frame of a
//! window asks for a sign of life, so a reader that is slow slows the program down, and one that
//! is gone ends it.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures::StreamExt as _;
use nexus_events::id::NodeId;
use nexus_events::work::{ExecFrame, ExecRequest};
use tokio::time::Instant;

use crate::connect::Bus;

/// Frames on their way at most; with frames of 32 KiB that is 512 KiB a program.
pub const WINDOW: usize = 16;

/// Where frames come back: apart from the other replies, which a worker must not be able to forge.
pub(crate) const REPLIES: &str = "_INBOX_control-plane.exec";

/// How long either side waits for a sign of life from the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a command could not be asked for, or its end is not known.
#[derive(Debug, thiserror::Error)]
pub enum ExecCallError {
    /// The node's worker is not connected.
    #[error("node {node} is not connected")]
    Absent {
        /// Which.
        node: NodeId,
    },
    /// The connection to NATS failed.
    #[error("asking node {node} to run a command")]
    Bus {
        /// Which.
        node: NodeId,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing came for too long.
    #[error("node {node} went silent")]
    Silent {
        /// Which.
        node: NodeId,
    },
}

/// Commands run on nodes. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Execs {
    client: async_nats::Client,
}

impl Execs {
    /// Over `bus`.
    pub fn on(bus: &Bus) -> Self {
        Self {
            client: bus.client.clone(),
        }
    }

    /// Asks `node` to run `request`.
    ///
    /// # Errors
    /// When the request cannot be sent; that nobody takes it shows at the first frame.
    pub async fn call(
        &self,
        node: NodeId,
        request: &ExecRequest,
    ) -> Result<ExecReplies, ExecCallError> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| ExecCallError::Bus { node, source };
        let inbox = format!("{REPLIES}.{}", uuid::Uuid::now_v7().simple());
        let frames = self
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| failed(error.into()))?;
        let payload = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
        self.client
            .publish_with_reply(subject(node), inbox, payload.into())
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(ExecReplies {
            node,
            client: self.client.clone(),
            frames,
            ended: false,
            deadline: Instant::now()
                + Duration::from_secs(request.timeout_seconds.into())
                + PATIENCE,
        })
    }

    /// The commands asked of `node`.
    ///
    /// # Errors
    /// When the connection refuses the subscription.
    pub async fn serve(&self, node: NodeId) -> Result<ExecRequests, ExecCallError> {
        let requests = self
            .client
            .subscribe(subject(node))
            .await
            .map_err(|error| ExecCallError::Bus {
                node,
                source: error.into(),
            })?;
        Ok(ExecRequests {
            client: self.client.clone(),
            requests,
        })
    }
}

fn subject(node: NodeId) -> String {
    format!("nexus.exec.{node}")
}

/// The frames of one command, as they come.
#[derive(Debug)]
pub struct ExecReplies {
    node: NodeId,
    client: async_nats::Client,
    frames: Subscriber,
    ended: bool,
    /// The node kills the program before this; whoever hears nothing by then never will.
    deadline: Instant,
}

impl ExecReplies {
    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// When nobody took the request, or its node went silent.
    pub async fn next(&mut self) -> Result<Option<ExecFrame>, ExecCallError> {
        let node = self.node;
        while !self.ended {
            let message = tokio::time::timeout_at(self.deadline, self.frames.next())
                .await
                .ok()
                .flatten()
                .ok_or(ExecCallError::Silent { node })?;
            if message.status == Some(StatusCode::NO_RESPONDERS) {
                return Err(ExecCallError::Absent { node });
            }
            self.give_sign_of_life(&message).await;
            let Ok(frame) = serde_json::from_slice::<ExecFrame>(&message.payload) else {
                tracing::warn!(%node, "a frame of a command could not be read");
                continue;
            };
            self.ended = frame.is_last();
            return Ok(Some(frame));
        }
        Ok(None)
    }

    async fn give_sign_of_life(&self, message: &Message) {
        if let Some(reply) = &message.reply
            && let Err(error) = self.client.publish(reply.clone(), "".into()).await
        {
            tracing::debug!(%error, "the node will notice that nobody reads");
        }
    }
}

/// The commands asked of one node.
#[derive(Debug)]
pub struct ExecRequests {
    client: async_nats::Client,
    requests: Subscriber,
}

impl ExecRequests {
    /// The next command; `None` once the connection is closed for good.
    pub async fn next(&mut self) -> Option<ExecCall> {
        loop {
            let message = self.requests.next().await?;
            let Some(reply) = message.reply else { continue };
            match serde_json::from_slice(&message.payload) {
                Ok(request) => {
                    let client = self.client.clone();
                    return Some(ExecCall {
                        request,
                        client,
                        reply,
                        ahead: 0,
                    });
                }
                Err(error) => tracing::warn!(%error, "a request for a command could not be read"),
            }
        }
    }
}

/// The reader of a command is gone; the command should end.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct ReaderGone;

/// One command to run, and the way back to whoever asked.
#[derive(Debug)]
pub struct ExecCall {
    /// What to run.
    pub request: ExecRequest,
    client: async_nats::Client,
    reply: async_nats::Subject,
    ahead: usize,
}

impl ExecCall {
    /// Sends a frame; waits when the reader is a window behind.
    ///
    /// # Errors
    /// When the reader is gone.
    pub async fn send(&mut self, frame: &ExecFrame) -> Result<(), ReaderGone> {
        let payload = serde_json::to_vec(frame).map_err(|_| ReaderGone)?.into();
        self.ahead += 1;
        if self.ahead < WINDOW && !frame.is_last() {
            return self
                .client
                .publish(self.reply.clone(), payload)
                .await
                .map_err(|_| ReaderGone);
        }
        self.ahead = 0;
        let sign = self.client.request(self.reply.clone(), payload);
        match tokio::time::timeout(PATIENCE, sign).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ReaderGone),
        }
    }
}
