//! Who was let into which preview, and which previews were closed since: for every replica of
//! `nexusd`, and for one that was started again.
//!
//! Both are messages of one stream, so their order says what a closing closes: every entry of its
//! preview before it. Nothing has to be listed or taken away for that, two replicas that let in and
//! close at once agree, and who follows hears of a closing as one message. The bucket forgets the
//! oldest first, so no entry outlives the closing that came after it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use nexus_events::id::{UserId, WorkspaceId};
use tokio::sync::watch;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::call::CallError;
use crate::connect::Bus;
use crate::feed::{Fed, Feed, Start};
use crate::topology::PREVIEWS;

const PREFIX: &str = "$KV.nexus_previews.";

/// One port of one workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PreviewOf {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The port inside.
    pub port: u16,
}

impl PreviewOf {
    /// Where an entry is kept; `digest` is of what the browser shows, never that itself.
    fn entry(self, digest: &[u8; 32]) -> String {
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("entry.{self}.{digest}")
    }
}

impl fmt::Display for PreviewOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.workspace.uuid().simple(), self.port)
    }
}

/// Who is shown out of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShownOut {
    /// Whoever was let in.
    Everybody,
    /// One user.
    User(UserId),
}

impl fmt::Display for ShownOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("all"),
            Self::User(user) => user.uuid().simple().fmt(f),
        }
    }
}

/// A preview was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Which.
    pub preview: PreviewOf,
    /// For whom.
    pub who: ShownOut,
    /// Its place among entries and closings.
    pub sequence: u64,
}

impl Closing {
    fn key(preview: PreviewOf, who: ShownOut) -> String {
        format!("closed.{preview}.{who}")
    }

    fn read(key: &str, sequence: u64) -> Option<Self> {
        let mut parts = key.strip_prefix("closed.")?.split('.');
        let (workspace, port, who) = (parts.next()?, parts.next()?, parts.next()?);
        let preview = PreviewOf {
            workspace: WorkspaceId::from_uuid(Uuid::from_str(workspace).ok()?),
            port: port.parse().ok()?,
        };
        let who = match who {
            "all" => ShownOut::Everybody,
            user => ShownOut::User(UserId::from_uuid(Uuid::from_str(user).ok()?)),
        };
        Some(Self {
            preview,
            who,
            sequence,
        })
    }
}

/// Entries and closings. Clones share them.
#[derive(Debug, Clone)]
pub struct PreviewEntries {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Bus(Bucket),
    Memory(Arc<Memory>),
}

/// The same beside a log in memory.
#[derive(Debug)]
struct Memory {
    messages: Mutex<HashMap<String, (Bytes, u64)>>,
    last: watch::Sender<u64>,
}

impl Memory {
    fn put(&self, key: String, value: Bytes) -> u64 {
        let mut messages = self.lock();
        let sequence = *self.last.borrow() + 1;
        messages.insert(key, (value, sequence));
        self.last.send_replace(sequence);
        sequence
    }

    fn closings_after(&self, sequence: u64) -> Vec<Closing> {
        let messages = self.lock();
        let newer = messages.iter().filter(|(_, (_, at))| *at > sequence);
        let read = newer.filter_map(|(key, (_, at))| Closing::read(key, *at));
        let mut closings: Vec<_> = read.collect();
        closings.sort_unstable_by_key(|closing| closing.sequence);
        closings
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Bytes, u64)>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PreviewEntries {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        let bucket = Bucket::new(bus.clone(), PREVIEWS, "KV_nexus_previews");
        Self {
            kind: Kind::Bus(bucket),
        }
    }

    /// None yet, in memory.
    pub fn memory() -> Self {
        let memory = Memory {
            messages: Mutex::default(),
            last: watch::Sender::new(0),
        };
        Self {
            kind: Kind::Memory(Arc::new(memory)),
        }
    }

    /// Keeps an entry under the digest of what is shown for it; gives its place.
    ///
    /// # Errors
    /// When the server does not answer; it may be kept then.
    pub async fn keep(
        &self,
        preview: PreviewOf,
        digest: &[u8; 32],
        entry: Bytes,
    ) -> Result<u64, CallError> {
        let key = preview.entry(digest);
        match &self.kind {
            Kind::Bus(bucket) => bucket.put(&key, entry).await,
            Kind::Memory(memory) => Ok(memory.put(key, entry)),
        }
    }

