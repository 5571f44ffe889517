//! Choosing a free port: what is held, what is being claimed now, what something else listens on.
//!
//! The claim decides; this only finds a port that is likely to be had, and keeps requests of one
//! process from trying the same one.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_events::claim::{ClaimEvent, ClaimId};

/// What is known of the ports of the pools.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Held, as projected.
    held: HashSet<u16>,
    /// Being claimed by requests of this process.
    tried: HashSet<u16>,
}

/// A port nobody else in this process tries until it is dropped.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) port: u16,
    ports: &'a Ports,
}

impl Ports {
    /// With these held already.
    pub(crate) fn held(held: HashSet<u16>) -> Self {
        Self {
            taken: Mutex::new(Taken {
                held,
                tried: HashSet::new(),
            }),
        }
    }

    /// Notes what became of a claim.
    pub(crate) fn note(&self, id: &ClaimId, event: &ClaimEvent) {
        let ClaimId::Port(port) = id else { return };
        let mut taken = self.lock();
        match event {
            ClaimEvent::Claimed { .. } => taken.held.insert(*port),
            ClaimEvent::Released { .. } => taken.held.remove(port),
        };
    }

    /// The first port of the pools that nobody has, tries, or (where that is known here)
    /// listens on.
    pub(super) fn candidate(
        &self,
        pools: &[RangeInclusive<u16>],
        refused: &HashSet<u16>,
        on_this_machine: bool,
    ) -> Option<Candidate<'_>> {
        let mut taken = self.lock();
        let is_free = |port: &u16| {
            !taken.held.contains(port)
                && !taken.tried.contains(port)
                && !refused.contains(port)
                && (!on_this_machine || can_listen(*port))
        };
        let port = pools.iter().cloned().flatten().find(is_free)?;
        taken.tried.insert(port);
        Some(Candidate { port, ports: self })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever listens on it listens here: the worker's attempt would fail, so another is taken.
fn can_listen(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

impl Drop for Candidate<'_> {
    fn drop(&mut self) {
        self.ports.lock().tried.remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_tried_in_order_and_never_twice_at_once() {
        let ports = Ports::held(HashSet::from([1]));
        let (pools, refused) = ([1..=2, 9..=9], HashSet::new());
        let first = ports.candidate(&pools, &refused, false).unwrap();
        let second = ports.candidate(&pools, &refused, false).unwrap();
        assert_eq!((first.port, second.port), (2, 9));
        assert!(ports.candidate(&pools, &refused, false).is_none());
        drop(first);
        assert_eq!(ports.candidate(&pools, &refused, false).unwrap().port, 2);
    }

    #[test]
    fn a_port_something_listens_on_is_passed_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ports, pools, refused) = (Ports::default(), [port..=port], HashSet::new());
        assert!(ports.candidate(&pools, &refused, true).is_none());
        assert!(ports.candidate(&pools, &refused, false).is_some());
    }
}
