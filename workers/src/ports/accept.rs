//! One listener: accepting connections, each seen to by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::arrival;
use super::door::Door;
use super::forward::Target;
use super::waiting::Waiting;

/// Connections of one listener that are not init's yet, at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 512;
/// After an error of accepting (out of descriptors) the next attempt waits.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts for ever. Dropped, it ends every connection that is not init's.
pub(super) async fn accept(
    listener: TcpListener,
    door: Arc<dyn Door>,
    target: Target,
    waiting: Waiting,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut seen_to = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        while seen_to.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (door, waiting) = (Arc::clone(&door), waiting.clone());
                seen_to.spawn(async move {
                    let seen_to = arrival::receive(stream, &*door, target, &waiting).await;
                    if let Err(error) = seen_to {
                        tracing::debug!(%error, ?target, "a connection ended");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, ?target, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
