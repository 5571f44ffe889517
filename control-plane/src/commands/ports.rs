//! Choosing a free port: what is held, what is being claimed now, what something else listens on.
//!
//! The claim decides; this only finds a port that is likely to be had, and keeps requests of one
//! process from trying the same one.
//!
//! A port that was released a moment ago is quarantined: somebody may still have it written down
//! as the way to another workspace. It is given out only when nothing else is left.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use nexus_events::claim::{ClaimEvent, ClaimId};

use super::port_reservation::{Reservation, Reservations};

/// What is known of the ports of the pools.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Held, as projected.
    held: HashSet<u16>,
    /// When those that were held before were released, as projected.
    released: HashMap<u16, Timestamp>,
    /// Being claimed by requests of this process.
    tried: HashSet<u16>,
    /// Claimed by this process a moment ago.
    reserved: Reservations,
}

impl Candidate<'_> {
    /// The claim was let: other Nexuses are kept off until a worker listens.
    pub(super) fn claimed(mut self) -> u16 {
        if let Some(reservation) = self.reservation.take() {
            self.ports.lock().reserved.keep(reservation);
        }
        self.port
    }
}

/// Among which ports one is looked for, and how.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) pools: &'a [RangeInclusive<u16>],
    /// Whether what listens here is in the way.
    pub(super) on_this_machine: bool,
    pub(super) quarantine: SignedDuration,
    pub(super) now: Timestamp,
}

/// A port nobody else in this process tries until it is dropped.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) port: u16,
    /// How long ago it must have been released by others, for the claim to be let.
    pub(super) quarantine: SignedDuration,
    /// Where workspaces live on this machine: our word to other Nexuses.
    reservation: Option<Reservation>,
    ports: &'a Ports,
}

impl Ports {
    /// With what is projected of each: whether it is held, and since when it is or is not.
    pub(crate) fn known(ports: impl IntoIterator<Item = (u16, bool, Timestamp)>) -> Self {
        let mut taken = Taken::default();
        for (port, is_held, changed_at) in ports {
            if is_held {
                taken.held.insert(port);
            } else {
                taken.released.insert(port, changed_at);
            }
        }
        Self {
            taken: Mutex::new(taken),
        }
    }

    /// Notes what became of a claim.
    pub(crate) fn note(&self, id: &ClaimId, event: &ClaimEvent) {
        let ClaimId::Port(port) = id else { return };
        let mut taken = self.lock();
        match event {
            ClaimEvent::Claimed { .. } | ClaimEvent::KeyClaimed { .. } => {
                taken.held.insert(*port);
                taken.released.remove(port);
            }
            ClaimEvent::Released { at, .. } | ClaimEvent::KeyReleased { at, .. } => {
                taken.held.remove(port);
                taken.reserved.let_go(*port);
                taken.released.insert(*port, *at);
            }
        }
    }

