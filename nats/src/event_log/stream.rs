//! The log's stream, as everything about it reaches the server.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{LogInfo, ReadError};
use crate::call::CallError;
use crate::connect::Bus;
use crate::topology::EVENTS;

/// The log on a server.
#[derive(Debug, Clone)]
pub(crate) struct StreamLog {
    bus: Bus,
}

#[derive(Deserialize)]
pub(crate) struct StreamInfo {
    created: Timestamp,
    state: StreamState,
}

#[derive(Deserialize)]
struct StreamState {
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
    #[serde(default)]
    num_deleted: u64,
    #[serde(default)]
    lost: Option<Lost>,
}

#[derive(Deserialize)]
struct Lost {
    #[serde(default)]
    msgs: Option<Vec<u64>>,
}

impl From<StreamInfo> for LogInfo {
    fn from(info: StreamInfo) -> Self {
        let lost = info
            .state
            .lost
            .and_then(|lost| lost.msgs)
            .map_or(0, |lost| lost.len() as u64);
        Self {
            created: info.created,
            first_sequence: info.state.first_seq.max(1),
            last_sequence: info.state.last_seq,
            missing: info.state.num_deleted + lost,
            bytes: info.state.bytes,
        }
    }
}

impl StreamLog {
    pub(super) const fn new(bus: Bus) -> Self {
        Self { bus }
    }

    pub(super) const fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(super) async fn info(&self) -> Result<LogInfo, ReadError> {
        info_of(&self.bus)
            .await
            .map_err(|source| ReadError::Unavailable {
                subject: EVENTS.to_owned(),
                source,
            })
    }
}

/// How the log's stream stands.
pub(crate) async fn info_of(bus: &Bus) -> Result<LogInfo, CallError> {
    let none = HashMap::<(), ()>::new();
    let info: StreamInfo = bus
        .api(
            "asking how long the log is",
            &format!("STREAM.INFO.{EVENTS}"),
            &none,
        )
        .await?;
    Ok(info.into())
}
