//! A bucket of keys and values on a stream (ADR-8): one message a key.

use async_nats::HeaderMap;
use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{CallError, PATIENCE};
use crate::connect::Bus;
use crate::event_log::WRONG_LAST_SEQUENCE;
use crate::feed::{Feed, FeedMessage};
use crate::stored::{Which, stored_at};

const OPERATION: &str = "KV-Operation";

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    bus: Bus,
    name: &'static str,
    stream: &'static str,
}

impl Bucket {
    pub(crate) const fn new(bus: Bus, name: &'static str, stream: &'static str) -> Self {
        Self { bus, name, stream }
    }

    /// Sets the key.
    pub(crate) async fn put(&self, key: &str, value: Bytes) -> Result<(), CallError> {
        self.write(key, None, value).await
    }

    /// Sets the key if it never was; `false` when it was.
    pub(crate) async fn create(&self, key: &str, value: Bytes) -> Result<bool, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
        match self.write(key, Some(headers), value).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(WRONG_LAST_SEQUENCE) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the value for good and leaves a mark in its place.
    pub(crate) async fn purge(&self, key: &str) -> Result<(), CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, "PURGE");
        headers.insert("Nats-Rollup", "sub");
        self.write(key, Some(headers), Bytes::new()).await
    }

    /// The key's value.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CallError> {
        Ok(self.entry(key).await?.map(|(value, _)| value))
    }

    /// The key's value, and when it was stored.
    pub(crate) async fn entry(&self, key: &str) -> Result<Option<(Bytes, Timestamp)>, CallError> {
        let which = Which::last(&self.subject(key));
        let message = self
            .bus
            .stored("reading a key", self.stream, &which)
            .await?;
        Ok(message
            .filter(|message| message.headers.get(OPERATION).is_none())
            .map(|message| {
                let at = stored_at(message.time.unix_timestamp_nanos());
                (message.payload, at)
            }))
    }

    /// Every key's value, then every change.
    pub(crate) fn feed(&self) -> Feed {
        Feed::new(self.bus.clone(), self.stream, self.subject(">"))
    }

    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    async fn write(
        &self,
        key: &str,
        headers: Option<HeaderMap>,
        value: Bytes,
    ) -> Result<(), CallError> {
        self.bus
            .call::<serde_json::Value>("writing a key", self.subject(key), headers, value, PATIENCE)
            .await
            .map(drop)
    }

    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.name)
    }
}

/// Whether the message takes a key away.
pub(crate) fn removes(message: &FeedMessage) -> bool {
    message
        .headers
        .as_ref()
        .is_some_and(|headers| headers.get(OPERATION).is_some())
}