    /// The entry under this digest, and its place.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn entry(
        &self,
        preview: PreviewOf,
        digest: &[u8; 32],
    ) -> Result<Option<(Bytes, u64)>, CallError> {
        self.last(&preview.entry(digest)).await
    }

    /// Closes a preview for whoever was let in before.
    ///
    /// # Errors
    /// When the server does not answer; it may be closed then.
    pub async fn close(&self, preview: PreviewOf, who: ShownOut) -> Result<(), CallError> {
        let key = Closing::key(preview, who);
        match &self.kind {
            Kind::Bus(bucket) => bucket.put(&key, Bytes::new()).await.map(drop),
            Kind::Memory(memory) => {
                memory.put(key, Bytes::new());
                Ok(())
            }
        }
    }

    /// The place of the last closing that showed out `user`, or everybody; 0 for none.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn closed(&self, preview: PreviewOf, user: Option<UserId>) -> Result<u64, CallError> {
        let mut last = 0;
        let theirs = user.map(ShownOut::User);
        for who in [Some(ShownOut::Everybody), theirs].into_iter().flatten() {
            let found = self.last(&Closing::key(preview, who)).await?;
            last = last.max(found.map_or(0, |(_, sequence)| sequence));
        }
        Ok(last)
    }

    /// The closings the bucket remembers, then each new one.
    pub fn follow(&self) -> Closings {
        let source = match &self.kind {
            Kind::Bus(bucket) => Source::Bus {
                bus: bucket.bus().clone(),
                feed: Box::new(bucket.feed_of("closed.>")),
            },
            Kind::Memory(memory) => Source::Memory {
                memory: Arc::clone(memory),
                last: memory.last.subscribe(),
            },
        };
        Closings { source, told: 0 }
    }

    async fn last(&self, key: &str) -> Result<Option<(Bytes, u64)>, CallError> {
        match &self.kind {
            Kind::Bus(bucket) => bucket.numbered(key).await,
            Kind::Memory(memory) => Ok(memory.lock().get(key).cloned()),
        }
    }
}

/// A reader of closings that never ends.
#[derive(Debug)]
pub struct Closings {
    source: Source,
    /// The place of the last one told: a reconnect tells none twice.
    told: u64,
}

#[derive(Debug)]
enum Source {
    Bus {
        bus: Bus,
        feed: Box<Feed>,
    },
    Memory {
        memory: Arc<Memory>,
        last: watch::Receiver<u64>,
    },
}

impl Closings {
    /// The next closing.
    ///
    /// # Errors
    /// When the server refuses; a server that is away is waited for.
    pub async fn next(&mut self) -> Result<Closing, CallError> {
        loop {
            let closing = match &mut self.source {
                Source::Bus { bus, feed } => next_on_bus(bus, feed).await?,
                Source::Memory { memory, last } => next_in_memory(memory, last, self.told).await,
            };
            if closing.sequence > self.told {
                self.told = closing.sequence;
                return Ok(closing);
            }
        }
    }
}

async fn next_on_bus(bus: &Bus, feed: &mut Feed) -> Result<Closing, CallError> {
    loop {
        if !feed.is_open() {
            match feed.open(Start::LastPerSubject).await {
                Err(error) if error.is_temporary() => bus.pause_or_reconnected().await,
                answer => answer?,
            }
            continue;
        }
        if let Fed::Message(message) = feed.next().await
            && let Some(key) = message.subject.strip_prefix(PREFIX)
            && let Some(closing) = Closing::read(key, message.sequence)
        {
            return Ok(closing);
        }
    }
}

async fn next_in_memory(memory: &Memory, last: &mut watch::Receiver<u64>, told: u64) -> Closing {
    loop {
        last.borrow_and_update();
        if let Some(closing) = memory.closings_after(told).first() {
            return *closing;
        }
        // The sender is held by the caller, so this ends with a change only.
        let _ = last.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_is_read_from_its_key() {
        let preview = PreviewOf {
            workspace: WorkspaceId::derived("w"),
            port: 3000,
        };
        for who in [ShownOut::Everybody, ShownOut::User(UserId::derived("ada"))] {
            let read = Closing::read(&Closing::key(preview, who), 7);
            let sequence = 7;
            assert_eq!(
                read,
                Some(Closing {
                    preview,
                    who,
                    sequence
                })
            );
        }
        assert_eq!(Closing::read(&preview.entry(&[0; 32]), 7), None);
        assert_eq!(Closing::read("closed.x.3000.all", 7), None);
    }
}