    /// The first port of the pools that nobody has, tries, or (where that is known here)
    /// listens on; one in quarantine only when there is no other, and then the one that has been
    /// in it the longest.
    pub(super) fn candidate(
        &self,
        wanted: &Wanted<'_>,
        refused: &HashSet<u16>,
    ) -> Option<Candidate<'_>> {
        let mut taken = self.lock();
        let mut reservation = None;
        let mut is_free = |port: &u16| {
            let is_known =
                taken.held.contains(port) || taken.tried.contains(port) || refused.contains(port);
            if is_known || !wanted.on_this_machine {
                return !is_known;
            }
            reservation = can_listen(*port).then(|| Reservation::of(*port)).flatten();
            reservation.is_some()
        };
        let all = || wanted.pools.iter().cloned().flatten();
        let released = |port: &u16| taken.released.get(port).copied();
        let is_quarantined = |port: &u16| {
            let until = released(port)?.checked_add(wanted.quarantine).ok()?;
            (wanted.now < until).then_some(())
        };
        let rested = all().find(|port| is_quarantined(port).is_none() && is_free(port));
        let (port, quarantine) = match rested {
            Some(port) => (port, wanted.quarantine),
            None => {
                let mut by_rest: Vec<_> = all().collect();
                by_rest.sort_by_key(released);
                let longest = by_rest.into_iter().find(is_free)?;
                (longest, SignedDuration::ZERO)
            }
        };
        taken.tried.insert(port);
        Some(Candidate {
            port,
            quarantine,
            reservation,
            ports: self,
        })
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

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn among<'a>(pools: &'a [RangeInclusive<u16>]) -> Wanted<'a> {
        Wanted {
            pools,
            on_this_machine: false,
            quarantine: SignedDuration::from_mins(5),
            now: NOW,
        }
    }

    fn released(port: u16, seconds_ago: i64) -> (u16, bool, Timestamp) {
        (port, false, NOW - SignedDuration::from_secs(seconds_ago))
    }

    #[test]
    fn pools_are_tried_in_order_and_never_twice_at_once() {
        let ports = Ports::known([(1, true, NOW)]);
        let (pools, refused) = ([1..=2, 9..=9], HashSet::new());
        let first = ports.candidate(&among(&pools), &refused).unwrap();
        let second = ports.candidate(&among(&pools), &refused).unwrap();
        assert_eq!((first.port, second.port), (2, 9));
        assert!(ports.candidate(&among(&pools), &refused).is_none());
        drop(first);
        assert_eq!(ports.candidate(&among(&pools), &refused).unwrap().port, 2);
    }

    #[test]
    fn a_port_something_listens_on_is_passed_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ports, pools, refused) = (Ports::default(), [port..=port], HashSet::new());
        let here = Wanted {
            on_this_machine: true,
            ..among(&pools)
        };
        assert!(ports.candidate(&here, &refused).is_none());
        assert!(ports.candidate(&among(&pools), &refused).is_some());
    }

    #[test]
    fn two_nexuses_on_one_machine_take_two_ports() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let first = free.local_addr().unwrap().port();
        drop(free);
        let (pools, refused) = ([first..=first.saturating_add(50)], HashSet::new());
        let here = Wanted {
            on_this_machine: true,
            ..among(&pools)
        };
        let (ours, theirs) = (Ports::default(), Ports::default());
        let our_port = ours.candidate(&here, &refused).unwrap().claimed();
        let their_port = theirs.candidate(&here, &refused).unwrap().claimed();
        assert_ne!(our_port, their_port);
    }

    #[test]
    fn quarantine_is_broken_only_when_nothing_else_is_left_and_the_longest_first() {
        let known = [released(1, 10), released(2, 200), released(3, 301)];
        let ports = Ports::known(known);
        let (pools, refused) = ([1..=4], HashSet::new());
        let pools = among(&pools);
        let taken: Vec<_> = (0..4)
            .map(|_| ports.candidate(&pools, &refused).unwrap())
            .collect();
        let order: Vec<_> = taken.iter().map(|taken| taken.port).collect();
        assert_eq!(order, [3, 4, 2, 1]);
        let broken: Vec<_> = taken
            .iter()
            .map(|taken| taken.quarantine.is_zero())
            .collect();
        assert_eq!(broken, [false, false, true, true]);
    }

    #[test]
    fn a_claim_ends_the_quarantine_and_a_release_begins_it() {
        let (ports, refused) = (Ports::default(), HashSet::new());
        let pools = [7..=8];
        let workspace = nexus_events::id::WorkspaceId::derived("a");
        ports.note(
            &ClaimId::Port(7),
            &ClaimEvent::Claimed { workspace, at: NOW },
        );
        ports.note(
            &ClaimId::Port(7),
            &ClaimEvent::Released { workspace, at: NOW },
        );
        assert_eq!(ports.candidate(&among(&pools), &refused).unwrap().port, 8);
        let later = Wanted {
            now: NOW + SignedDuration::from_mins(5),
            ..among(&pools)
        };
        assert_eq!(ports.candidate(&later, &refused).unwrap().port, 7);
    }
}
