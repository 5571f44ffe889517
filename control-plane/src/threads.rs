//! Who does the work that blocks: folding events into SQLite.
//!
//! A server gives it threads of their own, so that no request waits for a disk. A host that has one
//! thread, on which everything is to happen in an order that can be told again, lets it be done
//! between two awaits of everybody else.

use std::io;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Where work that blocks is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Threads {
    /// On threads of their own.
    #[default]
    Own,
    /// On the thread of whoever polls the runtime.
    One,
}

/// Tells when some work has ended, and what came of it.
pub(crate) type Done<T> = oneshot::Receiver<T>;

impl Threads {
    /// Has `work` done, which awaits nothing but what it is sent.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn run<T: Send + 'static>(
        self,
        name: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> io::Result<Done<T>> {
        let (tell, done) = oneshot::channel();
        let work = async move {
            // Nobody may wait for it.
            let _ = tell.send(work.await);
        };
        match self {
            Self::Own => {
                let runtime = Handle::current();
                std::thread::Builder::new()
                    .name(name.to_owned())
                    .spawn(move || runtime.block_on(work))
                    .map(drop)?;
            }
            Self::One => drop(tokio::spawn(work)),
        }
        Ok(done)
    }
}
