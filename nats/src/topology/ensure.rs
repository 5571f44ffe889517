//! Making the streams what they are to be, or saying why not.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::compare::compare;
use super::{Replicas, TopologyError, wanted};
use crate::call::CallError;
use crate::connect::Bus;

/// There is no such stream.
const NO_STREAM: u64 = 10059;
/// Someone else made it a moment ago.
const NAME_IN_USE: u64 = 10058;

#[derive(Deserialize)]
struct Info {
    config: Config,
}

/// How long a cluster may take to gather.
const GATHERING: Duration = Duration::from_secs(30);

/// Makes every stream that is missing, updates what is safe to update, and checks the rest.
/// Any number of replicas may do this at the same time. A cluster that is not complete yet is
/// waited for.
///
/// # Errors
/// See [`TopologyError`]. Streams before the one that failed have been seen to.
pub async fn ensure(bus: &Bus, replicas: Replicas) -> Result<(), TopologyError> {
    let deadline = Instant::now() + GATHERING;
    for config in wanted(replicas) {
        loop {
            match see_to(bus, &config).await {
                Err(TopologyError::Call { stream, source })
                    if source.is_temporary() && Instant::now() < deadline =>
                {
                    tracing::info!(stream, error = %source, "waiting for NATS");
                    bus.pause_or_reconnected().await;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
    }
    Ok(())
}

async fn see_to(bus: &Bus, config: &Config) -> Result<(), TopologyError> {
    let call = |source| TopologyError::Call {
        stream: config.name.clone(),
        source,
    };
    let found = match find(bus, &config.name).await.map_err(call)? {
        Some(found) => found,
        None => create(bus, config).await.map_err(call)?,
    };
    reconcile(bus, config.clone(), found).await
}

async fn find(bus: &Bus, name: &str) -> Result<Option<Config>, CallError> {
    let call = format!("STREAM.INFO.{name}");
    match bus
        .api::<Info>("looking for a stream", &call, &json!({}))
        .await
    {
        Ok(info) => Ok(Some(info.config)),
        Err(error) if error.code() == Some(NO_STREAM) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn create(bus: &Bus, config: &Config) -> Result<Config, CallError> {
    let call = format!("STREAM.CREATE.{}", config.name);
    match bus.api::<Info>("making a stream", &call, config).await {
        Ok(info) => {
            tracing::info!(stream = config.name, "made");
            Ok(info.config)
        }
        Err(error) if error.code() == Some(NAME_IN_USE) => {
            find(bus, &config.name).await?.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

async fn reconcile(bus: &Bus, config: Config, found: Config) -> Result<(), TopologyError> {
    let stream = config.name.clone();
    let attempt = "comparing a stream";
    let drift = compare(&config, &found).map_err(|source| TopologyError::Call {
        stream: stream.clone(),
        source: CallError::Unreadable { attempt, source },
    })?;
    if !drift.unsafe_to_change.is_empty() {
        return Err(TopologyError::Drift {
            stream,
            differences: drift.unsafe_to_change,
        });
    }
    if drift.safe.is_empty() {
        return Ok(());
    }
    for difference in &drift.safe {
        tracing::warn!(stream, %difference, "updating");
    }
    let updated = Config {
        metadata: found.metadata,
        placement: found.placement,
        consumer_limits: found.consumer_limits,
        compression: found.compression,
        ..config
    };
    bus.api::<Info>(
        "updating a stream",
        &format!("STREAM.UPDATE.{stream}"),
        &updated,
    )
    .await
    .map(drop)
    .map_err(|source| TopologyError::Call { stream, source })
}
