//! The sign of life, every 3 s: what is worked on and how much more could be.

use std::time::Duration;

use nexus_events::node::Heartbeat;
use nexus_nats::{Heartbeats, clock};
use tokio_util::sync::CancellationToken;

use super::Runtime;
use super::consume::Room;
use super::node::Membership;
use crate::provider::Provider;

const INTERVAL: Duration = Duration::from_secs(3);
/// Beats between two looks whether the log took this node for lost.
const HEAR_EVERY: u32 = 5;

impl<P: Provider> Runtime<P> {
    /// Beats until `stop`; gives the membership back for the good-bye.
    pub async fn beat(
        &self,
        heartbeats: Heartbeats,
        mut membership: Membership,
        room: Room,
        stop: CancellationToken,
    ) -> Membership {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut beats = 0_u32;
        loop {
            tokio::select! {
                () = stop.cancelled() => return membership,
                _ = ticks.tick() => {}
            }
            beats = beats.wrapping_add(1);
            let heartbeat = Heartbeat {
                node: self.node(),
                at: clock::now(),
                running: self.running(),
                free_slots: room.free(),
                link: self.shared.options.link.clone(),
            };
            if let Err(error) = heartbeats.beat(&heartbeat).await {
                tracing::warn!(%error, "the heartbeat was not heard");
            }
            if beats.is_multiple_of(HEAR_EVERY)
                && let Err(error) = membership.hear().await
            {
                tracing::warn!(%error, "whether this node counts as lost is not known");
            }
        }
    }
}
