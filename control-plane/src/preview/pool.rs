//! Connections to services, kept for the next request to the same port of the same workspace.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use nexus_events::id::NodeId;

use super::HostName;
use super::connector;
use super::lane::Lane;
use crate::gateway::Gateway;

/// How long the way to a service may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: less than servers commonly do (Node: five seconds).
const KEPT: Duration = Duration::from_secs(4);
/// Idle connections kept for one port of one workspace.
const MOST_KEPT: usize = 32;

/// Where a connection leads.
pub(super) type Place = (NodeId, HostName);

/// The connections that are kept. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    gateway: Gateway,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The one that was used last is the last, and used next.
    lanes: HashMap<Place, Vec<(Lane, Instant)>>,
    swept: bool,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lanes: usize = self.lanes.values().map(Vec::len).sum();
        write!(formatter, "{lanes} connections")
    }
}

impl Pool {
    /// An empty one, whose connections lead through `gateway`.
    pub(super) fn new(gateway: Gateway) -> Self {
        let kept = Mutex::default();
        Self {
            parts: Arc::new(Parts { gateway, kept }),
        }
    }

    /// A connection that is free, or a new one.
    pub(super) async fn take(&self, place: Place) -> io::Result<Lane> {
        while let Some(mut lane) = self.newest(place) {
            let ready = poll_fn(|context| Poll::Ready(lane.is_ready(context)));
            if ready.await {
                return Ok(lane);
            }
        }
        let (node, host) = place;
        let opening = async {
            let stream = connector::open(&self.parts.gateway, node, host).await?;
            Lane::over(stream).await
        };
        tokio::time::timeout(CONNECTING, opening).await?
    }

    fn newest(&self, place: Place) -> Option<Lane> {
        let (lane, since) = self.lock().lanes.get_mut(&place)?.pop()?;
        (since.elapsed() < KEPT).then_some(lane)
    }

    /// Keeps one that is free, for a while.
    pub(super) fn keep(&self, place: Place, lane: Lane) {
        let mut kept = self.lock();
        let lanes = kept.lanes.entry(place).or_default();
        if lanes.len() < MOST_KEPT {
            lanes.push((lane, Instant::now()));
        }
        if !std::mem::replace(&mut kept.swept, true) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes what was not used for a while, until nothing is kept.
    async fn sweep(self) {
        loop {
            tokio::time::sleep(KEPT).await;
            let mut kept = self.lock();
            kept.lanes.retain(|_, lanes| {
                lanes.retain(|(_, since)| since.elapsed() < KEPT);
                !lanes.is_empty()
            });
            if kept.lanes.is_empty() {
                kept.swept = false;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.parts
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
