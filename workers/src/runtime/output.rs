//! Where the output of steps goes: kept apart from the truth, and never worth stopping work for.

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::work::{OutputChunk, OutputStream};
use nexus_events::workspace::Step;
use nexus_nats::{StepLogs, clock};
use tokio::sync::mpsc;

/// Chunks waiting to be kept; a full queue slows the reader of output down, not the program.
const QUEUE: usize = 512;

/// Takes output. Clones share it.
#[derive(Debug, Clone)]
pub struct Output {
    chunks: mpsc::Sender<OutputChunk>,
}

impl Output {
    /// Into the log stream, by a task of its own.
    pub fn into_logs(logs: StepLogs) -> Self {
        let (chunks, mut waiting) = mpsc::channel::<OutputChunk>(QUEUE);
        tokio::spawn(async move {
            while let Some(chunk) = waiting.recv().await {
                if let Err(error) = logs.publish(&chunk).await {
                    tracing::warn!(%error, workspace = %chunk.workspace, "output is lost");
                }
            }
        });
        Self { chunks }
    }

    /// To whoever holds the other end.
    pub fn channel() -> (Self, mpsc::Receiver<OutputChunk>) {
        let (chunks, receiver) = mpsc::channel(QUEUE);
        (Self { chunks }, receiver)
    }

    pub(super) async fn write(&self, chunk: OutputChunk) {
        // Nobody keeps output any more: the worker is ending.
        let _unheard = self.chunks.send(chunk).await;
    }

    /// A line of the worker's own.
    pub(super) async fn say(
        &self,
        workspace: WorkspaceId,
        operation: OperationId,
        step: &Step,
        line: &str,
    ) {
        let text = format!("{line}\n");
        let (step, stream) = (step.clone(), OutputStream::System);
        let at = clock::now();
        self.write(OutputChunk {
            at,
            workspace,
            operation,
            step,
            stream,
            text,
        })
        .await;
    }
}
