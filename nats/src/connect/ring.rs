//! Which server of several is tried next: the one after the last one.
//!
//! The library chooses at random, so whoever leaves a server that answers nothing (its host is cut
//! off from the others, which only they know) would come back to it every third time.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::{ConnectOptions, ReconnectToServer};

/// Where the next attempt begins. Clients begin at different servers, so that these share the load.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    next: Arc<AtomicUsize>,
}

impl Default for Ring {
    fn default() -> Self {
        let begin = RandomState::new().hash_one(()) % (1 << 16);
        Self {
            next: Arc::new(AtomicUsize::new(usize::try_from(begin).unwrap_or(0))),
        }
    }
}

impl Ring {
    /// Has the client take its servers in turn.
    pub(super) fn turn(&self, options: ConnectOptions) -> ConnectOptions {
        let ring = self.clone();
        options.reconnect_to_server_callback(move |servers, _info| {
            let chosen = servers.get(ring.take(servers.len()));
            let chosen = chosen.map(|server| ReconnectToServer {
                addr: server.addr.clone(),
                delay: None,
            });
            std::future::ready(chosen)
        })
    }

    fn take(&self, servers: usize) -> usize {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(servers).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_tried_twice_before_all_were() {
        let ring = Ring::default();
        let mut taken: Vec<usize> = (0..3).map(|_| ring.take(3)).collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
        assert_eq!(ring.take(0), 0, "an empty pool is no panic");
    }
}
