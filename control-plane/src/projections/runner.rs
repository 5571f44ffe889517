//! The runner: follows the log from the checkpoint on and hands batches to the writer.
//!
//! A batch is at most [`BATCH`] events or what came within [`WAIT`]; it ends at once when nothing
//! more is stored, so a lone event is readable within a millisecond or two.

use std::path::PathBuf;
use std::time::Duration;

use nexus_nats::{Batch, Filter, From, Log, Tail};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ProjectionError;
use super::checkpoint::Checkpoint;
use super::model::Decoded;
use super::rebuild::{Rebuilt, Unreadable, rebuild_on};
use super::writer::Writer;
use crate::parking::Parking;
use crate::threads::Threads;

const BATCH: usize = 1_000;
const WAIT: Duration = Duration::from_millis(20);

/// A request to make the read model anew while the old one is used.
pub(crate) type RebuildRequest = oneshot::Sender<Result<u64, ProjectionError>>;

pub(crate) struct Runner {
    pub(crate) log: Log,
    pub(crate) parking: Parking,
    pub(crate) writer: Writer,
    pub(crate) file: PathBuf,
    pub(crate) threads: Threads,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) requests: mpsc::Receiver<RebuildRequest>,
    /// Whether everything stored was handed to the writer, at some moment.
    pub(crate) caught_up: watch::Sender<bool>,
}

type Rebuilding = (JoinHandle<Result<Rebuilt, ProjectionError>>, RebuildRequest);

impl Runner {
    /// Projects until told to stop, or until the log shows that it is not the one it was.
    ///
    /// # Errors
    /// A gap, another or a shorter log, or a writer that ended.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), ProjectionError> {
        let mut tail = self.tail();
        let mut rebuilding: Option<Rebuilding> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                batch = tail.batch(BATCH, WAIT) => self.take(batch?).await?,
                Some(request) = self.requests.recv(), if rebuilding.is_none() => {
                    let (log, file, threads) = (self.log.clone(), self.file.clone(), self.threads);
                    let task = tokio::spawn(async move { rebuild_on(threads, &log, &file).await });
                    rebuilding = Some((task, request));
                }
                rebuilt = finished(&mut rebuilding) => {
                    let answer = self.put_in_place(rebuilt.0).await;
                    if answer.is_ok() {
                        tail = self.tail();
                    }
                    // Whoever asked may have gone.
                    let _ = rebuilt.1.send(answer);
                }
            }
        }
    }

    fn tail(&self) -> Tail {
        self.log
            .tail(From::after(self.checkpoint.sequence), Filter::All)
    }

    async fn take(&mut self, batch: Batch) -> Result<(), ProjectionError> {
        let mut events = Vec::with_capacity(batch.events.len());
        for recorded in batch.events {
            self.checkpoint.sequence = recorded.sequence;
            self.checkpoint.event = recorded.id;
            match Decoded::read(&recorded) {
                Ok(decoded) => events.push(decoded),
                Err(cause) => self.parking.park(&Unreadable::new(recorded, &cause)).await,
            }
        }
        self.writer.apply(events, self.checkpoint).await?;
        if batch.caught_up {
            self.caught_up.send_replace(true);
        }
        Ok(())
    }

    async fn put_in_place(
        &mut self,
        rebuilt: Result<Rebuilt, ProjectionError>,
    ) -> Result<u64, ProjectionError> {
        let rebuilt = rebuilt?;
        for unreadable in &rebuilt.unreadable {
            self.parking.park(unreadable).await;
        }
        self.checkpoint = self.writer.swap(rebuilt.file).await?;
        Ok(self.checkpoint.sequence)
    }
}

/// Waits for the rebuild under way, for ever when there is none.
async fn finished(
    rebuilding: &mut Option<Rebuilding>,
) -> (Result<Rebuilt, ProjectionError>, RebuildRequest) {
    let Some((task, _)) = rebuilding else {
        return std::future::pending().await;
    };
    let rebuilt = task.await.unwrap_or(Err(ProjectionError::Closed));
    let (_, request) = rebuilding
        .take()
        .expect("it was there a line ago and nobody else has it");
    (rebuilt, request)
}
