//! The end of a connection that still has something to deliver.
//!
//! Closing a socket with unread bytes in it throws away what it has not sent yet. So the end is
//! told first, and what the peer still says is taken for a moment, and thrown away.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How long the last bytes may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what nobody wants is taken meanwhile.
const MOST: u64 = 1 << 20;

/// Sends what is left and says that nothing follows; then the peer may end.
pub(super) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let ending = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(MOST), &mut tokio::io::sink()).await
    };
    match tokio::time::timeout(PATIENCE, ending).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a stream ended before its last bytes"),
        Err(_) => tracing::debug!("a stream's last bytes were not taken in time"),
    }
}
