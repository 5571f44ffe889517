//! A word between several Nexuses on one machine: this port is mine, though nobody listens yet.
//!
//! From the claim of a port until the worker listens on it there are seconds in which it looks
//! free. A socket with an abstract name (unix(7)) is taken by one process of a network namespace at
//! a time, the very scope of a port, and is let go by the kernel whatever becomes of us. It says
//! nothing to programs that are no Nexus: against those the worker's bind has the last word.

use std::collections::VecDeque;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Reservations kept at once: by the time there are so many newer ones, a worker listens.
const KEPT: usize = 256;

/// A port no other Nexus on this machine takes, until dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    port: u16,
    _socket: UnixDatagram,
}

impl Reservation {
    /// `None` when another has it.
    pub(super) fn of(port: u16) -> Option<Self> {
        let address = SocketAddr::from_abstract_name(format!("nexus-ssh-port-{port}")).ok()?;
        let socket = UnixDatagram::bind_addr(&address).ok()?;
        Some(Self {
            port,
            _socket: socket,
        })
    }
}

/// The newest reservations of this process.
#[derive(Debug, Default)]
pub(super) struct Reservations(VecDeque<Reservation>);

impl Reservations {
    /// Keeps one, and lets the oldest go when there are many.
    pub(super) fn keep(&mut self, reservation: Reservation) {
        self.0.push_back(reservation);
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// Lets a port go.
    pub(super) fn let_go(&mut self, port: u16) {
        self.0.retain(|reservation| reservation.port != port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_until_it_lets_go() {
        let mut first = Reservations::default();
        first.keep(Reservation::of(7).unwrap());
        assert!(Reservation::of(7).is_none());
        first.let_go(7);
        assert!(Reservation::of(7).is_some());
    }
}
