//! Taking back a command that is stuck: given to somebody, never done, and not given again.
//!
//! That happens where the server acknowledged less than it kept: its consumer counts a message as
//! done, or as given five times in vain, whose removal or whose parking was lost with a full disk or
//! a kill. The message then keeps every other command of its workspace out for ever.

use serde::Deserialize;
use serde_json::json;

use super::{Pending, QueueError, consumer_name};
use crate::call::CallError;
use crate::connect::Bus;
use crate::topology::COMMANDS;

/// There is no such consumer.
const NO_CONSUMER: u64 = 10014;

#[derive(Deserialize)]
struct Info {
    delivered: Delivered,
}

#[derive(Deserialize)]
struct Delivered {
    stream_seq: u64,
}

pub(super) async fn was_delivered(bus: &Bus, pending: &Pending) -> Result<bool, QueueError> {
    let name = consumer_name(pending.subject.provider, pending.subject.route);
    let call = format!("CONSUMER.INFO.{COMMANDS}.{name}");
    let info: Result<Info, CallError> = bus
        .api("looking how far a queue is", &call, &json!({}))
        .await;
    match info {
        Ok(info) => Ok(info.delivered.stream_seq >= pending.sequence),
        Err(error) if error.code() == Some(NO_CONSUMER) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn withdraw(bus: &Bus, pending: &Pending) -> Result<(), QueueError> {
    Ok(bus.delete_stored(COMMANDS, pending.sequence).await?)
}
