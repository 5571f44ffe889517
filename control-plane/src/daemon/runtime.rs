//! The threads a daemon runs on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Requests are short, and two threads leave the rest of a small machine alone.
const THREADS: usize = 2;
/// Threads for what blocks: folding a rebuild, waiting for children.
const BLOCKING_THREADS: usize = 8;

/// A runtime as `nexusd` has it.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
}
