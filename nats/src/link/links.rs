//! The gateway's end: opens streams to workspaces on any node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_events::id::{NodeId, WorkspaceId};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address;
use super::direct::{self, DirectError, Wanted};
use super::known::Known;
use super::relay::dial::Dialer;
use super::{DIAL, LinkError, LinkStream};
use crate::connect::Bus;
use crate::heartbeat::Heartbeats;

/// Which way a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// To init itself.
    Direct,
    /// Over NATS and the worker.
    Relay,
}

impl Way {
    /// The word for it, also in `NEXUS_LINK`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for Way {
    type Err = UnknownWay;

    fn from_str(text: &str) -> Result<Self, UnknownWay> {
        match text {
            "direct" => Ok(Self::Direct),
            "relay" => Ok(Self::Relay),
            other => Err(UnknownWay(other.to_owned())),
        }
    }
}

/// There is no such way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither `direct` nor `relay`")]
pub struct UnknownWay(String);

/// How streams are opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkOptions {
    /// The only way to take; `None`: the direct one where there is one.
    pub only: Option<Way>,
}

/// Opens streams to workspaces. Clones share everything; with the last one all relayed streams end.
#[derive(Debug, Clone)]
pub struct Links {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: LinkOptions,
    host: Option<String>,
    known: Arc<Known>,
    ways: Mutex<HashMap<NodeId, Way>>,
    dialer: Dialer,
    _stop: DropGuard,
}

impl Links {
    /// Over `bus`, which had better be a connection of its own: relayed bytes then do not stand
    /// in the way of the log.
    ///
    /// Needs a tokio runtime: heartbeats are listened to from now on.
    pub fn on(bus: &Bus, options: LinkOptions) -> Self {
        let stop = CancellationToken::new();
        let known = Arc::new(Known::new(Heartbeats::on(bus)));
        let following = (Arc::clone(&known), stop.clone());
        tokio::spawn(async move { following.0.follow(following.1).await });
        let host = address::this_host()
            .inspect_err(|error| tracing::warn!(%error, "which host this is cannot be told"))
            .ok();
        Self {
            shared: Arc::new(Shared {
                options,
                host,
                known,
                ways: Mutex::default(),
                dialer: Dialer::new(bus, stop.clone()),
                _stop: stop.drop_guard(),
            }),
        }
    }

    /// A stream to init of `workspace`, which `node` holds.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub async fn open(
        &self,
        node: NodeId,
        workspace: WorkspaceId,
    ) -> Result<LinkStream, LinkError> {
        let wanted = Wanted { node, workspace };
        let (way, stream) = match self.shared.options.only {
            Some(Way::Direct) => (Way::Direct, self.open_directly(wanted).await?),
            Some(Way::Relay) => (Way::Relay, self.open_relayed(wanted).await?),
            None => match self.open_directly(wanted).await {
                Err(LinkError::NotDirect { source, .. }) => {
                    if let Some(error) = source {
                        tracing::debug!(%node, %error, "the direct way is shut; relaying");
                    }
                    (Way::Relay, self.open_relayed(wanted).await?)
                }
                answer => (Way::Direct, answer?),
            },
        };
        self.lock().insert(node, way);
        Ok(stream)
    }

    /// The way the last stream to `node` went.
    pub fn way(&self, node: NodeId) -> Option<Way> {
        self.lock().get(&node).copied()
    }

    /// How many relayed streams are open or being opened.
    pub fn relayed(&self) -> usize {
        self.shared.dialer.streams()
    }

    async fn open_directly(&self, wanted: Wanted) -> Result<LinkStream, LinkError> {
        let Wanted { node, workspace } = wanted;
        let addresses = self.shared.known.addresses(node).await;
        let host = self.shared.host.as_deref();
        let Some(path) = host.and_then(|host| address::socket_on(&addresses, host)) else {
            return Err(LinkError::NotDirect { node, source: None });
        };
        match direct::open(&path, wanted, DIAL).await {
            Ok(stream) => Ok(LinkStream::Direct(stream)),
            Err(DirectError::Unreachable(error)) => Err(LinkError::NotDirect {
                node,
                source: Some(error),
            }),
            Err(DirectError::Refused(reason)) => Err(LinkError::Refused {
                node,
                workspace,
                reason,
            }),
        }
    }

    async fn open_relayed(&self, wanted: Wanted) -> Result<LinkStream, LinkError> {
        let stream = self.shared.dialer.open(wanted).await?;
        Ok(LinkStream::Relayed(stream))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Way>> {
        // Every change is a single insert, so a panic elsewhere leaves nothing torn.
        self.shared
            .ways
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
