//! What one server needs, in a folder of its own: copied to its host and started there.

use std::net::IpAddr;
use std::path::Path;

use super::authority::{Authority, Purpose};
use super::{CLIENT_PORT, ClusterError, Node, ROUTE_PORT, private_folder, write_private};

/// Where a server tells its figures, on loopback only.
const MONITOR_PORT: u16 = 8222;

/// The part every server shares, as an operator reads it.
const SHARED: &str = include_str!("../../deploy/nats.conf");

/// Makes the server's folder.
pub(super) fn make(
    folder: &Path,
    node: &Node,
    all: &[Node],
    accounts: &str,
    clients: &Authority,
    routes: &Authority,
) -> Result<(), ClusterError> {
    let folder = folder.join("nodes").join(node.name.as_str());
    private_folder(&folder)?;
    let name = node.name.as_str();
    clients.sign(&folder.join("node"), name, Purpose::Server(&node.host))?;
    routes.sign(&folder.join("route"), name, Purpose::Route(&node.host))?;
    let write = |file: &str, content: &[u8]| write_private(&folder.join(file), content);
    write("clients-ca.pem", &clients.certificate()?)?;
    write("routes-ca.pem", &routes.certificate()?)?;
    write("nats.conf", SHARED.as_bytes())?;
    write("accounts.conf", accounts.as_bytes())?;
    write("node.conf", own(node).as_bytes())?;
    write("routes.conf", others(node, all).as_bytes())
}

/// Its name, where clients find it, and its figures: for whoever is logged in on its host.
fn own(node: &Node) -> String {
    let is_loopback = |address: &IpAddr| address.is_loopback();
    let monitor = match node.host.address().filter(is_loopback) {
        // Several on one machine, each at a loopback address of its own.
        Some(_) => node.host.with_port(MONITOR_PORT),
        None => format!("127.0.0.1:{MONITOR_PORT}"),
    };
    format!(
        "server_name: \"{}\"\nlisten: \"{}\"\nclient_advertise: \"{}\"\nhttp: \"{monitor}\"\n",
        node.name.as_str(),
        listen(node, CLIENT_PORT),
        node.host.with_port(CLIENT_PORT)
    )
}

/// Where it finds the other servers, and they it.
fn others(node: &Node, all: &[Node]) -> String {
    let routes: Vec<String> = all
        .iter()
        .map(|other| format!("  \"tls://{}\"\n", other.host.with_port(ROUTE_PORT)))
        .collect();
    format!(
        "listen: \"{}\"\nadvertise: \"{}\"\nroutes: [\n{}]\n",
        listen(node, ROUTE_PORT),
        node.host.with_port(ROUTE_PORT),
        routes.concat()
    )
}

/// At its address and no other; a name may stand for an address that only others see.
fn listen(node: &Node, port: u16) -> String {
    match node.host.address() {
        Some(_) => node.host.with_port(port),
        None => format!("0.0.0.0:{port}"),
    }
}
