//! The one task that writes: folds events, and stores rows and checkpoint in one transaction.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::beside::Beside;
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
    Look {
        done: oneshot::Sender<Result<Connection, ProjectionError>>,
    },
    Follow {
        file: PathBuf,
        done: oneshot::Sender<Result<(), ProjectionError>>,
    },
    LookAtBoth {
        done: oneshot::Sender<Result<(Connection, Connection), ProjectionError>>,
    },
    Switch {
        done: oneshot::Sender<Result<(), ProjectionError>>,
    },
    Forget {
        done: oneshot::Sender<Result<(), ProjectionError>>,
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
            beside: None,
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
        self.ask(|done| Job::Swap { file, done }).await
    }

    /// A view of the read model as it is once everything handed over so far is in it, and stays.
    pub(crate) async fn look(&self) -> Result<Connection, ProjectionError> {
        self.ask(|done| Job::Look { done }).await
    }

    /// Has `file`, which is as far as what was handed over, follow beside the read model.
    pub(crate) async fn follow(&self, file: PathBuf) -> Result<(), ProjectionError> {
        self.ask(|done| Job::Follow { file, done }).await
    }

    /// A view of the read model, and one of what follows beside it, as of the same event.
    pub(crate) async fn look_at_both(&self) -> Result<(Connection, Connection), ProjectionError> {
        self.ask(|done| Job::LookAtBoth { done }).await
    }

    /// Lets what follows beside answer from now on, and what answered follow.
    pub(crate) async fn switch(&self) -> Result<(), ProjectionError> {
        self.ask(|done| Job::Switch { done }).await
    }

    /// Ends what follows beside.
    pub(crate) async fn forget(&self) -> Result<(), ProjectionError> {
        self.ask(|done| Job::Forget { done }).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, ProjectionError>>) -> Job,
    ) -> Result<T, ProjectionError> {
        let (done, answered) = oneshot::channel();
        self.send(job(done)).await?;
        answered.await.map_err(|_| ProjectionError::Closed)?
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
    /// What is given every event, too, and answers nobody.
    beside: Option<Beside>,
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
                Job::Look { done } => {
                    // Whoever asked may have gone; nothing is lost with the view.
                    let _ = done.send(database::open_view(&self.file));
                }
                // Whoever asked may have gone; it is done all the same.
                Job::Follow { file, done } => {
                    let _ = done.send(self.follow(file));
                }
                Job::LookAtBoth { done } => {
                    let _ = done.send(self.look_at_both());
                }
                Job::Switch { done } => {
                    let _ = done.send(self.switch());
                }
                Job::Forget { done } => {
                    let _ = done.send(self.forget());
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
        self.store_beside(&events, checkpoint);
        let events: Vec<_> = events.into_iter().zip(concerns).collect();
        self.announce.projected(&events, checkpoint);
        self.checkpoints.note_commit();
    }

    /// What follows beside answers nobody: where it fails, it ends.
    fn store_beside(&mut self, events: &[Decoded], checkpoint: &Checkpoint) {
        let Some(beside) = &mut self.beside else {
            return;
        };
        if let Err(error) = beside.store(events, checkpoint) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the read model beside the live one is given up");
            self.beside = None;
        }
    }

    fn follow(&mut self, file: PathBuf) -> Result<(), ProjectionError> {
        let live = checkpoint::load(&self.folder.connection, READ_MODEL)?;
        self.beside = Some(Beside::open(file, live.as_ref())?);
        Ok(())
    }

    fn look_at_both(&self) -> Result<(Connection, Connection), ProjectionError> {
        let beside = self.beside.as_ref().ok_or(ProjectionError::NothingBeside)?;
        let live = database::open_view(&self.file)?;
        Ok((live, database::open_view(beside.file())?))
    }

    fn switch(&mut self) -> Result<(), ProjectionError> {
        let beside = self.beside.take().ok_or(ProjectionError::NothingBeside)?;
        let policies = checkpoint::load(&self.folder.connection, checkpoint::POLICIES)?;
        let live = std::mem::replace(&mut self.folder, Folder::closed()?);
        let switched = self.checkpoints.while_none_runs(|| {
            self.readers
                .while_closed(|| beside.change_places(live, &self.file))
        });
        self.folder = Folder::new(database::open_writer(&self.file)?);
        if let Some(policies) = policies {
            checkpoint::store(&self.folder.connection, checkpoint::POLICIES, &policies)?;
        }
        let live = checkpoint::load(&self.folder.connection, READ_MODEL)?;
        self.beside = Some(Beside::open(switched?, live.as_ref())?);
        Ok(())
    }

    fn forget(&mut self) -> Result<(), ProjectionError> {
        match self.beside.take() {
            Some(beside) => beside.remove(),
            None => Err(ProjectionError::NothingBeside),
        }
    }

    fn swap(&mut self, new: PathBuf) -> Result<Checkpoint, ProjectionError> {
        // What is made anew may be a few events behind, which then come again.
        if let Some(beside) = self.beside.take() {
            beside.remove()?;
        }
        let policies = checkpoint::load(&self.folder.connection, checkpoint::POLICIES)?;
        drop(std::mem::replace(&mut self.folder, Folder::closed()?));
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

    /// One that has let go of its file.
    fn closed() -> Result<Self, ProjectionError> {
        let nothing = Connection::open_in_memory();
        nothing
            .map(Self::new)
            .map_err(ProjectionError::database("letting go of the read model"))
    }

    /// Rows and checkpoint, in one transaction or not at all.
    pub(super) fn store(
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
