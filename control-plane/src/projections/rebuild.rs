//! Making the read model anew, beside the live one, from the first event on.
//!
//! Reading and decoding run on the runtime, folding on a thread of its own ([`Threads`]), so the two
//! overlap.
//! Aggregates stay in memory while they change and are written when many wait; indexes come last;
//! nothing is made durable before the end, because an unfinished file is thrown away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_nats::{Filter, From, Log, Recorded};
use tokio::sync::mpsc;

use super::checkpoint::{self, Checkpoint, READ_MODEL};
use super::database::{self, open_for_rebuild};
use super::model::{Decoded, Undecodable};
use super::writer::Folder;
use super::{ProjectionError, schema};
use crate::threads::{Done, Threads};

/// Events read at a time.
const BATCH: usize = 2_000;
/// Changed rows that may wait in memory: a few tens of MiB.
const WAITING_ROWS: usize = 24_000;

/// A new read model, not in place yet.
#[derive(Debug)]
pub struct Rebuilt {
    /// Where it is.
    pub file: PathBuf,
    /// The last event in it.
    pub sequence: u64,
    /// Messages that are no events this program can read; they are to be parked.
    pub unreadable: Vec<Unreadable>,
}

/// A message of the log that could not be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The message.
    pub message: Recorded,
    /// Why not.
    pub cause: String,
}

impl Unreadable {
    pub(super) fn new(message: Recorded, cause: &Undecodable) -> Self {
        let mut text = cause.to_string();
        let mut source = std::error::Error::source(cause);
        while let Some(inner) = source {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            source = inner.source();
        }
        Self {
            message,
            cause: text,
        }
    }
}

/// Folds the whole log, as long as it is now, into a new file beside `live`.
///
/// # Errors
/// When the log cannot be read or the file cannot be written.
pub async fn rebuild(log: &Log, live: &Path) -> Result<Rebuilt, ProjectionError> {
    rebuild_on(Threads::Own, log, live).await
}

/// The same, with the folding done there.
///
/// # Errors
/// As [`rebuild`].
pub async fn rebuild_on(
    threads: Threads,
    log: &Log,
    live: &Path,
) -> Result<Rebuilt, ProjectionError> {
    rebuild_at(threads, log, beside(live)).await
}

/// The same, into this file.
pub(super) async fn rebuild_at(
    threads: Threads,
    log: &Log,
    file: PathBuf,
) -> Result<Rebuilt, ProjectionError> {
    database::remove(&file)?;
    let info = log.info().await?;
    let (batches, received) = mpsc::channel(4);
    let folding = fold(file.clone(), Checkpoint::start(info.created), received);
    let folding = started(threads, &file, folding)?;
    let unreadable = read(log, 0, info.last_sequence, batches).await?;
    let sequence = folding.await.map_err(|_| ProjectionError::Closed)??;
    Ok(Rebuilt {
        file,
        sequence,
        unreadable,
    })
}

/// Goes on with a file that was made so, from event `after` up to event `last`.
pub(super) async fn extend(
    threads: Threads,
    log: &Log,
    file: &Path,
    after: u64,
    last: u64,
) -> Result<(), ProjectionError> {
    let (batches, received) = mpsc::channel(4);
    let going_on = started(threads, file, go_on(file.to_owned(), received))?;
    read(log, after, last, batches).await?;
    going_on.await.map_err(|_| ProjectionError::Closed)?
}

fn started<T: Send + 'static>(
    threads: Threads,
    file: &Path,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Done<T>, ProjectionError> {
    threads
        .run("rebuild", work)
        .map_err(|source| ProjectionError::File {
            attempt: "starting to write",
            path: file.to_owned(),
            source,
        })
}

/// Where one is made that is to take the place of `live`.
pub(super) fn beside(live: &Path) -> PathBuf {
    live.with_extension("rebuilding")
}

type Read = (Vec<Decoded>, u64);

