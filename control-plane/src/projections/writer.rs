//! The one task that writes: folds events, and stores rows and checkpoint in one transaction.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::{self, Checkpoint, READ_MODEL};
use super::database::{self, Database};
use super::model::{Decoded, Model};
use super::timeline::Concern;
use super::write_ahead::Checkpoints;
use super::{ProjectionError, rebuild};
use crate::threads::{Done, Threads};

/// Batches waiting for the writer: it folds one while the next is read.
const WAITING: usize = 4;

/// What is told once a batch is readable.
pub(crate) trait Announce: Send + Sync {
    /// These events are in the read model now, up to `checkpoint`.
    fn projected(&self, events: &[(Decoded, Concern)], checkpoint: &Checkpoint);
}

enum Job {
    Apply {
        events: Vec<Decoded>,
        checkpoint: Checkpoint,
    },
    Mark {
        name: &'static str,
        checkpoint: Checkpoint,
    },
    Swap {
        file: PathBuf,
        done: oneshot::Sender<Result<Checkpoint, ProjectionError>>,
    },
}

/// Hands work to the writer; it ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts writing to `file`, which has been opened and checked before.
    pub(crate) fn start(
        file: PathBuf,
        readers: Database,
        announce: Arc<dyn Announce>,
        threads: Threads,
    ) -> Result<(Self, Done<()>), ProjectionError> {
        let (jobs, received) = mpsc::channel(WAITING);
        let folder = Folder::new(database::open_writer(&file)?);
        let checkpoints = Checkpoints::start(file.clone())?;
        let scribe = Scribe {
            file,
            readers,
            announce,
            folder,
            checkpoints,
        };
        let writing = threads.run("projections", scribe.run(received));
        let ended = writing.map_err(|source| ProjectionError::File {
            attempt: "starting the writer of",
            path: "the read model".into(),
            source,
        })?;
        Ok((Self { jobs }, ended))
    }

    /// Folds these events; returns before they are readable.
    pub(crate) async fn apply(
        &self,
        events: Vec<Decoded>,
        checkpoint: Checkpoint,
    ) -> Result<(), ProjectionError> {
        self.send(Job::Apply { events, checkpoint }).await
    }

    /// Remembers how far something else than the read models has come.
    pub(crate) async fn mark(
        &self,
        name: &'static str,
        checkpoint: Checkpoint,
    ) -> Result<(), ProjectionError> {
        self.send(Job::Mark { name, checkpoint }).await
    }

    /// Takes `file` for the read model from now on, and says how far it is.
    pub(crate) async fn swap(&self, file: PathBuf) -> Result<Checkpoint, ProjectionError> {
        let (done, swapped) = oneshot::channel();
        self.send(Job::Swap { file, done }).await?;
        swapped.await.map_err(|_| ProjectionError::Closed)?
    }

    async fn send(&self, job: Job) -> Result<(), ProjectionError> {
        self.jobs
            .send(job)
            .await
            .map_err(|_| ProjectionError::Closed)
    }
}

struct Scribe {
    file: PathBuf,
    readers: Database,
    announce: Arc<dyn Announce>,
    folder: Folder,
    checkpoints: Checkpoints,
}

impl Scribe {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            match job {
                Job::Apply { events, checkpoint } => self.apply(events, &checkpoint),
                Job::Mark { name, checkpoint } => {
                    let stored = checkpoint::store(&self.folder.connection, name, &checkpoint);
                    if let Err(error) = stored {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "a mark is not kept"
                        );
                    }
                }
                Job::Swap { file, done } => {
                    // Whoever asked may have gone; the file is swapped all the same.
                    let _ = done.send(self.swap(file));
                }
            }
        }
    }

    /// Until it is stored: a full disk is waited out, nothing is skipped.
    fn apply(&mut self, events: Vec<Decoded>, checkpoint: &Checkpoint) {
        let mut pause = std::time::Duration::from_millis(50);
        let concerns = loop {
            match self.folder.store(&events, checkpoint) {
                Ok(concerns) => break concerns,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, sequence = checkpoint.sequence, "projecting again");
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(std::time::Duration::from_secs(5));
                }
            }
        };
        let events: Vec<_> = events.into_iter().zip(concerns).collect();
        self.announce.projected(&events, checkpoint);
        self.checkpoints.note_commit();
    }

    fn swap(&mut self, new: PathBuf) -> Result<Checkpoint, ProjectionError> {
        let policies = checkpoint::load(&self.folder.connection, checkpoint::POLICIES)?;
        let closed = Folder::new(
            Connection::open_in_memory()
                .map_err(ProjectionError::database("letting go of the read model"))?,
        );
        drop(std::mem::replace(&mut self.folder, closed));
        let renamed = self.checkpoints.while_none_runs(|| {
            self.readers
                .while_closed(|| rebuild::put_in_place(&new, &self.file))
        });
        self.folder = Folder::new(database::open_writer(&self.file)?);
        renamed?;
        if let Some(policies) = policies {
            checkpoint::store(&self.folder.connection, checkpoint::POLICIES, &policies)?;
        }
        checkpoint::load(&self.folder.connection, READ_MODEL)?.ok_or(ProjectionError::Closed)
    }
}

/// A writing connection with the rows that wait in memory.
pub(super) struct Folder {
    pub(super) connection: Connection,
    model: Model,
}

impl Folder {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            model: Model::default(),
        }
    }

    /// Rows and checkpoint, in one transaction or not at all.
    fn store(
        &mut self,
        events: &[Decoded],
        checkpoint: &Checkpoint,
    ) -> Result<Vec<Concern>, ProjectionError> {
        self.begin()?;
        let stored = self.fold(events).and_then(|concerns| {
            self.finish(checkpoint)?;
            Ok(concerns)
        });
        if stored.is_err() {
            self.model.clear();
            // When even this fails there was no transaction to roll back.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        stored
    }

    pub(super) fn begin(&self) -> Result<(), ProjectionError> {
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(ProjectionError::database("beginning to project"))
    }

    pub(super) fn fold(&mut self, events: &[Decoded]) -> Result<Vec<Concern>, ProjectionError> {
        events
            .iter()
            .map(|event| self.model.apply(&self.connection, event))
            .collect()
    }

    /// Writes what waits in memory and the checkpoint, and commits.
    pub(super) fn finish(&mut self, checkpoint: &Checkpoint) -> Result<(), ProjectionError> {
        self.model.flush(&self.connection)?;
        checkpoint::store(&self.connection, READ_MODEL, checkpoint)?;
        self.connection
            .execute_batch("COMMIT")
            .map_err(ProjectionError::database("storing what was projected"))
    }

    /// Writes the rows that wait in memory, when there are many, within the open transaction.
    pub(super) fn relieve(&mut self, most: usize) -> Result<(), ProjectionError> {
        if self.model.waiting() > most {
            self.model.flush(&self.connection)
        } else {
            Ok(())
        }
    }
}
