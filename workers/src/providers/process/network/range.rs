//! The private addresses workspaces get, a /30 each: the host has the first address, the workspace
//! the second.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A block of private IPv4 addresses, cut into /30 networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range {
    first: u32,
    prefix: u8,
}

/// Why a text is no usable range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of private IPv4 addresses such as 10.213.0.0/16, /8 to /29")]
pub struct InvalidRange(String);

/// The two ends of one workspace's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The host's end, the workspace's gateway.
    pub host: Ipv4Addr,
    /// The workspace's end.
    pub workspace: Ipv4Addr,
}

impl Range {
    /// Tried in this order when no range is configured; none is a default of a container engine.
    pub const USUAL: [Self; 4] = [
        Self::of([10, 213, 0, 0], 16),
        Self::of([10, 87, 0, 0], 16),
        Self::of([172, 30, 0, 0], 16),
        Self::of([192, 168, 208, 0], 20),
    ];

    const fn of(address: [u8; 4], prefix: u8) -> Self {
        Self {
            first: u32::from_be_bytes(address),
            prefix,
        }
    }

    const fn mask(self) -> u32 {
        u32::MAX << (32 - self.prefix)
    }

    /// How many workspaces fit.
    pub const fn slots(self) -> u32 {
        1 << (30 - self.prefix)
    }

    /// The addresses of one slot; `None` when the range has fewer.
    pub fn link(self, slot: u32) -> Option<Link> {
        (slot < self.slots()).then(|| {
            let network = self.first + 4 * slot;
            Link {
                host: Ipv4Addr::from(network + 1),
                workspace: Ipv4Addr::from(network + 2),
            }
        })
    }

    /// Whether some address is both here and in the network `address`/`mask`.
    pub fn overlaps(self, address: Ipv4Addr, mask: Ipv4Addr) -> bool {
        let common = self.mask() & u32::from(mask);
        self.first & common == u32::from(address) & common
    }

    /// A spelling that can be a file name and part of a chain's name.
    pub fn label(self) -> String {
        format!("{}-{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

impl FromStr for Range {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRange(text.escape_debug().take(60).collect());
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address: Ipv4Addr = address.parse().map_err(|_| invalid())?;
        let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
        if !(8..=29).contains(&prefix) || !address.is_private() {
            return Err(invalid());
        }
        let range = Self {
            first: u32::from(address),
            prefix,
        };
        let is_aligned = range.first & !range.mask() == 0;
        let last = Ipv4Addr::from(range.first | !range.mask());
        if is_aligned && last.is_private() {
            Ok(range)
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for Range {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_disjoint_and_end() {
        let range: Range = "10.213.4.0/28".parse().unwrap();
        assert_eq!(range.slots(), 4);
        let links: Vec<_> = (0..5).map_while(|slot| range.link(slot)).collect();
        assert_eq!(links.len(), 4);
        assert_eq!(links[3].host, Ipv4Addr::new(10, 213, 4, 13));
        assert_eq!(links[3].workspace, Ipv4Addr::new(10, 213, 4, 14));
    }

    #[test]
    fn only_aligned_private_ranges_pass() {
        for usual in Range::USUAL {
            assert_eq!(usual.to_string().parse(), Ok(usual));
        }
        for text in [
            "",
            "10.213.0.0",
            "10.213.0.1/16",
            "10.0.0.0/7",
            "10.0.0.0/30",
            "8.8.0.0/16",
            "192.168.0.0/12",
            "10.213.0.0/16 -j ACCEPT",
        ] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_clash_is_seen_from_both_sides() {
        let range: Range = "10.213.0.0/16".parse().unwrap();
        let net = |a: [u8; 4], m: [u8; 4]| range.overlaps(a.into(), m.into());
        assert!(net([10, 0, 0, 0], [255, 0, 0, 0]));
        assert!(net([10, 213, 7, 0], [255, 255, 255, 0]));
        assert!(!net([172, 17, 0, 0], [255, 255, 0, 0]));
    }
}
