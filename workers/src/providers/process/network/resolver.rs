//! Which name servers a workspace asks.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// Where `slirp4netns` answers for the host's own resolver.
pub(in super::super) const SLIRP_RESOLVER: &str = "nameserver 10.0.2.3\n";

/// Where a host keeps them; the second is what a local resolver of systemd asks itself.
const PLACES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// The host's resolver settings. With `without_loopback` only name servers that can be asked from
/// another network; `None` when the host knows none.
pub(in super::super) fn host_resolver(without_loopback: bool) -> Option<String> {
    PLACES.iter().find_map(|place| {
        let text = fs::read_to_string(Path::new(place)).ok()?;
        match without_loopback {
            true => reachable(&text),
            false => Some(text),
        }
    })
}

fn reachable(text: &str) -> Option<String> {
    let server =
        |line: &str| -> Option<IpAddr> { line.strip_prefix("nameserver")?.trim().parse().ok() };
    let is_local = |line: &str| server(line).is_some_and(|address| address.is_loopback());
    // The link speaks IPv4 only.
    let is_usable = |line: &str| server(line).is_some_and(|a| a.is_ipv4() && !a.is_loopback());
    let kept: Vec<&str> = text.lines().filter(|line| !is_local(line)).collect();
    kept.iter()
        .any(|line| is_usable(line))
        .then(|| kept.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_the_host_s_loopback_is_of_no_use_elsewhere() {
        assert_eq!(reachable("nameserver 127.0.0.53\noptions edns0\n"), None);
        assert_eq!(reachable("nameserver ::1\nnameserver fd00::1\n"), None);
        let both = "search home\nnameserver 127.0.0.1\nnameserver 10.1.1.1\n";
        assert_eq!(
            reachable(both).unwrap(),
            "search home\nnameserver 10.1.1.1\n"
        );
    }
}
