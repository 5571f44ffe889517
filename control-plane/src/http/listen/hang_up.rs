//! Ending a connection from within an answer.
//!
//! An answer is asked for more once what it gave is taken. Whoever takes nothing is never asked on
//! behalf of, so an answer could not even end: its connection has to.

use tokio_util::sync::CancellationToken;

/// Ends the connection a request came by. Clones are of the same connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct HangUp(CancellationToken);

impl HangUp {
    /// Ends it, with whatever is still to be sent.
    pub(crate) fn now(&self) {
        self.0.cancel();
    }

    /// Waits until somebody ends it.
    pub(in crate::http) async fn asked(&self) {
        self.0.cancelled().await;
    }
}
