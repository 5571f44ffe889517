//! Links, addresses and routes, told to the kernel by rtnetlink(7): no tool has to be installed,
//! and a link takes less time than starting one would.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;

const REQUEST_ACK: u16 = 0x5;
const CREATE_EXCLUSIVE: u16 = 0x600;

const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_GATEWAY: u16 = 5;

const AF_INET: u8 = 2;
const IFF_UP: u32 = 1;
const HEADER: usize = 16;

/// Speaks to the network of the namespace it was opened in.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        // No protocol is NETLINK_ROUTE.
        let kind = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = socket_with(kind.0, kind.1, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// Makes a pair: `name` here, `peer` in the network of another process.
    pub(super) fn make_pair(&self, name: &str, peer: &str, process: u32) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWLINK, REQUEST_ACK | CREATE_EXCLUSIVE);
        message.link(0, 0);
        message.text(IFLA_IFNAME, name);
        message.nest(IFLA_LINKINFO, |info| {
            info.text(IFLA_INFO_KIND, "veth");
            info.nest(IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |other| {
                    other.link(0, 0);
                    other.text(IFLA_IFNAME, peer);
                    other.attribute(IFLA_NET_NS_PID, &process.to_ne_bytes());
                });
            });
        });
        self.ask(message)
    }

    /// Removes a link; none of that name is success.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let mut message = Message::new(RTM_DELLINK, REQUEST_ACK);
        message.link(0, 0);
        message.text(IFLA_IFNAME, name);
        match self.ask(message) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                Ok(())
            }
            answer => answer,
        }
    }

    /// Switches a link on.
    pub(super) fn switch_on(&self, name: &str) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWLINK, REQUEST_ACK);
        message.link(self.index(name)?, IFF_UP);
        self.ask(message)
    }

    /// Gives a link an address.
    pub(super) fn add_address(&self, name: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWADDR, REQUEST_ACK | CREATE_EXCLUSIVE);
        message.raw(&[AF_INET, prefix, 0, 0]);
        message.raw(&self.index(name)?.to_ne_bytes());
        message.attribute(IFA_LOCAL, &address.octets());
        message.attribute(IFA_ADDRESS, &address.octets());
        self.ask(message)
    }

    /// Sends everything that is not for a network at hand to `gateway`.
    pub(super) fn add_default_route(&self, gateway: Ipv4Addr) -> io::Result<()> {
        const MAIN_TABLE: u8 = 254;
        const SET_AT_START: u8 = 3;
        const UNICAST: u8 = 1;
        let mut message = Message::new(RTM_NEWROUTE, REQUEST_ACK | CREATE_EXCLUSIVE);
        message.raw(&[AF_INET, 0, 0, 0, MAIN_TABLE, SET_AT_START, 0, UNICAST]);
        message.raw(&[0; 4]);
        message.attribute(RTA_GATEWAY, &gateway.octets());
        self.ask(message)
    }

    fn index(&self, name: &str) -> io::Result<u32> {
        Ok(rustix::net::netdevice::name_to_index(&self.socket, name)?)
    }

    fn ask(&self, message: Message) -> io::Result<()> {
        let bytes = message.finish();
        sendto(&self.socket, &bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut answer = [0_u8; 1024];
        let (_, length) = recv(&self.socket, &mut answer, RecvFlags::empty())?;
        let number = answer[..length].get(HEADER..HEADER + 4);
        let number = number.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(i32::from_ne_bytes);
        match number {
            Some(0) => Ok(()),
            Some(number) => Err(io::Error::from_raw_os_error(-number)),
            None => Err(io::Error::other("the kernel's answer was cut off")),
        }
    }
}

/// A message under construction; its lengths are filled in as its parts end.
#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Self { bytes }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// An interface message: index, flags, and which flags count.
    fn link(&mut self, index: u32, flags: u32) {
        self.raw(&[0; 4]);
        self.raw(&index.to_ne_bytes());
        self.raw(&flags.to_ne_bytes());
        self.raw(&flags.to_ne_bytes());
    }

    fn text(&mut self, kind: u16, text: &str) {
        self.attribute(kind, &[text.as_bytes(), &[0]].concat());
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nest(kind, |message| message.raw(value));
    }

    fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.raw(&[0; 2]);
        self.raw(&kind.to_ne_bytes());
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_aligned_and_know_their_length_without_the_padding() {
        let mut message = Message::new(RTM_NEWLINK, REQUEST_ACK);
        message.nest(IFLA_LINKINFO, |info| info.text(IFLA_INFO_KIND, "veth"));
        let bytes = message.finish();
        assert_eq!(bytes.len(), HEADER + 4 + 4 + 8);
        assert_eq!(u32::from_ne_bytes(bytes[0..4].try_into().unwrap()) as usize, bytes.len());
        assert_eq!(u16::from_ne_bytes(bytes[HEADER..HEADER + 2].try_into().unwrap()), 16);
        assert_eq!(u16::from_ne_bytes(bytes[HEADER + 4..HEADER + 6].try_into().unwrap()), 9);
    }

    #[test]
    fn the_kernel_s_refusals_are_errors() {
        let netlink = Netlink::open().unwrap();
        netlink.remove("no-such-link").unwrap();
        assert!(netlink.switch_on("no-such-link").is_err());
    }
}
