//! As much rtnetlink as a sandbox needs: links up, one pair made, one address, one route.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const REQUEST_ACK: u16 = 0x1 | 0x4;
const CREATE_EXCLUSIVE: u16 = 0x200 | 0x400;

const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_GATEWAY: u16 = 5;

const AF_INET: u8 = 2;
const IFF_UP: u32 = 1;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;

/// A conversation with the kernel about the network of this namespace.
pub(super) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        Ok(Self { socket })
    }

    /// Makes a pair of links: one here, its peer in the namespace of a process.
    pub(super) fn make_pair(&self, name: &str, peer: &str, process_id: u32) -> io::Result<()> {
        let mut far = link_header(0, 0);
        far.extend(attribute(IFLA_IFNAME, &text(peer)));
        far.extend(attribute(IFLA_NET_NS_PID, &process_id.to_ne_bytes()));
        let data = attribute(INFO_DATA, &attribute(VETH_INFO_PEER, &far));
        let kind = attribute(INFO_KIND, b"veth");
        let mut body = link_header(0, 0);
        body.extend(attribute(IFLA_IFNAME, &text(name)));
        body.extend(attribute(IFLA_LINKINFO, &[kind, data].concat()));
        self.ask(RTM_NEWLINK, CREATE_EXCLUSIVE, &body)
    }

    /// Removes a link; none of that name is success.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let mut body = link_header(0, 0);
        body.extend(attribute(IFLA_IFNAME, &text(name)));
        match self.ask(RTM_DELLINK, 0, &body) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                Ok(())
            }
            other => other,
        }
    }

    /// Puts a link into use.
    pub(super) fn bring_up(&self, name: &str) -> io::Result<()> {
        self.ask(RTM_NEWLINK, 0, &link_header(self.index(name)?, IFF_UP))
    }

    /// Gives a link its address.
    pub(super) fn add_address(&self, name: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut body = vec![AF_INET, prefix, 0, 0];
        body.extend(self.index(name)?.to_ne_bytes());
        body.extend(attribute(IFA_LOCAL, &address.octets()));
        body.extend(attribute(IFA_ADDRESS, &address.octets()));
        self.ask(RTM_NEWADDR, CREATE_EXCLUSIVE, &body)
    }

    /// Sends everything unknown to a gateway.
    pub(super) fn add_default_route(&self, gateway: Ipv4Addr) -> io::Result<()> {
        let mut body = vec![AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST];
        body.extend([0; 4]);
        body.extend(attribute(RTA_GATEWAY, &gateway.octets()));
        self.ask(RTM_NEWROUTE, CREATE_EXCLUSIVE, &body)
    }

    fn index(&self, name: &str) -> io::Result<u32> {
        // Any socket can be asked for the number of a link, netlink's own included.
        Ok(rustix::net::netdevice::name_to_index(&self.socket, name)?)
    }

    fn ask(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        let mut message = Vec::new();
        let length = u32::try_from(16 + body.len()).map_err(io::Error::other)?;
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST_ACK | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.socket, &message, SendFlags::empty(), &kernel)?;
        let mut answer = [0; 4096];
        let (_, length) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
        match error_in(&answer[..length]) {
            Some(0) => Ok(()),
            Some(number) => Err(io::Error::from_raw_os_error(number)),
            None => Err(io::Error::other("the kernel's answer was cut off")),
        }
    }
}

/// The positive error number of an acknowledgement, 0 for success.
fn error_in(answer: &[u8]) -> Option<i32> {
    let number = answer.get(16..20)?.try_into().ok()?;
    Some(-i32::from_ne_bytes(number))
}

fn link_header(index: u32, up: u32) -> Vec<u8> {
    let mut header = vec![0; 4];
    header.extend(index.to_ne_bytes());
    header.extend(up.to_ne_bytes());
    header.extend(up.to_ne_bytes());
    header
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = 4 + payload.len();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(4));
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_say_their_own_length() {
        assert_eq!(attribute(3, b"ab"), [6, 0, 3, 0, b'a', b'b', 0, 0]);
        assert_eq!(attribute(1, b""), [4, 0, 1, 0]);
    }

    #[test]
    fn what_is_not_there_is_told_or_fine() {
        let netlink = Netlink::open().unwrap();
        assert!(netlink.bring_up("no-such-link").is_err());
        match netlink.remove("no-such-link") {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }
}