/// Reads what comes after `after`, up to `last`; stops early only when folding failed, which then says why.
async fn read(
    log: &Log,
    after: u64,
    last: u64,
    batches: mpsc::Sender<Read>,
) -> Result<Vec<Unreadable>, ProjectionError> {
    let mut tail = log.tail(From::after(after), Filter::All);
    let mut unreadable = Vec::new();
    let mut position = after;
    while position < last {
        let batch = tail.batch(BATCH, Duration::from_millis(20)).await?;
        let mut events = Vec::with_capacity(batch.events.len());
        // What came since is left to whoever goes on from here.
        let wanted = batch
            .events
            .into_iter()
            .take_while(|one| one.sequence <= last);
        for recorded in wanted {
            position = recorded.sequence;
            match Decoded::read(&recorded) {
                Ok(decoded) => events.push(decoded),
                Err(cause) => unreadable.push(Unreadable::new(recorded, &cause)),
            }
        }
        if batches.send((events, position)).await.is_err() {
            break;
        }
    }
    Ok(unreadable)
}

async fn fold(
    file: PathBuf,
    mut checkpoint: Checkpoint,
    mut batches: mpsc::Receiver<Read>,
) -> Result<u64, ProjectionError> {
    let mut folder = Folder::new(open_for_rebuild(&file)?);
    schema::create_tables(&folder.connection)?;
    folder.begin()?;
    while let Some((events, position)) = batches.recv().await {
        folder.fold(&events)?;
        folder.relieve(WAITING_ROWS)?;
        checkpoint.sequence = position;
        checkpoint.event = events
            .last()
            .filter(|last| last.sequence == position)
            .map(|last| last.id);
    }
    folder.finish(&checkpoint)?;
    schema::create_indexes(&folder.connection)?;
    folder
        .connection
        .pragma_update(None, "locking_mode", "NORMAL")
        .map_err(ProjectionError::database("finishing the new read model"))?;
    Ok(checkpoint.sequence)
}

async fn go_on(file: PathBuf, mut batches: mpsc::Receiver<Read>) -> Result<(), ProjectionError> {
    let mut folder = Folder::new(open_for_rebuild(&file)?);
    let known = checkpoint::load(&folder.connection, READ_MODEL)?;
    let mut checkpoint = known.ok_or(ProjectionError::Closed)?;
    folder.begin()?;
    while let Some((events, position)) = batches.recv().await {
        folder.fold(&events)?;
        checkpoint.sequence = position;
    }
    folder.finish(&checkpoint)
}

/// Renames `new` over `live`; nobody has either open.
pub(super) fn put_in_place(new: &Path, live: &Path) -> Result<(), ProjectionError> {
    database::remove(live)?;
    std::fs::rename(new, live).map_err(|source| ProjectionError::File {
        attempt: "putting the new read model in place at",
        path: live.to_owned(),
        source,
    })
}

/// The read model at `live`: as it is when it is of this version and of this log, else made anew.
///
/// # Errors
/// [`ProjectionError::OtherLog`] when it was made from another log, or from more of it.
pub(crate) async fn open(
    threads: Threads,
    log: &Log,
    live: &Path,
) -> Result<(Checkpoint, Vec<Unreadable>), ProjectionError> {
    if let Some(checkpoint) = current(live)? {
        checkpoint.verify(log).await?;
        return Ok((checkpoint, Vec::new()));
    }
    let rebuilt = rebuild_on(threads, log, live).await?;
    put_in_place(&rebuilt.file, live)?;
    let connection = database::open_writer(live)?;
    let checkpoint = checkpoint::load(&connection, READ_MODEL)?.ok_or(ProjectionError::Closed)?;
    Ok((checkpoint, rebuilt.unreadable))
}

/// The checkpoint of the file, if it was finished by this version of the program.
fn current(live: &Path) -> Result<Option<Checkpoint>, ProjectionError> {
    if !live.exists() {
        return Ok(None);
    }
    let readable = database::open_writer(live).and_then(|connection| {
        if schema::is_current(&connection)? {
            checkpoint::load(&connection, READ_MODEL)
        } else {
            Ok(None)
        }
    });
    Ok(readable.unwrap_or_else(|error| {
        // A damaged file is as good as none: it is derived.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the read model is made anew"
        );
        None
    }))
}
