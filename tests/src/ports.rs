//! Ports that no other plane on this machine uses, for as long as they are held.

use std::net::{Ipv4Addr, TcpListener};

/// A range of ports: most for SSH, one for the API, one for the jump host.
///
/// A port is claimed before anything listens on it, so two planes with the same pool could claim
/// the same one. The listener is the lock: whoever binds slot `n` owns range `n`.
#[derive(Debug)]
pub(crate) struct PortRange {
    _slot: TcpListener,
    number: u8,
    first: u16,
}

impl PortRange {
    const SLOTS: u16 = 24_100;
    const RANGES: u16 = 25_000;
    const SIZE: u16 = 50;
    /// The last ports of a range are not for SSH.
    const POOL: u16 = 46;

    pub(crate) fn take() -> anyhow::Result<Self> {
        for number in 0..100_u8 {
            let slot = ("127.0.0.1", Self::SLOTS + u16::from(number));
            if let Ok(slot) = TcpListener::bind(slot) {
                return Ok(Self {
                    _slot: slot,
                    number,
                    first: Self::RANGES + u16::from(number) * Self::SIZE,
                });
            }
        }
        anyhow::bail!("a hundred planes run at once")
    }

    /// An address of loopback nobody else uses, for programs whose ports are given.
    pub(crate) fn host(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 25, self.number, host)
    }

    /// For `NEXUS_SSH_PORTS`.
    pub(crate) fn pool(&self) -> String {
        format!("{}-{}", self.first, self.first + Self::POOL - 1)
    }

    /// Where the API listens.
    pub(crate) fn api(&self) -> u16 {
        self.first + Self::POOL
    }

    /// Where the jump host listens.
    pub(crate) fn jump(&self) -> u16 {
        self.first + Self::POOL + 1
    }
}
