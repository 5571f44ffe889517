//! The gateway's end of getting a ticket: asks the worker over NATS.

use std::io;
use std::time::Duration;

use async_nats::StatusCode;
use futures::StreamExt as _;
use uuid::Uuid;

use super::ticket::Secret;
use super::{TICKETS, wire};
use crate::connect::Bus;
use crate::link::direct::Wanted;
use crate::link::relay::address::{Side, StreamId};

/// A worker answers at once, or the relay is the better way.
const PATIENCE: Duration = Duration::from_secs(2);

/// The secret for one stream, told to this `gateway` only.
pub(super) async fn ask(
    bus: &Bus,
    gateway: Uuid,
    wanted: Wanted,
    stream: StreamId,
) -> io::Result<Secret> {
    let asking = async {
        let back = Side::Gateway(gateway).subject(wanted.node, stream);
        let heard = bus.client.subscribe(back.clone()).await;
        let mut answers = heard.map_err(io::Error::other)?;
        let subject = format!("{TICKETS}.{}", wanted.node);
        let payload = wire::ask(wanted.workspace);
        let asked = bus.client.publish_with_reply(subject, back, payload).await;
        asked.map_err(io::Error::other)?;
        let answer = answers.next().await;
        let answer = answer.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "nobody gives tickets there",
            ));
        }
        wire::answered(&answer.payload).map_err(io::Error::other)
    };
    tokio::time::timeout(PATIENCE, asking).await?
}
