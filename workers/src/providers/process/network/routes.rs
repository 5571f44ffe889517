//! Which ranges this machine routes already, so that a workspace's address never hides another.

use std::io;
use std::net::Ipv4Addr;

use super::Range;

/// One line of the kernel's routing table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    interface: String,
    network: Ipv4Addr,
    mask: Ipv4Addr,
}

/// The interface of another route into `range`, when there is one.
pub(super) fn clash(range: Range, is_ours: impl Fn(&str) -> bool) -> io::Result<Option<String>> {
    let table = std::fs::read_to_string("/proc/net/route")?;
    Ok(clash_in(&table, range, is_ours))
}

fn clash_in(table: &str, range: Range, is_ours: impl Fn(&str) -> bool) -> Option<String> {
    let routes = table.lines().skip(1).filter_map(parse);
    let is_default = |route: &Route| route.mask.is_unspecified();
    routes
        .filter(|route| !is_default(route) && !is_ours(&route.interface))
        .find(|route| range.overlaps(route.network, route.mask))
        .map(|route| route.interface)
}

fn parse(line: &str) -> Option<Route> {
    let mut fields = line.split_whitespace();
    let interface = fields.next()?.to_owned();
    let network = address(fields.next()?)?;
    let mask = address(fields.nth(5)?)?;
    Some(Route {
        interface,
        network,
        mask,
    })
}

/// The table prints addresses as the number a processor of this byte order sees in memory.
fn address(hexadecimal: &str) -> Option<Ipv4Addr> {
    let number = u32::from_str_radix(hexadecimal, 16).ok()?;
    Some(Ipv4Addr::from(number.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn foreign_routes_clash_and_ours_do_not() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            nx0\t0000D50A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n";
        let range = |text: &str| text.parse::<Range>().unwrap();
        let ours = |name: &str| name.starts_with("nx");
        assert_eq!(clash_in(table, range("10.213.0.0/16"), ours), None);
        let seen = clash_in(table, range("10.213.0.0/16"), |_| false);
        assert_eq!(seen.as_deref(), Some("nx0"));
        let docker = clash_in(table, range("172.17.4.0/24"), ours);
        assert_eq!(docker.as_deref(), Some("docker0"));
    }
}
