//! Putting a command into the queue, and asking whether one is there.

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use nexus_events::id::WorkspaceId;
use nexus_events::work::WorkCommand;
use serde::Deserialize;

use super::{Pending, Published, QueueError};
use crate::call::{CallError, PATIENCE};
use crate::connect::Bus;
use crate::stored::{Which, stored_at};
use crate::subject::{CommandSubject, Route};
use crate::topology::COMMANDS;

/// The subject holds a message already.
const SUBJECT_FULL: u64 = 10077;
/// How often an unanswered publish is repeated; the command's id makes that harmless.
const TRIES: u32 = 3;

#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(default)]
    duplicate: bool,
}

/// Queues a command; `once`: unless the same was queued a moment ago.
pub(super) async fn send(
    bus: &Bus,
    command: &WorkCommand,
    once: bool,
) -> Result<Published, QueueError> {
    let payload = bytes::Bytes::from(serde_json::to_vec(command)?);
    let id = once.then(|| command.id.to_string());
    let subject = subject_of(command).to_string();
    let mut tries = 0;
    loop {
        tries += 1;
        let headers = headers(id.as_deref(), command.traceparent.as_deref());
        match put(bus, &subject, headers, payload.clone()).await {
            // An attempt whose answer was lost shows as busy: look who is in.
            Ok(Published::Busy) if tries > 1 && is_in(bus, command).await? => {
                return Ok(Published::Queued);
            }
            Err(error) if error.is_temporary() && tries < TRIES => {
                bus.pause_or_reconnected().await;
            }
            answer => return answer.map_err(QueueError::from),
        }
    }
}

async fn is_in(bus: &Bus, command: &WorkCommand) -> Result<bool, QueueError> {
    let pending = pending(bus, command.workspace).await?;
    Ok(pending.is_some_and(|pending| pending.id == Some(command.id)))
}

/// Where a command stands while it is open.
pub(crate) fn subject_of(command: &WorkCommand) -> CommandSubject {
    CommandSubject {
        provider: command.provider,
        route: command.node.map_or(Route::Any, Route::Node),
        workspace: command.workspace,
    }
}

/// Puts a message into the queue's stream.
pub(crate) async fn put(
    bus: &Bus,
    subject: &str,
    headers: HeaderMap,
    payload: bytes::Bytes,
) -> Result<Published, CallError> {
    let attempt = "queueing a command";
    let answer: Result<Acknowledgement, CallError> = bus
        .call(
            attempt,
            subject.to_owned(),
            Some(headers),
            payload,
            PATIENCE,
        )
        .await;
    match answer {
        Ok(ack) if ack.duplicate => Ok(Published::Repeated),
        Ok(_) => Ok(Published::Queued),
        Err(error) if error.code() == Some(SUBJECT_FULL) => Ok(Published::Busy),
        Err(error) => Err(error),
    }
}

/// The headers of a command; without an id the server does not look for an earlier one.
pub(crate) fn headers(id: Option<&str>, traceparent: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_EXPECTED_STREAM, COMMANDS);
    if let Some(id) = id {
        headers.insert(NATS_MESSAGE_ID, id);
    }
    if let Some(traceparent) = traceparent {
        headers.insert("traceparent", traceparent);
    }
    headers
}

pub(super) async fn pending(
    bus: &Bus,
    workspace: WorkspaceId,
) -> Result<Option<Pending>, QueueError> {
    #[derive(Deserialize)]
    struct Named {
        id: nexus_events::id::CommandId,
    }
    let which = Which::next(&CommandSubject::all_about(workspace), 0);
    let message = bus
        .stored("looking for an open command", COMMANDS, &which)
        .await?;
    Ok(message.and_then(|message| {
        Some(Pending {
            sequence: message.sequence,
            subject: message.subject.as_str().parse().ok()?,
            id: serde_json::from_slice::<Named>(&message.payload)
                .ok()
                .map(|named| named.id),
            since: stored_at(message.time.unix_timestamp_nanos()),
        })
    }))
}
