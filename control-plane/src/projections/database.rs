//! The file: one writing connection, a few reading ones that never wait for it (WAL).
//!
//! `synchronous = NORMAL`: what a power cut may take is in the log, and projected again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::ProjectionError;

/// Readers: one per runtime thread, and one for whoever blocks.
const READERS: usize = 3;

/// The reading side of the read model. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    file: PathBuf,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Connection>,
    open: usize,
    /// The file is being swapped: nobody may open it.
    closed: bool,
}

impl Database {
    /// Readers of `file`, opened as they are needed.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let pool = Pool {
            file: file.into(),
            state: Mutex::default(),
            returned: Condvar::default(),
        };
        Self {
            pool: Arc::new(pool),
        }
    }

    /// Reads in one consistent view of all tables.
    ///
    /// Waits for a free connection; reads are point lookups and bounded lists, so not for long.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub(crate) fn read<T, E: From<ProjectionError>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.pool.take()?;
        let result = in_one_view(&connection, read);
        self.pool.give_back(connection);
        result
    }

    /// Closes every reader, runs `swap`, and lets readers open what is there then.
    pub(super) fn while_closed<T>(&self, swap: impl FnOnce() -> T) -> T {
        let mut state = self.pool.lock();
        state.closed = true;
        while state.open > state.free.len() {
            state = self
                .pool
                .returned
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.free.clear();
        state.open = 0;
        drop(state);
        let result = swap();
        self.pool.lock().closed = false;
        self.pool.returned.notify_all();
        result
    }
}

fn in_one_view<T, E: From<ProjectionError>>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = connection
        .unchecked_transaction()
        .map_err(ProjectionError::from)?;
    let result = read(&transaction);
    drop(transaction);
    result
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Connection, ProjectionError> {
        let mut state = self.lock();
        loop {
            if !state.closed {
                if let Some(connection) = state.free.pop() {
                    return Ok(connection);
                }
                if state.open < READERS {
                    let connection = open_reader(&self.file)?;
                    state.open += 1;
                    return Ok(connection);
                }
            }
            state = self
                .returned
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, connection: Connection) {
        self.lock().free.push(connection);
        self.returned.notify_all();
    }
}

fn open_reader(file: &Path) -> Result<Connection, ProjectionError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(file, flags)
        .and_then(|connection| {
            connection.pragma_update(None, "cache_size", -512)?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        })
        .map_err(ProjectionError::database(
            "opening the read model for reading",
        ))?;
    Ok(opened)
}

/// Opens the file for reading, as it is now for as long as the connection lives.
pub(super) fn open_view(file: &Path) -> Result<Connection, ProjectionError> {
    let connection = open_reader(file)?;
    // A transaction sees what was there at its first read.
    connection
        .execute_batch("BEGIN; SELECT count(*) FROM checkpoint")
        .map_err(ProjectionError::database("looking at the read model"))?;
    Ok(connection)
}

/// Opens the file for writing as it is used live.
pub(super) fn open_writer(file: &Path) -> Result<Connection, ProjectionError> {
    Connection::open(file)
        .and_then(|connection| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.pragma_update(None, "cache_size", -2048)?;
            // `write_ahead` does it beside the writer; this is for when that fails.
            connection.pragma_update(None, "wal_autocheckpoint", 20_000)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        })
        .map_err(ProjectionError::database(
            "opening the read model for writing",
        ))
}

/// Opens a file that is thrown away unless it is finished: nothing is made durable on the way.
pub(super) fn open_for_rebuild(file: &Path) -> Result<Connection, ProjectionError> {
    Connection::open(file)
        .and_then(|connection| {
            connection.pragma_update(None, "journal_mode", "OFF")?;
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "cache_size", -32_768)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        })
        .map_err(ProjectionError::database("opening a new read model"))
}

/// Removes a database file and what SQLite keeps beside it.
pub(super) fn remove(file: &Path) -> Result<(), ProjectionError> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        let path = PathBuf::from(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(ProjectionError::File {
                    attempt: "removing",
                    path,
                    source,
                });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
