//! The one task of a stream: publishes what its state says, when it says it.

use std::sync::Arc;

use async_nats::Subject;

use super::shared::Shared;
use super::state::Step;
use crate::connect::Bus;

/// Where one stream is sent, and where it is heard.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) bus: Bus,
    pub(super) to: Subject,
    pub(super) back: Subject,
}

/// Runs until the stream is over.
pub(super) async fn pump(shared: Arc<Shared>, wire: Wire) {
    let mut connection = wire.bus.connection();
    if !wire.bus.is_up() {
        shared.connection(false);
    }
    loop {
        match shared.step() {
            Step::Send { payload, asks } => {
                let client = &wire.bus.client;
                let (to, back) = (wire.to.clone(), wire.back.clone());
                let sent = if asks {
                    client.publish_with_reply(to, back, payload).await
                } else {
                    client.publish(to, payload).await
                };
                if sent.is_err() {
                    return shared.ended_by_peer("the connection to NATS is closed".into());
                }
            }
            Step::Wait(until) => tokio::select! {
                () = shared.pump.notified() => {}
                () = tokio::time::sleep_until(until) => {}
                changed = connection.changed() => match changed {
                    Ok(()) => shared.connection(connection.borrow_and_update().up),
                    Err(_) => shared.ended_by_peer("the connection to NATS is closed".into()),
                },
            },
            Step::Done => return,
        }
    }
}
