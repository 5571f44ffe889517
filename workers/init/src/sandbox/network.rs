//! The network of a sandbox: the host's half before it goes on, its own half from inside.

use anyhow::Context as _;
use nexus_init_protocol::sandbox::SandboxNetwork;

use super::netlink::Netlink;
use super::slirp;

/// The name of a sandbox's own end.
const INSIDE: &str = "eth0";

/// Both ends and nothing else.
const PREFIX: u8 = 30;

/// Whether the sandbox leaves the host's network.
pub(super) fn is_own(network: &SandboxNetwork) -> bool {
    !matches!(network, SandboxNetwork::Host)
}

/// Whether the sandbox reaches beyond the host.
pub(super) fn is_outbound(network: &SandboxNetwork) -> bool {
    !matches!(network, SandboxNetwork::Loopback)
}

/// What has to be done on the host, while the sandbox waits.
pub(super) fn attach(network: &SandboxNetwork, process: u32) -> anyhow::Result<()> {
    match network {
        SandboxNetwork::Loopback | SandboxNetwork::Host => Ok(()),
        SandboxNetwork::Slirp4netns => slirp::attach(process),
        SandboxNetwork::Veth { interface, host, .. } => {
            let netlink = Netlink::open().context("opening the kernel's network interface")?;
            // One that an earlier life left would have our name and its address.
            netlink.remove(interface).with_context(|| format!("removing {interface}"))?;
            netlink
                .make_pair(interface, INSIDE, process)
                .with_context(|| format!("making the link {interface}"))?;
            netlink
                .add_address(interface, *host, PREFIX)
                .with_context(|| format!("giving {interface} the address {host}"))?;
            netlink.switch_on(interface).with_context(|| format!("switching {interface} on"))
        }
    }
}

/// What has to be done inside.
pub(super) fn configure(network: &SandboxNetwork) -> anyhow::Result<()> {
    if !is_own(network) {
        return Ok(());
    }
    let netlink = Netlink::open().context("opening the kernel's network interface")?;
    netlink.switch_on("lo").context("switching lo on")?;
    let SandboxNetwork::Veth { host, workspace, .. } = network else { return Ok(()) };
    netlink
        .add_address(INSIDE, *workspace, PREFIX)
        .with_context(|| format!("giving {INSIDE} the address {workspace}"))?;
    netlink.switch_on(INSIDE).with_context(|| format!("switching {INSIDE} on"))?;
    netlink.add_default_route(*host).with_context(|| format!("making {host} the gateway"))
}
