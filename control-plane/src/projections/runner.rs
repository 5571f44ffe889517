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
use super::beside;
use super::checkpoint::Checkpoint;
use super::model::Decoded;
use super::rebuild::{self, Rebuilt, Unreadable, rebuild_at};
use super::verify::{self, Compared};
use super::writer::Writer;
use crate::parking::Parking;
use crate::threads::Threads;

const BATCH: usize = 1_000;
const WAIT: Duration = Duration::from_millis(20);

/// What is asked of the read model as a whole.
#[derive(Debug)]
pub(crate) enum Request {
    /// To make one anew from the log, for a purpose.
    Make(Purpose),
    /// To compare the one that follows beside with the one that answers.
    Compare(Answer<Compared>),
    /// To let the one beside answer, and the other one follow.
    Switch(Answer<()>),
    /// To end the one beside.
    Forget(Answer<()>),
}

/// What a read model is made anew for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// To take the place of the one that answers; gives how far it is.
    Replace(Answer<u64>),
    /// To be compared with it and thrown away.
    Verify(Answer<Compared>),
    /// To follow beside it from then on; gives how far it is.
    Follow(Answer<u64>),
}

/// Whom to answer; they may have gone.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, ProjectionError>>;

pub(crate) struct Runner {
    pub(crate) log: Log,
    pub(crate) parking: Parking,
    pub(crate) writer: Writer,
    pub(crate) file: PathBuf,
    pub(crate) threads: Threads,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) requests: mpsc::Receiver<Request>,
    /// Whether everything stored was handed to the writer, at some moment.
    pub(crate) caught_up: watch::Sender<bool>,
}

type Rebuilding = (JoinHandle<Result<Rebuilt, ProjectionError>>, Purpose);

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
                    rebuilding = self.begin(request).await;
                }
                (rebuilt, purpose) = finished(&mut rebuilding) => {
                    if self.finish(rebuilt, purpose).await {
                        tail = self.tail();
                    }
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

impl Runner {
    /// Begins what takes a while, and does what does not.
    async fn begin(&self, request: Request) -> Option<Rebuilding> {
        let (log, live) = (self.log.clone(), &self.file);
        match request {
            Request::Make(purpose) => {
                let file = match &purpose {
                    Purpose::Replace(_) => rebuild::beside(live),
                    Purpose::Verify(_) => verify::file_of(live),
                    Purpose::Follow(_) => beside::file_of(live),
                };
                let threads = self.threads;
                let task = tokio::spawn(async move { rebuild_at(threads, &log, file).await });
                return Some((task, purpose));
            }
            Request::Compare(done) => match self.writer.look_at_both().await {
                Ok((live, beside)) => {
                    tokio::task::spawn_blocking(move || {
                        let _ = done.send(Compared::of(&live, &beside));
                    });
                }
                Err(error) => {
                    let _ = done.send(Err(error));
                }
            },
            Request::Switch(done) => {
                let _ = done.send(self.writer.switch().await);
            }
            Request::Forget(done) => {
                let _ = done.send(self.writer.forget().await);
            }
        }
        None
    }

    /// Puts what was made anew to its purpose; whether reading has to begin again.
    async fn finish(
        &mut self,
        rebuilt: Result<Rebuilt, ProjectionError>,
        purpose: Purpose,
    ) -> bool {
        match purpose {
            Purpose::Replace(done) => {
                let answer = self.put_in_place(rebuilt).await;
                let replaced = answer.is_ok();
                let _ = done.send(answer);
                return replaced;
            }
            Purpose::Verify(done) => self.compare(rebuilt, done).await,
            Purpose::Follow(done) => {
                let _ = done.send(self.follow_beside(rebuilt).await);
            }
        }
        false
    }

    /// Brings what was made anew up to the last event handed over, and has it follow from there.
    async fn follow_beside(
        &self,
        rebuilt: Result<Rebuilt, ProjectionError>,
    ) -> Result<u64, ProjectionError> {
        let (rebuilt, sequence) = (rebuilt?, self.checkpoint.sequence);
        rebuild::extend(
            self.threads,
            &self.log,
            &rebuilt.file,
            rebuilt.sequence,
            sequence,
        )
        .await?;
        self.writer.follow(rebuilt.file).await?;
        Ok(sequence)
    }

    /// Brings what was made anew up to the last event handed over, and compares it, aside, with
    /// the live one as of that event.
    async fn compare(&self, rebuilt: Result<Rebuilt, ProjectionError>, done: Answer<Compared>) {
        let sequence = self.checkpoint.sequence;
        let both = async {
            let rebuilt = rebuilt?;
            rebuild::extend(
                self.threads,
                &self.log,
                &rebuilt.file,
                rebuilt.sequence,
                sequence,
            )
            .await?;
            Ok::<_, ProjectionError>((self.writer.look().await?, rebuilt.file))
        };
        match both.await {
            Ok((live, file)) => {
                tokio::task::spawn_blocking(move || {
                    // Whoever asked may have gone.
                    let _ = done.send(verify::compared(&live, &file, sequence));
                });
            }
            Err(error) => {
                let _ = done.send(Err(error));
            }
        }
    }
}

/// Waits for the rebuild under way, for ever when there is none.
async fn finished(
    rebuilding: &mut Option<Rebuilding>,
) -> (Result<Rebuilt, ProjectionError>, Purpose) {
    let Some((task, _)) = rebuilding else {
        return std::future::pending().await;
    };
    let rebuilt = task.await.unwrap_or(Err(ProjectionError::Closed));
    let (_, request) = rebuilding
        .take()
        .expect("it was there a line ago and nobody else has it");
    (rebuilt, request)
}
