//! Healing after a full disk: the embedded log server is started again once there is room.
//!
//! Intake stops long before (`crate::room`), but other programs may fill the disk. A server whose
//! write failed answers no publish any more, also after room was made; started again it has
//! everything it acknowledged.

use std::sync::Arc;
use std::time::Duration;

use nexus_nats::Embedded;
use tokio_util::sync::CancellationToken;

use crate::room::{LAST_FREE_BYTES, LEAST_FREE_BYTES, free_bytes};
use crate::settings::Settings;

/// Between two looks: a statvfs costs microseconds.
const LOOK: Duration = Duration::from_millis(200);
/// With less than this a write may have failed.
const FULL: u64 = LAST_FREE_BYTES / 2;

/// Watches the disk until `stop`.
pub(super) async fn heal(embedded: Arc<Embedded>, settings: Settings, stop: CancellationToken) {
    let mut full = false;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let Ok(free) = free_bytes(&settings) else {
            continue;
        };
        if free < FULL && !full {
            full = true;
            tracing::error!(
                free,
                "the disk is full; nothing is accepted until there is room"
            );
        } else if full && free >= LEAST_FREE_BYTES {
            full = false;
            tracing::warn!(
                free,
                "there is room again; the nats-server is started again"
            );
            embedded.restart().await;
        }
    }
}
