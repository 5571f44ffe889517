//! A bucket of keys and values on a stream (ADR-8): one message a key.

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{CallError, PATIENCE};
use crate::connect::Bus;
use crate::event_log::WRONG_LAST_SEQUENCE;
use crate::feed::{Feed, FeedMessage};
use crate::stored::{Which, stored_at};

const OPERATION: &str = "KV-Operation";

/// The server's word that it has it.
#[derive(serde::Deserialize)]
struct Written {
    seq: u64,
}

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

    /// Sets the key; gives its place in the stream.
    pub(crate) async fn put(&self, key: &str, value: Bytes) -> Result<u64, CallError> {
        self.write(key, None, value).await
    }

    /// Sets the key if it never was; `false` when it was.
    pub(crate) async fn create(&self, key: &str, value: Bytes) -> Result<bool, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
        match self.write(key, Some(headers), value).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(WRONG_LAST_SEQUENCE) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the value for good and leaves a mark in its place.
    pub(crate) async fn purge(&self, key: &str) -> Result<(), CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, "PURGE");
        headers.insert("Nats-Rollup", "sub");
        self.write(key, Some(headers), Bytes::new()).await.map(drop)
    }

    /// The key's value.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CallError> {
        Ok(self.entry(key).await?.map(|(value, _)| value))
    }

    /// The key's value, and when it was stored.
    pub(crate) async fn entry(&self, key: &str) -> Result<Option<(Bytes, Timestamp)>, CallError> {
        Ok(self.last(key).await?.map(|message| {
            let at = stored_at(message.time.unix_timestamp_nanos());
            (message.payload, at)
        }))
    }

    /// The key's value, and its place in the stream.
    pub(crate) async fn numbered(&self, key: &str) -> Result<Option<(Bytes, u64)>, CallError> {
        let last = self.last(key).await?;
        Ok(last.map(|message| (message.payload, message.sequence)))
    }

    async fn last(&self, key: &str) -> Result<Option<StreamMessage>, CallError> {
        let which = Which::last(&self.subject(key));
        let message = self
            .bus
            .stored("reading a key", self.stream, &which)
            .await?;
        Ok(message.filter(|message| message.headers.get(OPERATION).is_none()))
    }

    /// Every key's value, then every change.
    pub(crate) fn feed(&self) -> Feed {
        self.feed_of(">")
    }

    /// The same of the keys that match `filter`.
    pub(crate) fn feed_of(&self, filter: &str) -> Feed {
        Feed::new(self.bus.clone(), self.stream, self.subject(filter))
    }

    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    async fn write(
        &self,
        key: &str,
        headers: Option<HeaderMap>,
        value: Bytes,
    ) -> Result<u64, CallError> {
        let subject = self.subject(key);
        let written = self
            .bus
            .call::<Written>("writing a key", subject, headers, value, PATIENCE);
        Ok(written.await?.seq)
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
