//! The gateway's end: opens streams to workspaces on any node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::node::LinkAddress;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address;
use super::direct::{self, DirectError, Wanted};
use super::known::Known;
use super::relay::dial::Dialer;
use super::tls::TlsDialer;
use super::{DIAL, LinkError, LinkStream};
use crate::connect::Bus;
use crate::heartbeat::Heartbeats;

/// Which way a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// To init itself, on the same host. As the only way to take: past NATS, so by TLS elsewhere.
    Direct,
    /// Over TLS to the worker.
    Tls,
    /// Over NATS and the worker.
    Relay,
}

impl Way {
    /// The word for it, also in `NEXUS_LINK`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Tls => "tls",
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
            "tls" => Ok(Self::Tls),
            "relay" => Ok(Self::Relay),
            other => Err(UnknownWay(other.to_owned())),
        }
    }
}

/// There is no such way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of `direct`, `tls` and `relay`")]
pub struct UnknownWay(String);

/// How streams are opened.
#[derive(Debug, Clone, Copy)]
pub struct LinkOptions {
    /// The only way to take; `None`: a direct one where there is one.
    pub only: Option<Way>,
    /// An address that did not answer is passed over, and looked at again after this.
    pub look_again: Duration,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            only: None,
            look_again: Duration::from_secs(15),
        }
    }
}

impl LinkOptions {
    /// By this way only.
    pub fn only(way: Way) -> Self {
        Self {
            only: Some(way),
            ..Self::default()
        }
    }
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
    tls: TlsDialer,
    relay: Dialer,
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
                tls: TlsDialer::new(bus, options.look_again),
                relay: Dialer::new(bus, stop.clone()),
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
        let stream = match self.shared.options.only {
            None => match self.open_directly(wanted).await {
                Err(LinkError::NotDirect { source, .. }) => {
                    if let Some(error) = source {
                        tracing::debug!(%node, %error, "the direct ways are shut; relaying");
                    }
                    self.open_relayed(wanted).await?
                }
                answer => answer?,
            },
            Some(Way::Direct) => self.open_directly(wanted).await?,
            Some(Way::Tls) => {
                let addresses = self.shared.known.addresses(node).await;
                self.open_by_tls(&addresses, wanted).await?
            }
            Some(Way::Relay) => self.open_relayed(wanted).await?,
        };
        self.lock().insert(node, stream.way());
        Ok(stream)
    }

    /// The way the last stream to `node` went.
    pub fn way(&self, node: NodeId) -> Option<Way> {
        self.lock().get(&node).copied()
    }

    /// How many relayed streams are open or being opened.
    pub fn relayed(&self) -> usize {
        self.shared.relay.streams()
    }

    /// To init itself, or to the worker.
    async fn open_directly(&self, wanted: Wanted) -> Result<LinkStream, LinkError> {
        let addresses = self.shared.known.addresses(wanted.node).await;
        let host = self.shared.host.as_deref();
        if let Some(path) = host.and_then(|host| address::socket_on(&addresses, host)) {
            match direct::open(&path, wanted, DIAL).await {
                Ok(stream) => return Ok(LinkStream::Direct(stream)),
                Err(DirectError::Unreachable(error)) => {
                    tracing::debug!(node = %wanted.node, %error, "no worker at its socket");
                }
                Err(refused) => return Err(refused.about(wanted)),
            }
        }
        self.open_by_tls(&addresses, wanted).await
    }

    async fn open_by_tls(
        &self,
        addresses: &[LinkAddress],
        wanted: Wanted,
    ) -> Result<LinkStream, LinkError> {
        let addresses = address::tls_among(addresses);
        if addresses.is_empty() {
            let node = wanted.node;
            return Err(LinkError::NotDirect { node, source: None });
        }
        // Where there is no other way, a person would rather wait.
        let at_any_rate = self.shared.options.only.is_some();
        let opened = self.shared.tls.open(&addresses, wanted, at_any_rate).await;
        opened
            .map(LinkStream::Tls)
            .map_err(|error| error.about(wanted))
    }

    async fn open_relayed(&self, wanted: Wanted) -> Result<LinkStream, LinkError> {
        let stream = self.shared.relay.open(wanted).await?;
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
