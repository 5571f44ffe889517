//! Connections that became something else.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How long both sides may take to become something else.
const CHANGING: Duration = Duration::from_secs(10);
/// Bytes carried at a time.
const PIECE: usize = 32 * 1024;

/// Carries bytes both ways until either side is done; `used` is called when some moved.
pub(super) async fn copy(caller: OnUpgrade, service: OnUpgrade, used: impl Fn() + Sync) {
    let both = async { tokio::try_join!(caller, service) };
    let (caller, service) = match tokio::time::timeout(CHANGING, both).await {
        Ok(Ok(both)) => both,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a preview's connection was not taken over");
            return;
        }
        Err(_) => return,
    };
    let (caller_reads, caller_writes) = tokio::io::split(TokioIo::new(caller));
    let (service_reads, service_writes) = tokio::io::split(TokioIo::new(service));
    // What one side ends, the other may still answer.
    tokio::join!(
        one_way(caller_reads, service_writes, &used),
        one_way(service_reads, caller_writes, &used),
    );
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    used: &(impl Fn() + Sync),
) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match from.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        used();
        if to.write_all(&piece[..read]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    // The other side may have gone first.
    let _ = to.shutdown().await;
}
