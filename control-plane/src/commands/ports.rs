//! Choosing a free port: what the read model knows to be held, and what is being claimed now.
//!
//! The claim decides; this only keeps requests of one process from trying the same port.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ports that requests of this process are claiming.
#[derive(Debug, Default)]
pub(super) struct Ports {
    trying: Mutex<HashSet<u16>>,
}

/// A port nobody else in this process tries until it is dropped.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) port: u16,
    ports: &'a Ports,
}

impl Ports {
    /// The first port of the pools that is neither held nor tried.
    pub(super) fn candidate(
        &self,
        pools: &[RangeInclusive<u16>],
        held: &HashSet<u16>,
    ) -> Option<Candidate<'_>> {
        let mut trying = self.lock();
        let free = |port: &u16| !held.contains(port) && !trying.contains(port);
        let port = pools.iter().cloned().flatten().find(free)?;
        trying.insert(port);
        Some(Candidate { port, ports: self })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u16>> {
        self.trying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Candidate<'_> {
    fn drop(&mut self) {
        self.ports.lock().remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_tried_in_order_and_never_twice_at_once() {
        let ports = Ports::default();
        let pools = [1..=2, 9..=9];
        let held = HashSet::from([1]);
        let first = ports.candidate(&pools, &held).unwrap();
        let second = ports.candidate(&pools, &held).unwrap();
        assert_eq!((first.port, second.port), (2, 9));
        assert!(ports.candidate(&pools, &held).is_none());
        drop(first);
        assert_eq!(ports.candidate(&pools, &held).unwrap().port, 2);
    }
}
