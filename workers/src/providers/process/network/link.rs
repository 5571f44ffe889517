//! The host's end of a workspace's link.
//!
//! The kernel removes it some time after the workspace's network is gone. Removing it by name first
//! makes sure that the next start does not meet the address of the last one.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// What the host's ends are called, with their address after it in hexadecimal.
pub(super) const PREFIX: &str = "nexus";

/// The name of the host's end with this address; at most 15 bytes, as the kernel wants it.
pub(in super::super) fn name(host: Ipv4Addr) -> String {
    format!("{PREFIX}{:08x}", u32::from(host))
}

/// rtnetlink(7): delete a link, asked for with an acknowledgement.
const RTM_DELLINK: u16 = 17;
const NLM_F_REQUEST_ACK: u16 = 0x5;
const IFLA_IFNAME: u16 = 3;
/// Message header and interface message, before the attributes.
const HEADERS: usize = 32;
const NO_SUCH_DEVICE: i32 = 19;

/// Removes a link by its host's end; none there is success.
pub(super) fn remove(host: Ipv4Addr) -> io::Result<()> {
    let name = name(host);
    if !Path::new("/sys/class/net").join(&name).exists() {
        return Ok(());
    }
    // No protocol is NETLINK_ROUTE.
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    sendto(
        &socket,
        &deletion(&name),
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut answer = [0_u8; 512];
    let (_, length) = recv(&socket, &mut answer, RecvFlags::empty())?;
    match error_in(&answer[..length]) {
        Some(0 | NO_SUCH_DEVICE) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(number)),
        None => Err(io::Error::other("the kernel's answer was cut off")),
    }
}

fn deletion(name: &str) -> Vec<u8> {
    let attribute = 4 + name.len() + 1;
    let mut message = vec![0_u8; HEADERS];
    message.extend(u16::try_from(attribute).unwrap_or(u16::MAX).to_ne_bytes());
    message.extend(IFLA_IFNAME.to_ne_bytes());
    message.extend(name.bytes());
    message.push(0);
    message.resize(HEADERS + attribute.next_multiple_of(4), 0);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    message[0..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_DELLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&NLM_F_REQUEST_ACK.to_ne_bytes());
    message
}

/// The positive error number of an acknowledgement, 0 for success.
fn error_in(answer: &[u8]) -> Option<i32> {
    let number = answer.get(16..20)?.try_into().ok()?;
    Some(-i32::from_ne_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says_and_aligned() {
        for name in [&name(Ipv4Addr::BROADCAST), "nexus1"] {
            assert!(name.len() <= 15);
            let message = deletion(name);
            let said = u32::from_ne_bytes(message[0..4].try_into().unwrap());
            assert_eq!((said as usize, message.len() % 4), (message.len(), 0));
        }
    }

    #[test]
    fn removing_what_is_not_there_succeeds() {
        remove(Ipv4Addr::BROADCAST).unwrap();
    }
}
